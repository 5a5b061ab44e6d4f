//! The way to make one change to the database, a single statement or a transaction: done as a whole or not at all.

use diesel::{Connection as _, PgConnection, QueryResult, SqliteConnection, query_dsl::LoadQuery};

use super::Conn;
use crate::problem::Problem;

/// A connection for one change: a single statement, which needs no transaction of its own, or a transaction. Either
/// takes the whole value, so that a second statement beside the first does not compile:
///
/// ```compile_fail,E0382
/// use diesel::prelude::*;
/// use kennel::db::{Atomic, schema::login_failures};
///
/// fn two_statements(atomic: Atomic<'_>) {
///     let one = login_failures::table.select(login_failures::count);
///     let _first: i64 = atomic.statement(one).unwrap();
///     let _second: i64 = atomic.statement(one).unwrap();
/// }
/// ```
///
/// ```
/// use diesel::prelude::*;
/// use kennel::db::{Atomic, schema::login_failures};
///
/// fn one_statement(atomic: Atomic<'_>) {
///     let one = login_failures::table.select(login_failures::count);
///     let _first: i64 = atomic.statement(one).unwrap();
/// }
/// ```
pub struct Atomic<'a>(&'a mut Conn);

impl<'a> Atomic<'a> {
    /// The right to one change on this connection.
    pub fn on(conn: &'a mut Conn) -> Self {
        Self(conn)
    }

    /// Runs a single statement, and returns the row that it returns.
    ///
    /// # Errors
    /// The database's errors, as Diesel reports them; `NotFound`, if it returns no row.
    pub fn statement<'query, Row, Query>(self, query: Query) -> QueryResult<Row>
    where
        Query: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
    {
        self.0.one(query)
    }

    /// Runs several statements as one transaction, or as a part of the one that is open already.
    ///
    /// # Errors
    /// The errors of `job`, whose changes are undone then; the database's errors ([`Conn`]).
    pub fn transaction<T>(self, job: impl FnOnce(&mut Conn) -> Result<T, Problem>) -> Result<T, Problem> {
        self.0.transaction(job)
    }
}
