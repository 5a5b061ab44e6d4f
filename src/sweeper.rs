//! The sweeper: a task that deletes rows whose time is over, and stores which API keys were used, at the start and once
//! in an hour; and that clears SQLite's files of the rows of deleted accounts, some seconds after they were deleted.

use std::time::Duration;

use crate::{
    auth,
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

/// Runs the sweeper, in a task of its own; never returns: deletes rows whose time is over and stores which API keys
/// were used, at the start and then once an hour, and clears SQLite's files of deleted accounts. Failures are logged,
/// and tried again the next time.
pub async fn run(db: &Db, uses: &KeyUses, erase: &EraseSignal) {
    let mut interval = tokio::time::interval(INTERVAL);
    // A server that was killed may have left deleted rows in its files.
    let _cleared_or_later = db.clear_deleted().await;
    loop {
        tokio::select! {
            _now = interval.tick() => {
                for (what, sweep) in SWEEPS {
                    while is_more_left(what, db.write(sweep).await) {
                        erase.wake();
                    }
                }
                note_uses(db, uses).await;
            }
            () = erase.woken() => clear_deleted(db, erase).await,
        }
    }
}

/// Clears SQLite's files of what was deleted, or asks to be called again.
async fn clear_deleted(db: &Db, erase: &EraseSignal) {
    tokio::time::sleep(ERASE_PAUSE).await;
    match db.clear_deleted().await {
        Ok(Some(())) => tracing::info!(target: "kennel::security", "erased"),
        // PostgreSQL's own vacuum does it.
        Ok(None) => {}
        Err(problem) => {
            tracing::warn!(cause = problem.cause_in_words(), "what was deleted is still in the database's files");
            erase.wake();
        }
    }
}

fn is_more_left(what: &str, swept: Result<bool, Problem>) -> bool {
    swept.unwrap_or_else(|problem| {
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
