//! The current user, whom the gate finds and handlers take.

use std::{
    future::{Ready, ready},
    time::Duration,
};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload, web::Data};

use super::repo::find_current_user;
use crate::{
    db::{Db, timestamp::Timestamp},
    ids::{SessionId, UserId},
    problem::{Kind, Problem},
    workers::Flow,
};

/// The subject of a valid access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    pub user: UserId,
    pub session: SessionId,
    /// The time of the login, in seconds since 1970; a refresh does not make it newer.
    pub auth_time: i64,
}

/// The time for which a login is fresh, and allows what a stolen token must not: to change the address, to delete the
/// account.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// The user of a request. A handler that takes it needs a login, and only the gate can provide it.
#[derive(Clone, Copy, Debug)]
pub struct CurrentUser {
    pub id: UserId,
    pub session: SessionId,
    /// The time of the login with a password; a refresh does not make it newer.
    pub logged_in_at: Timestamp,
}

impl CurrentUser {
    /// The subject of the user's token, to check again that the session still stands.
    #[must_use]
    pub fn bearer(&self) -> TokenSubject {
        TokenSubject { user: self.id, session: self.session, auth_time: self.logged_in_at.seconds() }
    }

    /// Whether the password was given in the last 5 minutes.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        Timestamp::now().since(self.logged_in_at) <= FRESH
    }

    /// Checks that the password was given in the last 5 minutes (RFC 9470).
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

/// The flow of a user's jobs.
#[must_use]
pub fn flow(user: UserId) -> Flow {
    Flow::User(user.get())
}

/// Checks again that the session of a request stands: it may have ended while the body was on its way, and a client
/// must not keep it open by holding a body back. A request without a gate has no session to check.
///
/// # Errors
/// `revoked-token`.
pub async fn reauthenticate(request: &HttpRequest) -> Result<(), Problem> {
    let me = request.extensions().get::<CurrentUser>().copied();
    let (Some(me), Some(db)) = (me, request.app_data::<Data<Db>>()) else { return Ok(()) };
    db.read(move |conn| find_current_user(conn, me.bearer())).await.map(drop)
}
