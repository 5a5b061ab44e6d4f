//! The tables that an archive holds, and how the rows of each get from one database into another; an import, too,
//! inserts its rows so. The one list of them: a column that is missing here does not compile, and a table that is
//! missing is found by a test.

use chrono::NaiveDate;
use diesel::{connection::DefaultLoadingMode, dsl::copy_from, pg::PgRowByRowLoadingMode, prelude::*};

use super::{ArchiveError, Step, Watch};
use crate::db::{Conn, schema, timestamp::Timestamp};

/// The rows that go to PostgreSQL in one `COPY`.
const AT_ONCE: usize = 2_000;

/// A table of the archive.
pub struct ArchivedTable {
    /// The name of the table.
    pub name: &'static str,
    /// Copies all rows from one database into the empty table of another.
    pub copy: fn(&mut Conn, &mut Conn, Watch<'_>) -> Result<(), ArchiveError>,
}

/// Defines a row type for each table, and [`TABLES`]. The columns stand in the order of `schema`.
macro_rules! tables {
    ($($table:ident { $($column:ident: $kind:ty),+ })+) => {
        $(pub(crate) mod $table {
            use super::*;

            /// A row with all its columns.
            #[derive(Queryable, Insertable)]
            #[diesel(table_name = schema::$table, treat_none_as_default_value = false)]
            pub struct Row {
                $(pub $column: $kind),+
            }

            pub fn copy(from: &mut Conn, to: &mut Conn, watch: Watch<'_>) -> Result<(), ArchiveError> {
                let all = schema::$table::table.select(schema::$table::all_columns);
                match from {
                    Conn::Sqlite(from) => in_chunks(all.load_iter::<Row, DefaultLoadingMode>(from)?, |rows| insert(to, rows), watch),
                    Conn::Postgres(from) => in_chunks(all.load_iter::<Row, PgRowByRowLoadingMode>(from)?, |rows| insert(to, rows), watch),
                }
            }

            /// Inserts rows: SQLite is here in the process, and runs one prepared statement row after row; PostgreSQL
            /// is a round trip away, and gets them in one `COPY`.
            pub fn insert(to: &mut Conn, rows: Vec<Row>) -> QueryResult<()> {
                match to {
                    Conn::Sqlite(to) => for row in rows {
                        let _one = diesel::insert_into(schema::$table::table).values(row).execute(to)?;
                    },
                    Conn::Postgres(to) => {
                        let _all = copy_from(schema::$table::table).from_insertable(rows).execute(to)?;
                    }
                }
                Ok(())
            }
        })+

        /// Every table with rows of its own, in an order in which each comes after those that its rows refer to.
        pub const TABLES: &[ArchivedTable] =
            &[$(ArchivedTable { name: stringify!($table), copy: $table::copy }),+];
    };
}

fn in_chunks<Row>(
    rows: impl Iterator<Item = QueryResult<Row>>,
    mut insert: impl FnMut(Vec<Row>) -> QueryResult<()>,
    watch: Watch<'_>,
) -> Result<(), ArchiveError> {
    // Diesel's iterator begins anew when it is asked once more after its end.
    let mut rows = rows.fuse().peekable();
    while rows.peek().is_some() {
        let chunk = rows.by_ref().take(AT_ONCE).collect::<QueryResult<Vec<_>>>()?;
        let count = chunk.len();
        insert(chunk)?;
        watch(Step::Rows(count));
    }
    Ok(())
}

tables! {
    database_identity { number: i64, id: String }
    users {
        id: i64, username: String, username_key: String, email: String, email_key: String, password_hash: String,
        verified_at: Option<Timestamp>, created_at: Timestamp, updated_at: Timestamp, version: i64, is_public: bool,
        disabled_at: Option<Timestamp>, deleted_at: Option<Timestamp>
    }
    sessions {
        id: i64, user_id: i64, refresh_counter: i64, refresh_salt: Vec<u8>, rotated_at: Option<Timestamp>,
        user_agent: Option<String>, created_at: Timestamp, last_seen_at: Timestamp, expires_at: Timestamp,
        revoked_at: Option<Timestamp>, source: Option<Vec<u8>>, new_email: Option<String>,
        new_email_asked_at: Option<Timestamp>
    }
    api_keys {
        id: i64, user_id: i64, name: String, hash: Vec<u8>, hint: String, scope: String, created_at: Timestamp,
        expires_at: Option<Timestamp>, last_used_on: Option<NaiveDate>
    }
    profiles { user_id: i64, description: String, created_at: Timestamp, updated_at: Timestamp, version: i64 }
    books { user_id: i64, last: i64, floor: i64 }
    changes {
        user_id: i64, seq: i64, batch: i64, at: Timestamp, resource: String, row_id: i64, action: String, version: i64,
        was: Option<String>, undoes: Option<i64>
    }
    owners {
        id: i64, user_id: i64, name: String, created_at: Timestamp, updated_at: Timestamp, version: i64,
        name_key: String
    }
    dogs {
        id: i64, user_id: i64, owner_id: i64, name: String, born_on: Option<NaiveDate>, created_at: Timestamp,
        updated_at: Timestamp, version: i64, name_key: String
    }
    dog_co_owners { dog_id: i64, owner_id: i64, user_id: i64 }
    tasks {
        id: i64, user_id: i64, dog_id: Option<i64>, name: String, name_key: String, completed: bool,
        completed_at: Option<Timestamp>, due_on: Option<NaiveDate>, created_at: Timestamp, updated_at: Timestamp,
        version: i64
    }
    idempotency_keys {
        user_id: i64, key: String, fingerprint: Vec<u8>, status: i64, headers: String, body: Vec<u8>,
        created_at: Timestamp
    }
    login_failures { account_key: Vec<u8>, count: i64, locked_until: Timestamp, day: NaiveDate }
    mail_counts {
        subject: Vec<u8>, latest_at: Timestamp, second_at: Option<Timestamp>, third_at: Option<Timestamp>,
        fourth_at: Option<Timestamp>, fifth_at: Option<Timestamp>
    }
    mails {
        id: i64, user_id: Option<i64>, kind: String, address: String, address_key: String, attempts: i64,
        next_attempt_at: Timestamp, sent_at: Option<Timestamp>, created_at: Timestamp
    }
}
