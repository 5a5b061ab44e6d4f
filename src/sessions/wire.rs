//! The bodies and queries of sessions, as their user sees them.

use serde::Serialize;

use super::repo::{SORTS, SessionRow};
use crate::{
    db::timestamp::Timestamp,
    ids::SessionId,
    lists::{List, Sort},
    wire::{FromQuery, Query, Wanted},
};

/// The filters of a list of sessions: the query of `GET /me/sessions` wants live ones, the export all.
#[derive(Default)]
pub struct SessionFilter {
    /// Whether only sessions are listed that have neither ended nor expired.
    pub live_only: bool,
    /// The filters by id and by the time of creation, as [`Wanted::made`] reads them.
    pub wanted: Wanted,
}

impl FromQuery for SessionFilter {
    fn from_query(query: &mut Query<'_>) -> Self {
        Self { live_only: true, wanted: Wanted::made(query) }
    }
}

impl List for SessionFilter {
    type Row = SessionRow;
    const SORTS: &'static [Sort<SessionRow>] = SORTS;
}

/// A session in the export for its user: the client, and the times of login, last refresh, expiry and end; none of its
/// secrets.
#[derive(Serialize)]
pub struct SessionOut {
    id: SessionId,
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

/// A live session in responses to its user: the client, the times, and whether it is the request's own (`current`).
#[derive(Serialize)]
pub struct LiveSessionOut {
    id: SessionId,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// Whether the session is the request's own.
    current: bool,
}

/// Makes the body of a session's row and the id of the request's own session.
impl From<(SessionRow, SessionId)> for LiveSessionOut {
    fn from((row, current): (SessionRow, SessionId)) -> Self {
        let SessionRow { id, user_agent, created_at, last_seen_at, expires_at, revoked_at: _ } = row;
        Self { id, user_agent, created_at, last_seen_at, expires_at, current: id == current }
    }
}
