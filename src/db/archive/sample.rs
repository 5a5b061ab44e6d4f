//! Some users of a backup with the numbers of their rows, for whoever reads it otherwise and compares.

use std::path::Path;

use diesel::{
    prelude::*,
    sql_query,
    sql_types::{BigInt, Bool, Text},
};

use super::ArchiveError;
use crate::{db::sqlite::SqliteFile, ids::UserId};

/// The most rows of a book that is read as a whole: more would take long, and much memory.
const LARGEST: i64 = 100_000;

/// A user who can log in, and the numbers of rows of the user's book.
#[derive(QueryableByName)]
pub struct SampledUser {
    /// The user's id.
    #[diesel(sql_type = BigInt)]
    pub id: UserId,
    /// The username, as it was typed.
    #[diesel(sql_type = Text)]
    pub username: String,
    /// Whether there is a public page.
    #[diesel(sql_type = Bool)]
    pub is_public: bool,
    /// The number of owners.
    #[diesel(sql_type = BigInt)]
    pub owners: i64,
    /// The number of dogs.
    #[diesel(sql_type = BigInt)]
    pub dogs: i64,
    /// The number of tasks.
    #[diesel(sql_type = BigInt)]
    pub tasks: i64,
    /// The number of API keys.
    #[diesel(sql_type = BigInt)]
    pub api_keys: i64,
}

impl SampledUser {
    /// The number of rows that are compared.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.owners + self.dogs + self.tasks + self.api_keys
    }
}

const USERS: &str = "WITH live AS (SELECT id FROM users WHERE deleted_at IS NULL AND disabled_at IS NULL) \
    SELECT id, username, is_public, \
    (SELECT count(*) FROM owners WHERE user_id = users.id) AS owners, \
    (SELECT count(*) FROM dogs WHERE user_id = users.id) AS dogs, \
    (SELECT count(*) FROM tasks WHERE user_id = users.id) AS tasks, \
    (SELECT count(*) FROM api_keys WHERE user_id = users.id) AS api_keys \
    FROM users WHERE id IN (SELECT id FROM (SELECT id FROM live ORDER BY id LIMIT 10) \
    UNION SELECT id FROM (SELECT id FROM live ORDER BY id DESC LIMIT 10)) ORDER BY id";

/// The ten oldest and the ten newest users of a SQLite file of this version who can log in, but for those with very
/// many rows.
///
/// # Errors
/// The file cannot be read.
pub fn sample(database: &Path) -> Result<Vec<SampledUser>, ArchiveError> {
    let mut conn = SqliteFile::at(database).open_to_read()?;
    let mut users: Vec<SampledUser> = conn.load(sql_query(USERS))?;
    users.retain(|user| user.rows() <= LARGEST);
    Ok(users)
}
