//! The ways back: a backup into the place of a database, and a database into another.

use std::{
    fs,
    path::{Path, PathBuf},
};

use chrono::Utc;
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::BigInt,
};

use super::{
    ArchiveError, Digest, Others, Step, TIME_FORMAT, Watch,
    backup::{empty_file, into_one_file},
    check, copy_all, count,
    part::Part,
    refuse_other_version, table_names,
};
use crate::{
    db::{
        Conn, DatabaseUrl, connect, connect_existing, migrate,
        schema::{books, changes, sessions, users},
        sqlite::SqliteFile,
    },
    files::{self, beside},
};

/// The number by which those of changes are raised in a restored database: more than a book can have had changes since
/// the backup, and few enough that a million restores keep them exact in JSON (2^53).
const BEYOND: i64 = 1 << 32;

/// A backup that was restored.
pub struct Restored {
    /// The digest of the rows that the database holds now.
    pub digest: Digest,
    /// The names of the migrations that brought it up to date, if the backup was of an older version.
    pub migrated: Vec<String>,
    /// The path that the file has now that was there before; `None`, if there was none.
    pub aside: Option<PathBuf>,
    /// The number of sessions that were ended.
    pub ended: usize,
}

/// Restores a backup in the place of a database. A SQLite file that is there is moved aside; a PostgreSQL database has to
/// be empty. A backup of an older version is brought up to date. All sessions end, unless they are to be kept: tokens
/// that were used since the backup would be good once more.
///
/// # Errors
/// A server runs on the database; the backup is damaged, is none, or is of a newer version; the PostgreSQL database is
/// not empty; the disk or the database fails. Whatever was there is as it was then.
pub fn restore(
    backup: &Path,
    url: &DatabaseUrl,
    keep_sessions: bool,
    watch: Watch<'_>,
) -> Result<Restored, ArchiveError> {
    refuse_log(backup)?;
    refuse_bad(&mut SqliteFile::at(backup).open_to_read()?, watch)?;
    match url {
        // Of a link what it leads to.
        DatabaseUrl::Sqlite(path) => {
            let path = path.canonicalize().unwrap_or_else(|_| path.clone());
            into_file(backup, &path, keep_sessions, watch)
        }
        DatabaseUrl::Postgres(_) => into_server(backup, url, keep_sessions, watch),
    }
}

fn into_file(backup: &Path, target: &Path, keep_sessions: bool, watch: Watch<'_>) -> Result<Restored, ArchiveError> {
    let is_there = target.exists();
    // From here on no server starts on it, and none runs.
    let mut alone = if is_there { SqliteFile::at(target).take_alone()? } else { None };
    let part = if is_there { Part::replacing(target)? } else { Part::of(target)? };
    watch(Step::Begins("copying", 0));
    let (mut conn, migrated) = up_to_date_copy(backup, part.path())?;
    let digest = Digest::of(&mut conn, table_names(), watch)?;
    let ended = conn.transaction(|conn| finish(conn, keep_sessions))?;
    into_one_file(&mut conn)?;
    drop(conn);
    let aside = is_there.then(|| beside(target, &format!(".before-{}", Utc::now().format(TIME_FORMAT))));
    match &aside {
        Some(aside) => {
            alone.as_mut().map(into_one_file).transpose()?;
            // What lies beside a damaged file may help to repair it.
            part.take_the_place(aside, alone.is_none())?;
        }
        None => part.publish()?,
    }
    Ok(Restored { digest, migrated, aside, ended })
}

fn into_server(
    backup: &Path,
    url: &DatabaseUrl,
    keep_sessions: bool,
    watch: Watch<'_>,
) -> Result<Restored, ArchiveError> {
    let copy = Part::replacing(backup)?;
    let (mut from, migrated) = up_to_date_copy(backup, copy.path())?;
    let mut to = empty_target(url)?;
    let (digest, ended) = copy_all(&mut from, &mut to, watch, Others::Write, |from, to| {
        let ended = finish(to, keep_sessions)?;
        refuse_any_server(from, to).map(|()| ended)
    })?;
    Ok(Restored { digest, migrated, aside: None, ended })
}

/// Moves a database into another, empty one, which may be of the other kind: everything, with the ids of its rows and
/// its own, so that tokens stay good. The original stays as it is. Returns the digest of the rows, there as here.
///
/// # Errors
/// A server runs on either; the other database is not empty, or not Kennel's; either fails, or is of another version.
/// The other database is as empty as it was then.
pub fn move_to(from: &DatabaseUrl, to: &DatabaseUrl, watch: Watch<'_>) -> Result<Digest, ArchiveError> {
    let mut source = connect_existing(from)?;
    if let DatabaseUrl::Sqlite(path) = from {
        drop(source);
        let alone = SqliteFile::at(path).take_alone()?;
        source = alone.ok_or_else(|| ArchiveError::new("the database is damaged. Restore a backup of it first"))?;
    }
    refuse_servers(&mut source)?;
    refuse_other_version(&mut source, from)?;
    let digest = match to {
        DatabaseUrl::Sqlite(path) => {
            let part = Part::of(path)?;
            let mut copy = empty_file(part.path())?;
            let (digest, ()) = copy_all(&mut source, &mut copy, watch, Others::Wait, refuse_any_server)?;
            into_one_file(&mut copy)?;
            drop(copy);
            part.publish()?;
            digest
        }
        DatabaseUrl::Postgres(_) => {
            let mut target = empty_target(to)?;
            copy_all(&mut source, &mut target, watch, Others::Wait, refuse_any_server)?.0
        }
    };
    Ok(digest)
}

/// A PostgreSQL database to copy into, with the newest schema. Only one without a schema gets it: to another one, which
/// may hold something, nothing is done before that is known.
fn empty_target(url: &DatabaseUrl) -> Result<Conn, ArchiveError> {
    let mut conn = connect(url)?;
    refuse_servers(&mut conn)?;
    if migrate::is_known(&mut conn)? {
        refuse_other_version(&mut conn, url)?;
    } else {
        let tables = count(&mut conn, OTHER_TABLES.to_owned())?;
        if tables > 0 {
            return Err(ArchiveError::new(format_args!(
                "the database ({url}) has {tables} tables of another program. Name a database of Kennel's own"
            )));
        }
        let _names = migrate::run(&mut conn)?;
    }
    Ok(conn)
}

const OTHER_TABLES: &str = "SELECT count(*) AS count FROM pg_class c WHERE c.relkind IN ('r', 'p') \
    AND c.relnamespace = current_schema()::regnamespace \
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";

/// The servers that have connections to the database; this one is among them.
const SERVERS: &str = "SELECT count(*) AS count FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'kennel' AND pid <> pg_backend_pid()";

/// Refuses to go on where a server has started meanwhile, on either database.
fn refuse_any_server(from: &mut Conn, to: &mut Conn) -> Result<(), ArchiveError> {
    refuse_servers(from)?;
    refuse_servers(to)
}

/// Refuses a PostgreSQL database that a server runs on: what it writes meanwhile would be lost. A SQLite file that is
/// copied is open to nobody else.
fn refuse_servers(conn: &mut Conn) -> Result<(), ArchiveError> {
    if let Conn::Sqlite(_) = conn {
        return Ok(());
    }
    let connections = count(conn, SERVERS.to_owned())?;
    if connections == 0 {
        return Ok(());
    }
    Err(ArchiveError::new(format_args!(
        "a server runs on the PostgreSQL database ({connections} connections of Kennel's). Stop it first; what it has \
         written is where it was"
    )))
}

/// A copy of a backup, with the newest schema and without the backup's digest, and the migrations that it took.
fn up_to_date_copy(backup: &Path, copy: &Path) -> Result<(Conn, Vec<String>), ArchiveError> {
    let _bytes = fs::copy(backup, copy).map_err(|error| {
        ArchiveError::new(format_args!("cannot copy {} to {}: {error}", backup.display(), copy.display()))
    })?;
    files::make_private(copy)?;
    let mut conn = SqliteFile::at(copy).create()?;
    let migrated = migrate::run(&mut conn)?;
    Ok((conn, migrated))
}

/// Finishes a database that a backup was copied to. Tells how many sessions were ended.
fn finish(conn: &mut Conn, keep_sessions: bool) -> QueryResult<usize> {
    number_changes_anew(conn)?;
    if keep_sessions { Ok(0) } else { conn.execute(diesel::delete(sessions::table)) }
}

/// Raises the numbers of all changes beyond any that was given since the backup. Those who follow a book know such
/// numbers: were they given again, to other changes, a follower would take these for seen. So it is told that its
/// number is forgotten, and reads the lists again.
fn number_changes_anew(conn: &mut Conn) -> QueryResult<()> {
    let seq = changes::seq.eq(changes::seq + BEYOND);
    let batch = changes::batch.eq(changes::batch + BEYOND);
    let undoes = changes::undoes.eq(changes::undoes + BEYOND);
    let _rows = conn.execute(diesel::update(changes::table).set((seq, batch, undoes)))?;
    let raised = (books::last.eq(books::last + BEYOND), books::floor.eq(books::floor + BEYOND));
    let _rows = conn.execute(diesel::update(books::table).set(raised))?;
    // A book that had no change then may have had some since.
    let unchanged = users::table.filter(not(exists(books::table.filter(books::user_id.eq(users::id)))));
    let beyond = BEYOND.into_sql::<BigInt>();
    let new = unchanged.select((users::id, beyond, beyond));
    let columns = (books::user_id, books::last, books::floor);
    let _rows = conn.execute(diesel::insert_into(books::table).values(new).into_columns(columns))?;
    Ok(())
}

/// Refuses a file with a write-ahead log beside it: it is in use, or was killed, and no backup.
fn refuse_log(backup: &Path) -> Result<(), ArchiveError> {
    let log = beside(backup, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        return Err(ArchiveError::new(format_args!(
            "{} is a database in use and no backup: there is {} beside it. Make a backup of it with `kennel backup`",
            backup.display(),
            log.display()
        )));
    }
    Ok(())
}

/// Checks that a file is a database of Kennel's, whole, and, if it carries a digest, what it was when it was made.
fn refuse_bad(conn: &mut Conn, watch: Watch<'_>) -> Result<(), ArchiveError> {
    check::refuse_damage(conn)?;
    migrate::refuse_newer(conn)?;
    match check::verify(conn, watch)? {
        (_, Some(changed)) if !changed.is_empty() => {
            let changed = changed.join(", ");
            Err(ArchiveError::new(format_args!("it is not what it was when it was made: {changed}")))
        }
        _ => Ok(()),
    }
}
