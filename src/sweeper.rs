//! The sweeper: a task that deletes rows whose time is over, and stores which API keys were used, at the start and once
//! in an hour; and that clears SQLite's files of the rows of deleted accounts, some seconds after they were deleted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    auth, changes,
    credentials::KeyUses,
    db::{Conn, Db},
    idempotency, mail,
    me::{self, EraseSignal},
    problem::Problem,
    sessions,
};

const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The pause between the deletion of an account and the clearing of SQLite's files, which several deletions may share.
const ERASE_PAUSE: Duration = Duration::from_secs(5);

/// A sweep of one room: deletes some rows whose time is over, not too many at once, because other writes wait
/// meanwhile; returns whether there may be more.
type Sweep = fn(&mut Conn) -> Result<bool, Problem>;

const SWEEPS: &[(&str, Sweep)] = &[
    ("deleted accounts", me::sweep),
    ("idempotency keys", idempotency::sweep),
    ("login failures", auth::sweep),
    ("mails", mail::sweep),
    ("counts of mails", mail::sweep_counts),
    ("addresses that were asked for", sessions::sweep),
];

/// The counts of the sweeper's rounds, for `metrics`.
#[derive(Default)]
pub struct SweepCounts {
    /// The rounds that are over.
    pub rounds: AtomicU64,
    /// The sweeps of one room that failed.
    pub failures: AtomicU64,
    /// The time at which the last round was over, in seconds of Unix time; 0 before the first.
    pub last: AtomicU64,
}

impl SweepCounts {
    /// Counts a round that is over now.
    fn note_round(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.last.store(now.as_secs(), Ordering::Relaxed);
        self.rounds.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs the sweeper, in a task of its own; never returns: deletes rows whose time is over and stores which API keys
/// were used, at the start and then once an hour, and clears SQLite's files of deleted accounts. Failures are logged,
/// and tried again the next time.
pub async fn run(db: &Db, uses: &KeyUses, erase: &EraseSignal, changes_kept: Duration, counts: &SweepCounts) {
    let mut interval = tokio::time::interval(INTERVAL);
    // A server that was killed may have left deleted rows in its files.
    let _cleared_or_later = db.clear_deleted().await;
    loop {
        tokio::select! {
            _now = interval.tick() => {
                for (what, sweep) in SWEEPS {
                    while is_more_left(what, db.write(sweep).await, counts) {
                        erase.wake();
                    }
                }
                if is_more_left("changes", changes::sweep(db, changes_kept).await, counts) {
                    erase.wake();
                }
                note_uses(db, uses).await;
                counts.note_round();
            }
            () = erase.woken() => clear_deleted(db, erase).await,
        }
    }
}

/// Clears SQLite's files of what was deleted, or asks to be called again.
async fn clear_deleted(db: &Db, erase: &EraseSignal) {
    tokio::time::sleep(ERASE_PAUSE).await;
    match db.clear_deleted().await {
        Ok(Some(())) => {
            tracing::info!(target: "kennel::security", "erased");
        }
        // PostgreSQL's own vacuum does it.
        Ok(None) => {}
        Err(problem) => {
            tracing::warn!(cause = problem.cause_in_words(), "what was deleted is still in the database's files");
            erase.wake();
        }
    }
}

/// The answer of a sweep whether more is left; false for one that failed, which is logged.
fn is_more_left(what: &str, swept: Result<bool, Problem>, counts: &SweepCounts) -> bool {
    swept.unwrap_or_else(|problem| {
        counts.failures.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(what, cause = problem.cause_in_words(), "what is over could not be deleted");
        false
    })
}

/// Stores the days on which API keys were used, as [`KeyUses::write_down`] does. A failure is logged; the days then
/// wait for the next time.
pub async fn note_uses(db: &Db, uses: &KeyUses) {
    if let Err(problem) = uses.write_down(db).await {
        tracing::warn!(cause = problem.cause_in_words(), "which API keys were used could not be written down");
    }
}
