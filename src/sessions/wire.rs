//! The bodies and queries of sessions, as their user sees them.

use serde::Serialize;

use super::repo::{SORTS, SessionRow};
use crate::{
    db::timestamp::Timestamp,
    ids::SessionId,
    lists::{List, Sort},
    wire::{FromQuery, Query, Wanted},
};

/// The filter of a list of sessions: a query wants the live ones, the export all.
#[derive(Default)]
pub struct SessionFilter {
    /// Whether only live sessions are listed.
    pub live_only: bool,
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

/// A session, for its user, without any of its secrets.
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

/// A live session, for its user.
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
