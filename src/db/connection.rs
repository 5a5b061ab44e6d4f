//! A connection to either database: every query is written once and runs on both.
//!
//! # Why one connection type for two databases
//!
//! Diesel checks queries against a backend at compile time. To serve two, one can be generic over the backend, and then
//! every repository function drags a dozen trait bounds along; or write each query twice; or build SQL as text. Here
//! the bounds stand once, at the four methods of [`Conn`] that run a query: [`load`](Conn::load), [`find`](Conn::find),
//! [`one`](Conn::one) and [`execute`](Conn::execute) take what runs on both databases, and run it on the one that there
//! is. What only one of them has (`ANY(array)`, `json_each`) is an expression of our own with a form for each, in
//! `expression`.
//!
//! The enum is Diesel's `#[derive(MultiConnection)]`, which makes it a connection with a backend of its own: so it has
//! transactions and migrations without a line. A query can run on it, too (`query.load(conn)`), but costs three times
//! as much, because its text is written anew for each run and each bind is boxed. The methods name the variant instead,
//! so that a query is compiled for each database, and a statement whose text is known at compile time is found by its
//! type.

use diesel::{
    prelude::*,
    query_dsl::{LoadQuery, methods::ExecuteDsl},
    sqlite::Sqlite,
};

/// A connection to either database, which [`Db`](super::Db) lends to one job at a time. Queries run within the
/// transaction that is open on it, if there is one. Their errors are Diesel's; `?` makes a
/// [`Problem`](crate::problem::Problem) of them: `unavailable` or `overloaded`, when the database cannot serve just
/// now, and otherwise `internal-error`.
///
/// Never `establish` it: that tries one backend after the other and hides the first one's error. `sqlite` and
/// `postgres` open their own variant.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// A connection to a SQLite file.
    Sqlite(SqliteConnection),
    /// A connection to a PostgreSQL server.
    Postgres(PgConnection),
}

impl Conn {
    /// Runs a query and returns all its rows.
    ///
    /// # Errors
    /// The database's errors, as Diesel reports them.
    pub fn load<'query, Row, Query>(&mut self, query: Query) -> QueryResult<Vec<Row>>
    where
        Query: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
    {
        match self {
            Self::Sqlite(conn) => query.load(conn),
            Self::Postgres(conn) => query.load(conn),
        }
    }

    /// Runs a query and returns its row; `None` without one. Of several rows the first counts, but PostgreSQL sends
    /// them all: then say `.limit(1)`.
    ///
    /// # Errors
    /// The database's errors, as Diesel reports them.
    pub fn find<'query, Row, Query>(&mut self, query: Query) -> QueryResult<Option<Row>>
    where
        Query: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
    {
        self.one(query).optional()
    }

    /// Runs a query that always has a row, such as a count or an `INSERT … RETURNING`, and returns the first.
    ///
    /// # Errors
    /// `NotFound`, if there is none; the database's errors, as Diesel reports them.
    pub fn one<'query, Row, Query>(&mut self, query: Query) -> QueryResult<Row>
    where
        Query: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
    {
        match self {
            Self::Sqlite(conn) => query.get_result(conn),
            Self::Postgres(conn) => query.get_result(conn),
        }
    }

    /// Runs an `INSERT`, `UPDATE` or `DELETE`. Tells how many rows it has touched.
    ///
    /// # Errors
    /// The database's errors, as Diesel reports them.
    pub fn execute<Query>(&mut self, query: Query) -> QueryResult<usize>
    where
        Query: ExecuteDsl<SqliteConnection> + ExecuteDsl<PgConnection>,
    {
        match self {
            Self::Sqlite(conn) => Query::execute(query, conn),
            Self::Postgres(conn) => Query::execute(query, conn),
        }
    }
}

/// The columns of a row type, for `select` and `returning`, on both databases: the same as Diesel's `Row::as_select()`,
/// which would have to name one backend.
#[must_use]
pub fn columns<Row: Selectable<Sqlite>>() -> Row::SelectExpression {
    Row::construct_selection()
}
