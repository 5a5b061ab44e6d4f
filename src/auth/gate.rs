//! The gate: middleware around a scope that lets nobody in without a live session, and tells the handlers
//! behind it who is asking. One indexed read finds the user and sees whether the session still stands.

use std::future::{Ready, ready};

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web::Data,
};

use super::{
    repo,
    token::{AccessTokens, Bearer},
};
use crate::{
    db::Db,
    problem::{Kind, Problem},
    users::UserId,
};

/// Who is asking. A handler that takes it needs a login, and only the gate can make one.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    pub id: UserId,
}

impl FromRequest for CurrentUser {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let me = request.extensions().get::<Self>().copied();
        ready(me.ok_or_else(|| Problem::internal("a handler behind no gate asks for the current user")))
    }
}

/// Lets a request through with its [`CurrentUser`], or answers it.
///
/// # Errors
/// Those of the handler; the gate's own are finished answers.
pub async fn gate(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse<BoxBody>, Error> {
    // What methods there are is no secret, and a browser's preflight carries no token.
    if request.method() == Method::OPTIONS {
        return next.call(request).await;
    }
    match admit(request.request()).await {
        Ok(me) => {
            let _nobody = request.extensions_mut().insert(me);
            next.call(request).await
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn admit(request: &HttpRequest) -> Result<CurrentUser, Problem> {
    let bearer = bearer(request)?;
    let db = request.app_data::<Data<Db>>().ok_or_else(|| Problem::internal("no database in the app"))?;
    db.read(move |conn| repo::current_user(conn, bearer)).await
}

/// Whom the request's token speaks for.
fn bearer(request: &HttpRequest) -> Result<Bearer, Problem> {
    let token = presented_token(request)?;
    access_tokens(request)?.verify(token)
}

/// The token of the one `Authorization: Bearer` header (RFC 6750 §2.1, the only way that is read).
///
/// # Errors
/// `missing-token` without one; `malformed-request` with two.
pub fn presented_token(request: &HttpRequest) -> Result<&str, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let missing = || Problem::new(Kind::MissingToken);
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(Problem::new(Kind::MalformedRequest).with_detail("Send one Authorization header."));
    }
    let text = value.to_str().map_err(|_| Problem::new(Kind::InvalidToken))?;
    let (scheme, token) = text.trim().split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim_start()) } else { Err(missing()) }
}

/// What checks the tokens.
///
/// # Errors
/// `internal-error` when the app was put together without it.
pub fn access_tokens(request: &HttpRequest) -> Result<&AccessTokens, Problem> {
    let tokens = request.app_data::<Data<AccessTokens>>().ok_or_else(|| Problem::internal("no tokens in the app"))?;
    Ok(tokens.get_ref())
}
