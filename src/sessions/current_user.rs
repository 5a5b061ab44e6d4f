//! Who is asking: what the gate finds and handlers take.

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

/// Whom a valid token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    pub user: UserId,
    pub session: SessionId,
    /// When its user logged in, in seconds since 1970; refreshing does not make it newer.
    pub auth_time: i64,
}

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
    db.read(move |conn| find_current_user(conn, me.bearer())).await.map(drop)
}
