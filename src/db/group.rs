//! Group commit, the way SQLite's one writer runs the waiting jobs: one transaction, and so one fsync, for many of
//! them.
//!
//! # Why writes share a commit
//!
//! A commit is durable once the disk says so, and that takes the same time for one row as for a hundred: it is what
//! limits writes. So the writer takes all waiting jobs, runs them in one transaction, and sends their results when that
//! is on the disk (group commit: DeWitt et al., *Implementation Techniques for Main Memory Database Systems*, 1984). No
//! job waits on purpose for others to come; while one group is synced, the next one gathers. A job that fails must not
//! take the others down with it: the group is rolled back and its jobs run again, each in a savepoint of its own, where
//! only the failed one is undone.

use std::sync::atomic::{AtomicU64, Ordering};

use diesel::{
    QueryResult,
    connection::{AnsiTransactionManager, TransactionManager},
    result::Error,
};

use super::{Conn, Transactions};
use crate::{
    histogram::{SIZES, SizeHistogram},
    problem::{Kind, Problem},
    workers::{Batch, BatchEnd, Outcome},
};

/// The counts of a writer's groups.
#[derive(Default)]
pub struct GroupCounts {
    /// The numbers of jobs in the groups that were run.
    pub sizes: SizeHistogram,
    /// The groups that could not be committed.
    pub failures: AtomicU64,
}

/// Runs all waiting jobs of a batch in one transaction, and sends their results once it is committed (group commit, for
/// SQLite's one writer). If a job fails, the transaction is undone and the jobs run again, each in a savepoint, so that
/// a failure undoes itself alone. The group is in `counts` before anybody is answered, as a failure, too, if the
/// database cannot serve.
pub fn commit_together(conn: &mut Conn, mut group: Batch<Conn>, counts: &GroupCounts) -> BatchEnd<Conn> {
    if group.iter().all(|job| job.is_abandoned()) {
        return BatchEnd::answered(true);
    }
    counts.sizes.record(&SIZES, u64::try_from(group.len()).unwrap_or(u64::MAX));
    let outcome = match run_together(conn, &mut group) {
        Ok(Ended::Undone) if group.len() > 1 => run_apart(conn, &mut group),
        outcome => outcome,
    };
    // Whatever state a failure left the connection in, a new one has none of it.
    let is_usable = !matches!(outcome, Ok(Ended::Faulty) | Err(_));
    if !is_usable {
        counts.failures.fetch_add(1, Ordering::Relaxed);
    }
    for job in group {
        match &outcome {
            Ok(_) => job.answer(),
            Err(problem) => job.refuse(problem.repeated()),
        }
    }
    BatchEnd::answered(is_usable)
}

/// The outcome of a group's transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Committed,
    /// A job failed, and nothing is left of the group.
    Undone,
    /// A job failed because the database could not serve: the disk is full, or fails. What others did is committed.
    Faulty,
}

/// Runs the jobs up to the first that fails.
fn run_together(conn: &mut Conn, group: &mut Batch<Conn>) -> Result<Ended, Problem> {
    begin_immediate(conn)?;
    let is_alone = group.len() == 1;
    for job in group.iter_mut().filter(|job| !job.is_abandoned()) {
        let ran = job.run(conn);
        let undone = match ran {
            Outcome::Done => continue,
            Outcome::Failed(kind) => undo(conn, 0).map_err(|error| Problem::new(kind).caused_by(error)),
            Outcome::Panicked => undo(conn, 0).map_err(Problem::from),
        };
        let is_faulty = is_alone && ran == Outcome::Failed(Kind::Unavailable);
        return undone.map(|()| if is_faulty { Ended::Faulty } else { Ended::Undone });
    }
    Transactions::commit_transaction(conn)?;
    Ok(Ended::Committed)
}

/// Runs each job in a savepoint.
fn run_apart(conn: &mut Conn, group: &mut Batch<Conn>) -> Result<Ended, Problem> {
    begin_immediate(conn)?;
    let (mut is_any_done, mut is_faulty) = (false, false);
    for job in group.iter_mut().filter(|job| !job.is_abandoned()) {
        Transactions::begin_transaction(conn)?;
        let ran = job.run(conn);
        is_any_done |= ran == Outcome::Done;
        is_faulty |= ran == Outcome::Failed(Kind::Unavailable);
        match ran {
            Outcome::Done => Transactions::commit_transaction(conn)?,
            // A full disk undoes the whole transaction by itself, so that this fails; the job knows why.
            Outcome::Failed(kind) => undo(conn, 1).map_err(|error| Problem::new(kind).caused_by(error))?,
            Outcome::Panicked => undo(conn, 1)?,
        }
    }
    if is_any_done || !is_faulty {
        Transactions::commit_transaction(conn)?;
    } else {
        undo(conn, 0)?;
    }
    Ok(if is_faulty { Ended::Faulty } else { Ended::Committed })
}

/// Rolls back until `kept` transactions are open, one in another: a job that panicked may have left some of its own
/// open.
fn undo(conn: &mut Conn, kept: u32) -> QueryResult<()> {
    let depth = |conn: &mut Conn| Transactions::transaction_manager_status_mut(conn).transaction_depth();
    while depth(conn)?.is_some_and(|depth| depth.get() > kept) {
        Transactions::rollback_transaction(conn)?;
    }
    Ok(())
}

fn begin_immediate(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Conn::Postgres(_) => Err(Error::NotInTransaction),
    }
}
