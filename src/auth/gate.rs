//! The gate: middleware around a scope that lets nobody in without a live session, and tells the handlers
//! behind it who is asking. One indexed read finds the user and sees whether the session still stands.
//!
//! # Why the gate asks the database, though the token is signed
//!
//! A signed token (RFC 9068) could be believed by itself, and then nobody could take it back before it expires: a logout, a
//! new password, a deleted account would leave fifteen minutes in which the old token still opens everything. Lists of
//! revoked tokens are a database too, only a second one. So the token names a session, and the one query that finds the user
//! sees whether that still stands; on every instance the next request after a logout is refused. The signature is what
//! spares the query for what was never ours.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{
    Error, FromRequest, HttpMessage, HttpRequest,
    body::BoxBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::{Method, header},
    middleware::Next,
    web::Data,
};

use super::{issuer::Issuer, token::TokenSubject, verified::VerifiedTokenCache};
use crate::{
    db::{Db, Near, timestamp::Timestamp},
    limits::Limits,
    problem::{Kind, Problem},
    sessions::{self, SessionId},
    users::UserId,
    workers::Flow,
};

/// How long after a login one may do what a stolen token must not: change the address, delete the account.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// Who is asking. A handler that takes it needs a login, and only the gate can make one.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    pub id: UserId,
    pub session: SessionId,
    /// With a password; refreshing does not make it newer.
    pub logged_in_at: Timestamp,
}

impl CurrentUser {
    /// The token's claims, to ask again whether its session still stands.
    #[must_use]
    pub fn bearer(&self) -> TokenSubject {
        TokenSubject { user: self.id, session: self.session, auth_time: self.logged_in_at.seconds() }
    }

    /// Whether the password was given a moment ago.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Timestamp::now().since(self.logged_in_at) <= FRESH
    }

    /// Wants the password to have been given a moment ago (RFC 9470).
    ///
    /// # Errors
    /// `fresh-login-required`.
    pub fn require_fresh_login(&self) -> Result<(), Problem> {
        if self.is_fresh() { Ok(()) } else { Err(Kind::FreshLoginRequired.into()) }
    }
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
    match authenticate(request.request()).await {
        Ok(me) => {
            let _nobody = request.extensions_mut().insert(me);
            flow(me.id).scope(next.call(request)).await
        }
        Err(problem) => Ok(request.error_response(problem)),
    }
}

async fn authenticate(request: &HttpRequest) -> Result<CurrentUser, Problem> {
    let token = presented_token(request)?;
    let access = &Issuer::of(request)?.access;
    let known =
        request.app_data::<VerifiedTokenCache>().ok_or_else(|| Problem::internal("no known tokens in the app"))?;
    let bearer = known.verify(access, token)?;
    let db = request.app_data::<Data<Db>>().ok_or_else(|| Problem::internal("no database in the app"))?;
    let near = request.app_data::<Near>().ok_or_else(|| Problem::internal("no connection in the app"))?;
    // The token is genuine, so its user waits for this, and not everybody behind one address.
    let me = flow(bearer.user).scope(db.glance(near, move |conn| sessions::current_user(conn, bearer))).await;
    let me = me.inspect_err(|problem| {
        if problem.kind() == Kind::RevokedToken {
            known.end(token);
        }
    })?;
    Limits::of(request)?.user.count(request, me.id.get())?;
    Ok(me)
}

/// The flow of a user's jobs.
#[must_use]
pub fn flow(user: UserId) -> Flow {
    Flow::User(user.get())
}

/// Looks again, for a request that was let in some time ago: its session may have ended while its body was on its
/// way, and nobody keeps a door open by holding a body back. Without a gate there is nothing to look at.
///
/// # Errors
/// `revoked-token`.
pub async fn reauthenticate(request: &HttpRequest) -> Result<(), Problem> {
    let me = request.extensions().get::<CurrentUser>().copied();
    let (Some(me), Some(db)) = (me, request.app_data::<Data<Db>>()) else { return Ok(()) };
    db.read(move |conn| sessions::current_user(conn, me.bearer())).await.map(drop)
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
    let value = value.as_bytes().trim_ascii();
    let space = value.iter().position(|byte| *byte == b' ').ok_or_else(missing)?;
    let (scheme, token) = value.split_at_checked(space).ok_or_else(missing)?;
    // Of another scheme nothing need be text.
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(missing());
    }
    std::str::from_utf8(token.trim_ascii()).map_err(|_| Problem::new(Kind::InvalidToken))
}
