//! `POST /auth/logout`: how a session is ended by its tokens.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, http::header::SET_COOKIE, web::Data};

use super::refresh::{end, flow_of, genuine, parsed};
use crate::{
    auth::{
        gate::presented_token,
        tokens::{
            cookie::{self, Cookies},
            issuer::Issuer,
            refresh::Presented,
        },
        wire::{MessageOut, RefreshIn},
    },
    body::Optional,
    cors::Cors,
    credentials::looks_like_key,
    current_user::TokenSubject,
    db::Db,
    problem::{Kind, Problem},
};

/// The event of a session that ends because its user wants it.
const LOGOUT: &str = "logout";

/// `POST /auth/logout`: ends every session that the request names by a refresh token (in the body or a cookie) or by
/// its access token, even an expired one, and removes the cookie. No token is too old or too wrong: a client without a
/// session is logged out already (200).
///
/// # Errors
/// `insufficient-scope` for an API key, which is no login; `malformed-request`, when there are two access tokens;
/// `cross-site` and `foreign-origin`, when a page that may not sends the cookie; the database's errors ([`Db::write`]).
pub async fn logout(
    request: HttpRequest,
    body: Optional<RefreshIn>,
    issuer: Data<Issuer>,
    cors: Data<Cors>,
    db: Data<Db>,
) -> Result<HttpResponse, Problem> {
    let access = access_token(&request, &issuer)?;
    // The cookie is left alone where the body says which session is meant.
    let named = body.0.and_then(|body| body.refresh_token);
    let is_by_cookie = named.is_none() && !Cookies::of(request.headers()).tokens.is_empty();
    let tokens = if is_by_cookie { cookie::admitted(&request, &cors)?.tokens } else { Vec::from_iter(named) };
    end(Vec::from_iter(access), LOGOUT, &db).await?;
    end_refreshed(parsed(&tokens), issuer, &db).await?;
    let mut answer = HttpResponse::Ok();
    if is_by_cookie {
        let _one = answer.append_header((SET_COOKIE, cookie::cleared().map_err(Problem::internal)?));
        let _other = answer.append_header((SET_COOKIE, cookie::old_cleared().map_err(Problem::internal)?));
    }
    Ok(answer.json(MessageOut { message: "Logged Out" }))
}

/// The session that the access token names, however old it is; `None` without a genuine token.
///
/// # Errors
/// `malformed-request`, when there are two tokens; `insufficient-scope` for an API key, which is no login: whoever
/// sends it would think that it has ended.
fn access_token(request: &HttpRequest, issuer: &Issuer) -> Result<Option<TokenSubject>, Problem> {
    match presented_token(request) {
        Err(problem) if problem.kind() == Kind::MalformedRequest => Err(problem),
        Ok(token) if looks_like_key(token) => Err(Kind::InsufficientScope.into()),
        token => Ok(token.and_then(|token| issuer.access.verify_even_if_expired(token)).ok()),
    }
}

/// Ends the sessions of genuine refresh tokens.
async fn end_refreshed(tokens: Arc<[Presented]>, issuer: Data<Issuer>, db: &Db) -> Result<(), Problem> {
    if tokens.is_empty() {
        return Ok(());
    }
    let flow = flow_of(&tokens, &issuer);
    let find = move |conn: &mut _| Ok(genuine(conn, &tokens, &issuer)?.iter().map(|(_, it)| it.subject()).collect());
    flow.scope(async { end(db.read(find).await?, LOGOUT, db).await }).await
}
