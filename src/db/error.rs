//! The meaning of a database error to a caller. A 4xx takes a decision elsewhere (`constraint`, or a repository that
//! knows what a missing row means); every other error is the server's: 500, or 503 when the database cannot serve just
//! now.

use diesel::result::{DatabaseErrorKind, Error};

use crate::problem::{Kind, Problem};

/// SQLite's errors when it cannot serve just now: another process holds the lock, the disk is full or fails (EIO, EDQUOT
/// and EFBIG alike), or its file system cannot be written to. The same statement may succeed later. PostgreSQL's errors
/// are in the language of its server, so their words decide nothing; see [`has_no_kind`].
const BUSY: &[&str] = &[
    "database is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
];

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = if lost_a_race(&error) {
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
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection
            | DatabaseErrorKind::UnableToSendCommand
            | DatabaseErrorKind::ReadOnlyTransaction,
            _,
        )
        | Error::BrokenTransactionManager => true,
        Error::DatabaseError(_, information) => BUSY.iter().any(|said| information.message().contains(said)),
        _ => false,
    }
}

/// Constraints that a transaction breaks only because another one was quicker; run again, it sees that one's rows.
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

/// Whether an error means that another transaction was quicker.
pub fn lost_a_race(error: &Error) -> bool {
    let Error::DatabaseError(kind, information) = error else { return false };
    matches!(kind, DatabaseErrorKind::SerializationFailure)
        || information.constraint_name().is_some_and(|name| RACES.contains(&name))
}

/// Whether Diesel has no kind for an error of PostgreSQL on a connection that is still open: a deadlock (SQLSTATE
/// 40P01), a time-out (55P03, 57014), or a mistake of this program. So the statement is undone. Diesel passes no
/// SQLSTATE on, and the message is in the language of the server (`lc_messages`), so the meaning of such an error is
/// told by how long it took, and by trying again.
pub fn has_no_kind(problem: &Problem) -> bool {
    matches!(database_error(problem), Some(Error::DatabaseError(DatabaseErrorKind::Unknown, _)))
}

/// Whether the connection is gone, rather than the server slow.
pub fn lost_the_connection(problem: &Problem) -> bool {
    matches!(
        database_error(problem),
        Some(Error::DatabaseError(DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand, _))
    )
}

/// Whether the server could only be read from (SQLSTATE 25006): it is a standby now, or its administrator says so. The
/// statement did nothing.
pub fn is_read_only(problem: &Problem) -> bool {
    matches!(database_error(problem), Some(Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _)))
}

fn database_error(problem: &Problem) -> Option<&Error> {
    problem.cause()?.downcast_ref()
}
