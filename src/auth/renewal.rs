//! How a login is kept, and ended: `POST /auth/refresh` and `POST /auth/logout`, the only two that look at the cookie.

use actix_web::{HttpRequest, HttpResponse, http::header::SET_COOKIE, web::Data};

use super::{
    cookie::{self, Delivery},
    gate::{flow, presented_token},
    issuer::Issuer,
    refresh::{Maker, Presented, Standing},
    token::Bearer,
    wire::{MessageOut, RefreshIn},
};
use crate::{
    cors::Cors,
    db::{Db, timestamp::Timestamp},
    limits::Limits,
    problem::{Kind, Problem},
    sessions::{LiveSession, Sessions, find_live},
    users::{UserRow, Users},
    wire::Optional,
    workers::Flow,
};

/// How many cookies of our name are tried: a page of a sibling domain may have set one, too, and comes first.
const MOST_COOKIES: usize = 4;

/// `POST /auth/refresh`
pub async fn refresh(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let (tokens, delivery) = match body.0.and_then(|body| body.refresh_token) {
        Some(token) => (vec![token], Delivery::Body),
        None => (tokens_of_cookies(&request, &cors)?, Delivery::Cookie),
    };
    let mut is_counted = false;
    for token in tokens.iter().filter_map(|token| Presented::parse(token)) {
        let flow = flow_of(&token, &request, &issuer)?;
        match flow {
            Flow::User(user) => Limits::of(&request)?.refresh.count(&request, user)?,
            _ => is_counted = true,
        }
        if let Some((session, user)) = flow.scope(renew(&token, &issuer, &db)).await? {
            return issuer.answer(&session, user.into(), delivery);
        }
    }
    // Whoever guesses has no name, but an address.
    if !is_counted {
        Limits::of(&request)?.count_anonymous(&request)?;
    }
    Err(Problem::new(Kind::InvalidRefreshToken))
}

/// In whose turn a token is looked up: its user's; or, where it does not tell that this service has made it, that of the
/// address, which is counted before.
fn flow_of(token: &Presented, request: &HttpRequest, issuer: &Issuer) -> Result<Flow, Problem> {
    match token.maker(&issuer.keys.refreshes) {
        Maker::Service(user) => Ok(flow(user)),
        Maker::Unknown => Limits::of(request)?.count_anonymous(request).map(|()| Flow::current()),
    }
}

/// The session that a token renews, and its user; none if it is good for nothing.
async fn renew(token: &Presented, issuer: &Issuer, db: &Db) -> Result<Option<(LiveSession, UserRow)>, Problem> {
    let lives = issuer.lives;
    // Whoever loses the race for the rotation looks again, and finds the winner's.
    loop {
        let Some((session, user)) = genuine(token, issuer, db).await? else { return Ok(None) };
        let Bearer { user: user_id, session: session_id, .. } = session.bearer()?;
        match token.standing(&session, Timestamp::now()) {
            Standing::JustRotated => return Ok(Some((session, user))),
            Standing::Unborn => return Ok(None),
            Standing::Current => {
                if let Some(next) = db.write(move |conn| Sessions::rotate(conn, &session, lives)).await? {
                    let (user_id, session_id) = (user_id.get(), session_id.get());
                    tracing::info!(target: "kennel::security", user_id, session_id, "refresh");
                    return Ok(Some((next, user)));
                }
            }
            Standing::Reused => {
                if db.write(move |conn| Sessions::of(user_id).end(conn, session_id)).await? {
                    let (user_id, session_id) = (user_id.get(), session_id.get());
                    tracing::warn!(target: "kennel::security", user_id, session_id, "refresh_reuse");
                }
                return Ok(None);
            }
        }
    }
}

/// The session that a refresh token is of, however old it is, and its user; none if we did not make it.
async fn genuine(token: &Presented, issuer: &Issuer, db: &Db) -> Result<Option<(LiveSession, UserRow)>, Problem> {
    let id = token.session;
    let found = db
        .read(move |conn| {
            let Some(session) = find_live(conn, id)? else { return Ok(None) };
            match Users::of(session.bearer()?.user).show(conn) {
                // Deleted between the two.
                Err(problem) if problem.kind() == Kind::RevokedToken => Ok(None),
                user => user.map(|user| Some((session, user))),
            }
        })
        .await?;
    Ok(found.filter(|(session, _)| token.is_genuine(&issuer.keys.refreshes, session)))
}

/// `POST /auth/logout`: ends every session that the request names. Whoever has none is logged out already, so no
/// token is too old or too wrong for it.
pub async fn logout(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let access = match presented_token(&request) {
        // Nobody knows which of two tokens is meant.
        Err(problem) if problem.kind() == Kind::MalformedRequest => return Err(problem),
        token => token.and_then(|token| issuer.access.verify_even_if_expired(token)).ok(),
    };
    // The cookie is left alone where the body says which session is meant.
    let named = body.0.and_then(|body| body.refresh_token);
    let is_by_cookie = named.is_none() && cookie::presented(request.headers()).next().is_some();
    let tokens = if is_by_cookie { tokens_of_cookies(&request, &cors)? } else { named.into_iter().collect() };
    if let Some(bearer) = access {
        end(bearer, &db).await?;
    }
    for token in tokens.iter().filter_map(|token| Presented::parse(token)) {
        let flow = flow_of(&token, &request, &issuer)?;
        if let Some((session, _)) = flow.scope(genuine(&token, &issuer, &db)).await? {
            end(session.bearer()?, &db).await?;
        }
    }
    let mut answer = HttpResponse::Ok();
    if is_by_cookie {
        let _one = answer.insert_header((SET_COOKIE, cookie::cleared().map_err(Problem::internal)?));
    }
    Ok(answer.json(MessageOut { message: "Logged Out" }))
}

async fn end(Bearer { user, session, .. }: Bearer, db: &Db) -> Result<(), Problem> {
    if db.write(move |conn| Sessions::of(user).end(conn, session)).await? {
        tracing::info!(target: "kennel::security", user_id = user.get(), session_id = session.get(), "logout");
    }
    Ok(())
}

/// The refresh tokens in cookies.
///
/// # Errors
/// `foreign-origin`, when the page that sends them may not use them.
fn tokens_of_cookies(request: &HttpRequest, cors: &Cors) -> Result<Vec<String>, Problem> {
    if !cors.admits_cookie(request.headers()) {
        return Err(Problem::new(Kind::ForeignOrigin));
    }
    Ok(cookie::presented(request.headers()).map(str::to_owned).take(MOST_COOKIES).collect())
}
