//! What a database error means to a caller. Reaching a 4xx takes a decision elsewhere (`constraint`, or a
//! repository that knows what a missing row means); whatever nobody decided about is ours: 500, or 503 when
//! the database cannot serve just now.

use diesel::result::{DatabaseErrorKind, Error};

use crate::problem::{Kind, Problem};

/// What the databases say when they cannot serve just now; the same statement may succeed later.
const BUSY: &[&str] = &[
    // SQLite: another process holds the lock, or the disk is full.
    "database is locked",
    "database or disk is full",
    // PostgreSQL: a time-out of ours, a shutdown, or no more connections.
    "canceling statement due to",
    "terminating connection due to",
    "the database system is",
    "too many clients already",
    "remaining connection slots are reserved",
];

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = if lost_a_race(&error) || said(&error, LOCK_TIMEOUT) {
            Kind::Overloaded
        } else if is_busy(&error) {
            Kind::Unavailable
        } else {
            Kind::Internal
        };
        Self::new(kind).caused_by(error)
    }
}

fn is_busy(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _)
        | Error::BrokenTransactionManager => true,
        Error::DatabaseError(_, information) => BUSY.iter().any(|said| information.message().contains(said)),
        _ => false,
    }
}

/// What PostgreSQL says when transactions are in each other's way; Diesel has no kinds for it, and gives no SQLSTATE.
const DEADLOCK: &str = "deadlock detected";
const LOCK_TIMEOUT: &str = "canceling statement due to lock timeout";

/// Constraints that a transaction breaks only because another one was quicker; run again, it sees what that did.
const RACES: &[&str] = &[
    // The same key came twice at once.
    "idempotency_keys_user_id_key_unique",
    // Two logins failed at once, the first of the day.
    "login_failures_pkey",
];

/// Whether a transaction on PostgreSQL is to be run again: PostgreSQL asks for it, or it lost a race.
pub fn wants_a_retry(problem: &Problem) -> bool {
    database_error(problem).is_some_and(lost_a_race)
}

/// Whether another transaction was quicker.
pub fn lost_a_race(error: &Error) -> bool {
    let Error::DatabaseError(kind, information) = error else { return false };
    matches!(kind, DatabaseErrorKind::SerializationFailure)
        || said(error, DEADLOCK)
        || information.constraint_name().is_some_and(|name| RACES.contains(&name))
}

fn said(error: &Error, message: &str) -> bool {
    matches!(error, Error::DatabaseError(_, information) if information.message() == message)
}

/// Whether the connection is gone, rather than the server slow.
pub fn lost_the_connection(problem: &Problem) -> bool {
    matches!(
        database_error(problem),
        Some(Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _))
    )
}

fn database_error(problem: &Problem) -> Option<&Error> {
    problem.cause()?.downcast_ref()
}
