//! Queries about failed logins. Those about one counter begin at [`Failures::of`]; [`sweep`] deletes old ones.

use std::time::Duration;

use chrono::NaiveDate;
use diesel::prelude::*;

use super::lock::{FailureKey, Lock};
use crate::{
    accounts::LoginKey,
    crypto::signer::Signer,
    db::{Conn, SWEPT_AT_ONCE, schema::login_failures, timestamp::Timestamp},
    ids::UserId,
    problem::Problem,
};

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The answer of [`Failures::begin`] to whether a try to give a password may be made.
#[must_use]
pub enum TryStart {
    /// The try may be made, and is counted as a failure until the opposite is known.
    Counted,
    /// The try must not be made, and is not counted: it has to wait.
    Locked(Lock),
}

/// The counter of wrong passwords under one key, in the database, so that all instances count together; it begins anew
/// every day (UTC). A try is counted by [`Failures::begin`] before the password is checked, and then ends in
/// [`Failures::fail`], [`Failures::clear`] or [`Failures::take_back`].
pub struct Failures(FailureKey);

impl Failures {
    /// The counter under this key; no query runs yet.
    #[must_use]
    pub fn of(key: FailureKey) -> Self {
        Self(key)
    }

    /// The time that a try has to wait for at the moment `now`; `None`, if it need not wait. Nothing is counted.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn lock(&self, conn: &mut Conn, now: Timestamp) -> Result<Option<Lock>, Problem> {
        let mine = login_failures::table.find(self.0.as_bytes()).filter(login_failures::day.ge(now.day()));
        let row: Option<(i64, Timestamp)> =
            conn.find(mine.select((login_failures::count, login_failures::locked_until)))?;
        Ok(row.and_then(|(count, locked_until)| {
            let locked_until = if count < self.0.most_a_day() { locked_until } else { now.end_of_day() };
            (locked_until > now).then(|| Lock(locked_until.since(now)))
        }))
    }

    /// Counts a try before it is made, as [`Failures::begin`] does, in this counter and in a `wider` one, if there is
    /// one: in both or in neither. Returns the lock of whichever is locked.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn begin_with(&self, conn: &mut Conn, wider: Option<&Self>) -> Result<TryStart, Problem> {
        let Some(wider) = wider else { return self.begin(conn) };
        if let TryStart::Locked(lock) = wider.begin(conn)? {
            return Ok(TryStart::Locked(lock));
        }
        let start = self.begin(conn)?;
        if let TryStart::Locked(_) = start {
            wider.take_back(conn)?;
        }
        Ok(start)
    }

    /// Counts a try as a failure before it is made, so that of any number at once no more are made than may be. A try
    /// that has to wait is not counted, and gets the lock.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn begin(&self, conn: &mut Conn) -> Result<TryStart, Problem> {
        let now = Timestamp::now();
        let mine = || login_failures::table.find(self.0.as_bytes());
        let today = mine()
            .filter(login_failures::day.ge(now.day()))
            .filter(login_failures::locked_until.le(now))
            .filter(login_failures::count.lt(self.0.most_a_day()));
        if conn.execute(diesel::update(today).set(login_failures::count.eq(login_failures::count + 1)))? > 0 {
            return Ok(TryStart::Counted);
        }
        if let Some(lock) = self.lock(conn, now)? {
            return Ok(TryStart::Locked(lock));
        }
        // None yet, or of a day before. Who loses a race for the new one is run again by the door. (A clock that is
        // ahead may have begun the next day already; that one goes on.)
        let _old = conn.execute(diesel::delete(mine().filter(login_failures::day.lt(now.day()))))?;
        let first = (
            login_failures::account_key.eq(self.0.as_bytes()),
            login_failures::count.eq(1),
            // Long ago: the clock of another try at this moment may be behind.
            login_failures::locked_until.eq(now.minus(A_DAY)),
            login_failures::day.eq(now.day()),
        );
        let _one = conn.execute(diesel::insert_into(login_failures::table).values(first))?;
        Ok(TryStart::Counted)
    }

    /// Locks the counter for a while after a counted try with a wrong password: the longer, the more have failed today.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn fail(&self, conn: &mut Conn) -> Result<(), Problem> {
        let now = Timestamp::now();
        let mine = login_failures::table.find(self.0.as_bytes());
        let count: Option<i64> = conn.find(mine.select(login_failures::count))?;
        let pause = self.0.pause_after(count.unwrap_or(1));
        let _one = conn.execute(diesel::update(mine).set(login_failures::locked_until.eq(now.plus(pause))))?;
        Ok(())
    }

    /// Takes a counted try out of the counter again, when the password was not checked after all.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn take_back(&self, conn: &mut Conn) -> Result<(), Problem> {
        let mine = login_failures::table.find(self.0.as_bytes()).filter(login_failures::count.gt(0));
        let _one = conn.execute(diesel::update(mine).set(login_failures::count.eq(login_failures::count - 1)))?;
        Ok(())
    }

    /// Clears the counter, and with it the lock, after the right password.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn clear(&self, conn: &mut Conn) -> Result<(), Problem> {
        let _one = conn.execute(diesel::delete(login_failures::table.find(self.0.as_bytes())))?;
        Ok(())
    }
}

/// Clears the counters of wrong passwords of a user, and with them the locks: for a new user, or for one who has proved
/// by a mail who it is. The counters are those of logins with `username` and with `email` and, if there is a `user`,
/// that of the user's changes of the password. `signer` makes their keys.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn forgive(
    conn: &mut Conn,
    signer: &Signer,
    user: Option<UserId>,
    username: &str,
    email: &str,
) -> Result<(), Problem> {
    let logins = [username, email].map(|name| FailureKey::of_login(signer, &LoginKey::of(name)));
    for key in logins.into_iter().chain(user.map(|user| FailureKey::of_all_changes(signer, user))) {
        Failures::of(key).clear(conn)?;
    }
    Ok(())
}

/// Deletes up to 500 old counters of wrong passwords: those of days (UTC) before yesterday. Yesterday's stay, as the
/// clock of another instance may be behind. Returns whether to call it again, as there may be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let yesterday = Timestamp::now().minus(A_DAY).day();
    let old = login_failures::table.filter(login_failures::day.lt(yesterday));
    let some = old
        .order((login_failures::day, login_failures::account_key))
        .limit(SWEPT_AT_ONCE)
        .select((login_failures::day, login_failures::account_key));
    let rows: Vec<(NaiveDate, Vec<u8>)> = conn.load(some)?;
    let Some((first_day, _)) = rows.first() else { return Ok(false) };
    // Of one day at a time, so that they are a range of the index.
    let of_first_day = rows.iter().take_while(|(day, _)| day == first_day);
    if let Some((day, last)) = of_first_day.last() {
        let range = old.filter(login_failures::day.eq(day)).filter(login_failures::account_key.le(last));
        let _rows = conn.execute(diesel::delete(range))?;
    }
    Ok(true)
}
