//! Queries about sessions. [`Sessions::of`] leads to one user's; before anybody is known there are only the gate and
//! the refresh, which find a session by its id.

use std::time::Duration;

use diesel::{
    BoolExpressionMethods, ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl,
    Selectable, SelectableHelper,
};

use super::{CurrentUser, TokenSubject, wire::SessionFilter};
use crate::{
    db::{
        Broken, Connection, OnConstraint, columns,
        expression::{AnyOf, Table, When},
        natively, rows,
        schema::{sessions, users},
        timestamp::Timestamp,
    },
    ids::{SessionId, UserId},
    lists::{ListQuery, Page, Sort, SortKey},
    problem::{Kind, Problem},
};

/// How many sessions a user has at most, and of how many that are over it is remembered where they began.
const MOST: i64 = 50;

/// How long a session lasts.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// Without a refresh.
    pub idle: Duration,
    /// However often it is refreshed.
    pub absolute: Duration,
}

impl SessionLifetimes {
    /// The end of a session that began then and was refreshed just now.
    fn end(&self, began_at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(self.idle).min(began_at.plus(self.absolute))
    }
}

/// Where a session begins.
pub struct ClientInfo {
    /// What the client calls itself, so that people know their sessions apart; at most 255 characters.
    pub user_agent: Option<String>,
    /// What the network it comes from is known by.
    pub source: [u8; 16],
}

/// The sessions of one user.
pub struct Sessions(pub(super) UserId);

/// A session to be inserted.
#[derive(Insertable)]
#[diesel(table_name = sessions)]
struct NewSession<'a> {
    user_id: i64,
    /// What its refresh tokens are derived from.
    refresh_salt: &'a [u8],
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    source: &'a [u8],
}

/// A session that still stands, as its tokens are made of it.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct LiveSession {
    pub id: i64,
    user_id: i64,
    pub refresh_counter: i64,
    pub refresh_salt: Vec<u8>,
    pub rotated_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl LiveSession {
    /// Whom its tokens speak for.
    ///
    /// # Errors
    /// `internal-error` when what is stored cannot be.
    pub fn bearer(&self) -> Result<TokenSubject, Problem> {
        let stored = UserId::new(self.user_id).zip(SessionId::new(self.id));
        let (user, session) = stored.ok_or_else(|| Problem::internal("a stored id is not positive"))?;
        Ok(TokenSubject { user, session, auth_time: self.created_at.seconds() })
    }
}

/// A stored session, as far as its user may see it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    pub id: i64,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// By id only.
pub const SORTS: &[Sort<SessionRow>] =
    &[Sort { name: "id", sql: "sessions.id", key: |row| SortKey::Id(row.id), tie_breaker: None }];

/// The condition for a session that still stands.
macro_rules! is_live {
    ($now:expr) => {
        sessions::revoked_at.is_null().and(sessions::expires_at.gt($now))
    };
}
pub(crate) use is_live;

/// The change of a session that ends: what it asked for ends with it.
macro_rules! ended {
    ($now:expr) => {
        (
            sessions::revoked_at.eq($now),
            sessions::new_email.eq(None::<String>),
            sessions::new_email_asked_at.eq(None::<Timestamp>),
        )
    };
}
pub(super) use ended;

impl Sessions {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Begins a session, and clears those of this user away that are too many.
    ///
    /// # Errors
    /// `invalid-credentials` when the user was deleted since the password was checked.
    pub fn create(
        &self,
        conn: &mut Connection,
        lives: SessionLifetimes,
        client: &ClientInfo,
    ) -> Result<LiveSession, Problem> {
        let now = Timestamp::now();
        self.clear_away(conn, now)?;
        let mut refresh_salt = [0; 16];
        aws_lc_rs::rand::fill(&mut refresh_salt).map_err(Problem::internal)?;
        let new = NewSession {
            user_id: self.0.get(),
            refresh_salt: &refresh_salt,
            user_agent: client.user_agent.as_deref(),
            created_at: now,
            last_seen_at: now,
            expires_at: lives.end(now, now),
            source: &client.source,
        };
        let columns = columns::<LiveSession>();
        let inserted = diesel::insert_into(sessions::table).values(new).returning(columns).get_result(conn);
        inserted.on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::InvalidCredentials)))
    }

    /// Makes room for one more: the oldest go. Sessions that are over stay, as many, because they tell where the user
    /// has logged in from.
    fn clear_away(&self, conn: &mut Connection, now: Timestamp) -> Result<(), Problem> {
        let mine = || sessions::table.filter(sessions::user_id.eq(self.0.get()));
        let live = || mine().filter(is_live!(now));
        let oldest = live().order(sessions::id.desc()).offset(MOST - 1).limit(1).select(sessions::id);
        if let Some(oldest) = oldest.first::<i64>(conn).optional()? {
            let _rows = diesel::delete(live().filter(sessions::id.le(oldest))).execute(conn)?;
        }
        let is_over = || sessions::revoked_at.is_not_null().or(sessions::expires_at.le(now));
        let oldest = mine().filter(is_over()).order(sessions::id.desc()).offset(MOST - 1).limit(1);
        if let Some(oldest) = oldest.select(sessions::id).first::<i64>(conn).optional()? {
            let _rows = diesel::delete(mine().filter(is_over()).filter(sessions::id.lt(oldest))).execute(conn)?;
        }
        Ok(())
    }

    /// A page of them, by id, those that ended among them.
    pub fn list(&self, conn: &mut Connection, asked: &ListQuery<SessionFilter>) -> Result<Page<SessionRow>, Problem> {
        let live_at = asked.filter.live_only.then(Timestamp::now);
        let mine = || {
            let live = When(live_at.map(|now| is_live!(now)));
            let wanted = asked.filter.wanted.of(&Table::SESSIONS);
            sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(live).filter(wanted)
        };
        let total = asked.count.then(|| natively!(conn => mine().count().get_result(conn))).transpose()?;
        let found = asked.window.page(|seek| {
            let page =
                mine().filter(seek.predicate).order(seek.order).limit(seek.limit).select(columns::<SessionRow>());
            natively!(conn => page.load(conn))
        })?;
        Ok(found.of(total))
    }

    /// Ends a session; tells whether there was one to end.
    pub fn end(&self, conn: &mut Connection, session: SessionId) -> Result<bool, Problem> {
        let now = Timestamp::now();
        let mine = sessions::table.find(session.get()).filter(sessions::user_id.eq(self.0.get())).filter(is_live!(now));
        Ok(diesel::update(mine).set(ended!(now)).execute(conn)? > 0)
    }

    /// Ends all but one.
    pub fn end_others(&self, conn: &mut Connection, kept: SessionId) -> Result<(), Problem> {
        let now = Timestamp::now();
        let others = sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(sessions::id.ne(kept.get()));
        let _rows = diesel::update(others.filter(is_live!(now))).set(ended!(now)).execute(conn)?;
        Ok(())
    }

    /// Ends all.
    pub fn end_all(&self, conn: &mut Connection) -> Result<(), Problem> {
        let now = Timestamp::now();
        let all = sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(is_live!(now));
        let _rows = diesel::update(all).set(ended!(now)).execute(conn)?;
        Ok(())
    }

    /// Ends all, and forgets where they began: one of those networks may be a thief's.
    pub fn end_and_forget(&self, conn: &mut Connection) -> Result<(), Problem> {
        self.end_all(conn)?;
        let all = sessions::table.filter(sessions::user_id.eq(self.0.get()));
        let _rows = diesel::update(all).set(sessions::source.eq(None::<Vec<u8>>)).execute(conn)?;
        Ok(())
    }

    /// Deletes sessions, at most `most`. Tells how many; fewer than `most`, when none is left.
    pub fn delete_some(&self, conn: &mut Connection, most: usize) -> Result<usize, Problem> {
        let mine = sessions::table.filter(sessions::user_id.eq(self.0.get())).order(sessions::id).limit(rows(most));
        let ids: Vec<i64> = mine.select(sessions::id).load(conn)?;
        let some = sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(AnyOf::new("sessions.id", ids));
        Ok(diesel::delete(some).execute(conn)?)
    }

    /// Moves a session on to its next refresh token, if it still stands where it was read: of many who try at once
    /// one succeeds.
    pub fn rotate(
        conn: &mut Connection,
        session: &LiveSession,
        lives: SessionLifetimes,
    ) -> Result<Option<LiveSession>, Problem> {
        let now = Timestamp::now();
        let unchanged = sessions::table
            .find(session.id)
            .filter(sessions::refresh_counter.eq(session.refresh_counter))
            .filter(is_live!(now));
        let changes = (
            sessions::refresh_counter.eq(session.refresh_counter + 1),
            sessions::rotated_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::expires_at.eq(lives.end(session.created_at, now)),
        );
        let columns = columns::<LiveSession>();
        Ok(diesel::update(unchanged).set(changes).returning(columns).get_result(conn).optional()?)
    }
}

/// Whether one of a user's sessions began at a client that is known by one of these. Of nobody it is asked, too, and
/// takes as long.
pub fn has_begun_at(conn: &mut Connection, user: Option<UserId>, known_as: &[[u8; 16]]) -> Result<bool, Problem> {
    for source in known_as {
        let theirs = sessions::table.filter(sessions::user_id.eq(user.map_or(0, UserId::get)));
        let there = theirs.filter(sessions::source.eq(source.as_slice())).select(sessions::id);
        if there.first::<i64>(conn).optional()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The sessions with these ids that still stand, each once.
pub fn find_live(conn: &mut Connection, ids: &[SessionId]) -> Result<Vec<LiveSession>, Problem> {
    let live = || {
        let enabled = sessions::table.inner_join(users::table).filter(users::disabled_at.is_null());
        enabled.filter(is_live!(Timestamp::now())).select(LiveSession::as_select())
    };
    Ok(match ids {
        [] => Vec::new(),
        [id] => live().filter(sessions::id.eq(id.get())).load(conn)?,
        ids => live().filter(AnyOf::new("sessions.id", ids.iter().map(|id| id.get()).collect())).load(conn)?,
    })
}

/// Looks again, inside the transaction that does what cannot be undone: the request may have waited for it, and its
/// session has ended meanwhile.
///
/// # Errors
/// `revoked-token`.
pub fn require_live(conn: &mut Connection, me: CurrentUser) -> Result<(), Problem> {
    let session = sessions::table.filter(sessions::id.eq(me.session.get())).filter(sessions::user_id.eq(me.id.get()));
    // MailMessage and not only read, so that on PostgreSQL whoever is about to end it comes wholly before or after this.
    let touched = diesel::update(session.filter(is_live!(Timestamp::now())));
    let touched = touched.set(sessions::last_seen_at.eq(sessions::last_seen_at)).execute(conn)?;
    if touched == 0 { Err(Kind::RevokedToken.into()) } else { Ok(()) }
}

/// The user that a valid token speaks for, if its session still stands. The one query of the gate.
///
/// # Errors
/// `revoked-token`.
pub fn find_current_user(conn: &mut Connection, bearer: TokenSubject) -> Result<CurrentUser, Problem> {
    let session = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(bearer.session.get()))
        .filter(sessions::user_id.eq(bearer.user.get()))
        .filter(users::disabled_at.is_null())
        .filter(is_live!(Timestamp::now()))
        .select((users::id, sessions::created_at));
    let found: Option<(i64, Timestamp)> = natively!(conn => session.first(conn)).optional()?;
    let found = found.and_then(|(id, began_at)| Some((UserId::new(id)?, began_at)));
    let (id, logged_in_at) = found.ok_or(Kind::RevokedToken)?;
    Ok(CurrentUser { id, session: bearer.session, logged_in_at })
}
