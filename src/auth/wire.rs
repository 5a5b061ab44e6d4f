//! What arrives at `/auth` and what leaves it.

use serde::Serialize;

use super::{
    password::Password,
    repo::{SORTS, SessionRow},
};
use crate::{
    db::{keyset::Sort, timestamp::Timestamp},
    users::{Email, UserOut, Username},
    wire::{Fault, Fields, FromBody, FromQuery, List, Query, text},
};

/// The longest name to log in with: an e-mail address.
const LONGEST_LOGIN: usize = 254;

/// Who signs up.
pub struct SignupIn {
    pub username: Username,
    pub email: Email,
    pub password: Password,
}

impl FromBody for SignupIn {
    const READ_ONLY: &'static [&'static str] = UserOut::READ_ONLY;

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let username = fields.required("username", Username::read);
        let email = fields.required("email", Email::read);
        let password = fields.required("password", Password::new);
        Some(Self { username: username?, email: email?, password: password? })
    }
}

/// Who logs in: with the username or the e-mail address.
pub struct LoginIn {
    pub login: String,
    pub password: Password,
}

impl FromBody for LoginIn {
    const READ_ONLY: &'static [&'static str] = &[];

    fn from_body(fields: &mut Fields) -> Option<Self> {
        let login = fields.required("username", |value| -> Result<String, Fault> {
            text::Rule { least: 1, most: LONGEST_LOGIN }.read(value)
        });
        let password = fields.required("password", Password::presented);
        Some(Self { login: login?, password: password? })
    }
}

/// What a login gives (names of RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokensOut {
    pub access_token: String,
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: u64,
    pub user: UserOut,
}

/// A word to people.
#[derive(Serialize)]
pub struct MessageOut {
    pub message: &'static str,
}

/// All sessions of a user.
#[derive(Default)]
pub struct SessionFilter;

impl FromQuery for SessionFilter {
    fn from_query(_: &mut Query<'_>) -> Self {
        Self
    }
}

impl List for SessionFilter {
    type Row = SessionRow;
    const SORTS: &'static [Sort<SessionRow>] = SORTS;
}

/// A session, for the user whose it is. Nothing of it opens a door.
#[derive(Serialize)]
pub struct SessionOut {
    id: i64,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
}

impl From<SessionRow> for SessionOut {
    fn from(row: SessionRow) -> Self {
        let SessionRow { id, user_agent, created_at, last_seen_at, expires_at, revoked_at } = row;
        Self { id, user_agent, created_at, last_seen_at, expires_at, revoked_at }
    }
}
