//! SQLite behind the door: a few readers, and one writer that commits in groups. WAL lets the readers go
//! on while the writer writes; one writer means that nobody ever waits for a lock inside this process.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, QueryResult, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::{AnsiTransactionManager, TransactionManager},
    result::Error,
    sql_query,
    sql_types::Text,
};

use super::{Connection, OpenError, execute};
use crate::{
    problem::{Kind, Problem},
    workers::{Group, Limits, Ran, Workers, one_by_one},
};

/// How long SQLite itself waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long other instances may take to turn WAL on.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// Every connection gets these, and is asked whether they took.
const SETTINGS: &[(&str, &str)] = &[
    ("foreign_keys", "1"),
    // FULL: an answered write survives a power cut.
    ("synchronous", "2"),
    ("secure_delete", "1"),
    ("trusted_schema", "0"),
    ("journal_size_limit", "67108864"),
    // In memory.
    ("temp_store", "2"),
    // KiB, negative to tell them from pages.
    ("cache_size", "-8192"),
];

/// A database file.
#[derive(Clone)]
pub struct SqliteFile(PathBuf);

/// What a connection may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

impl SqliteFile {
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the file if there is none, for its owner's eyes only, and opens it for writing.
    pub fn create(&self) -> Result<Connection, OpenError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0);
        match made {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.unopened(error)),
        }
        self.connect(Access::Write)
    }

    fn connect(&self, access: Access) -> Result<Connection, OpenError> {
        let path = self.0.to_str().ok_or_else(|| self.unopened("its path is not UTF-8"))?;
        // SQLite reads some names as URIs, but none that begins so.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("./{path}") };
        let mut conn = SqliteConnection::establish(&path).map_err(|error| self.unopened(error))?;
        configure(&mut conn, access).map_err(|error| self.unopened(error))?;
        Ok(Connection::Sqlite(conn))
    }

    /// The device and number of the file that is there now.
    fn identity(&self) -> io::Result<(u64, u64)> {
        let metadata = fs::metadata(&self.0)?;
        Ok((metadata.dev(), metadata.ino()))
    }

    fn unopened(&self, why: impl std::fmt::Display) -> OpenError {
        OpenError::new(
            format_args!("cannot open the database {}: {why}", self.0.display()),
            "Set DATABASE_URL to a file that this user may read and write",
        )
    }
}

fn configure(conn: &mut SqliteConnection, access: Access) -> QueryResult<()> {
    execute(conn, &format!("PRAGMA busy_timeout={}", BUSY_TIMEOUT.as_millis()))?;
    if access == Access::Write {
        switch_to_wal(conn)?;
        confirm(conn, "journal_mode", "wal")?;
    }
    for (name, value) in SETTINGS {
        execute(conn, &format!("PRAGMA {name}={value}"))?;
        confirm(conn, name, value)?;
    }
    if access == Access::Read {
        execute(conn, "PRAGMA query_only=1")?;
        confirm(conn, "query_only", "1")?;
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// A pragma that SQLite does not know or cannot apply is not an error to it, but it is to us.
fn confirm(conn: &mut SqliteConnection, name: &str, expected: &str) -> QueryResult<()> {
    let query = format!("SELECT CAST({name} AS TEXT) AS value FROM pragma_{name}");
    let Setting { value } = sql_query(query).get_result(conn)?;
    if value == expected {
        return Ok(());
    }
    Err(Error::QueryBuilderError(format!("PRAGMA {name} is {value} where {expected} was set").into()))
}

/// The first connection turns WAL on for good. While several start at once, SQLite refuses some of them
/// without waiting, so they ask again until the time-out.
fn switch_to_wal(conn: &mut SqliteConnection) -> QueryResult<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let began = Instant::now();
    loop {
        match execute(conn, "PRAGMA journal_mode=WAL") {
            Err(error) if error.to_string().contains("locked") && began.elapsed() < START_PATIENCE => {
                thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// The readers and the writer of one file.
pub struct SqliteDoor {
    readers: Workers<Connection>,
    writer: Workers<Connection>,
    file: SqliteFile,
    identity: (u64, u64),
}

impl SqliteDoor {
    /// Starts the readers and the writer.
    pub fn open(file: &SqliteFile) -> Result<Self, OpenError> {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let reading = Limits { threads: cores.clamp(2, 8), queue: 4096, group: 1, patience: Duration::from_secs(5) };
        // A writer waits for another process's lock as long as SQLite does, and then for its own commit.
        let writing = Limits { threads: 1, queue: 4096, group: 256, patience: BUSY_TIMEOUT + Duration::from_secs(1) };
        let connect = |access| {
            let file = file.clone();
            move || file.connect(access).map_err(|error| Problem::new(Kind::Unavailable).caused_by(error))
        };
        let unstarted = |error: io::Error| {
            OpenError::new(format_args!("cannot start a thread: {error}"), "Raise the limit on threads")
        };
        Ok(Self {
            identity: file.identity().map_err(|error| file.unopened(error))?,
            file: file.clone(),
            readers: Workers::start("sqlite-reader", reading, connect(Access::Read), read_one_by_one)
                .map_err(unstarted)?,
            writer: Workers::start("sqlite-writer", writing, connect(Access::Write), commit_together)
                .map_err(unstarted)?,
        })
    }

    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        self.readers.run(job).await
    }

    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// Whether the file is still where it was: SQLite goes on with a file that somebody moved or deleted, and
    /// all that it writes is lost.
    pub fn check_file(&self) -> Result<(), Problem> {
        if self.file.identity().is_ok_and(|identity| identity == self.identity) {
            return Ok(());
        }
        Err(Problem::new(Kind::Unavailable)
            .caused_by("the database file was moved or deleted; restart with the right one"))
    }

    /// The last connection to close moves the WAL into the database file.
    pub fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}

/// Reads; a connection that was left in a transaction is not kept, since it would see the past.
fn read_one_by_one(conn: &mut Connection, group: Group<Connection>) -> bool {
    let whole = one_by_one(conn, group);
    let depth = Transactions::transaction_manager_status_mut(conn).transaction_depth();
    whole && depth.is_ok_and(|depth| depth.is_none())
}

/// Group commit: one transaction, one fsync for all jobs that were waiting. Each job has a savepoint, so
/// that its failure undoes itself alone, and nobody is answered before the commit.
fn commit_together(conn: &mut Connection, mut group: Group<Connection>) -> bool {
    if group.iter().all(|job| job.is_abandoned()) {
        return true;
    }
    match run_in_one_transaction(conn, &mut group) {
        Ok(()) => {
            for job in group {
                job.answer();
            }
            true
        }
        Err(problem) => {
            for job in group {
                job.refuse(problem.repeated());
            }
            // Whatever state the connection was left in, a new one has none of it.
            false
        }
    }
}

fn run_in_one_transaction(conn: &mut Connection, group: &mut Group<Connection>) -> Result<(), Problem> {
    begin_immediate(conn)?;
    for job in group.iter_mut().filter(|job| !job.is_abandoned()) {
        Transactions::begin_transaction(conn)?;
        match job.run(conn) {
            Ran::Done => Transactions::commit_transaction(conn)?,
            // A full disk undoes the whole transaction by itself, so that this fails; the job knows why.
            Ran::Failed(kind) => undo(conn).map_err(|error| Problem::new(kind).caused_by(error))?,
            Ran::Panicked => undo(conn)?,
        }
    }
    Ok(Transactions::commit_transaction(conn)?)
}

/// Goes back to the group's own transaction: a job that panicked may have left some of its own open.
fn undo(conn: &mut Connection) -> QueryResult<()> {
    let depth = |conn: &mut Connection| Transactions::transaction_manager_status_mut(conn).transaction_depth();
    while depth(conn)?.is_some_and(|depth| depth.get() > 1) {
        Transactions::rollback_transaction(conn)?;
    }
    Ok(())
}

type Transactions = <Connection as diesel::Connection>::TransactionManager;

fn begin_immediate(conn: &mut Connection) -> QueryResult<()> {
    match conn {
        Connection::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE"),
        Connection::Postgres(_) => Err(Error::NotInTransaction),
    }
}
