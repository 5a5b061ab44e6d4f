//! The door to the database: [`Db::read`] and [`Db::write`], over SQLite or PostgreSQL. Handlers cannot
//! block a thread, forget a transaction or hold a connection across an await, because only the door can.
//! What stands behind it is in `sqlite` and `postgres`; the queries are in each room's `repo.rs`.

mod atomic;
pub mod column;
mod connection;
mod constraint;
mod error;
pub mod expression;
mod group;
mod identity;
pub mod migrate;
mod pooler;
mod postgres;
mod preflight;
mod refusal;
pub mod schema;
mod search_key;
mod sqlite;
pub mod timestamp;
mod url;
mod wal;

use std::{fmt, sync::Arc};

use diesel::{
    QueryResult,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
};

pub use self::{
    atomic::Atomic,
    connection::{Conn, MultiBackend, columns},
    constraint::{Broken, OnConstraint},
    identity::DatabaseId,
    search_key::{folded, search_key},
    sqlite::Near,
    url::DatabaseUrl,
};
use self::{
    postgres::PostgresEngine,
    sqlite::{SqliteEngine, SqliteFile},
};
use crate::problem::Problem;

/// How many rows one transaction deletes of what there may be any number of: other writes wait meanwhile.
pub const PIECE: usize = 250;

/// A number of rows, as `LIMIT` takes it.
#[must_use]
pub fn rows(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The database could not be opened; says why, and what to do.
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

/// What two queries found belongs to different moments.
#[derive(Debug)]
struct Torn;

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("what was read does not fit together")
    }
}

impl std::error::Error for Torn {}

/// What a job of [`Db::read_fitting`] says when its queries do not fit together.
#[must_use]
pub fn torn() -> Problem {
    Problem::internal(Torn)
}

fn is_torn(problem: &Problem) -> bool {
    let Some(cause) = problem.cause() else { return false };
    cause.is::<Torn>()
}

/// The door. One for the process; every worker shares it.
pub struct Db(Engine, DatabaseId);

enum Engine {
    Sqlite(SqliteEngine),
    Postgres(PostgresEngine),
}

impl Db {
    /// Opens the database and brings its schema up to date. Blocks; `connections` counts PostgreSQL's.
    ///
    /// # Errors
    /// The database cannot be reached or opened, its settings did not take, or its schema is newer than
    /// this program.
    pub fn open(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        Self::over(connect(url)?, url, connections)
    }

    /// Opens a database that is there; none is made, but its schema is brought up to date.
    ///
    /// # Errors
    /// As [`Db::open`], and when there is none.
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
        Ok(Self(door, id))
    }

    /// The database's own name.
    #[must_use]
    pub fn id(&self) -> &DatabaseId {
        &self.1
    }

    /// Runs queries that change nothing. Each statement sees what was committed before it.
    ///
    /// # Errors
    /// What `job` returns; `overloaded` when too much waits; `unavailable` when the database does not answer.
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

    /// The same for a query that finds one row by its key, and that nearly every request needs. Where the database is
    /// a file it runs on the calling thread, which has a connection of its own `near`.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn glance<T, F>(&self, near: &Near, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        if let Engine::Sqlite(door) = &self.0
            && let Some(result) = door.glance(near, &job)
        {
            return result;
        }
        self.read(job).await
    }

    /// The same for queries that have to see one moment all together.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn snapshot<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        self.read(move |conn| at_one_moment(conn, &job)).await
    }

    /// The same for queries that fit together nearly always, without the cost of a transaction: `job` says with
    /// [`torn`] when they do not, and is run again at one moment.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn read_fitting<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + Sync + 'static,
    {
        let job = Arc::new(job);
        let again = Arc::clone(&job);
        match self.read(move |conn| job(conn)).await {
            Err(problem) if is_torn(&problem) => self.snapshot(move |conn| again(conn)).await,
            result => result,
        }
    }

    /// Runs `job` as one transaction and returns once it is durable; an error rolls it back. PostgreSQL may
    /// ask for it to be run again, so a job changes nothing but the database.
    ///
    /// # Errors
    /// As [`Db::read`]; after `unavailable` or `overloaded` the write may or may not have happened.
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

    /// As [`Db::write`], for a job that needs no transaction on PostgreSQL unless it opens one: an [`Atomic`] runs one
    /// statement, or a transaction, and nothing beside it.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_statement<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(Atomic<'_>) -> Result<T, Problem> + Send + 'static,
    {
        let job = move |conn: &mut Conn| job(Atomic::on(conn));
        match &self.0 {
            Engine::Sqlite(door) => door.write(job).await,
            Engine::Postgres(door) => door.write_statement(job).await,
        }
    }

    /// Runs `piece` again and again as long as there `is_more` to do: each in a transaction of its own, so that other
    /// writes get in between. A piece touches about [`PIECE`] rows and tells whether there may be more.
    ///
    /// # Errors
    /// As [`Db::write`], for one of the pieces; those before it are durable.
    pub async fn write_in_pieces<F>(&self, mut is_more: bool, piece: F) -> Result<(), Problem>
    where
        F: Fn(&mut Conn) -> Result<bool, Problem> + Clone + Send + 'static,
    {
        while is_more {
            is_more = self.write(piece.clone()).await?;
        }
        Ok(())
    }

    /// Whether the database answers, and is still the one that was opened.
    ///
    /// # Errors
    /// `unavailable`, `overloaded`, or `internal-error` when it is spoilt.
    pub async fn ping(&self) -> Result<(), Problem> {
        if let Engine::Sqlite(door) = &self.0 {
            door.check_file()?;
        }
        self.read(|conn| Ok(execute(conn, "SELECT id FROM users LIMIT 1")?)).await
    }

    /// Whether `(a, b) > (?, ?)` is a range of an index.
    #[must_use]
    pub fn compares_rows(&self) -> bool {
        matches!(self.0, Engine::Postgres(_))
    }

    /// Finishes what was taken on and closes every connection; later calls are refused.
    pub fn close(&self) {
        match &self.0 {
            Engine::Sqlite(door) => door.close(),
            Engine::Postgres(door) => door.close(),
        }
    }
}

/// One connection with all its settings, for work that is done before the doors open.
///
/// # Errors
/// As [`Db::open`].
pub fn connect(url: &DatabaseUrl) -> Result<Conn, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => SqliteFile::at(path).create(),
        DatabaseUrl::Postgres(url) => postgres::connect_patiently(url),
    }
}

/// One connection to a database that is there: one that Kennel has made, in whatever version.
///
/// # Errors
/// As [`connect`], and when there is none; then nothing was made or changed.
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
fn at_one_moment<T>(conn: &mut Conn, job: impl Fn(&mut Conn) -> Result<T, Problem>) -> Result<T, Problem> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN")?,
        Conn::Postgres(conn) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
        }
    }
    let result = job(conn);
    let ended = Transactions::rollback_transaction(conn);
    // Nothing was changed, so that all there is to lose is a connection that broke.
    match result {
        Ok(value) => Ok(ended.map(|()| value)?),
        Err(problem) => Err(problem),
    }
}

/// Begins, commits and undoes transactions on either database, and knows how many are open, one in another.
type Transactions = <Conn as diesel::Connection>::TransactionManager;

/// Runs `query` for its effect.
fn execute(conn: &mut impl SimpleConnection, query: &str) -> QueryResult<()> {
    conn.batch_execute(query)
}
