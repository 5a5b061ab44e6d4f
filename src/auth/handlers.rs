//! `/auth`: how one gets a token, and loses it.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, Json},
};

use super::{
    gate::{access_tokens, presented_token},
    password::{Hasher, PasswordHash, RightPassword},
    repo::{BegunSession, Sessions},
    token::{AccessTokens, Bearer},
    wire::{LoginIn, MessageOut, SignupIn, TokensOut},
};
use crate::{
    db::Db,
    problem::{Kind, Problem},
    users::{LoginKey, NewUser, UserId, UserOut, Users},
    wire::{Created, Valid},
};

/// The most characters of a `User-Agent` that are kept.
const LONGEST_USER_AGENT: usize = 255;

/// `POST /auth/signup`
pub async fn signup(body: Valid<SignupIn>, hasher: Data<Hasher>, db: Data<Db>) -> Result<HttpResponse, Problem> {
    let SignupIn { username, email, password } = body.0;
    let context = vec![username.to_string(), email.to_string()];
    let password_hash = hasher.hash_new(password, context).await?;
    let new = NewUser::new(&username, &email, &password_hash);
    let user = db.write(move |conn| Users::create(conn, &new)).await?;
    tracing::info!(user_id = user.id, "signup");
    Ok(Created::new("/me".to_owned(), &UserOut::from(user))?.into())
}

/// `POST /auth/login`
pub async fn login(
    request: HttpRequest,
    body: Valid<LoginIn>,
    hasher: Data<Hasher>,
    tokens: Data<AccessTokens>,
    db: Data<Db>,
) -> Result<Json<TokensOut>, Problem> {
    let LoginIn { login, password } = body.0;
    let key = LoginKey::of(&login);
    let found = db.read(move |conn| Users::find_for_login(conn, &key)).await?;
    let (user, stored) = found.map_or((None, None), |found| (Some(found.id), Some(found.password_hash)));
    let verdict = hasher.verify(password, stored).await?;
    let (Some(user), Ok(RightPassword { rehashed })) = (user, verdict) else {
        tracing::info!(user_id = user.map(UserId::get), "login failed");
        return Err(Problem::new(Kind::InvalidCredentials));
    };
    begin_session(user, rehashed, &request, &tokens, &db).await
}

/// What a right password earns: a session in the database and a token for it.
async fn begin_session(
    user: UserId,
    rehashed: Option<PasswordHash>,
    request: &HttpRequest,
    tokens: &AccessTokens,
    db: &Db,
) -> Result<Json<TokensOut>, Problem> {
    let (life, user_agent) = (tokens.accepted_for(), user_agent(request));
    let begin = move |conn: &mut _| {
        if let Some(hash) = &rehashed {
            Users::of(user).rehash(conn, hash)?;
        }
        let session = Sessions::of(user).create(conn, life, user_agent.as_deref())?;
        Ok((session, Users::of(user).show(conn)?))
    };
    let (BegunSession { id, began_at }, row) = db.write(begin).await?;
    tracing::info!(user_id = user.get(), session_id = id.get(), "login");
    Ok(Json(TokensOut {
        access_token: tokens.issue(Bearer { user, session: id }, began_at)?,
        token_type: "Bearer",
        expires_in: tokens.life().as_secs(),
        user: row.into(),
    }))
}

/// `POST /auth/logout`: ends the token's session. Whoever has no session is logged out already, so no token is
/// too old or too wrong for it.
pub async fn logout(request: HttpRequest, db: Data<Db>) -> Result<Json<MessageOut>, Problem> {
    let token = match presented_token(&request) {
        // Nobody knows which of two tokens is meant.
        Err(problem) if problem.kind() == Kind::MalformedRequest => return Err(problem),
        token => token,
    };
    let tokens = access_tokens(&request)?;
    if let Ok(Bearer { user, session }) = token.and_then(|token| tokens.verify_even_if_expired(token)) {
        db.write(move |conn| Sessions::of(user).end(conn, session)).await?;
        tracing::info!(user_id = user.get(), session_id = session.get(), "logout");
    }
    Ok(Json(MessageOut { message: "Logged Out" }))
}

/// What the client calls itself, so that people know their sessions apart.
fn user_agent(request: &HttpRequest) -> Option<String> {
    let text = request.headers().get(header::USER_AGENT)?.to_str().ok()?;
    Some(text.chars().take(LONGEST_USER_AGENT).collect())
}
