//! A backup: everything, in one SQLite file that carries its own digest.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{
    connection::SimpleConnection,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
};

use super::{
    ArchiveError, BACKUP_DIGEST, Digest, Others, Step, TableDigest, Watch, check, copy_all, part::Part, refuse_newer,
    refuse_other_version,
};
use crate::db::{Conn, DatabaseUrl, connect_existing, migrate, sqlite::SqliteFile};

/// A backup that was made.
pub struct Backup {
    /// The path of the file.
    pub path: PathBuf,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The digest of the rows in it.
    pub digest: Digest,
}

/// The counts of the backups that a server makes by itself, for `metrics`.
pub struct BackupCounts {
    /// The time from one to the next.
    pub every: Duration,
    /// The time of the newest, in seconds of Unix time; 0, if there is none.
    pub last: AtomicU64,
    /// The tries that failed.
    pub failures: AtomicU64,
}

impl BackupCounts {
    /// The counts before the first backup.
    #[must_use]
    pub fn new(every: Duration) -> Self {
        Self { every, last: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// Notes the time of the newest backup.
    pub fn note(&self, time: DateTime<Utc>) {
        self.last.store(time.timestamp().try_into().unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Backs up a database into a new SQLite file, for its owner only, while servers may go on: on SQLite by `VACUUM INTO`,
/// which reads and keeps nobody from writing, and on PostgreSQL from one snapshot, row by row. The file is checked,
/// looked at by `inspect`, synced and given its name last, so that at every moment there is none or a good one. Sees
/// everything that was acknowledged before it began.
///
/// # Errors
/// The file is there already, or cannot be written; the database is not there, fails, is damaged, or is of a newer
/// version than this program, or, on PostgreSQL, of an older one; `inspect` fails.
pub fn backup(
    url: &DatabaseUrl,
    target: &Path,
    inspect: impl FnOnce(&Path) -> Result<(), ArchiveError>,
    watch: Watch<'_>,
) -> Result<Backup, ArchiveError> {
    let mut source = connect_existing(url)?;
    match source {
        // The file is copied as it is.
        Conn::Sqlite(_) => refuse_newer(&mut source, url)?,
        Conn::Postgres(_) => refuse_other_version(&mut source, url)?,
    }
    let part = Part::of(target)?;
    match &mut source {
        Conn::Sqlite(source) => {
            watch(Step::Begins("copying", 0));
            let path = part.path().to_str().ok_or_else(|| ArchiveError::new("the path is not UTF-8"))?;
            let _done = sql_query("VACUUM INTO ?").bind::<Text, _>(path).execute(source)?;
        }
        Conn::Postgres(_) => {
            let mut copy = empty_file(part.path())?;
            let _done = copy_all(&mut source, &mut copy, watch, Others::Write, |_, _| Ok(()))?;
            into_one_file(&mut copy)?;
        }
    }
    // A server that stops from now on is the last one to have the file open, and empties its log.
    drop(source);
    let digest = seal(part.path(), watch)?;
    inspect(part.path())?;
    let bytes = fs::metadata(part.path())?.len();
    part.publish()?;
    Ok(Backup { path: target.to_owned(), bytes, digest })
}

/// Makes an empty database, with the newest schema, of an empty file.
pub fn empty_file(path: &Path) -> Result<Conn, ArchiveError> {
    let mut conn = SqliteFile::at(path).create()?;
    let _names = migrate::run(&mut conn)?;
    Ok(conn)
}

/// Moves what is in the write-ahead log into the file, and does without a log from then on: all of the database is in
/// one file. Nobody else may have it open.
pub fn into_one_file(conn: &mut Conn) -> Result<(), ArchiveError> {
    Ok(conn.batch_execute("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE")?)
}

/// Writes the digest of a file into it, once the file is found to be whole.
fn seal(path: &Path, watch: Watch<'_>) -> Result<Digest, ArchiveError> {
    let mut conn = SqliteFile::at(path).open()?;
    check::refuse_damage(&mut conn)?;
    watch(Step::Begins("computing the digest", 0));
    let digest = whole_digest(&mut conn, watch)?;
    conn.batch_execute(&format!(
        "BEGIN; CREATE TABLE {BACKUP_DIGEST} (table_name TEXT NOT NULL PRIMARY KEY, row_count INTEGER NOT NULL, \
         sha256 TEXT NOT NULL) STRICT"
    ))?;
    for TableDigest { table, rows, sha256 } in digest.tables() {
        let insert = format!("INSERT INTO {BACKUP_DIGEST} (table_name, row_count, sha256) VALUES (?, ?, ?)");
        let insert = sql_query(insert).bind::<Text, _>(table).bind::<BigInt, _>(rows).bind::<Text, _>(sha256);
        if let Conn::Sqlite(conn) = &mut conn {
            let _one = insert.execute(conn)?;
        }
    }
    conn.batch_execute("COMMIT")?;
    Ok(digest.of_data())
}

/// The digest of all that is in a SQLite file, of whatever version: its tables, and what SQLite and the migrations keep.
pub fn whole_digest(conn: &mut Conn, watch: Watch<'_>) -> Result<Digest, ArchiveError> {
    let tables = tables(conn)?;
    Digest::of(conn, tables.iter().map(String::as_str), watch)
}

#[derive(QueryableByName)]
struct TableName {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names of a SQLite file's tables but for the digest's own.
pub fn tables(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let query = format!(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> '{BACKUP_DIGEST}' \
         UNION SELECT 'sqlite_schema' ORDER BY name"
    );
    let names: Vec<TableName> = conn.load(sql_query(query))?;
    Ok(names.into_iter().map(|table| table.name).collect())
}

#[derive(QueryableByName)]
struct DigestRow {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = BigInt)]
    row_count: i64,
    #[diesel(sql_type = Text)]
    sha256: String,
}

/// The digest that a file carries; `None`, if it is no backup.
pub fn carried_digest(conn: &mut Conn) -> QueryResult<Option<Digest>> {
    let there = format!("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = '{BACKUP_DIGEST}'");
    if conn.load::<TableName, _>(sql_query(there))?.is_empty() {
        return Ok(None);
    }
    let query = format!("SELECT table_name, row_count, sha256 FROM {BACKUP_DIGEST}");
    let rows: Vec<DigestRow> = conn.load(sql_query(query))?;
    let table = |row: DigestRow| TableDigest { table: row.table_name, rows: row.row_count, sha256: row.sha256 };
    Ok(Some(Digest::stored(rows.into_iter().map(table).collect())))
}
