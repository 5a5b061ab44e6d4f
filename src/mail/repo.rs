//! The queue of mails. [`Mails::of`] and [`Mails::queue_reset`] fill it; everything else is the worker's. Any number of
//! workers share it: a worker that claims a mail has it alone until its lease of 60 seconds is over. How many mails
//! there may be in an hour, `count` says.

use std::time::Duration;

use diesel::{prelude::*, sqlite::Sqlite};

use super::{
    count::{MailQuota, count},
    letter::MailKind,
};
use crate::{
    crypto::signer::Signer,
    db::{Conn, PIECE, SWEPT_AT_ONCE, columns, expression::AnyOf, rows, schema::mails, timestamp::Timestamp},
    ids::UserId,
    problem::Problem,
    users::Email,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a claimed mail is its worker's: longer than sending one may take.
const LEASE: Duration = Duration::from_secs(60);
const MOST_AN_HOUR: &str = "An hour has five of these mails. Retry-After says in how many seconds to try again.";
/// The pause after the first failure; each is three times as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(4 * 60 * 60);
/// How long it is tried again.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 24 * 60 * 60);
/// How many are looked at to claim one: other workers are after the same.
const CANDIDATES: i64 = 8;

#[derive(Insertable)]
#[diesel(table_name = mails)]
struct NewMail<'a> {
    user_id: Option<UserId>,
    kind: &'a str,
    address: String,
    address_key: String,
    next_attempt_at: Timestamp,
    created_at: Timestamp,
}

/// A mail in the queue that a worker has claimed ([`claim`]).
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = mails, check_for_backend(Sqlite))]
pub struct MailRow {
    /// The mail's number in the queue.
    pub id: i64,
    /// The user whom the mail is about; `None` for a forgotten password, where only an address is known.
    pub user_id: Option<UserId>,
    /// The name of the [`MailKind`], as [`MailKind::stored`] reads it.
    pub kind: String,
    /// The address of the account, or the new one, at the time when the mail was queued.
    pub address: String,
    /// The number of tries to send it, this one included.
    pub attempts: i64,
    /// In a worker's hands: when the lease is over.
    next_attempt_at: Timestamp,
    /// The time when the mail was queued.
    pub created_at: Timestamp,
}

impl MailRow {
    /// Whether the mail was queued three days ago or earlier and has failed before: then it is given up.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        self.attempts > 1 && self.created_at <= Timestamp::now().minus(GIVEN_UP_AFTER)
    }
}

/// The outcome of a worker's look at the queue for a mail to send ([`claim`]).
pub enum Claim {
    /// A mail that is due; no other worker takes it for 60 seconds.
    Mail(MailRow),
    /// No mail is due. The next one will be at this moment, if there is one, unless another is queued meanwhile.
    NothingBefore(Option<Timestamp>),
}

/// The mails about one user in the queue, and the ways to queue them: in the transaction of the reason. Once that is
/// committed, wake the worker ([`MailSignal::wake`](super::MailSignal::wake)).
pub struct Mails(UserId);

impl Mails {
    /// The mails about this user; no query runs yet.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }

    /// Queues a mail that the people who run the server give a reason for. Unlike with [`Mails::queue`] there may be
    /// any number in an hour.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn queue_uncounted(&self, conn: &mut Conn, kind: MailKind, address: &Email) -> Result<(), Problem> {
        insert(conn, Some(self.0), kind, address)
    }

    /// Queues a mail, unless the last hour has five of its kind by this user or for this address; then nothing happens.
    /// `signer` ([`Keys::sources`](crate::crypto::keys::Keys::sources)) makes the keys of these counts.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn queue(&self, conn: &mut Conn, signer: &Signer, kind: MailKind, address: &Email) -> Result<(), Problem> {
        match count(conn, signer, Some(self.0), kind, address)? {
            MailQuota::Left => insert(conn, Some(self.0), kind, address),
            MailQuota::UsedUp(_) => Ok(()),
        }
    }

    /// Deletes mails about a deleted account, at most `most`. Tells how many; call it again until these are fewer than
    /// `most`, and none is left.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn delete_some(&self, conn: &mut Conn, most: usize) -> Result<usize, Problem> {
        let mine = mails::table.filter(mails::user_id.eq(self.0)).limit(rows(most));
        let ids: Vec<i64> = conn.load(mine.select(mails::id))?;
        Ok(conn.execute(diesel::delete(mails::table.filter(AnyOf::new(mails::id, ids))))?)
    }

    /// Queues a mail as [`Mails::queue`] does, but fails where that does nothing: for a reason that must not take
    /// effect without the mail.
    ///
    /// # Errors
    /// `too-many-requests`, if the last hour has five of its kind by this user or for this address; the database's
    /// errors ([`Conn`]).
    pub fn require(&self, conn: &mut Conn, signer: &Signer, kind: MailKind, address: &Email) -> Result<(), Problem> {
        match count(conn, signer, Some(self.0), kind, address)? {
            MailQuota::Left => insert(conn, Some(self.0), kind, address),
            MailQuota::UsedUp(wait) => Err(Problem::too_many_requests(wait).with_detail(MOST_AN_HOUR)),
        }
    }

    /// Queues the mail about a forgotten password, unless the last hour has five for the address; then nothing happens.
    /// `signer` is that of [`Mails::queue`]. Whether there is an account with this address, only the worker finds out,
    /// so that no caller can tell.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn queue_reset(conn: &mut Conn, signer: &Signer, address: &Email) -> Result<(), Problem> {
        match count(conn, signer, None, MailKind::Reset, address)? {
            MailQuota::Left => insert(conn, None, MailKind::Reset, address),
            MailQuota::UsedUp(_) => Ok(()),
        }
    }

    /// Deletes the queued mails about a forgotten password to this address, when its account is deleted: they name an
    /// address and no user, so they do not go with the account. At most 250 are deleted: an hour has a few.
    ///
    /// # Errors
    /// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
    pub fn forget_resets(conn: &mut Conn, address: &Email) -> Result<(), Problem> {
        // An hour has a few; of very many, as after a flood of requests long ago, the sweep takes the rest.
        let resets = mails::table.filter(mails::address_key.eq(address.key())).filter(mails::user_id.is_null());
        let ids: Vec<i64> = conn.load(resets.limit(rows(PIECE)).select(mails::id))?;
        let _rows = conn.execute(diesel::delete(mails::table.filter(AnyOf::new(mails::id, ids))))?;
        Ok(())
    }
}

fn insert(conn: &mut Conn, user: Option<UserId>, kind: MailKind, address: &Email) -> Result<(), Problem> {
    let now = Timestamp::now();
    let new = NewMail {
        user_id: user,
        kind: kind.as_str(),
        address: address.to_string(),
        address_key: address.key(),
        next_attempt_at: now,
        created_at: now,
    };
    let _one = conn.execute(diesel::insert_into(mails::table).values(new))?;
    Ok(())
}

/// Takes a mail that is due out of the queue for 60 seconds (its lease), after which it is due again unless it was
/// settled. Mails that were not tried yet come first, so that none is kept waiting by others that fail.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn claim(conn: &mut Conn) -> Result<Claim, Problem> {
    let now = Timestamp::now();
    let waiting = || mails::table.filter(mails::sent_at.is_null());
    let due = || {
        let due = waiting().filter(mails::next_attempt_at.le(now)).order((mails::next_attempt_at, mails::id));
        due.limit(CANDIDATES).select((mails::id, mails::next_attempt_at))
    };
    let mut candidates: Vec<(i64, Timestamp)> = conn.load(due().filter(mails::attempts.eq(0)))?;
    if candidates.is_empty() {
        candidates = conn.load(due())?;
    }
    for (id, seen) in candidates {
        let unclaimed = mails::table.find(id).filter(mails::next_attempt_at.eq(seen)).filter(mails::sent_at.is_null());
        let claim = diesel::update(unclaimed)
            .set((mails::attempts.eq(mails::attempts + 1), mails::next_attempt_at.eq(now.plus(LEASE))))
            .returning(columns::<MailRow>());
        if let Some(mail) = conn.find(claim)? {
            return Ok(Claim::Mail(mail));
        }
    }
    let later = waiting().filter(mails::next_attempt_at.gt(now)).order(mails::next_attempt_at);
    Ok(Claim::NothingBefore(conn.find(later.select(mails::next_attempt_at).limit(1))?))
}

/// Marks a claimed mail as sent; its row is deleted a day later.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn settle(conn: &mut Conn, mail: &MailRow) -> Result<(), Problem> {
    let sent = diesel::update(mails::table.find(mail.id)).set(mails::sent_at.eq(Timestamp::now()));
    let _one = conn.execute(sent)?;
    Ok(())
}

/// Puts off a claimed mail that could not be sent: for 2 seconds after the first try, and three times as long after
/// each further one, up to 4 hours. Nothing changes, if the 60 seconds of the claim are over and another worker has it.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn postpone(conn: &mut Conn, mail: &MailRow) -> Result<(), Problem> {
    let mine = mails::table.find(mail.id).filter(mails::next_attempt_at.eq(mail.next_attempt_at));
    let next = Timestamp::now().plus(pause_after(mail.attempts));
    let _one = conn.execute(diesel::update(mine).set(mails::next_attempt_at.eq(next)))?;
    Ok(())
}

/// Deletes a claimed mail that is not to be sent any more: its reason is gone, or it is given up.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn discard(conn: &mut Conn, mail: &MailRow) -> Result<(), Problem> {
    let _one = conn.execute(diesel::delete(mails::table.find(mail.id)))?;
    Ok(())
}

/// Counts the mails that are to be sent, now or later, of all instances together.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn count_waiting(conn: &mut Conn) -> Result<i64, Problem> {
    Ok(conn.one(mails::table.filter(mails::sent_at.is_null()).count())?)
}

/// Deletes up to 500 mails that were sent and had been queued a day ago or earlier. Returns whether to call it again,
/// as there may be more.
///
/// # Errors
/// `unavailable`, `overloaded` or `internal-error`: the database's errors ([`Conn`]).
pub fn sweep(conn: &mut Conn) -> Result<bool, Problem> {
    let old = mails::table
        .filter(mails::created_at.le(Timestamp::now().minus(DAY)))
        .filter(mails::sent_at.is_not_null())
        .order(mails::created_at)
        .limit(SWEPT_AT_ONCE)
        .select(mails::id);
    let old: Vec<i64> = conn.load(old)?;
    if old.is_empty() {
        return Ok(false);
    }
    let _rows = conn.execute(diesel::delete(mails::table.filter(AnyOf::new(mails::id, old))))?;
    Ok(true)
}

/// How long to wait after so many failures.
fn pause_after(attempts: i64) -> Duration {
    let steps = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_PAUSE.saturating_mul(3_u32.saturating_pow(steps)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::{GIVEN_UP_AFTER, LONGEST_PAUSE, pause_after};

    #[test]
    fn pauses_grow_up_to_the_longest() {
        let pauses: Vec<_> = (1..=4).map(|attempts| pause_after(attempts).as_secs()).collect();
        assert_eq!(pauses, [2, 6, 18, 54]);
        assert_eq!(pause_after(i64::MAX), LONGEST_PAUSE);
        assert!(LONGEST_PAUSE < GIVEN_UP_AFTER);
    }
}
