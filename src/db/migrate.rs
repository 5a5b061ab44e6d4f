//! The migrations of the schema, one tree for each database below `migrations/`, compiled in. They run at start and by
//! `kennel migrate`, always under a lock, so that any number of instances may start at once (Diesel itself takes none).

use std::{collections::HashSet, fmt};

use diesel::{
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
    migration::{Migration, MigrationSource},
    prelude::*,
    result::Error,
    sql_query,
    sql_types::{BigInt, Text},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{
    Conn, OpenError, Transactions,
    archive::BACKUP_DIGEST,
    connection::MultiBackend,
    schema::{dogs, owners, tasks},
    search_key,
};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The advisory lock's key in PostgreSQL: any number that no other program uses.
const LOCK: i64 = 0x006b_656e_6e65_6c00;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A migration of the schema, and whether the database has it, as `kennel migrate` lists them.
pub struct MigrationStatus {
    /// The name of the migration's folder: its version and what it is about; for one that this program does not know,
    /// `VERSION (of a newer version)`.
    pub name: String,
    /// Whether the migration has run on the database.
    pub applied: bool,
}

/// Brings the schema up to date, under a lock, so that any number of instances may start at once. Returns the names of
/// the migrations that ran ([`MigrationStatus::name`]), the oldest first; none, if the schema was up to date.
///
/// # Errors
/// [`OpenError`], when a migration failed (none has left anything behind then), or the schema is newer than this
/// program.
pub fn run(conn: &mut Conn) -> Result<Vec<String>, OpenError> {
    locked(conn, |conn| {
        refuse_newer_schema(conn)?;
        // What a server works with is no backup any more.
        conn.batch_execute(&format!("DROP TABLE IF EXISTS {BACKUP_DIGEST}"))?;
        let pending = conn.pending_migrations(source(conn))?;
        for migration in &pending {
            conn.run_migration(migration)?;
        }
        if !pending.is_empty() {
            fill_name_keys(conn)?;
        }
        Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
    })
}

/// Fills the search keys that a migration emptied, which SQL alone cannot compute. It runs in the migrations' own
/// transaction, so there is never a row without a key.
fn fill_name_keys(conn: &mut Conn) -> QueryResult<()> {
    const AT_ONCE: i64 = 1_000;
    macro_rules! fill {
        ($($table:ident)*) => {$(
            loop {
                let empty = $table::table.filter($table::name_key.eq("")).order($table::id).limit(AT_ONCE);
                let rows: Vec<(i64, String)> = conn.load(empty.select(($table::id, $table::name)))?;
                if rows.is_empty() {
                    break;
                }
                for (id, name) in rows {
                    let row = $table::table.find(id);
                    let _one = conn.execute(diesel::update(row).set($table::name_key.eq(search_key(&name))))?;
                }
            }
        )*};
    }
    fill!(owners dogs tasks);
    Ok(())
}

/// Undoes the newest migration of the database, under a lock. Returns its version, the first part of
/// [`MigrationStatus::name`], or `None` if no migration has run.
///
/// # Errors
/// [`OpenError`], when the migration cannot be undone (the schema is left as it was), or the schema is newer than this
/// program.
pub fn revert(conn: &mut Conn) -> Result<Option<String>, OpenError> {
    locked(conn, |conn| {
        refuse_newer_schema(conn)?;
        if applied(conn)?.is_empty() {
            return Ok(None);
        }
        Ok(Some(conn.revert_last_migration(source(conn))?.to_string()))
    })
}

/// All migrations of this program, oldest first, and behind them the newest that the database has and this program does
/// not know, if there is one.
///
/// # Errors
/// [`OpenError`], when the database does not respond.
pub fn show(conn: &mut Conn) -> Result<Vec<MigrationStatus>, OpenError> {
    locked(conn, |conn| {
        let applied = applied(conn)?;
        let mut steps: Vec<_> = known(conn)?
            .iter()
            .map(|migration| MigrationStatus {
                name: migration.name().to_string(),
                applied: applied.contains(&migration.name().version().to_string()),
            })
            .collect();
        steps.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let unknown = unknown(conn)?
            .map(|version| MigrationStatus { name: format!("{version} (of a newer version)"), applied: true });
        steps.extend(unknown);
        Ok(steps)
    })
}

/// Whether a migration of Kennel's has ever run on the database. Changes nothing, whereas Diesel's own query would make
/// its table.
///
/// # Errors
/// The database's errors, as Diesel reports them.
pub fn is_known(conn: &mut Conn) -> QueryResult<bool> {
    let query = match conn {
        Conn::Sqlite(_) => {
            "SELECT count(*) AS count FROM sqlite_schema WHERE type = 'table' AND name = '__diesel_schema_migrations'"
        }
        Conn::Postgres(_) => "SELECT count(to_regclass('__diesel_schema_migrations')) AS count",
    };
    let CountRow { count } = conn.one(sql_query(query))?;
    Ok(count > 0)
}

/// Whether the schema is just what this program's migrations make. Changes nothing.
///
/// # Errors
/// The database's errors, as Diesel reports them.
pub fn is_up_to_date(conn: &mut Conn) -> QueryResult<bool> {
    let known = known(conn).map_err(Error::QueryBuilderError)?;
    let known: HashSet<_> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    Ok(applied(conn)? == known)
}

/// Refuses a database whose schema is not just what this program's migrations make: its rows are not those that the
/// program knows. Changes nothing.
///
/// # Errors
/// [`OpenError`], for such a database, for one that is not Kennel's, and when it cannot be read.
pub fn refuse_other_version(conn: &mut Conn) -> Result<(), OpenError> {
    refuse_newer(conn)?;
    let is_so =
        is_up_to_date(conn).map_err(|error| OpenError::new(error, "See that this user may read the database"))?;
    if is_so {
        return Ok(());
    }
    Err(OpenError::new(
        "it is of an older version than this program",
        "Use the version that it belongs to, or let `kennel migrate run` bring it up to date first",
    ))
}

/// Refuses a database that is not Kennel's, or whose schema is newer than the program. Changes nothing.
///
/// # Errors
/// [`OpenError`], for such a database, and when it cannot be read.
pub fn refuse_newer(conn: &mut Conn) -> Result<(), OpenError> {
    let unreadable = |error: Failure| OpenError::new(error, "Use a newer version of Kennel, or another database");
    if applied(conn).map_err(|error| unreadable(error.into()))?.is_empty() {
        return Err(OpenError::new("it is no database of Kennel's", "Name one"));
    }
    refuse_newer_schema(conn).map_err(unreadable)
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
}

/// The versions of the migrations that the database has; none, where there is no schema.
fn applied(conn: &mut Conn) -> QueryResult<HashSet<String>> {
    if !is_known(conn)? {
        return Ok(HashSet::new());
    }
    let query = sql_query("SELECT CAST(version AS TEXT) AS version FROM __diesel_schema_migrations");
    let rows: Vec<VersionRow> = conn.load(query)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// The row of a query that counts, in a column `count`.
#[derive(QueryableByName)]
pub struct CountRow {
    /// The number.
    #[diesel(sql_type = BigInt)]
    pub count: i64,
}

/// Refuses a schema that is newer than the program, which does not know what its columns mean.
fn refuse_newer_schema(conn: &mut Conn) -> Result<(), Failure> {
    match unknown(conn)? {
        None => Ok(()),
        Some(version) => Err(NewerSchema(version).into()),
    }
}

/// The newest migration that the database has and this program does not.
fn unknown(conn: &mut Conn) -> Result<Option<String>, Failure> {
    let known = known(conn)?;
    let is_unknown = |version: &String| known.iter().all(|known| known.name().version().to_string() != *version);
    Ok(applied(conn)?.into_iter().filter(is_unknown).max())
}

/// The error of a migration that the database has and this program does not know, by its version.
#[derive(Debug)]
struct NewerSchema(String);

impl fmt::Display for NewerSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (migration, program) = (&self.0, env!("CARGO_PKG_VERSION"));
        write!(f, "it has migration {migration}, which this program (version {program}) does not know")
    }
}

impl std::error::Error for NewerSchema {}

fn known(conn: &Conn) -> Result<Vec<Box<dyn Migration<MultiBackend>>>, Failure> {
    MigrationSource::<MultiBackend>::migrations(&source(conn))
}

fn source(conn: &Conn) -> EmbeddedMigrations {
    match conn {
        Conn::Sqlite(_) => SQLITE,
        Conn::Postgres(_) => POSTGRES,
    }
}

/// Runs `work` while no other instance migrates: in one transaction, whose end releases the lock too. A lock of the
/// session would be left behind where a pooler lends sessions.
fn locked<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, Failure>) -> Result<T, OpenError> {
    exclusively(conn, work).map_err(|error| {
        let remedy = if error.is::<NewerSchema>() {
            "Use a newer version of Kennel, or restore a backup"
        } else {
            "See that this user may create tables in the database, and try again"
        };
        OpenError::new(format_args!("cannot migrate the database: {error}"), remedy)
    })
}

fn exclusively<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T, Failure>) -> Result<T, Failure> {
    begin(conn)?;
    match work(conn) {
        Ok(value) => {
            Transactions::commit_transaction(conn)?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one to report; the connection is not used again.
            drop(Transactions::rollback_transaction(conn));
            Err(error)
        }
    }
}

/// Begins a transaction and takes the lock, however long that takes. Later queries see what was committed meanwhile.
fn begin(conn: &mut Conn) -> QueryResult<()> {
    match conn {
        Conn::Sqlite(conn) => AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN EXCLUSIVE"),
        Conn::Postgres(conn) => {
            AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN ISOLATION LEVEL READ COMMITTED")?;
            conn.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")?;
            conn.batch_execute(&format!("SELECT pg_advisory_xact_lock({LOCK})"))
        }
    }
}
