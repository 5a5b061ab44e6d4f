//! The id of the database, made with its schema. Tokens are signed together with it, so that those of one database are
//! worth nothing in another, though both have the same secret.

use std::fmt;

use diesel::prelude::*;

use super::{Conn, schema::database_identity};

/// The random id of a database, 32 hexadecimal digits, made with its schema. Keys are derived with it, so that tokens
/// for one database are worth nothing in another with the same secret. A restored backup has that of its original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseId(String);

impl DatabaseId {
    /// Reads the id from a database whose schema is up to date.
    ///
    /// # Errors
    /// The database's errors, as Diesel reports them; `NotFound`, if the row is gone.
    pub fn of(conn: &mut Conn) -> QueryResult<Self> {
        conn.one(database_identity::table.select(database_identity::id)).map(Self)
    }

    /// The id that a text from the database is; it is not checked.
    #[must_use]
    pub fn stored(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
