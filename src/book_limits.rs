//! The limits on the rows that each user may have: owners, dogs and tasks (together called the user's *book*), and the
//! idempotency keys that made them. To count a table at each create would cost more than the create, so a count is good
//! for a while: for a part of the rows that may still be made. Near the limit the creates of one user come one after
//! the other, and each counts, so that one process is exact; several on one database may each exceed the limit by the
//! rows that they create meanwhile, which are a few.

use std::{
    collections::HashMap,
    str::FromStr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::{
    sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock},
    time::timeout,
};

use crate::{
    db::{Conn, Db},
    ids::UserId,
    problem::{Kind, Problem},
    workers::lock,
};

/// The time for which a count is good: other processes may write into the same book.
const COUNT_LIFE: Duration = Duration::from_secs(10);
/// The longest wait of a create for its user's other creates.
const PATIENCE: Duration = Duration::from_secs(5);
/// The part of the room, one in so many, that a count allows: as many processes may share a database.
const SHARE: i64 = 16;
/// The part of a limit, one in so many, that is left to creates that take turns.
const MARGIN: i64 = 100;
/// The most counts that are remembered; any that no create uses just now may be forgotten.
const REMEMBERED: usize = 10_000;

/// A kind of rows whose number per user is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rows {
    /// Owners: `MOST_OWNERS` at most.
    Owners,
    /// Dogs: `MOST_DOGS` at most.
    Dogs,
    /// Tasks: `MOST_TASKS` at most.
    Tasks,
    /// Idempotency keys of the last 24 hours: as many at most as owners, dogs and tasks together, and without a limit
    /// if one of those has none.
    Keys,
}

/// A kind of rows and the query that counts a user's rows of it: the argument with which a create handler tells
/// [`BookLimits::reserve`] what it is about to make.
#[derive(Clone, Copy)]
pub struct Shelf {
    /// The kind of rows, which decides the limit.
    pub rows: Rows,
    /// The query that counts a user's rows of this kind.
    pub count: Count,
}

/// A query that counts the rows of one kind that a user has, and stops counting at the given number, since the rest
/// does not matter for a limit. Fails with the database's errors ([`Conn`]).
pub type Count = fn(&mut Conn, UserId, i64) -> Result<i64, Problem>;

/// A limit on a user's rows of one kind, 1 to 1,000,000,000, or none. Parsed from `MOST_OWNERS`, `MOST_DOGS` or
/// `MOST_TASKS`: a plain decimal number, or `off` for none. Any other text is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostRows(Option<i64>);

impl FromStr for MostRows {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        const MOST: i64 = 1_000_000_000;
        if text == "off" {
            return Ok(Self(None));
        }
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_plain && (1..=MOST).contains(number));
        number.map(|number| Self(Some(number))).ok_or(())
    }
}

/// The refusal of a create because the user has as many rows of that kind as are allowed. As a [`Problem`] it is
/// `too-many-owners`, `too-many-dogs`, `too-many-tasks` or `too-many-idempotency-keys`, with the limit in its detail.
#[derive(Clone, Copy, Debug)]
pub struct Full {
    rows: Rows,
    most: i64,
    /// The rows that may still be created: fewer than were asked for.
    left: i64,
}

impl From<Full> for Problem {
    fn from(Full { rows, most, left }: Full) -> Self {
        let (kind, rows) = match rows {
            Rows::Owners => (Kind::TooManyOwners, "owners"),
            Rows::Dogs => (Kind::TooManyDogs, "dogs"),
            Rows::Tasks => (Kind::TooManyTasks, "tasks"),
            Rows::Keys => {
                let detail = format!(
                    "An account has {most} idempotency keys at most, each for 24 hours, and yours has them. Send the \
                     request without Idempotency-Key, or try later."
                );
                return Self::new(Kind::TooManyIdempotencyKeys).with_detail(detail);
            }
        };
        Self::new(kind).with_detail(match left {
            0 => format!("A book has {most} {rows} at most, and yours has them. Delete one first."),
            _ => format!("A book has {most} {rows} at most, and yours has room for {left} more. Delete some first."),
        })
    }
}

/// The permission of [`BookLimits::reserve`] to create one row. Keep it until the row is committed, then drop it: no count of
/// the user's rows of this kind begins before.
#[must_use]
pub enum Reservation {
    /// There is no limit on rows of this kind.
    Anywhere,
    /// The last count found room enough for this row; other creates of the user go on beside it.
    Counted {
        /// The lock that creates share, and that the next count waits for.
        _held: OwnedRwLockReadGuard<()>,
    },
    /// So few rows are left that each create counts: the user's other creates of this kind wait until this one is
    /// dropped.
    Alone {
        /// The lock that the user's other creates of this kind wait for.
        _held: OwnedRwLockWriteGuard<()>,
    },
}

/// The last count of one user's rows of one kind.
#[derive(Default)]
struct RowCount {
    /// The lock that creates share while the last count is good, and that the next count takes alone.
    turn: Arc<RwLock<()>>,
    granted: Mutex<Granted>,
}

/// The rows that may be created without another count, and until when.
#[derive(Default)]
struct Granted {
    left: i64,
    until: Option<Instant>,
}

impl RowCount {
    /// Takes one of the rows that the last count allows; returns whether there was one.
    fn take(&self) -> bool {
        let mut granted = lock(&self.granted);
        let is_good = granted.left > 0 && granted.until.is_some_and(|until| Instant::now() < until);
        if is_good {
            granted.left -= 1;
        }
        is_good
    }

    /// Allows a part of the rows that there is `room` for.
    fn grant(&self, room: i64, most: i64) {
        let left = (room - most / MARGIN) / SHARE;
        *lock(&self.granted) = Granted { left, until: Some(Instant::now() + COUNT_LIFE) };
    }
}

/// The limits on the rows that each user may have (a user's owners, dogs and tasks are called the user's *book*), with
/// the last counts in memory. Handlers that create rows call [`BookLimits::reserve`] first. Exact within a process; several
/// processes on one database may together exceed a limit by a few rows.
pub struct BookLimits {
    owners: MostRows,
    dogs: MostRows,
    tasks: MostRows,
    counts: Mutex<HashMap<(UserId, Rows), Arc<RowCount>>>,
}

impl BookLimits {
    /// Limits for each user's owners, dogs and tasks; nothing is counted yet.
    #[must_use]
    pub fn new(owners: MostRows, dogs: MostRows, tasks: MostRows) -> Self {
        Self { owners, dogs, tasks, counts: Mutex::default() }
    }

    /// Reserves room for one more row of the kind `shelf` for `user`, before it is created; the inner error is
    /// [`Full`], when there is none. Counts the rows only if the last count (kept up to 10 seconds) does not leave room
    /// enough.
    ///
    /// # Errors
    /// `overloaded`, `too-many-requests` or `unavailable`, as [`Db::read`]; `overloaded`, too, after 5 seconds of
    /// waiting for the same user's other creates.
    pub async fn reserve(&self, db: &Db, user: UserId, shelf: &Shelf) -> Result<Result<Reservation, Full>, Problem> {
        let Shelf { rows, count: count_rows } = *shelf;
        let Some(most) = self.most(rows) else { return Ok(Ok(Reservation::Anywhere)) };
        let count = self.count_of(user, rows);
        let overloaded = |_| Problem::new(Kind::Overloaded);
        let held = match Arc::clone(&count.turn).try_read_owned() {
            Ok(held) => held,
            Err(_) => timeout(PATIENCE, Arc::clone(&count.turn).read_owned()).await.map_err(overloaded)?,
        };
        if count.take() {
            return Ok(Ok(Reservation::Counted { _held: held }));
        }
        drop(held);
        let alone = timeout(PATIENCE, Arc::clone(&count.turn).write_owned()).await.map_err(overloaded)?;
        // Another create may have counted meanwhile.
        if count.take() {
            return Ok(Ok(Reservation::Counted { _held: alone.downgrade() }));
        }
        let counted = db.read(move |conn| count_rows(conn, user, most)).await?;
        if counted >= most {
            return Ok(Err(Full { rows, most, left: 0 }));
        }
        count.grant(most - counted, most);
        Ok(Ok(if count.take() {
            Reservation::Counted { _held: alone.downgrade() }
        } else {
            Reservation::Alone { _held: alone }
        }))
    }

    /// Reserves room for `wanted` rows of the kind `shelf` for `user` at once, before they are created; the inner error
    /// is [`Full`], when there is less. Always counts the rows, while the user's other creates of this kind wait.
    ///
    /// # Errors
    /// `overloaded`, `too-many-requests` or `unavailable`, as [`BookLimits::reserve`].
    pub async fn reserve_many(
        &self,
        db: &Db,
        user: UserId,
        shelf: &Shelf,
        wanted: usize,
    ) -> Result<Result<Reservation, Full>, Problem> {
        let Shelf { rows, count: count_rows } = *shelf;
        let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
        let Some(most) = self.most(rows).filter(|_| wanted > 0) else { return Ok(Ok(Reservation::Anywhere)) };
        let count = self.count_of(user, rows);
        let alone = timeout(PATIENCE, Arc::clone(&count.turn).write_owned()).await;
        let held = alone.map_err(|_| Problem::new(Kind::Overloaded))?;
        let left = most - db.read(move |conn| count_rows(conn, user, most)).await?;
        if wanted > left {
            return Ok(Err(Full { rows, most, left: left.max(0) }));
        }
        // The last count knows nothing of so many.
        count.grant(0, most);
        Ok(Ok(Reservation::Alone { _held: held }))
    }

    /// The limit of one kind, `None` for no limit; of keys, as many as all rows together.
    #[must_use]
    pub fn most(&self, rows: Rows) -> Option<i64> {
        match rows {
            Rows::Owners => self.owners.0,
            Rows::Dogs => self.dogs.0,
            Rows::Tasks => self.tasks.0,
            Rows::Keys => Some(self.owners.0? + self.dogs.0? + self.tasks.0?),
        }
    }

    fn count_of(&self, user: UserId, rows: Rows) -> Arc<RowCount> {
        let mut counts = lock(&self.counts);
        if counts.len() >= REMEMBERED && !counts.contains_key(&(user, rows)) {
            counts.retain(|_, count| Arc::strong_count(count) > 1 || Arc::strong_count(&count.turn) > 1);
        }
        Arc::clone(counts.entry((user, rows)).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::{MostRows, RowCount};

    #[test]
    fn a_limit_is_a_whole_number_from_one_or_off() {
        assert_eq!("10000".parse(), Ok(MostRows(Some(10_000))));
        assert_eq!("off".parse(), Ok(MostRows(None)));
        for wrong in ["", "0", "-1", "+1", "1.5", "1e3", "OFF", "none", "1000000001", "99999999999999999999"] {
            assert_eq!(wrong.parse::<MostRows>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_count_is_good_for_a_part_of_the_room_and_near_the_limit_for_nothing() {
        let taken = |room, most| {
            let count = RowCount::default();
            count.grant(room, most);
            (0..most).take_while(|_| count.take()).count()
        };
        assert_eq!(taken(10_000, 10_000), 618);
        assert_eq!(taken(1_700, 10_000), 100);
        assert_eq!(taken(115, 10_000), 0);
        assert_eq!(taken(5, 5), 0);
        assert!((1..10_000).all(|room| 16 * taken(room, 10_000) <= usize::try_from(room).unwrap_or(0)));
    }
}
