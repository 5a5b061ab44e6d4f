//! The digest of a database: one SHA-256 over what every row says, the same on SQLite and on PostgreSQL. So two
//! databases with the same digest hold the same, and a backup that carries its own can be checked by itself, years
//! later.
//!
//! It is defined in terms that any program can compute (`docs/operating.md`), and computed by the database's own SQL,
//! which shares no code with what copies the rows.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use diesel::{
    connection::DefaultLoadingMode,
    pg::PgRowByRowLoadingMode,
    prelude::*,
    sql_query,
    sql_types::{Binary, Text},
};

use super::{ArchiveError, Step, Watch};
use crate::db::Conn;

/// The digests of a database's tables, from which that of the whole follows. `Display` shows the latter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(Vec<TableDigest>);

/// The rows of a table, in a number and a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDigest {
    /// The name of the table.
    pub table: String,
    /// The number of its rows.
    pub rows: i64,
    /// The SHA-256 of its rows, in hexadecimal digits.
    pub sha256: String,
}

impl Digest {
    /// Computes the digest of the tables with these names. Reads every row, and keeps none. Sees one moment only in a
    /// transaction that does.
    ///
    /// # Errors
    /// A table is not there, or the database cannot be read.
    pub fn of<'a>(
        conn: &mut Conn,
        tables: impl IntoIterator<Item = &'a str>,
        watch: Watch<'_>,
    ) -> Result<Self, ArchiveError> {
        let mut names: Vec<_> = tables.into_iter().collect();
        names.sort_unstable();
        names.into_iter().map(|table| TableDigest::of(conn, table, watch)).collect::<Result<_, _>>().map(Self)
    }

    /// The digest that these tables' digests make.
    #[must_use]
    pub fn stored(mut tables: Vec<TableDigest>) -> Self {
        tables.sort_unstable_by(|a, b| a.table.cmp(&b.table));
        Self(tables)
    }

    /// The digests of the tables, by name.
    #[must_use]
    pub fn tables(&self) -> &[TableDigest] {
        &self.0
    }

    /// The digest without what SQLite and the migrations keep for themselves: of what people have stored, the same on
    /// either database.
    #[must_use]
    pub fn of_data(&self) -> Self {
        let is_data = |table: &&TableDigest| !table.table.starts_with("sqlite_") && !table.table.starts_with("__");
        Self(self.0.iter().filter(is_data).cloned().collect())
    }

    /// The number of all rows.
    #[must_use]
    pub fn rows(&self) -> i64 {
        self.0.iter().map(|table| table.rows).sum()
    }

    /// The names of the tables in which another digest differs.
    #[must_use]
    pub fn differences<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let differing = self.0.iter().filter(|table| !other.0.contains(table));
        let missing = other.0.iter().filter(|table| self.0.iter().all(|own| own.table != table.table));
        differing.chain(missing).map(|table| table.table.as_str()).collect()
    }
}

/// The digest of the whole: the SHA-256 of a line for each table, in the order of their names.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut context = Context::new(&SHA256);
        for TableDigest { table, rows, sha256 } in &self.0 {
            context.update(format!("{table} {rows} {sha256}\n").as_bytes());
        }
        f.write_str(&in_hex(context))
    }
}

#[derive(QueryableByName)]
struct EncodedRow {
    #[diesel(sql_type = Binary)]
    row: Vec<u8>,
}

impl TableDigest {
    fn of(conn: &mut Conn, table: &str, watch: Watch<'_>) -> Result<Self, ArchiveError> {
        let query = sql_query(encoding_query(conn, table)?);
        let mut tally = Tally { context: Context::new(&SHA256), rows: 0, watch };
        match conn {
            Conn::Sqlite(conn) => {
                for row in query.load_iter::<EncodedRow, DefaultLoadingMode>(conn)? {
                    tally.add(&row?);
                }
            }
            Conn::Postgres(conn) => {
                for row in query.load_iter::<EncodedRow, PgRowByRowLoadingMode>(conn)? {
                    tally.add(&row?);
                }
            }
        }
        Ok(Self { table: table.to_owned(), rows: tally.rows, sha256: in_hex(tally.context) })
    }
}

struct Tally<'a> {
    context: Context,
    rows: i64,
    watch: Watch<'a>,
}

impl Tally<'_> {
    fn add(&mut self, EncodedRow { row }: &EncodedRow) {
        self.context.update(row);
        self.context.update(b"\n");
        self.rows += 1;
        (self.watch)(Step::Rows(1));
    }
}

fn in_hex(context: Context) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap_or_default());
    context.finish().as_ref().iter().flat_map(digits).collect()
}

/// A column of a table: its name, its type in PostgreSQL, and its place in the primary key, from 1 on; 0 outside of it.
#[derive(QueryableByName)]
struct ColumnFacts {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    in_key: i64,
}

/// The tables of SQLite's own that a backup's digest covers, with their columns, and without what is about the digest.
const OF_SQLITE: &[(&str, &[&str], &str)] = &[
    ("sqlite_schema", &["name", "sql", "tbl_name", "type"], "sqlite_schema WHERE tbl_name <> 'backup_digest'"),
    ("sqlite_sequence", &["name", "seq"], "sqlite_sequence"),
];

const SQLITE_COLUMNS: &str =
    "SELECT name, type AS kind, CAST(pk AS BIGINT) AS in_key FROM pragma_table_info(?) ORDER BY name";
const POSTGRES_COLUMNS: &str = "SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS kind, \
    coalesce(array_position(i.indkey::int2[], a.attnum), -1) + 1::bigint AS in_key \
    FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary \
    WHERE a.attrelid = to_regclass(quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped \
    ORDER BY a.attname COLLATE \"C\"";

/// The query that gives each row of a table in the digest's encoding, in the order of the primary key. The tables that
/// SQLite itself keeps have none, and are in the order of their names; where a table begins in the file is left out.
fn encoding_query(conn: &mut Conn, table: &str) -> Result<String, ArchiveError> {
    if let Some((columns, from)) =
        OF_SQLITE.iter().find_map(|(own, columns, from)| (*own == table).then_some((columns, from)))
    {
        let row = columns.iter().map(|column| of_sqlite(column)).collect::<Vec<_>>().join(" || ',' || ");
        return Ok(format!("SELECT CAST({row} AS BLOB) AS row FROM {from} ORDER BY name"));
    }
    let (columns, encode): (Vec<ColumnFacts>, fn(&ColumnFacts) -> String) = match conn {
        Conn::Sqlite(conn) => {
            (sql_query(SQLITE_COLUMNS).bind::<Text, _>(table).load(conn)?, |column| of_sqlite(&quoted(&column.name)))
        }
        Conn::Postgres(conn) => (sql_query(POSTGRES_COLUMNS).bind::<Text, _>(table).load(conn)?, of_postgres),
    };
    let mut key: Vec<_> = columns.iter().filter(|column| column.in_key > 0).collect();
    key.sort_unstable_by_key(|column| column.in_key);
    if key.is_empty() {
        return Err(ArchiveError::new(format_args!("there is no table {table}")));
    }
    let row = columns.iter().map(encode).collect::<Vec<_>>().join(" || ',' || ");
    let row = match conn {
        Conn::Sqlite(_) => format!("CAST({row} AS BLOB)"),
        Conn::Postgres(_) => format!("convert_to({row}, 'UTF8')"),
    };
    let key = key.iter().map(|column| quoted(&column.name)).collect::<Vec<_>>().join(", ");
    Ok(format!("SELECT {row} AS row FROM {} ORDER BY {key}", quoted(table)))
}

/// The encoding of a value of SQLite, by how it is stored.
fn of_sqlite(column: &str) -> String {
    format!(
        "CASE typeof({column}) WHEN 'null' THEN 'N' WHEN 'integer' THEN 'I' || {column} \
         WHEN 'text' THEN 'T' || length(CAST({column} AS BLOB)) || ':' || {column} \
         WHEN 'blob' THEN 'B' || hex({column}) ELSE 'R' || {column} END"
    )
}

/// The encoding of a value of PostgreSQL, by the type of its column: of times and truths as SQLite stores them.
fn of_postgres(column: &ColumnFacts) -> String {
    let name = quoted(&column.name);
    let value = match column.kind.as_str() {
        "text" => format!("'T' || octet_length({name}) || ':' || {name}"),
        "bytea" => format!("'B' || upper(encode({name}, 'hex'))"),
        "date" => format!("'T10:' || to_char({name}, 'YYYY-MM-DD')"),
        "timestamp with time zone" => format!("'I' || (extract(epoch FROM {name}) * 1000000)::bigint"),
        "boolean" => format!("'I' || {name}::int"),
        _ => format!("'I' || {name}"),
    };
    format!("coalesce({value}, 'N')")
}

/// A name as both databases quote it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
