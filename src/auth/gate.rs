//! The gate: middleware around a scope that lets a request in only with a live session or an API key, and
//! tells the handlers behind it whose. One indexed read finds the user and sees whether the credential still stands.
//!
//! # Why the gate asks the database, though the token is signed
//!
//! A signed token (RFC 9068) could be believed by itself, but could not be taken back before it expires: a logout, a
//! new password, a deleted account would leave fifteen minutes in which the old token still opens everything. Lists of
//! revoked tokens are a database too, only a second one. So the token names a session, and the one query that finds the
//! user sees whether that still stands; on every instance the next request after a logout is refused. The signature
//! spares the query for tokens that this service never made.

use actix_web::{
    Error, HttpMessage, HttpRequest,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode, header},
    middleware::Next,
    web::Data,
};

use super::tokens::{issuer::Issuer, verified::VerifiedTokenCache};
use crate::{
    credentials::{ApiKeyText, KeyUses, find_by_key, looks_like_key},
    current_user::{CurrentUser, flow},
    db::Db,
    limits::Limits,
    problem::{Kind, Problem},
    sessions,
};

/// Middleware around the routes that need a user: checks the bearer token of a request (an access token or an API key),
/// asks the database whether its session or key still stands, counts the request against the user's quota, and lets it
/// through with its [`CurrentUser`]. Any other request gets a problem: `missing-token`, `invalid-token`,
/// `expired-token` or `revoked-token`; for a key `invalid-api-key`, `expired-api-key` or `revoked-api-key`; or
/// `too-many-requests`. OPTIONS needs no token.
///
/// # Errors
/// The errors of the handler behind it; a refusal by the gate itself is a finished response, and so `Ok`.
pub async fn gate(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    // The methods of a path are no secret, and a browser's preflight carries no token.
    if request.method() == Method::OPTIONS {
        return next.call(request).await;
    }
    match authenticate(request.request()).await {
        Ok(me) => {
            let _nobody = request.extensions_mut().insert(me);
            let response = flow(me.id).scope(next.call(request)).await?;
            Ok(in_terms_of(me, response))
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// The response in terms of what the caller has sent: where an account goes while a request waits, handlers say that the
/// session has ended, and who came with an API key has none.
fn in_terms_of(me: CurrentUser, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    let is_revoked = problem.is_some_and(|problem| problem.kind() == Kind::RevokedToken);
    if is_revoked && me.key_id().is_some() {
        return response.error_response(Problem::new(Kind::RevokedApiKey));
    }
    response
}

async fn authenticate(request: &HttpRequest) -> Result<CurrentUser, Problem> {
    let token = presented_token(request)?;
    let me = if looks_like_key(token) { by_key(request, token).await? } else { by_token(request, token).await? };
    Limits::of(request)?.user.count(request, me.id.get())?;
    Ok(me)
}

async fn by_token(request: &HttpRequest, token: &str) -> Result<CurrentUser, Problem> {
    let (issuer, db): (&Data<Issuer>, &Data<Db>) = (part(request)?, part(request)?);
    let known: &VerifiedTokenCache = part(request)?;
    let subject = known.verify(&issuer.access, token)?;
    // The token is genuine, so the query waits in its user's queue, and not in that of everybody behind one address.
    let me = flow(subject.user).scope(db.read_inline(move |conn| sessions::find_current_user(conn, subject))).await;
    me.inspect_err(|problem| {
        if problem.kind() == Kind::RevokedToken {
            known.end(token);
        }
    })
}

/// Finds the user of an API key. Wrong ones are counted for the address that they come from: nobody guesses one, but
/// each may cost a query.
async fn by_key(request: &HttpRequest, key: &str) -> Result<CurrentUser, Problem> {
    let (db, uses): (&Data<Db>, &Data<KeyUses>) = (part(request)?, part(request)?);
    let found = match ApiKeyText::parse(key).map(|key| key.hash()) {
        Some(hash) => db.read_inline(move |conn| find_by_key(conn, &hash)).await,
        None => Err(Kind::InvalidApiKey.into()),
    };
    match found {
        Ok(me) => {
            if let Some(key) = me.key_id() {
                uses.note(key);
            }
            Ok(me)
        }
        Err(problem) => {
            if problem.kind().status() == StatusCode::UNAUTHORIZED {
                Limits::of(request)?.count_anonymous(request)?;
            }
            Err(problem)
        }
    }
}

/// A part of the app.
fn part<T: 'static>(request: &HttpRequest) -> Result<&T, Problem> {
    request.app_data::<T>().ok_or_else(|| Problem::internal(format!("the app lacks {}", std::any::type_name::<T>())))
}

/// A check of what the credential of a request opens, for [`permit`]: [`CurrentUser::require_write`], for one. Fails
/// with `insufficient-scope`.
pub type Permission = fn(CurrentUser) -> Result<(), Problem>;

/// Middleware around a route behind the [`gate`]: lets only requests through whose credential passes `permission`. The
/// route table puts it around each verb, so that an API key opens no more than its scope says.
///
/// # Errors
/// The errors of the handler behind it; a refusal (`insufficient-scope`) is a finished response, and so `Ok`.
pub async fn permit(
    permission: Permission,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    match CurrentUser::of(request.request()).and_then(permission) {
        Ok(()) => next.call(request).await,
        Err(problem) => Ok(request.error_response(problem)),
    }
}

/// The token in the header `Authorization: Bearer …` of a request (RFC 6750 §2.1, the only way that is read). Whether
/// it is valid is not checked.
///
/// # Errors
/// `missing-token` without such a header, or with another scheme than `Bearer`; `malformed-request`, when there are
/// two; `invalid-token`, when the token is not UTF-8.
pub fn presented_token(request: &HttpRequest) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let missing = || Problem::new(Kind::MissingToken);
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Problem::new(Kind::MalformedRequest).with_detail("Send one Authorization header."));
    }
    let value = value.as_bytes().trim_ascii();
    let space = value.iter().position(|byte| *byte == b' ').ok_or_else(missing)?;
    let (scheme, token) = value.split_at_checked(space).ok_or_else(missing)?;
    // The credentials of another scheme need not be text.
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(missing());
    }
    std::str::from_utf8(token.trim_ascii()).map_err(|_| Problem::new(Kind::InvalidToken))
}
