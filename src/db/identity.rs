//! The id of the database, made at its migration. Tokens are signed together with it, so that those of one database are
//! worth nothing in another, though both have the same secret.

use std::fmt;

use diesel::prelude::*;

use super::{Conn, schema::database_identity};

/// The random id of a database: 32 hexadecimal digits. A restored backup has that of its original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseId(String);

impl DatabaseId {
    /// Reads the id of a database whose schema is up to date.
    ///
    /// # Errors
    /// The database does not respond, or the row is gone.
    pub fn of(conn: &mut Conn) -> QueryResult<Self> {
        conn.one(database_identity::table.select(database_identity::id)).map(Self)
    }

    /// An id that was read from the database.
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
