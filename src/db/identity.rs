//! The database's own name, made at its migration. It is in what tokens are signed with, so that those of one database
//! are none in another, though both have the same secret.

use std::fmt;

use diesel::prelude::*;

use super::{Conn, schema::database_identity};

/// The random name of one database: 32 hexadecimal digits. A restored backup has that of its original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseId(String);

impl DatabaseId {
    /// Reads the name of a database whose schema is up to date.
    ///
    /// # Errors
    /// The database does not answer, or its row is gone.
    pub fn of(conn: &mut Conn) -> QueryResult<Self> {
        conn.one(database_identity::table.select(database_identity::id)).map(Self)
    }

    /// A name as the database has it.
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
