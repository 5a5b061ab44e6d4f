//! The check of a database: whether its file is whole, whether its constraints hold, and whether its rows are what only
//! Kennel knows they should be.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use diesel::{
    connection::DefaultLoadingMode,
    pg::PgRowByRowLoadingMode,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Text},
};

use super::{
    ArchiveError, Digest, Step, Watch,
    backup::{carried_digest, tables, whole_digest},
    count, refuse_newer, sequences, table_names, take_your_time,
};
use crate::{
    db::{
        Action, BookResource, Conn, DatabaseUrl, at_one_moment, connect_existing,
        migrate::{self, CountRow},
        search_key,
        sqlite::SqliteFile,
    },
    files,
};

/// Something that was looked at, and what was found wrong with it, in words; nothing, if it is well.
pub struct Finding {
    /// The matter that was looked at, in words.
    pub what: &'static str,
    /// The faults, in words, at most ten.
    pub wrong: Vec<String>,
}

/// All that a check found out.
pub struct Findings {
    /// The matters that were looked at, in order.
    pub findings: Vec<Finding>,
    /// The digest of what is stored; `None`, where it cannot be read.
    pub digest: Option<Digest>,
    /// Whether the database is of an older version than the program, so that the rest was not looked at.
    pub is_older: bool,
}

impl Findings {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn are_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.wrong.is_empty())
    }
}

/// The most faults of a kind that are told.
const TOLD: usize = 10;

/// Checks a database from one snapshot, and changes nothing: that its file is whole (SQLite), its foreign keys lead
/// somewhere, its rows keep their constraints and are what Kennel takes them to be, and, of a backup, that it holds
/// what it held when it was made. Servers may go on meanwhile. Of a database of an older version, only what does not
/// depend on the version is checked.
///
/// # Errors
/// The database is not there, cannot be opened, or is of a newer version. One that is so damaged that it cannot be read
/// is a finding.
pub fn check(url: &DatabaseUrl, watch: Watch<'_>) -> Result<Findings, ArchiveError> {
    let mut conn = match url {
        DatabaseUrl::Sqlite(path) => SqliteFile::at(path).open_to_read()?,
        DatabaseUrl::Postgres(_) => connect_existing(url)?,
    };
    at_one_moment(&mut conn, |conn| {
        take_your_time(conn)?;
        look_at_all(conn, url, watch)
    })
}

type Look = fn(&mut Conn) -> Result<Vec<String>, ArchiveError>;

/// The matters that are looked at in every version of a database.
const ALWAYS: &[(&str, Look)] = &[("the file is whole", integrity), ("foreign keys lead somewhere", foreign_keys)];
/// The matters that are looked at in a database of this version.
const OF_THIS_VERSION: &[(&str, Look)] = &[
    ("values are within their limits", constraints),
    ("names are found by their search keys", search_keys),
    ("who has a public page is public", public_pages),
    ("no dog has its owner as a co-owner", co_owners),
    ("the numbers for new rows are free", numbers),
    ("every log of changes is whole", logs),
];

fn look_at_all(conn: &mut Conn, url: &DatabaseUrl, watch: Watch<'_>) -> Result<Findings, ArchiveError> {
    watch(Step::Begins("checking", 0));
    let findings = ALWAYS.iter().map(|look| look_at(conn, look)).collect();
    let mut all = Findings { findings, digest: None, is_older: false };
    if !all.are_well() {
        return Ok(all);
    }
    refuse_newer(conn, url)?;
    all.is_older = !migrate::is_up_to_date(conn)?;
    if !all.is_older {
        all.findings.extend(OF_THIS_VERSION.iter().map(|look| look_at(conn, look)));
    }
    // In SQLite the tables of any version are found; those of PostgreSQL are known for this one.
    if !all.is_older || matches!(conn, Conn::Sqlite(_)) {
        let (finding, digest) = compare_digests(conn, watch);
        all.findings.extend(finding);
        all.digest = digest;
    }
    Ok(all)
}

fn look_at(conn: &mut Conn, (what, look): &(&'static str, Look)) -> Finding {
    let wrong = look(conn).unwrap_or_else(|error| vec![error.to_string()]);
    Finding { what, wrong }
}

fn compare_digests(conn: &mut Conn, watch: Watch<'_>) -> (Option<Finding>, Option<Digest>) {
    let finding = |wrong| Some(Finding { what: "it holds what it held when it was made", wrong });
    match verify(conn, watch) {
        Ok((digest, changed)) => (changed.and_then(finding), Some(digest)),
        Err(error) => (finding(vec![error.to_string()]), None),
    }
}

/// The digest of what people have stored, and what a backup says itself to have changed since it was made, in words;
/// `None`, if it does not say what it was.
pub fn verify(conn: &mut Conn, watch: Watch<'_>) -> Result<(Digest, Option<Vec<String>>), ArchiveError> {
    watch(Step::Begins("computing the digest", 0));
    if let Conn::Postgres(_) = conn {
        return Ok((Digest::of(conn, table_names(), watch)?, None));
    }
    let computed = whole_digest(conn, watch)?;
    let changed = carried_digest(conn)?.map(|carried| {
        let changed = carried.differences(&computed).into_iter();
        changed.map(|table| format!("{table} has changed")).collect()
    });
    Ok((computed.of_data(), changed))
}

/// Refuses a database whose file is damaged or whose foreign keys lead nowhere.
pub fn refuse_damage(conn: &mut Conn) -> Result<(), ArchiveError> {
    for (_, look) in ALWAYS {
        if let Some(wrong) = look(conn)?.first() {
            return Err(ArchiveError::new(format_args!("it is damaged: {wrong}. `kennel check` tells more")));
        }
    }
    Ok(())
}

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    said: String,
}

fn said(conn: &mut Conn, query: String) -> Result<Vec<String>, ArchiveError> {
    let rows: Vec<Told> = conn.load(sql_query(query))?;
    Ok(rows.into_iter().map(|row| row.said).collect())
}

/// The faults that SQLite finds in the file, with `NOT NULL`, `CHECK` and `UNIQUE` among them.
fn integrity(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    match conn {
        Conn::Sqlite(_) => {
            let query = format!("SELECT integrity_check AS said FROM pragma_integrity_check LIMIT {TOLD}");
            Ok(said(conn, query)?.into_iter().filter(|said| said != "ok").collect())
        }
        Conn::Postgres(_) => Ok(Vec::new()),
    }
}

/// A constraint of PostgreSQL, as the catalogue has it.
#[derive(QueryableByName)]
struct Constraint {
    #[diesel(sql_type = Text)]
    name: String,
    /// The query that counts the rows that break it.
    #[diesel(sql_type = Text)]
    counting: String,
}

/// Builds, in SQL, a query for each foreign key that counts the rows that lead nowhere (an anti-join).
const POSTGRES_KEYS: &str = "SELECT c.conname::text AS name, format('SELECT count(*) AS count FROM %s AS a WHERE %s \
    AND NOT EXISTS (SELECT 1 FROM %s AS b WHERE %s)', c.conrelid::regclass, \
    string_agg(format('a.%I IS NOT NULL', a.attname), ' AND '), c.confrelid::regclass, \
    string_agg(format('a.%I = b.%I', a.attname, b.attname), ' AND ')) AS counting \
    FROM pg_constraint c, unnest(c.conkey, c.confkey) AS k (own, other), pg_attribute a, pg_attribute b \
    WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace \
    AND a.attrelid = c.conrelid AND a.attnum = k.own AND b.attrelid = c.confrelid AND b.attnum = k.other \
    GROUP BY c.oid, c.conname, c.conrelid, c.confrelid ORDER BY 1";
/// Builds a query for each `CHECK` that counts the rows that break it.
const POSTGRES_CHECKS: &str = "SELECT conname::text AS name, format('SELECT count(*) AS count FROM %s WHERE NOT (%s)', \
    conrelid::regclass, pg_get_expr(conbin, conrelid)) AS counting FROM pg_constraint \
    WHERE contype = 'c' AND connamespace = current_schema()::regnamespace ORDER BY 1";

fn broken(conn: &mut Conn, constraints: &str) -> Result<Vec<String>, ArchiveError> {
    let constraints: Vec<Constraint> = conn.load(sql_query(constraints))?;
    let mut wrong = Vec::new();
    for Constraint { name, counting } in constraints {
        let rows = count(conn, counting)?;
        if rows > 0 {
            wrong.push(format!("{rows} rows break {name}"));
        }
    }
    Ok(wrong)
}

fn foreign_keys(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    match conn {
        Conn::Sqlite(_) => {
            let query = format!(
                "SELECT 'row ' || coalesce(rowid, '?') || ' of ' || \"table\" || ' leads to no row of ' || parent AS said \
                 FROM pragma_foreign_key_check LIMIT {TOLD}"
            );
            said(conn, query)
        }
        Conn::Postgres(_) => broken(conn, POSTGRES_KEYS),
    }
}

/// The `CHECK` constraints of PostgreSQL; SQLite's integrity check has looked at its own.
fn constraints(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    match conn {
        Conn::Sqlite(_) => Ok(Vec::new()),
        Conn::Postgres(_) => broken(conn, POSTGRES_CHECKS),
    }
}

#[derive(QueryableByName)]
struct KeyedName {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    name_key: String,
}

/// The rows whose search key is not that of their name, which no search finds.
fn search_keys(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    let mut wrong = Vec::new();
    for table in ["owners", "dogs", "tasks"] {
        let query = sql_query(format!("SELECT id, name, name_key FROM {table} ORDER BY id"));
        let mut look = |row: QueryResult<KeyedName>| {
            let KeyedName { id, name, name_key } = row?;
            if wrong.len() < TOLD && search_key(&name) != name_key {
                wrong.push(format!("row {id} of {table} has the key of another name"));
            }
            QueryResult::Ok(())
        };
        match conn {
            Conn::Sqlite(conn) => query.load_iter::<KeyedName, DefaultLoadingMode>(conn)?.try_for_each(&mut look)?,
            Conn::Postgres(conn) => {
                query.load_iter::<KeyedName, PgRowByRowLoadingMode>(conn)?.try_for_each(&mut look)?;
            }
        }
    }
    Ok(wrong)
}

/// A line for each row that a query finds, by its id.
fn ids(conn: &mut Conn, condition: &str, told: &str) -> Result<Vec<String>, ArchiveError> {
    said(conn, format!("SELECT '{told} ' || u.id AS said FROM {condition} ORDER BY u.id LIMIT {TOLD}"))
}

fn public_pages(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    let query = "users u LEFT JOIN profiles p ON p.user_id = u.id WHERE u.is_public <> (p.user_id IS NOT NULL)";
    ids(conn, query, "is_public is wrong for user")
}

fn co_owners(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    let query = "dogs u JOIN dog_co_owners c ON c.dog_id = u.id AND c.owner_id = u.owner_id";
    ids(conn, query, "the owner is among the co-owners of dog")
}

/// The tables whose next row would get a number that there is already.
fn numbers(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    let latest = sequences::of(conn)?;
    let mut wrong = Vec::new();
    for table in ["api_keys", "dogs", "mails", "owners", "sessions", "tasks", "users"] {
        let highest = count(conn, format!("SELECT coalesce(max(id), 0) AS count FROM {table}"))?;
        let next = latest.get(table).copied().unwrap_or_default();
        if next < highest {
            wrong.push(format!("the last number of {table} is {next}, and there is a row {highest}"));
        }
    }
    Ok(wrong)
}

/// The books whose log is not what it has to be: a row for each number above `floor` and up to `last`, as only Kennel
/// writes one; and the logs of no book. Of a deleted account the rows go piece by piece.
fn logs(conn: &mut Conn) -> Result<Vec<String>, ArchiveError> {
    let resources = BookResource::ALL.map(BookResource::name).join("', '");
    let actions = Action::ALL.map(Action::name).join("', '");
    let odd = format!(
        "sum(CASE WHEN batch BETWEEN 1 AND seq AND (undoes IS NULL OR undoes BETWEEN 1 AND batch - 1) \
         AND resource IN ('{resources}') AND action IN ('{actions}') \
         AND (was IS NULL) = (action = 'created') THEN 0 ELSE 1 END)"
    );
    let rows = format!(
        "SELECT user_id, count(*) AS kept, min(seq) AS oldest, max(seq) AS newest, {odd} AS odd FROM changes \
         GROUP BY user_id"
    );
    let mut wrong = said(
        conn,
        format!(
            "SELECT 'the log of changes of user ' || u.id || ' lacks some, or has others' AS said \
             FROM users u JOIN books b ON b.user_id = u.id LEFT JOIN ({rows}) c ON c.user_id = u.id \
             WHERE u.deleted_at IS NULL AND (coalesce(c.kept, 0) <> b.last - b.floor \
             OR c.oldest <= b.floor OR c.newest > b.last OR c.odd > 0) ORDER BY u.id LIMIT {TOLD}"
        ),
    )?;
    wrong.extend(said(
        conn,
        format!(
            "SELECT DISTINCT 'there are changes of user ' || c.user_id || ', who has no book' AS said FROM changes c \
             WHERE NOT EXISTS (SELECT 1 FROM books b WHERE b.user_id = c.user_id) ORDER BY 1 LIMIT {TOLD}"
        ),
    )?);
    Ok(wrong)
}

/// Where a text still is, of everything that a server stores: in the rows of the database, in the files of a SQLite
/// database and its key, byte by byte, and in the files of the folder that mails are written to, if there is
/// one. Nothing, if the text is found nowhere: the proof that what was deleted is gone.
///
/// # Errors
/// A file or the database cannot be read.
pub fn whereabouts(url: &DatabaseUrl, mails: Option<&Path>, text: &str) -> Result<Vec<String>, ArchiveError> {
    let mut found = match url {
        DatabaseUrl::Sqlite(path) => {
            // The database, what lies beside it, and its key.
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let mut found = in_files(&files::folder_of(path), &name, text)?;
            // In the file a long value is in pieces.
            found.extend(in_rows(&mut SqliteFile::at(path).open_to_read()?, text)?);
            found
        }
        DatabaseUrl::Postgres(_) => in_rows(&mut connect_existing(url)?, text)?,
    };
    if let Some(mails) = mails.filter(|mails| mails.exists()) {
        found.extend(in_files(mails, "", text)?);
    }
    Ok(found)
}

/// The files of a folder whose names begin so and that hold a text.
fn in_files(folder: &Path, beginning: &str, text: &str) -> Result<Vec<String>, ArchiveError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(beginning);
        if is_ours && entry.file_type()?.is_file() && holds(&entry.path(), text.as_bytes())? {
            found.push(entry.path().display().to_string());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether a file holds these bytes, which may lie across the pieces that it is read in.
fn holds(path: &Path, text: &[u8]) -> io::Result<bool> {
    const PIECE: usize = 1 << 20;
    let mut file = File::open(path)?;
    let mut window = Vec::new();
    loop {
        let kept = window.len().min(text.len().saturating_sub(1));
        drop(window.drain(..window.len() - kept));
        if file.by_ref().take(PIECE as u64).read_to_end(&mut window)? == 0 {
            return Ok(false);
        }
        if window.windows(text.len().max(1)).any(|bytes| bytes == text) {
            return Ok(true);
        }
    }
}

fn in_rows(conn: &mut Conn, text: &str) -> Result<Vec<String>, ArchiveError> {
    let mut found = Vec::new();
    let tables = match conn {
        Conn::Sqlite(_) => tables(conn)?,
        Conn::Postgres(_) => table_names().map(str::to_owned).collect(),
    };
    for table in tables {
        let rows = rows_with(conn, &table, text)?;
        if rows > 0 {
            found.push(format!("{rows} rows of {table}"));
        }
    }
    Ok(found)
}

/// The number of rows in which a text is, in whatever column.
fn rows_with(conn: &mut Conn, table: &str, text: &str) -> QueryResult<i64> {
    let count = match conn {
        Conn::Sqlite(conn) => {
            let columns = format!("SELECT name AS said FROM pragma_table_info('{table}')");
            let columns: Vec<Told> = sql_query(columns).load(conn)?;
            let has = |column: Told| format!("instr(CAST(\"{}\" AS BLOB), CAST(?1 AS BLOB)) > 0", column.said);
            let has: Vec<_> = columns.into_iter().map(has).collect();
            let query = format!("SELECT count(*) AS count FROM \"{table}\" WHERE {}", has.join(" OR "));
            sql_query(query).bind::<Text, _>(text).get_result::<CountRow>(conn)?
        }
        Conn::Postgres(conn) => {
            let query = format!("SELECT count(*) AS count FROM {table} AS row WHERE strpos(row::text, $1) > 0");
            sql_query(query).bind::<Text, _>(text).get_result::<CountRow>(conn)?
        }
    };
    Ok(count.count)
}
