//! Backup, restore, move and check: everything that a database holds, in one SQLite file or in another database.
//!
//! # An archive is a SQLite file
//!
//! A backup is a whole Kennel database in one SQLite file, whichever database it was made of: it needs no format of its
//! own, any SQLite can open it, and a server can be started on a copy of it. SQLite makes one of itself (`VACUUM INTO`);
//! of PostgreSQL one is made row by row, and so are all ways back. What says that they hold the same is a [`Digest`],
//! which is computed on both sides by the databases themselves. A backup carries its own, in the table
//! [`BACKUP_DIGEST`].
//!
//! What is made is made beside its place, under a name that ends in `.part`, synced, checked, and only then given its
//! name: whoever kills the program at any moment finds nothing there, or a good one.

mod backup;
mod check;
mod digest;
mod outcome;
mod part;
pub mod records;
mod restore;
mod sample;
pub mod sequences;

use std::{fmt, io};

use diesel::{
    connection::{SimpleConnection, TransactionManager},
    prelude::*,
    result::Error,
    sql_query,
};

pub use self::{
    backup::{Backup, BackupCounts, backup},
    check::{Finding, Findings, check, whereabouts},
    digest::{Digest, TableDigest},
    outcome::stop,
    part::{DRAFT, PrivateCopy, remove_draft},
    records::TABLES,
    restore::{Restored, move_to, restore},
    sample::{SampledUser, sample},
};
use super::{
    Conn, DatabaseUrl, OpenError, Transactions, at_one_moment,
    migrate::{self, CountRow},
};

/// The table of a backup with the digests of its tables. A server that opens the file drops it: what it holds from then
/// on is no backup any more.
pub const BACKUP_DIGEST: &str = "backup_digest";

/// The time in the name of a file, for `chrono`: such names stand in the order of their times.
pub const TIME_FORMAT: &str = "%Y-%m-%dT%H-%M-%SZ";

/// The reason why an archive could not be made, used or trusted; nothing was changed then. Its `Display` is one
/// line for people, without a password.
#[derive(Debug)]
pub struct ArchiveError(String);

impl ArchiveError {
    /// The error with this text, which is one line.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }

    /// Puts what was being done in front of the error.
    #[must_use]
    pub fn during(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for ArchiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ArchiveError {}

impl From<Error> for ArchiveError {
    fn from(error: Error) -> Self {
        Self::new(error)
    }
}

impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

impl From<OpenError> for ArchiveError {
    fn from(error: OpenError) -> Self {
        Self::new(error)
    }
}

/// A step of an operation on archives, for whoever shows its progress.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The begin of something, in words, and the number of rows that it takes; 0, where that is not known.
    Begins(&'static str, u64),
    /// The number of rows that were done since the last step.
    Rows(usize),
}

/// The function that is told each [`Step`].
pub type Watch<'a> = &'a dyn Fn(Step);

/// The names of all tables with rows.
fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// The programs that would write into a database while it is copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// Writing goes on; what is written is not in the copy.
    Write,
    /// Writing waits until the copy is there, since what is written would be lost.
    Wait,
}

/// Copies everything from a database into an empty one, of the same version, and compares the digests, all in one
/// transaction of each: afterwards all of it is there, or nothing. `finish` is the last step before the commit.
///
/// # Errors
/// A database fails, or what was written is not what was read; the errors of `finish`.
fn copy_all<T>(
    from: &mut Conn,
    to: &mut Conn,
    watch: Watch<'_>,
    others: Others,
    finish: impl FnOnce(&mut Conn, &mut Conn) -> Result<T, ArchiveError>,
) -> Result<(Digest, T), ArchiveError> {
    at_one_moment(from, |from| {
        take_your_time(from)?;
        if others == Others::Wait {
            hold(from)?;
        }
        Transactions::begin_transaction(to)?;
        match copy_into(from, to, watch).and_then(|digest| Ok((digest, finish(from, to)?))) {
            Ok(done) => {
                commit(to)?;
                Ok(done)
            }
            Err(error) => {
                // The first error is the one to tell; the connection is not used again.
                drop(Transactions::rollback_transaction(to));
                Err(error)
            }
        }
    })
}

/// Keeps everybody from writing into a database until the transaction ends that is open on `conn`. Comes first in it: a
/// snapshot is taken by what comes next. A SQLite file that is copied is open to nobody else.
fn hold(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => {
            let tables: Vec<_> = table_names().collect();
            conn.batch_execute(&format!("LOCK TABLE {} IN SHARE MODE", tables.join(", ")))
        }
    }
}

/// Commits to a server, which settles it, or to a draft.
fn commit(to: &mut Conn) -> QueryResult<()> {
    match to {
        Conn::Sqlite(_) => Transactions::commit_transaction(to),
        Conn::Postgres(_) => outcome::settle(|| Transactions::commit_transaction(to)),
    }
}

fn copy_into(from: &mut Conn, to: &mut Conn, watch: Watch<'_>) -> Result<Digest, ArchiveError> {
    take_your_time(to)?;
    refuse_rows(to)?;
    watch(Step::Begins("copying", count_rows(from)?));
    // A new database has an id of its own; the one that moves in brings its id along.
    to.batch_execute("DELETE FROM database_identity")?;
    for table in TABLES {
        (table.copy)(from, to, watch).map_err(|error| error.during(format_args!("copying {}", table.name)))?;
    }
    let numbers = sequences::of(from)?;
    sequences::set(to, &numbers)?;
    watch(Step::Begins("comparing", 2 * count_rows(from)?));
    let (read, written) = (Digest::of(from, table_names(), watch)?, Digest::of(to, table_names(), watch)?);
    if read != written {
        let tables = read.differences(&written).join(", ");
        return Err(ArchiveError::new(format_args!("what was written differs from what was read, in {tables}")));
    }
    if sequences::of(to)? != numbers {
        return Err(ArchiveError::new("the numbers for the next rows are not those of the original"));
    }
    Ok(written)
}

/// Refuses a database, at this URL, that a newer program has made.
fn refuse_newer(conn: &mut Conn, url: &DatabaseUrl) -> Result<(), ArchiveError> {
    migrate::refuse_newer(conn).map_err(|error| ArchiveError::from(error).during(url.in_full()))
}

/// Refuses a database, at this URL, with another schema than this program's: the rows of one are not those of the other.
fn refuse_other_version(conn: &mut Conn, url: &DatabaseUrl) -> Result<(), ArchiveError> {
    migrate::refuse_other_version(conn).map_err(|error| ArchiveError::from(error).during(url.in_full()))
}

/// Lifts the limits on how long a statement may take, for the transaction that is open.
fn take_your_time(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(_) => Ok(()),
        Conn::Postgres(conn) => conn.batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0",
        ),
    }
}

/// How many rows a query says there are, in a column `count`.
fn count(conn: &mut Conn, query: String) -> QueryResult<i64> {
    conn.one::<CountRow, _>(sql_query(query)).map(|row| row.count)
}

fn count_rows(conn: &mut Conn) -> QueryResult<u64> {
    let counts = table_names().map(|table| count(conn, format!("SELECT count(*) AS count FROM {table}")));
    Ok(counts.sum::<QueryResult<i64>>()?.try_into().unwrap_or_default())
}

/// Refuses a database that is in use, or was.
fn refuse_rows(conn: &mut Conn) -> Result<(), ArchiveError> {
    for table in table_names().filter(|table| *table != "database_identity") {
        if count(conn, format!("SELECT count(*) AS count FROM (SELECT 1 FROM {table} LIMIT 1) AS first_row"))? > 0 {
            return Err(ArchiveError::new(format_args!(
                "the database is not empty: there are {table}. Name an empty or a new one"
            )));
        }
    }
    Ok(())
}
