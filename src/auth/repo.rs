//! Sessions: one row per login. Ending a session is one write, and the gate sees it on the next request.

use std::time::Duration;

use diesel::{ExpressionMethods, JoinOnDsl, OptionalExtension, QueryDsl, RunQueryDsl};

use super::{CurrentUser, SessionId, token::Bearer};
use crate::{
    db::{
        Broken, Connection, OnConstraint,
        schema::{sessions, users},
        timestamp::Timestamp,
    },
    problem::{Kind, Problem},
    users::UserId,
};

/// The sessions of one user.
pub struct Sessions(UserId);

/// A session to be inserted.
#[derive(Clone)]
pub struct NewSession {
    /// What its refresh tokens will be derived from.
    pub refresh_salt: [u8; 16],
    pub user_agent: Option<String>,
    pub life: Duration,
}

/// A session that began just now.
pub struct BegunSession {
    pub id: SessionId,
    pub began_at: Timestamp,
}

impl Sessions {
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Begins a session, and clears those of this user away whose time is over.
    pub fn create(&self, conn: &mut Connection, new: &NewSession) -> Result<BegunSession, Problem> {
        let now = Timestamp::now();
        let over = sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(sessions::expires_at.lt(now));
        let _rows = diesel::delete(over).execute(conn)?;
        let row = (
            sessions::user_id.eq(self.0.get()),
            sessions::refresh_salt.eq(new.refresh_salt.as_slice()),
            sessions::user_agent.eq(new.user_agent.as_deref()),
            sessions::created_at.eq(now),
            sessions::last_seen_at.eq(now),
            sessions::expires_at.eq(now.plus(new.life)),
        );
        let id: i64 = diesel::insert_into(sessions::table)
            .values(row)
            .returning(sessions::id)
            .get_result(conn)
            // The user was deleted since the password was checked.
            .on_constraint(|broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::InvalidCredentials)))?;
        let id = SessionId::new(id).ok_or_else(|| Problem::internal("a session's id is not positive"))?;
        Ok(BegunSession { id, began_at: now })
    }

    /// Ends a session; one that ended already, or is somebody else's, stays as it is.
    pub fn end(&self, conn: &mut Connection, session: SessionId) -> Result<(), Problem> {
        let mine = sessions::table
            .filter(sessions::id.eq(session.get()))
            .filter(sessions::user_id.eq(self.0.get()))
            .filter(sessions::revoked_at.is_null());
        let _rows = diesel::update(mine).set(sessions::revoked_at.eq(Timestamp::now())).execute(conn)?;
        Ok(())
    }
}

/// The user that a valid token speaks for, if its session still stands. The one query of the gate.
pub fn current_user(conn: &mut Connection, bearer: Bearer) -> Result<CurrentUser, Problem> {
    let username: Option<String> = sessions::table
        .inner_join(users::table.on(users::id.eq(sessions::user_id)))
        .filter(sessions::id.eq(bearer.session.get()))
        .filter(sessions::user_id.eq(bearer.user.get()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Timestamp::now()))
        .select(users::username)
        .first(conn)
        .optional()?;
    let username = username.ok_or_else(|| Problem::new(Kind::RevokedToken))?;
    Ok(CurrentUser { id: bearer.user, username, session: bearer.session })
}
