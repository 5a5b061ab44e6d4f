//! Queries about the new e-mail addresses that sessions asked for, until they are confirmed.

use diesel::prelude::*;

use crate::{
    db::{Conn, SWEPT_AT_ONCE, expression::AnyOf, schema::sessions, timestamp::Timestamp},
    ids::SessionId,
    problem::Problem,
    sessions::{
        Sessions,
        repo::{ended, is_live},
    },
    users::Email,
};

/// A new e-mail address that a session asked for and that waits to be confirmed; it ends with the session.
#[derive(Clone, Debug)]
pub struct PendingEmail {
    /// The session that asked for the address.
    pub session: SessionId,
    /// The new address, with its domain in ASCII.
    pub address: String,
    /// The time of the request, which tells it from the next one for the same address.
    pub asked_at: Timestamp,
}

/// The columns of a session that asks for nothing.
macro_rules! nothing {
    () => {
        (sessions::new_email.eq(None::<String>), sessions::new_email_asked_at.eq(None::<Timestamp>))
    };
}

/// The condition for the session that still asks for this address.
macro_rules! is_asking {
    ($sessions:expr, $pending:expr) => {
        sessions::id
            .eq($pending.session)
            .and(sessions::user_id.eq($sessions.0))
            .and(sessions::new_email.eq(&$pending.address))
            .and(sessions::new_email_asked_at.eq($pending.asked_at))
            .and(is_live!(Timestamp::now()))
    };
}

impl Sessions {
    /// Stores a new e-mail address with the session that asks for it, until it is confirmed. An address that any of the
    /// user's sessions asked for before is called off, but the same address once more from the same session is the same
    /// request. Tells whether the session still stands.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn ask_for_email(&self, conn: &mut Conn, session: SessionId, email: &Email) -> Result<bool, Problem> {
        let (now, address) = (Timestamp::now(), email.to_string());
        let is_another = sessions::id.ne(session).or(sessions::new_email.ne(&address));
        let mine = sessions::table.filter(sessions::user_id.eq(self.0));
        let others = mine.filter(sessions::new_email.is_not_null()).filter(is_another);
        let _rows = conn.execute(diesel::update(others).set(nothing!()))?;
        let this = || mine.filter(sessions::id.eq(session)).filter(is_live!(now));
        let asked = (sessions::new_email.eq(&address), sessions::new_email_asked_at.eq(now));
        if conn.execute(diesel::update(this().filter(sessions::new_email.is_null())).set(asked))? > 0 {
            return Ok(true);
        }
        let again = this().filter(sessions::new_email.eq(&address)).select(sessions::id);
        Ok(conn.find::<SessionId, _>(again)?.is_some())
    }

    /// Removes a new e-mail address that waits to be confirmed, whichever of the user's sessions asked for it.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn call_off_email(&self, conn: &mut Conn) -> Result<(), Problem> {
        let mine = sessions::table.filter(sessions::user_id.eq(self.0));
        let _rows = conn.execute(diesel::update(mine.filter(sessions::new_email.is_not_null())).set(nothing!()))?;
        Ok(())
    }

    /// Removes a new e-mail address from the session that asked for it, to give it to the account. Tells whether it was
    /// still there: of many who try at once one succeeds, and none once the session has ended.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn take_email(&self, conn: &mut Conn, pending: &PendingEmail) -> Result<bool, Problem> {
        let asking = sessions::table.filter(is_asking!(self, pending));
        Ok(conn.execute(diesel::update(asking).set(nothing!()))? > 0)
    }

    /// Ends the session that asked for a new e-mail address, and with it the request. Tells whether the request was
    /// still there.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn end_asking(&self, conn: &mut Conn, pending: &PendingEmail) -> Result<bool, Problem> {
        let asking = sessions::table.filter(is_asking!(self, pending));
        Ok(conn.execute(diesel::update(asking).set(ended!(Timestamp::now())))? > 0)
    }
}

/// Removes up to 500 new e-mail addresses from sessions that have expired since they asked for them: they cannot be
/// confirmed any more. Returns whether to call it again, as there may be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let expired = sessions::new_email.is_not_null().and(sessions::expires_at.le(Timestamp::now()));
    let oldest = sessions::table.filter(expired).order((sessions::expires_at, sessions::id));
    let ids: Vec<SessionId> = conn.load(oldest.limit(SWEPT_AT_ONCE).select(sessions::id))?;
    if ids.is_empty() {
        return Ok(false);
    }
    let _rows = conn.execute(diesel::update(sessions::table.filter(AnyOf::new(sessions::id, ids))).set(nothing!()))?;
    Ok(true)
}
