//! How a session is shown to its user, and what the list of them can be asked.

use serde::Serialize;

use super::repo::{SORTS, SessionRow};
use crate::{
    db::timestamp::Timestamp,
    ids::SessionId,
    lists::{List, Sort},
    wire::{FromQuery, Query, Wanted},
};

/// Which sessions; all of them, unless a query asks.
#[derive(Default)]
pub struct SessionFilter {
    /// Those that still stand.
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

/// A session, for the user whose it is. Nothing of it opens a door.
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

/// A session that still stands.
#[derive(Serialize)]
pub struct LiveSessionOut {
    id: SessionId,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

/// A session, and the one that asks.
impl From<(SessionRow, SessionId)> for LiveSessionOut {
    fn from((row, current): (SessionRow, SessionId)) -> Self {
        let SessionRow { id, user_agent, created_at, last_seen_at, expires_at, revoked_at: _ } = row;
        Self { id, user_agent, created_at, last_seen_at, expires_at, current: id == current }
    }
}
