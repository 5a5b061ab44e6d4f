//! SQLite behind the door: a few readers, and one writer that commits in groups. WAL lets the readers go
//! on while the writer writes; with one writer no thread ever waits for a lock inside this process.

use std::{
    cell::RefCell,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use diesel::{
    Connection as _, QueryResult, QueryableByName, RunQueryDsl, SqliteConnection,
    connection::{SimpleConnection, TransactionManager},
    result::Error,
    sql_query,
    sql_types::{BigInt, Text},
};

use super::{
    Conn, OpenError, Transactions,
    group::{GroupCounts, commit_together},
    migrate, wal,
};
use crate::{
    files::{self, sync_folder_of},
    histogram::SizeHistogram,
    problem::{Kind, Problem},
    workers::{Batch, BatchEnd, WorkerLimits, WorkerStatus, Workers, one_by_one},
};

/// The longest wait of SQLite itself for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest wait for other instances while they turn WAL on.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// The settings of every connection, which are read back to see that they took.
const SETTINGS: &[(&str, &str)] = &[
    ("foreign_keys", "1"),
    // FULL: a confirmed write survives a power cut.
    ("synchronous", "2"),
    ("secure_delete", "1"),
    ("trusted_schema", "0"),
    ("journal_size_limit", "67108864"),
    // In memory.
    ("temp_store", "2"),
];

/// A database file, by its path; whether it is there is another matter.
#[derive(Clone)]
pub struct SqliteFile(PathBuf);

/// The access of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenMode {
    Read,
    /// Reading, without waiting for locks.
    Inline,
    Write,
}

/// The device and number of a file.
type FileIdentity = (u64, u64);

thread_local! {
    /// The thread's own connection, to the file with this identity, opened when it is needed first. With it a single
    /// row is read on the serving thread, since to hand a job to a reader takes longer than to read a row.
    static INLINE: RefCell<Option<(FileIdentity, Conn)>> = const { RefCell::new(None) };
}

impl SqliteFile {
    /// The file at this path; nothing is opened.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Makes the file if there is none, for its owner only, and opens it for writing.
    ///
    /// # Errors
    /// The file cannot be made or opened, every user of the machine can write it, its settings did not take, or a
    /// write-ahead log of another database lies beside it.
    pub fn create(&self) -> Result<Conn, OpenError> {
        wal::refuse_foreign(&self.0)?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.0);
        match made {
            // The file's name, too, has to survive a power cut.
            Ok(_) => sync_folder_of(&self.0).map_err(|error| self.unopened(error))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(self.unopened(error)),
        }
        self.check_modes()?;
        self.connect(OpenMode::Write)
    }

    /// Checks whether others than the owner can use the database's files and their folder.
    fn check_modes(&self) -> Result<(), OpenError> {
        for ending in ["", "-wal", "-shm"] {
            let path = files::beside(&self.0, ending);
            files::check(&path).map_err(|error| {
                OpenError::new(format_args!("cannot trust the database {}", path.display()), &error.to_string())
            })?;
        }
        files::check_folder(&files::folder_of(&self.0));
        Ok(())
    }

    /// Whether there is a file and it has Kennel's schema, without a change to either.
    ///
    /// # Errors
    /// The file cannot be read, or a write-ahead log of another database lies beside it.
    pub fn has_schema(&self) -> Result<bool, OpenError> {
        match fs::metadata(&self.0) {
            Ok(_) => {
                wal::refuse_foreign(&self.0)?;
                let mut conn = Conn::Sqlite(self.establish()?);
                migrate::is_known(&mut conn).map_err(|error| self.unopened(error))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unopened(error)),
        }
    }

    /// Opens a file that is there, as it is: for work on a backup, which no server uses.
    ///
    /// # Errors
    /// There is no such file, or it cannot be opened.
    pub fn open(&self) -> Result<Conn, OpenError> {
        self.refuse_absence()?;
        let mut conn = self.establish()?;
        set(&mut conn, "foreign_keys", "1").map_err(|error| self.unopened(error))?;
        Ok(Conn::Sqlite(conn))
    }

    /// Opens a file that is there, on a connection that cannot write.
    ///
    /// # Errors
    /// There is no such file, or it cannot be opened, or is no database.
    pub fn open_to_read(&self) -> Result<Conn, OpenError> {
        self.refuse_absence()?;
        wal::refuse_foreign(&self.0)?;
        self.connect(OpenMode::Read)
    }

    /// Opens a file that is there and keeps everybody else out of it until the connection ends. `None`, if it is so
    /// damaged that nobody could use it.
    ///
    /// # Errors
    /// A server, or another program, has it open, or it cannot be opened.
    pub fn take_alone(&self) -> Result<Option<Conn>, OpenError> {
        self.refuse_absence()?;
        let mut conn = self.establish()?;
        // In this mode SQLite asks for the lock that every other connection shares as long as it is open.
        let taken = conn.batch_execute(
            "PRAGMA busy_timeout=1000; PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; SELECT 1 FROM sqlite_schema; COMMIT",
        );
        match taken {
            Ok(()) => Ok(Some(Conn::Sqlite(conn))),
            Err(error) if error.to_string().contains("locked") => Err(OpenError::new(
                format_args!("a server, or another program, has the database {} open", self.0.display()),
                "Stop it first; nothing was changed",
            )),
            Err(error) => {
                tracing::warn!(path = %self.0.display(), %error, "the database is damaged");
                Ok(None)
            }
        }
    }

    fn refuse_absence(&self) -> Result<(), OpenError> {
        match fs::metadata(&self.0) {
            Ok(found) if found.is_file() => Ok(()),
            Ok(_) => Err(self.unopened("it is no file")),
            Err(error) => Err(self.unopened(error)),
        }
    }

    fn connect(&self, access: OpenMode) -> Result<Conn, OpenError> {
        let mut conn = self.establish()?;
        configure(&mut conn, access).map_err(|error| self.unopened(error))?;
        Ok(Conn::Sqlite(conn))
    }

    fn establish(&self) -> Result<SqliteConnection, OpenError> {
        let path = self.0.to_str().ok_or_else(|| self.unopened("its path is not UTF-8"))?;
        // SQLite reads some names as URIs, but none that begins so.
        let path = if path.starts_with('/') { path.to_owned() } else { format!("./{path}") };
        SqliteConnection::establish(&path).map_err(|error| self.unopened(error))
    }

    /// The identity of the file that is there now.
    fn identity(&self) -> io::Result<FileIdentity> {
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

fn configure(conn: &mut SqliteConnection, access: OpenMode) -> QueryResult<()> {
    let patience = if access == OpenMode::Inline { Duration::ZERO } else { BUSY_TIMEOUT };
    conn.batch_execute(&format!("PRAGMA busy_timeout={}", patience.as_millis()))?;
    if access == OpenMode::Write {
        switch_to_wal(conn)?;
        confirm(conn, "journal_mode", "wal")?;
    }
    for (name, value) in SETTINGS {
        set(conn, name, value)?;
    }
    // In KiB, negative to tell them from pages.
    set(conn, "cache_size", if access == OpenMode::Inline { "-1024" } else { "-8192" })?;
    if access != OpenMode::Write {
        set(conn, "query_only", "1")?;
    }
    Ok(())
}

fn set(conn: &mut SqliteConnection, name: &str, value: &str) -> QueryResult<()> {
    conn.batch_execute(&format!("PRAGMA {name}={value}"))?;
    confirm(conn, name, value)
}

#[derive(QueryableByName)]
struct Setting {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Checks that a pragma took: SQLite ignores one that it does not know or cannot apply.
fn confirm(conn: &mut SqliteConnection, name: &str, expected: &str) -> QueryResult<()> {
    let query = format!("SELECT CAST({name} AS TEXT) AS value FROM pragma_{name}");
    let Setting { value } = sql_query(query).get_result(conn)?;
    if value == expected {
        return Ok(());
    }
    Err(Error::QueryBuilderError(format!("PRAGMA {name} is {value} where {expected} was set").into()))
}

/// Turns WAL on, which the first connection does for good. While several start at once, SQLite refuses some of them
/// without waiting, so they try again until the time-out.
fn switch_to_wal(conn: &mut SqliteConnection) -> QueryResult<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let began = Instant::now();
    loop {
        match conn.batch_execute("PRAGMA journal_mode=WAL") {
            Err(error) if error.to_string().contains("locked") && began.elapsed() < START_PATIENCE => {
                thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// The readers and the one writer of a SQLite file.
pub struct SqliteEngine {
    readers: Workers<Conn>,
    writer: Workers<Conn>,
    file: SqliteFile,
    identity: FileIdentity,
    groups: Arc<GroupCounts>,
    /// How many of the failures came before a write that `check` made and that was committed. Only such a write is
    /// known to have reached the disk: a transaction with nothing to write commits on a dead one, too.
    overcome: AtomicU64,
}

impl SqliteEngine {
    /// Starts the readers, as many as there are cores, 2 to 8, and the writer; up to 4,096 jobs wait for each.
    ///
    /// # Errors
    /// The file is not there, or the system has no more threads to give.
    pub fn open(file: &SqliteFile) -> Result<Self, OpenError> {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let reading = WorkerLimits::new(cores.clamp(2, 8), 4096, Duration::from_secs(5));
        // A writer waits for another process's lock as long as SQLite does, and then for its own commit.
        let patience = BUSY_TIMEOUT + Duration::from_secs(1);
        let writing = WorkerLimits { group: 256, ..WorkerLimits::new(1, 4096, patience) };
        let groups = Arc::<GroupCounts>::default();
        let commit = {
            let groups = Arc::clone(&groups);
            move |conn: &mut Conn, group: Batch<Conn>| commit_together(conn, group, &groups)
        };
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
            readers: Workers::start("sqlite-reader", reading, connect(OpenMode::Read), read_one_by_one)
                .map_err(unstarted)?,
            writer: Workers::start("sqlite-writer", writing, connect(OpenMode::Write), commit).map_err(unstarted)?,
            groups,
            overcome: AtomicU64::new(0),
        })
    }

    /// Runs a job that changes nothing on a reader; its connection cannot write.
    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        self.readers.run(job).await
    }

    /// Runs a job on the writer, in a transaction with others that wait (`group`).
    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// Reads on the calling thread, if that can be done without waiting; `None` if a reader has to do it.
    pub fn read_inline<T>(&self, job: impl Fn(&mut Conn) -> Result<T, Problem>) -> Option<Result<T, Problem>> {
        let read = |slot: &RefCell<Option<(FileIdentity, Conn)>>| {
            let mut slot = slot.try_borrow_mut().ok()?;
            if slot.as_ref().is_none_or(|(identity, _)| *identity != self.identity) {
                *slot = self.file.connect(OpenMode::Inline).ok().map(|conn| (self.identity, conn));
            }
            let (_, conn) = slot.as_mut()?;
            match job(conn) {
                // The database is locked for a moment, or the connection is broken.
                Err(problem) if problem.kind().status().is_server_error() => {
                    *slot = None;
                    None
                }
                result => Some(result),
            }
        };
        // `None`, too, when the thread ends.
        INLINE.try_with(read).ok()?
    }

    /// Checks that the file can be read and is still where it was, and, if a write failed since the last check, writes
    /// a number in its header as it is, to see whether the disk is well again.
    ///
    /// # Errors
    /// `unavailable`, when another file is there or none, or the disk fails; `overloaded`; `internal-error`, when the
    /// database is damaged.
    pub async fn check(&self) -> Result<(), Problem> {
        self.check_place()?;
        let failures = self.groups.failures.load(Ordering::Relaxed);
        if failures != self.overcome.load(Ordering::Relaxed) {
            // A row that is written as it was is not written at all (`btreeOverwriteContent`); the header always is.
            self.write(|conn| Ok(conn.batch_execute("PRAGMA user_version = 0")?)).await?;
            self.overcome.fetch_max(failures, Ordering::Relaxed);
        }
        self.read(|conn| Ok(conn.batch_execute("SELECT id FROM users LIMIT 1")?)).await
    }

    /// Moves all of the write-ahead log into the file, and empties it (`TRUNCATE`). A connection that may only query may
    /// do that, too.
    pub async fn empty_log(&self) -> Result<(), Problem> {
        let emptied =
            self.read(|conn| Ok(conn.one::<Checkpoint, _>(sql_query("PRAGMA wal_checkpoint(TRUNCATE)"))?)).await?;
        if emptied.busy == 0 { Ok(()) } else { Err(Problem::new(Kind::Overloaded).caused_by("the log is in use")) }
    }

    /// Checks that the file is still where it was: SQLite goes on with a file that was moved or deleted, and all that
    /// it writes is lost.
    fn check_place(&self) -> Result<(), Problem> {
        if self.file.identity().is_ok_and(|identity| identity == self.identity) {
            return Ok(());
        }
        Err(Problem::new(Kind::Unavailable)
            .caused_by("the database file was moved or deleted; restart with the right one"))
    }

    /// The state of the readers and of the writer now.
    pub fn status(&self) -> [WorkerStatus; 2] {
        [self.readers.status(), self.writer.status()]
    }

    /// The numbers of jobs in the groups that the writer has run.
    pub fn group_sizes(&self) -> &SizeHistogram {
        &self.groups.sizes
    }

    /// Finishes the waiting jobs and closes all connections; the last one moves the WAL into the database file. Blocks
    /// until that is done.
    pub fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}

/// The answer to `PRAGMA wal_checkpoint`.
#[derive(QueryableByName)]
struct Checkpoint {
    /// Not 0, if others used the log.
    #[diesel(sql_type = BigInt)]
    busy: i64,
}

/// Runs each read by itself; a connection that was left in a transaction is not kept, since it would see the past.
fn read_one_by_one(conn: &mut Conn, group: Batch<Conn>) -> BatchEnd<Conn> {
    let end = one_by_one(conn, group);
    let depth = Transactions::transaction_manager_status_mut(conn).transaction_depth();
    if depth.is_ok_and(|depth| depth.is_none()) { end } else { BatchEnd::answered(false) }
}
