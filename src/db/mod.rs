//! [`Db`], the door to the database, over SQLite or PostgreSQL. Handlers cannot block a thread, forget a transaction
//! or hold a connection across an await, because only the door can. There are four ways through it:
//!
//! | way | for |
//! | --- | --- |
//! | [`Db::read`] | queries that change nothing, each of which may see another moment |
//! | [`Db::snapshot`] | several queries that have to see the same moment |
//! | [`Db::write`] | every change: one transaction, durable when it returns |
//! | [`Db::read_inline`] | one row by its key, on the serving thread, as the gate reads for each request |
//!
//! Owners, dogs and tasks are written by [`Db::write_book`], which is [`Db::write`] with the book's lock and its log of
//! changes ([`Book`]): their repositories demand an open book, so that a write past the log does not compile.
//! [`Db::create_in_book`] is the same for a create that is a single statement, and so a transaction without `BEGIN` and
//! `COMMIT`: on PostgreSQL a create with the gate is two round trips without them, and four with them.
//!
//! The engines behind it are in `sqlite` and `postgres`; the queries are in each room's `repo.rs`.

pub mod archive;
mod book;
pub mod column;
mod connection;
mod constraint;
mod error;
pub mod expression;
mod group;
mod hub;
mod identity;
pub mod migrate;
mod pooler;
mod postgres;
mod preflight;
mod refusal;
/// The tables of both databases as Diesel's query builder knows them; written by the Diesel CLI from the migrations.
pub mod schema;
mod search_key;
mod sqlite;
pub mod timestamp;
mod url;
mod wal;

use std::{fmt, sync::Arc};

use diesel::connection::{AnsiTransactionManager, TransactionManager};

pub(crate) use self::archive::{records, sequences::take_ids};
pub use self::{
    book::{Action, Book, BookEntry, BookResource, BookRow, MOST_CHANGES, forget_changes},
    connection::{Conn, columns},
    constraint::{Broken, OnConstraint},
    hub::{Follower, Hub},
    identity::DatabaseId,
    search_key::{folded, search_key},
    url::DatabaseUrl,
};
use self::{
    postgres::PostgresEngine,
    sqlite::{SqliteEngine, SqliteFile},
};
use crate::{histogram::SizeHistogram, ids::UserId, problem::Problem, workers::WorkerStatus};

/// The most rows that a transaction deletes, where there may be any number of them: the rest follows in further
/// transactions, so that other writes get in between ([`Db::write_in_pieces`]). As many are written with them where the
/// deletion is logged.
pub const PIECE: usize = 250;

/// The most expired rows of a table that the [`sweeper`](crate::sweeper) deletes in one transaction, so that other
/// writes do not wait long.
pub const SWEPT_AT_ONCE: i64 = 500;

/// The number `count` as the `i64` that SQL's `LIMIT` takes; the largest one, if it is larger.
#[must_use]
pub fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The reason why the database could not be opened. Its `Display` is one line that says what to do, without a password.
#[derive(Debug)]
pub struct OpenError(String);

impl OpenError {
    fn new(what: impl fmt::Display, remedy: &str) -> Self {
        Self(format!("{what}. {remedy}"))
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenError {}

/// The only way to the database, one for the process: a job (a closure that takes a [`Conn`]) is sent to a thread of
/// the pool, so that no handler blocks a thread or holds a connection across an await. [`Db::read`], [`Db::snapshot`],
/// [`Db::write`] and [`Db::read_inline`] are the ways through; a job queues in the [`Flow`](crate::workers::Flow) of
/// its caller.
pub struct Db(Engine, DatabaseId, Arc<Hub>);

/// The state of a pool of threads with a connection each, at one moment, for `metrics`.
pub struct PoolStatus {
    /// The name of the pool: `sqlite-reader`, `sqlite-writer` or `postgres`.
    pub name: &'static str,
    /// The connections that there should be.
    pub most: usize,
    /// The connections that are open.
    pub open: usize,
    /// The open connections that nothing is done on.
    pub idle: usize,
    /// The reads that wait for a connection.
    pub reads: usize,
    /// The writes that wait for a connection.
    pub writes: usize,
}

enum Engine {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

impl Db {
    /// Opens the database and brings its schema up to date; makes a SQLite file if there is none. Blocks, up to 30
    /// seconds for a PostgreSQL server that is not up yet. PostgreSQL is used with this number of `connections`. SQLite
    /// ignores the number: it has one connection that writes, and as many that read as the machine has cores, but at
    /// least 2 and at most 8.
    ///
    /// # Errors
    /// [`OpenError`], when the database cannot be reached or opened, its settings did not take, or its schema is newer
    /// than this program.
    pub fn open(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        Self::over(connect(url)?, url, connections)
    }

    /// Opens a database that exists and brings its schema up to date, as [`Db::open`] does; where there is none, none
    /// is made.
    ///
    /// # Errors
    /// [`OpenError`] as for [`Db::open`], and when there is no database that Kennel has made.
    pub fn open_existing(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        Self::over(connect_existing(url)?, url, connections)
    }

    fn over(mut conn: Conn, url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        migrate::run(&mut conn)?;
        let id = DatabaseId::of(&mut conn)
            .map_err(|error| OpenError::new(format_args!("the database has no id: {error}"), "Restore a backup"))?;
        drop(conn);
        let door = match url {
            DatabaseUrl::Sqlite(path) => Engine::Sqlite(SqliteEngine::open(&SqliteFile::at(path))?),
            DatabaseUrl::Postgres(url) => Engine::Postgres(PostgresEngine::open(url, connections)?),
        };
        Ok(Self(door, id, Arc::default()))
    }

    /// The random id of the database, made with its schema and stored in it. The keys that sign tokens are derived from
    /// it and the secret, so that a token of one database is worth nothing in another.
    #[must_use]
    pub fn id(&self) -> &DatabaseId {
        &self.1
    }

    /// The followers of books in this process.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.2
    }

    /// Runs `job`, queries that change nothing, on a thread of the pool, and returns its result. Each statement sees
    /// what was committed before it. A job may be run again on a new connection, when the old one broke.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, when too many jobs wait or the result takes too long, 5 seconds on SQLite and
    /// 2.8 on PostgreSQL; `too-many-requests`, when too many of the waiting ones are the same caller's; `unavailable`,
    /// when the database does not respond.
    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        match &self.0 {
            Engine::Sqlite(door) => door.read(job).await,
            Engine::Postgres(door) => door.read(job).await,
        }
    }

    /// Runs a query that finds one row by its key, and that nearly every request needs, as [`Db::read`] does; but with
    /// SQLite on the calling thread, on a connection of its own: to send it to another thread would take longer.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::read`].
    pub async fn read_inline<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        if let Engine::Sqlite(door) = &self.0
            && let Some(result) = door.read_inline(&job)
        {
            return result;
        }
        self.read(job).await
    }

    /// Runs queries that change nothing and have to see the same moment: all of them see what was committed before the
    /// first. A job may be run again, as with [`Db::read`].
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::read`].
    pub async fn snapshot<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        self.read(move |conn| at_one_moment(conn, &job)).await
    }

    /// Runs `job` as one transaction and returns once it is durable; an error rolls it back. A job may be run again:
    /// PostgreSQL may ask for that, and on SQLite another job of the same commit may have failed. So a job changes
    /// nothing but the database.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::read`], but on SQLite after 6
    /// seconds instead of 5. After `unavailable` or `overloaded` the write may or may not have happened.
    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        match &self.0 {
            Engine::Sqlite(door) => door.write(job).await,
            Engine::Postgres(door) => door.write(job).await,
        }
    }

    /// Runs `job` as [`Db::write`] does, with the book of `owner` open: other writes to it wait until this one has
    /// ended, and what `job` notes in it is logged with its own change.
    ///
    /// # Errors
    /// The errors of `job`; `revoked-token`, when the user was deleted a moment ago; `overloaded`, `too-many-requests`
    /// or `unavailable`, as [`Db::write`].
    pub async fn write_book<T, F>(&self, owner: UserId, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &mut Book) -> Result<T, Problem> + Send + 'static,
    {
        let done = self.write(move |conn| Book::write(conn, owner, None, &job)).await;
        self.2.tell(owner);
        done
    }

    /// Runs `first` as [`Db::write_book`] does, and then `rest` again and again, each time in a transaction of its own
    /// so that other writes get in between, as long as they return `true`, which says that there may be more to do. All
    /// their changes are of one batch. A piece touches about [`PIECE`] rows.
    ///
    /// # Errors
    /// The errors of the pieces, and those of [`Db::write_book`]. The pieces before the one that failed are durable.
    pub async fn write_book_in_pieces<F, G>(&self, owner: UserId, first: F, rest: G) -> Result<(), Problem>
    where
        F: Fn(&mut Conn, &mut Book) -> Result<bool, Problem> + Send + 'static,
        G: Fn(&mut Conn, &mut Book) -> Result<bool, Problem> + Clone + Send + 'static,
    {
        let (mut is_more, batch) =
            self.write_book(owner, move |conn, book| Ok((first(conn, book)?, book.batch()))).await?;
        while is_more {
            let rest = rest.clone();
            let rest = move |conn: &mut Conn, book: &mut Book| {
                book.require_not_undone(conn)?;
                rest(conn, book)
            };
            is_more = self.write(move |conn| Book::write(conn, owner, Some(batch), &rest)).await?;
            self.2.tell(owner);
        }
        Ok(())
    }

    /// Runs `job`, one change of the book of `owner`, as [`Db::write_book`] does, but on PostgreSQL without `BEGIN` and
    /// `COMMIT` unless the job opens a transaction: a [`BookEntry`] runs one `INSERT` or one transaction, and nothing
    /// beside it.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::write`].
    pub async fn create_in_book<T, F>(&self, owner: UserId, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(BookEntry<'_>) -> Result<T, Problem> + Send + 'static,
    {
        let job = move |conn: &mut Conn| job(BookEntry::on(conn, owner));
        let done = match &self.0 {
            Engine::Sqlite(door) => door.write(job).await,
            Engine::Postgres(door) => door.write_statement(job).await,
        };
        self.2.tell(owner);
        done
    }

    /// Runs `piece` again and again, each time in a transaction of its own so that other writes get in between, as long
    /// as it returns `true`, which says that there may be more to do. With `is_more` false (nothing to do) it does not
    /// run at all. A piece touches about [`PIECE`] rows.
    ///
    /// # Errors
    /// The errors of `piece`; `overloaded`, `too-many-requests` or `unavailable`, as [`Db::write`]. The pieces before
    /// the one that failed are durable.
    pub async fn write_in_pieces<F>(&self, mut is_more: bool, piece: F) -> Result<(), Problem>
    where
        F: Fn(&mut Conn) -> Result<bool, Problem> + Clone + Send + 'static,
    {
        while is_more {
            is_more = self.write(piece.clone()).await?;
        }
        Ok(())
    }

    /// Checks that the database responds and can be written to, and that a SQLite file is still the one that was opened.
    /// Writes nothing, unless the last write to a SQLite file failed.
    ///
    /// # Errors
    /// `unavailable`, `overloaded`, or `internal-error`, when the database is damaged.
    pub async fn ping(&self) -> Result<(), Problem> {
        match &self.0 {
            Engine::Sqlite(door) => door.check().await,
            Engine::Postgres(door) => door.check().await,
        }
    }

    /// Clears SQLite's files of what was deleted: its pages are overwritten in the file, and the write-ahead log, which
    /// has them as they were, is emptied. `None` on PostgreSQL, which keeps deleted rows until it vacuums by itself.
    ///
    /// # Errors
    /// `overloaded`, when others use the log all the time; `unavailable`, when the database does not respond.
    pub async fn clear_deleted(&self) -> Result<Option<()>, Problem> {
        match &self.0 {
            Engine::Sqlite(door) => door.empty_log().await.map(Some),
            Engine::Postgres(_) => Ok(None),
        }
    }

    /// Whether the engine finds `(a, b) > (?, ?)` by one range of an index, as PostgreSQL does, and SQLite does not.
    #[must_use]
    pub fn compares_rows(&self) -> bool {
        matches!(self.0, Engine::Postgres(_))
    }

    /// The state of each pool now. The connections of [`Db::read_inline`] are in none.
    pub fn pools(&self) -> Vec<PoolStatus> {
        let pool = |WorkerStatus { name, threads, with_state, idle, .. }, reads, writes| PoolStatus {
            name,
            most: threads,
            open: with_state,
            idle: idle.min(with_state),
            reads,
            writes,
        };
        match &self.0 {
            Engine::Sqlite(door) => {
                let [readers, writer] = door.status();
                let (reads, writes) = (readers.prompt, writer.prompt);
                vec![pool(readers, reads, 0), pool(writer, 0, writes)]
            }
            Engine::Postgres(door) => {
                let status = door.status();
                let (reads, writes) = (status.prompt, status.blocking);
                vec![pool(status, reads, writes)]
            }
        }
    }

    /// The numbers of writes in the commits that they shared; `None` on PostgreSQL, where each has its own.
    pub fn group_sizes(&self) -> Option<&SizeHistogram> {
        match &self.0 {
            Engine::Sqlite(door) => Some(door.group_sizes()),
            Engine::Postgres(_) => None,
        }
    }

    /// Finishes the waiting jobs and closes every connection; later calls are refused with `overloaded`. Blocks until
    /// that is done.
    pub fn close(&self) {
        match &self.0 {
            Engine::Sqlite(door) => door.close(),
            Engine::Postgres(door) => door.close(),
        }
    }
}

/// Opens one connection with all its settings, and makes a SQLite file if there is none: for work on the schema, before
/// there is a [`Db`]. Blocks, as [`Db::open`] does.
///
/// # Errors
/// [`OpenError`], when the database cannot be reached or opened, or its settings did not take.
pub fn connect(url: &DatabaseUrl) -> Result<Conn, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => SqliteFile::at(path).create(),
        DatabaseUrl::Postgres(url) => postgres::connect_patiently(url),
    }
}

/// Opens one connection to a database that Kennel has made, in whatever version, as [`connect`] does; where there is
/// none, none is made.
///
/// # Errors
/// [`OpenError`] as for [`connect`], and when there is no database that Kennel has made; nothing was made or changed
/// then.
pub fn connect_existing(url: &DatabaseUrl) -> Result<Conn, OpenError> {
    let found = match url {
        DatabaseUrl::Sqlite(path) => SqliteFile::at(path).has_schema()?.then(|| connect(url)).transpose()?,
        DatabaseUrl::Postgres(_) => {
            let mut conn = connect(url)?;
            let is_there = migrate::is_known(&mut conn);
            is_there.map_err(|error| OpenError::new(error, "See that this user may read the database"))?.then_some(conn)
        }
    };
    found.ok_or_else(|| {
        OpenError::new(
            format_args!("there is no Kennel database yet ({})", url.in_full()),
            "Set DATABASE_URL, or go to the folder that it is in; `kennel serve` and `kennel migrate run` make a new one",
        )
    })
}

/// Runs `job` in a transaction that sees what was committed before its first query, and nothing later.
fn at_one_moment<T, E: From<diesel::result::Error>>(
    conn: &mut Conn,
    job: impl FnOnce(&mut Conn) -> Result<T, E>,
) -> Result<T, E> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN")?,
        Conn::Postgres(conn) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        }
    }
    let result = job(conn);
    let ended = Transactions::rollback_transaction(conn);
    // Nothing was changed, so a rollback can only fail with a connection that broke.
    match result {
        Ok(value) => Ok(ended.map(|()| value)?),
        Err(problem) => Err(problem),
    }
}

/// Diesel's manager of transactions, on either database: begins, commits and undoes them, and knows how many are open,
/// one in another.
type Transactions = <Conn as diesel::Connection>::TransactionManager;
