//! Sessions: one row per login. Ending a session is one write, and the gate sees it on the next request.

use std::time::Duration;

use diesel::{
    ExpressionMethods, Insertable, OptionalExtension, QueryDsl, Queryable, RunQueryDsl, Selectable, SelectableHelper,
};

use super::{CurrentUser, SessionId, token::Bearer, wire::SessionFilter};
use crate::{
    db::{
        Broken, Connection, OnConstraint,
        keyset::{Found, Key, Sort},
        schema::{sessions, users},
        timestamp::Timestamp,
    },
    problem::{Kind, Problem},
    users::UserId,
    wire::Asked,
};

/// The sessions of one user.
pub struct Sessions(UserId);

/// A session to be inserted.
#[derive(Insertable)]
#[diesel(table_name = sessions)]
struct NewSession<'a> {
    user_id: i64,
    /// What its refresh tokens will be derived from.
    refresh_salt: &'a [u8],
    user_agent: Option<&'a str>,
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
}

/// A session that began just now.
pub struct BegunSession {
    pub id: SessionId,
    pub began_at: Timestamp,
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
    &[Sort { name: "id", sql: "sessions.id", key: |row| Key::Id(row.id), then: None }];

impl Sessions {
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Begins a session that lasts for `life`, and clears those of this user away whose time is over.
    ///
    /// # Errors
    /// `invalid-credentials` when the user was deleted since the password was checked.
    pub fn create(
        &self,
        conn: &mut Connection,
        life: Duration,
        user_agent: Option<&str>,
    ) -> Result<BegunSession, Problem> {
        let now = Timestamp::now();
        let over = sessions::table.filter(sessions::user_id.eq(self.0.get())).filter(sessions::expires_at.lt(now));
        let _rows = diesel::delete(over).execute(conn)?;
        let mut refresh_salt = [0; 16];
        aws_lc_rs::rand::fill(&mut refresh_salt).map_err(Problem::internal)?;
        let new = NewSession {
            user_id: self.0.get(),
            refresh_salt: &refresh_salt,
            user_agent,
            created_at: now,
            last_seen_at: now,
            expires_at: now.plus(life),
        };
        let id: i64 =
            diesel::insert_into(sessions::table).values(new).returning(sessions::id).get_result(conn).on_constraint(
                |broken| (*broken == Broken::ForeignKey).then(|| Problem::new(Kind::InvalidCredentials)),
            )?;
        let id = SessionId::new(id).ok_or_else(|| Problem::internal("a session's id is not positive"))?;
        Ok(BegunSession { id, began_at: now })
    }

    /// A page of them, by id.
    pub fn list(&self, conn: &mut Connection, asked: &Asked<SessionFilter>) -> Result<Found<SessionRow>, Problem> {
        asked.window.page(|step| {
            let mine = sessions::table.filter(sessions::user_id.eq(self.0.get())).into_boxed();
            let page = mine.filter(step.rows).order(step.order).limit(step.limit);
            page.select(SessionRow::as_select()).load(conn)
        })
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
///
/// # Errors
/// `revoked-token`.
pub fn current_user(conn: &mut Connection, bearer: Bearer) -> Result<CurrentUser, Problem> {
    let user: Option<i64> = sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(bearer.session.get()))
        .filter(sessions::user_id.eq(bearer.user.get()))
        .filter(sessions::revoked_at.is_null())
        .filter(sessions::expires_at.gt(Timestamp::now()))
        .select(users::id)
        .first(conn)
        .optional()?;
    let id = user.and_then(UserId::new).ok_or_else(|| Problem::new(Kind::RevokedToken))?;
    Ok(CurrentUser { id })
}
