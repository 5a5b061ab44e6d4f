//! The door to the database: [`Db::read`] and [`Db::write`], over SQLite or PostgreSQL. Handlers cannot
//! block a thread, forget a transaction or hold a connection across an await, because only the door can.
//! What stands behind it is in `sqlite` and `postgres`; the queries are in each room's `repo.rs`.

mod connection;
mod constraint;
mod error;
pub mod migrate;
mod postgres;
pub mod schema;
mod sqlite;
pub mod timestamp;

use std::{fmt, path::PathBuf, str::FromStr};

use diesel::{QueryResult, connection::SimpleConnection};

pub use self::{
    connection::{AnyConnection as Connection, MultiBackend, MultiRawValue, columns},
    constraint::{Broken, OnConstraint},
};
use self::{
    postgres::PostgresDoor,
    sqlite::{SqliteDoor, SqliteFile},
};
use crate::problem::Problem;

/// Which database, as `DATABASE_URL` names it.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// The path of the file.
    Sqlite(PathBuf),
    /// The whole URL; it may hold a password.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = &'static str;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(rest) = url.strip_prefix("postgres://").or_else(|| url.strip_prefix("postgresql://")) {
            // Otherwise libpq takes a part of the password for the port, and says it aloud.
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = path.split('?').next().unwrap_or_default();
            if path.contains('@') || authority.matches('@').count() > 1 {
                return Err("an @ or / in the password is written as %40 or %2F");
            }
            return Ok(Self::Postgres(url.to_owned()));
        }
        let path = match url.strip_prefix("sqlite:") {
            Some(rest) => rest.strip_prefix("//").unwrap_or(rest),
            None if url.contains("://") => return Err("this kind of database is not supported"),
            None => url,
        };
        if path.is_empty() || path.contains(":memory:") || path.contains(['?', '\0']) {
            return Err("SQLite needs the path of a file");
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

/// What people are told: without the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "SQLite, {}", path.display()),
            Self::Postgres(url) => {
                let place = url.rsplit_once('@').map_or_else(|| url.rsplit("//").next(), |(_, place)| Some(place));
                let place = place.unwrap_or_default();
                write!(f, "PostgreSQL, {}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
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

/// The door. One for the process; every worker shares it.
pub struct Db(Door);

enum Door {
    Sqlite(SqliteDoor),
    Postgres(PostgresDoor),
}

impl Db {
    /// Opens the database and brings its schema up to date. Blocks; `connections` counts PostgreSQL's.
    ///
    /// # Errors
    /// The database cannot be reached or opened, its settings did not take, or its schema is newer than
    /// this program.
    pub fn open(url: &DatabaseUrl, connections: usize) -> Result<Self, OpenError> {
        migrate::run(&mut connect(url)?)?;
        Ok(Self(match url {
            DatabaseUrl::Sqlite(path) => Door::Sqlite(SqliteDoor::open(&SqliteFile::at(path))?),
            DatabaseUrl::Postgres(url) => Door::Postgres(PostgresDoor::open(url, connections)?),
        }))
    }

    /// Runs queries that change nothing. Each statement sees what was committed before it.
    ///
    /// # Errors
    /// What `job` returns; `overloaded` when too much waits; `unavailable` when the database does not answer.
    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        match &self.0 {
            Door::Sqlite(door) => door.read(job).await,
            Door::Postgres(door) => door.read(job).await,
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
        F: Fn(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        match &self.0 {
            Door::Sqlite(door) => door.write(job).await,
            Door::Postgres(door) => door.write(job).await,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `unavailable` or `overloaded`.
    pub async fn ping(&self) -> Result<(), Problem> {
        self.read(|conn| Ok(conn.batch_execute("SELECT 1")?)).await
    }

    /// Finishes what was taken on and closes every connection; later calls are refused.
    pub fn close(&self) {
        match &self.0 {
            Door::Sqlite(door) => door.close(),
            Door::Postgres(door) => door.close(),
        }
    }
}

/// One connection with all its settings, for work that is done before the doors open.
///
/// # Errors
/// As [`Db::open`].
pub fn connect(url: &DatabaseUrl) -> Result<Connection, OpenError> {
    match url {
        DatabaseUrl::Sqlite(path) => SqliteFile::at(path).create(),
        DatabaseUrl::Postgres(url) => postgres::connect_patiently(url),
    }
}

/// Runs `query` for its effect.
fn execute(conn: &mut impl SimpleConnection, query: &str) -> QueryResult<()> {
    conn.batch_execute(query)
}
