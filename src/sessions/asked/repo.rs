//! Queries about what sessions asked for.

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

/// An address that waits to be confirmed.
#[derive(Clone, Debug)]
pub struct PendingEmail {
    /// The id of the session that asked for it.
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
    /// Stores in a session that it asks for a new address. An address that any of the user's sessions asked for before
    /// is called off, but the same address once more from the same session is the same request. Tells whether the
    /// session still stands.
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

    /// Calls off a new address that was asked for, whichever of the user's sessions did.
    pub fn call_off_email(&self, conn: &mut Conn) -> Result<(), Problem> {
        let mine = sessions::table.filter(sessions::user_id.eq(self.0));
        let _rows = conn.execute(diesel::update(mine.filter(sessions::new_email.is_not_null())).set(nothing!()))?;
        Ok(())
    }

    /// Takes a new address out of the session that asked for it, to give it to the account. Tells whether it was still
    /// there: of many who try at once one succeeds, and none once the session has ended.
    pub fn take_email(&self, conn: &mut Conn, pending: &PendingEmail) -> Result<bool, Problem> {
        let asking = sessions::table.filter(is_asking!(self, pending));
        Ok(conn.execute(diesel::update(asking).set(nothing!()))? > 0)
    }

    /// Ends the session that asked for a new address, and with it the request. Tells whether it was still there.
    pub fn end_asking(&self, conn: &mut Conn, pending: &PendingEmail) -> Result<bool, Problem> {
        let asking = sessions::table.filter(is_asking!(self, pending));
        Ok(conn.execute(diesel::update(asking).set(ended!(Timestamp::now())))? > 0)
    }
}

/// Clears up to 500 addresses that sessions asked for which have expired since: they cannot be confirmed, and need not
/// be kept. Tells whether there may be more.
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
