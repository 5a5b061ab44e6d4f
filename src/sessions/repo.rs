//! Queries about sessions. Those of one user begin at [`Sessions::of`]; the gate and the refresh, which do not know the
//! user yet, find a session by its id.

use std::time::Duration;

use diesel::{prelude::*, sqlite::Sqlite};

use super::wire::SessionFilter;
use crate::{
    current_user::{Credential, CurrentUser, TokenSubject},
    db::{
        Broken, Conn, OnConstraint,
        column::CommonColumns,
        columns,
        expression::{AnyOf, when},
        rows,
        schema::{sessions, users},
        timestamp::Timestamp,
    },
    ids::{SessionId, UserId},
    lists::{ListQuery, Page, Sort},
    problem::{Kind, Problem},
};

/// How many sessions a user has at most, and of how many that are over it is remembered where they began.
const MOST: i64 = 50;

/// The lifetimes of a session, which ends when the first of the two is over.
#[derive(Clone, Copy, Debug)]
pub struct SessionLifetimes {
    /// The time after the login or the last refresh: `REFRESH_IDLE_TTL`.
    pub idle: Duration,
    /// The time after the login, however often the session is refreshed: `REFRESH_TTL`.
    pub absolute: Duration,
}

impl SessionLifetimes {
    /// The end of a session that began then and was refreshed just now.
    fn end(&self, began_at: Timestamp, now: Timestamp) -> Timestamp {
        now.plus(self.idle).min(began_at.plus(self.absolute))
    }
}

/// The client that logs in, as its session keeps it.
pub struct ClientInfo {
    /// The client's `User-Agent`, by which people tell their sessions apart, at most 255 characters; `None`, if the
    /// client sent none.
    pub user_agent: Option<String>,
    /// The HMAC of the client's network, by which the network is known again ([`has_begun_at`]) without being stored.
    pub source: [u8; 16],
}

/// The sessions (one for each login) of one user, and the queries about them: `Sessions::of(user)`. The functions
/// without `self` find a session before its user is known.
pub struct Sessions(pub(super) UserId);

/// A session to be inserted.
#[derive(Insertable)]
#[diesel(table_name = sessions)]
struct NewSession<'a> {
    user_id: UserId,
    /// The random bytes that the refresh tokens are derived from.
    refresh_salt: &'a [u8],
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    source: &'a [u8],
}

/// A session that has neither ended nor expired, with all that its tokens are made of.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Sqlite))]
pub struct LiveSession {
    /// The session's id, which its tokens name.
    pub id: SessionId,
    user_id: UserId,
    /// The number of the present refresh token among the session's; each refresh adds 1.
    pub refresh_counter: i64,
    /// The random bytes that the session's refresh tokens are signed with, besides the key.
    pub refresh_salt: Vec<u8>,
    /// The time of the last refresh; `None` before the first.
    pub rotated_at: Option<Timestamp>,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time when the session expires without another refresh.
    pub expires_at: Timestamp,
}

impl LiveSession {
    /// The subject of this session's access tokens.
    #[must_use]
    pub fn subject(&self) -> TokenSubject {
        TokenSubject { user: self.user_id, session: self.id, auth_time: self.created_at.seconds() }
    }
}

/// A stored session, as its user may see it, without what its tokens are made of.
#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(Sqlite))]
pub struct SessionRow {
    /// The session's id.
    pub id: SessionId,
    /// The `User-Agent` of the client that logged in, at most 255 characters.
    pub user_agent: Option<String>,
    /// The time of the login.
    pub created_at: Timestamp,
    /// The time of the login, or of the last refresh.
    pub last_seen_at: Timestamp,
    /// The time when the session expires without another refresh.
    pub expires_at: Timestamp,
    /// The time when the session was ended, by a logout for one; `None`, if it still stands or has expired.
    pub revoked_at: Option<Timestamp>,
}

/// The keys that `GET /me/sessions` can be sorted by: the id alone.
pub const SORTS: &[Sort<SessionRow>] = &[Sort::id(sessions::id, |row| row.id.get())];

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
    /// The sessions of this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Begins a session of `client`, with both lifetimes in `lives` counted from now. A user has at most 50 that still
    /// stand, so the oldest may end; of those that have ended or expired 50 are kept.
    ///
    /// # Errors
    /// `invalid-credentials`, when the user was deleted since the password was checked; the database's errors
    /// ([`Conn`]).
    pub fn create(
        &self,
        conn: &mut Conn,
        lives: SessionLifetimes,
        client: &ClientInfo,
    ) -> Result<LiveSession, Problem> {
        let now = Timestamp::now();
        self.clear_away(conn, now)?;
        let mut refresh_salt = [0; 16];
        aws_lc_rs::rand::fill(&mut refresh_salt).map_err(Problem::internal)?;
        let new = NewSession {
            user_id: self.0,
            refresh_salt: &refresh_salt,
            user_agent: client.user_agent.as_deref(),
            created_at: now,
            last_seen_at: now,
            expires_at: lives.end(now, now),
            source: &client.source,
        };
        let insert = diesel::insert_into(sessions::table).values(new).returning(columns::<LiveSession>());
        conn.one(insert)
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::InvalidCredentials)))
    }

    /// Makes room for one more: the oldest go. Sessions that are over stay, as many, because they tell where the user
    /// has logged in from.
    fn clear_away(&self, conn: &mut Conn, now: Timestamp) -> Result<(), Problem> {
        let mine = || sessions::table.filter(sessions::user_id.eq(self.0));
        let live = || mine().filter(is_live!(now));
        let oldest = live().order(sessions::id.desc()).offset(MOST - 1).limit(1).select(sessions::id);
        if let Some(oldest) = conn.find::<SessionId, _>(oldest)? {
            let _rows = conn.execute(diesel::delete(live().filter(sessions::id.le(oldest))))?;
        }
        let is_over = || sessions::revoked_at.is_not_null().or(sessions::expires_at.le(now));
        let oldest = mine().filter(is_over()).order(sessions::id.desc()).offset(MOST - 1).limit(1);
        if let Some(oldest) = conn.find::<SessionId, _>(oldest.select(sessions::id))? {
            let _rows = conn.execute(diesel::delete(mine().filter(is_over()).filter(sessions::id.lt(oldest))))?;
        }
        Ok(())
    }

    /// A page of the user's sessions that `query` filters, in the order of their ids; sessions that have ended are
    /// among them, unless `query` wants live ones only.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn list(&self, conn: &mut Conn, query: &ListQuery<SessionFilter>) -> Result<Page<SessionRow>, Problem> {
        let live_at = query.filter.live_only.then(Timestamp::now);
        let mine = || {
            let live = when(live_at, |now| is_live!(now));
            let wanted = query.filter.wanted.of(&CommonColumns::SESSIONS);
            sessions::table.filter(sessions::user_id.eq(self.0)).filter(live).filter(wanted)
        };
        query.page(conn, mine)
    }

    /// Ends a session of the user, so that its tokens are refused. Tells whether it still stood.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end(&self, conn: &mut Conn, session: SessionId) -> Result<bool, Problem> {
        let now = Timestamp::now();
        let mine = sessions::table.find(session).filter(sessions::user_id.eq(self.0)).filter(is_live!(now));
        Ok(conn.execute(diesel::update(mine).set(ended!(now)))? > 0)
    }

    /// Ends all sessions of the user but `kept`, so that their tokens are refused.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end_others(&self, conn: &mut Conn, kept: SessionId) -> Result<(), Problem> {
        let now = Timestamp::now();
        let others = sessions::table.filter(sessions::user_id.eq(self.0)).filter(sessions::id.ne(kept));
        let _rows = conn.execute(diesel::update(others.filter(is_live!(now))).set(ended!(now)))?;
        Ok(())
    }

    /// Ends all sessions of the user, so that their tokens are refused.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end_all(&self, conn: &mut Conn) -> Result<(), Problem> {
        let now = Timestamp::now();
        let all = sessions::table.filter(sessions::user_id.eq(self.0)).filter(is_live!(now));
        let _rows = conn.execute(diesel::update(all).set(ended!(now)))?;
        Ok(())
    }

    /// Ends all sessions of the user, and forgets the networks that they began in, which the lock after wrong passwords
    /// trusts ([`has_begun_at`]): one of them may be a thief's.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end_and_forget(&self, conn: &mut Conn) -> Result<(), Problem> {
        self.end_all(conn)?;
        let all = sessions::table.filter(sessions::user_id.eq(self.0));
        let _rows = conn.execute(diesel::update(all).set(sessions::source.eq(None::<Vec<u8>>)))?;
        Ok(())
    }

    /// Deletes sessions of a deleted account, at most `most`. Tells how many; call it again until these are fewer than
    /// `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = sessions::table.filter(sessions::user_id.eq(self.0)).order(sessions::id).limit(rows(most));
        let ids: Vec<SessionId> = conn.load(mine.select(sessions::id))?;
        let some = sessions::table.filter(sessions::user_id.eq(self.0)).filter(AnyOf::new(sessions::id, ids));
        Ok(conn.execute(diesel::delete(some))?)
    }

    /// Moves a session on to its next refresh token, with the idle lifetime in `lives` counted from now, and returns
    /// the session as it is then; `None`, if it has ended, or another refresh has moved it on since it was read: of
    /// many who try at once one succeeds.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn rotate(
        conn: &mut Conn,
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
        Ok(conn.find(diesel::update(unchanged).set(changes).returning(columns::<LiveSession>()))?)
    }
}

/// Whether one of a user's sessions began in the network that is stored as one of `known_as`: its HMAC
/// ([`ClientInfo::source`]) under each of the server's keys, the newest and the previous ones. Without a `user` the
/// same query runs, so that the time tells nothing.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn has_begun_at(conn: &mut Conn, user: Option<UserId>, known_as: &[[u8; 16]]) -> Result<bool, Problem> {
    for source in known_as {
        let theirs = sessions::table.filter(sessions::user_id.eq(user.map_or(0, UserId::get)));
        let there = theirs.filter(sessions::source.eq(source.as_slice())).select(sessions::id).limit(1);
        if conn.find::<SessionId, _>(there)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The sessions among `ids` that have neither ended nor expired, and whose account is not disabled, each once and in
/// any order.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn find_live(conn: &mut Conn, ids: &[SessionId]) -> Result<Vec<LiveSession>, Problem> {
    let live = || {
        let enabled = sessions::table.inner_join(users::table).filter(users::disabled_at.is_null());
        enabled.filter(is_live!(Timestamp::now())).select(columns::<LiveSession>())
    };
    Ok(match ids {
        [] => Vec::new(),
        [id] => conn.load(live().filter(sessions::id.eq(*id)))?,
        ids => conn.load(live().filter(AnyOf::new(sessions::id, ids.iter().copied())))?,
    })
}

/// Checks that a session still stands, inside the transaction that does what cannot be undone: the request may have
/// waited for it, and its session ended meanwhile. A transaction that ends the session comes wholly before or after
/// this one.
///
/// # Errors
/// `revoked-token`, when the session has ended; the database's errors ([`Conn`]).
pub fn require_live(conn: &mut Conn, user: UserId, session: SessionId) -> Result<(), Problem> {
    let session = sessions::table.find(session).filter(sessions::user_id.eq(user));
    // Written and not only read, so that on PostgreSQL whoever is about to end it comes wholly before or after this.
    let touch = diesel::update(session.filter(is_live!(Timestamp::now())));
    let touch = touch.set(sessions::last_seen_at.eq(sessions::last_seen_at));
    if conn.execute(touch)? == 0 { Err(Kind::RevokedToken.into()) } else { Ok(()) }
}

/// The user that a valid access token speaks for, if its session still stands. The one query of the gate
/// ([`gate`](crate::auth::gate::gate)) for a request with an access token.
///
/// # Errors
/// `revoked-token`, when the session has ended, or the account is disabled or deleted; the database's errors
/// ([`Conn`]).
pub fn find_current_user(conn: &mut Conn, subject: TokenSubject) -> Result<CurrentUser, Problem> {
    let session = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(subject.session))
        .filter(sessions::user_id.eq(subject.user))
        .filter(users::disabled_at.is_null())
        .filter(is_live!(Timestamp::now()))
        .select((users::id, sessions::created_at));
    let found: Option<(UserId, Timestamp)> = conn.find(session)?;
    let (id, logged_in_at) = found.ok_or(Kind::RevokedToken)?;
    Ok(CurrentUser { id, credential: Credential::Session { id: subject.session, logged_in_at } })
}
