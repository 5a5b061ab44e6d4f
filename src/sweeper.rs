//! What is kept for a while is deleted when its time is over: at the start, and once in an hour.

use std::time::Duration;

use crate::{
    auth,
    db::{Conn, Db},
    idempotency, mail, me,
    problem::Problem,
    sessions,
};

const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Deletes some of what is over, not too much at once, because other writes wait meanwhile; tells whether there may
/// be more.
type Sweep = fn(&mut Conn) -> Result<bool, Problem>;

const SWEEPS: &[(&str, Sweep)] = &[
    ("deleted accounts", me::sweep),
    ("idempotency keys", idempotency::sweep),
    ("login failures", auth::sweep),
    ("mails", mail::sweep),
    ("counts of mails", mail::sweep_counts),
    ("addresses that were asked for", sessions::sweep),
];

/// Sweeps for ever.
pub async fn run(db: &Db) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        let _now = interval.tick().await;
        for (what, sweep) in SWEEPS {
            while is_more_left(what, db.write(sweep).await) {}
        }
    }
}

fn is_more_left(what: &str, swept: Result<bool, Problem>) -> bool {
    swept.unwrap_or_else(|problem| {
        tracing::warn!(what, cause = problem.cause_in_words(), "what is over could not be deleted");
        false
    })
}
