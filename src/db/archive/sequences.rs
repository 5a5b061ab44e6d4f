//! The numbers that a database has given to rows: the next row gets a higher one. A copy takes them along, because the
//! id of a row that was deleted must not come back for another one.

use std::collections::BTreeMap;

use diesel::{
    prelude::*,
    result::Error,
    sql_query,
    sql_types::{BigInt, Text},
};

use crate::{db::Conn, ids::Id};

#[derive(QueryableByName)]
struct Sequence {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = BigInt)]
    latest: i64,
}

const OF_SQLITE: &str = "SELECT name AS table_name, CAST(seq AS BIGINT) AS latest FROM sqlite_sequence WHERE seq > 0";
const OF_POSTGRES: &str = "SELECT t.relname::text AS table_name, pg_sequence_last_value(d.objid::regclass) AS latest \
    FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
    WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'i' AND t.relnamespace = current_schema()::regnamespace \
    AND pg_sequence_last_value(d.objid::regclass) IS NOT NULL";

/// The last number that each table's rows got, by the table's name; tables that never had a row are not in it.
pub fn of(conn: &mut Conn) -> QueryResult<BTreeMap<String, i64>> {
    let query = match conn {
        Conn::Sqlite(_) => OF_SQLITE,
        Conn::Postgres(_) => OF_POSTGRES,
    };
    let sequences: Vec<Sequence> = conn.load(sql_query(query))?;
    Ok(sequences.into_iter().map(|sequence| (sequence.table_name, sequence.latest)).collect())
}

#[derive(QueryableByName)]
struct NextId {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// Takes the next ids of a table for so many rows, in ascending order. The rows are inserted with them next, in the
/// transaction that is open on `conn`.
///
/// # Errors
/// The database's errors, as Diesel reports them.
pub fn take_ids<T>(conn: &mut Conn, table: &str, count: usize) -> QueryResult<Vec<Id<T>>> {
    let numbers = take(conn, table, i64::try_from(count).unwrap_or(i64::MAX))?;
    numbers.into_iter().map(|number| Id::new(number).ok_or(Error::NotFound)).collect()
}

fn take(conn: &mut Conn, table: &str, count: i64) -> QueryResult<Vec<i64>> {
    match conn {
        // The only writer inserts them before another one reads the number again.
        Conn::Sqlite(_) => {
            let latest = of(conn)?.get(table).copied().unwrap_or_default();
            Ok((latest + 1..=latest + count).collect())
        }
        Conn::Postgres(conn) => {
            let next = "SELECT nextval(pg_get_serial_sequence($1, 'id')) AS number FROM generate_series(1, $2)";
            let next = sql_query(next).bind::<Text, _>(table).bind::<BigInt, _>(count);
            let mut numbers: Vec<_> = next.load::<NextId>(conn)?.into_iter().map(|next| next.number).collect();
            numbers.sort_unstable();
            Ok(numbers)
        }
    }
}

/// Sets the last number of each of the tables.
pub fn set(conn: &mut Conn, numbers: &BTreeMap<String, i64>) -> QueryResult<()> {
    for (table, latest) in numbers {
        match conn {
            Conn::Sqlite(conn) => {
                let delete = sql_query("DELETE FROM sqlite_sequence WHERE name = ?");
                let _one_or_none = delete.bind::<Text, _>(table).execute(conn)?;
                let insert = sql_query("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)");
                let _one = insert.bind::<Text, _>(table).bind::<BigInt, _>(latest).execute(conn)?;
            }
            Conn::Postgres(conn) => {
                let set = sql_query("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)");
                let _one = set.bind::<Text, _>(table).bind::<BigInt, _>(latest).execute(conn)?;
            }
        }
    }
    Ok(())
}
