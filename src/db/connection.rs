//! One connection, to either database: every query is written once and runs on both.
//!
//! # Why one connection type for two databases
//!
//! Diesel checks queries against a backend at compile time. To serve two, one can be generic over the backend, and then
//! every repository function drags a dozen trait bounds along; or write each query twice; or build SQL as text. Diesel's
//! `#[derive(MultiConnection)]` gives an enum of connections that is a backend itself: a query is written once, checked
//! once, and made into each dialect's SQL when it runs. It costs an extra walk over the query and one boxed value for each
//! bind, which the counts of hot requests show; for those `natively!` names the variant, so that the query is compiled for
//! each database and none of that is left. What only one of them has (`ANY(array)`, `json_each`) is an expression of our
//! own with a form for each, in `expression`.

use diesel::{PgConnection, Selectable, SqliteConnection};

/// Outside this module it is `db::Connection`; the derive has a `Connection` of its own.
///
/// Never `establish` it: that tries one backend after the other and hides the first one's error. `sqlite` and
/// `postgres` open their own variant.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The columns of a row type, for `returning`, which takes no `as_select()` on this connection.
#[must_use]
pub fn columns<Row: Selectable<MultiBackend>>() -> Row::SelectExpression {
    Row::construct_selection()
}

/// Runs a query on the variant that a connection is, as its database's own. So it costs about a third of what it
/// costs on the enum, which writes the text of a query anew three times for each run; for what every request runs.
macro_rules! natively {
    ($conn:ident => $run:expr) => {
        match $conn {
            $crate::db::Connection::Sqlite($conn) => $run,
            $crate::db::Connection::Postgres($conn) => $run,
        }
    };
}
pub(crate) use natively;
