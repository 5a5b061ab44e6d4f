//! A change that is done as a whole or not at all, whichever way the database is asked for it.

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
    /// The one change that is done on this connection.
    pub fn on(conn: &'a mut Conn) -> Self {
        Self(conn)
    }

    /// Runs a single statement, and gives the row that it returns.
    ///
    /// # Errors
    /// The database's.
    pub fn statement<'query, Row, Query>(self, query: Query) -> QueryResult<Row>
    where
        Query: LoadQuery<'query, SqliteConnection, Row> + LoadQuery<'query, PgConnection, Row>,
    {
        self.0.one(query)
    }

    /// Runs several statements as one transaction, or as a part of the one that is open already.
    ///
    /// # Errors
    /// The errors of `job`, of which nothing is left then, and the database's.
    pub fn transaction<T>(self, job: impl FnOnce(&mut Conn) -> Result<T, Problem>) -> Result<T, Problem> {
        self.0.transaction(job)
    }
}
