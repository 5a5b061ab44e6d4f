//! Rows by the million, without HTTP: what a server has after a year. The schema is the one that its own migrations
//! made. A user's rows lie far apart, as those of people who come back now and then do.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use crate::client::Result;
use crate::database::Engine;

const OWNERS: u64 = 20;
const DOGS: u64 = 50;
/// Every tenth user has a profile, and so dogs that everybody sees.
const PUBLIC: u64 = 10;
const YEAR: u64 = 365 * 24 * 3600;

/// One account was signed up, and logged in once, before the rows are written: it has the first id of either table.
/// Owners begin at 1.
const FIRST: u64 = 2;

/// What is written.
#[derive(Clone, Copy)]
pub struct Seed {
    engine: Engine,
    users: u64,
}

/// One of the users, by number.
#[derive(Clone, Copy)]
pub struct Person {
    pub user: u64,
    pub session: u64,
    /// One of its owners.
    pub owner: u64,
}

impl Seed {
    /// Of so many dogs, and 50 of them to each user.
    pub fn of(engine: Engine, dogs: u64) -> Self {
        Self { engine, users: dogs.div_ceil(DOGS).max(2) }
    }

    /// At most so many pairs of neighbours, spread evenly over all users: one who reads, one who writes.
    pub fn pairs(self, most: u64) -> Vec<[Person; 2]> {
        let pairs = (self.users / 2).min(most);
        let numbers = (0..pairs).map(|pair| self.users / 2 * pair / pairs * 2);
        numbers.map(|number| [person(number), person(number + 1)]).collect()
    }

    /// Writes all into a database that nobody else uses. Returns its size in bytes.
    pub fn write(self, url: &str) -> Result<i64> {
        match self.engine {
            Engine::Sqlite => self.write_sqlite(url.trim_start_matches("sqlite://")),
            Engine::Postgres => self.write_postgres(url),
        }
    }

    /// Nothing is kept for a crash: the file would be thrown away.
    fn write_sqlite(self, file: &str) -> Result<i64> {
        let mut conn = SqliteConnection::establish(file)?;
        conn.batch_execute(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;
             PRAGMA ignore_check_constraints = ON; PRAGMA cache_size = -524288; PRAGMA threads = 2;",
        )?;
        self.write_rows(&mut conn, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")?;
        conn.batch_execute("ANALYZE; PRAGMA journal_mode = WAL;")?;
        size(&mut conn, "SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size")
    }

    fn write_postgres(self, url: &str) -> Result<i64> {
        let mut conn = PgConnection::establish(url)?;
        // A replica does not check what points at what: its source did.
        conn.batch_execute(
            "SET session_replication_role = replica; SET synchronous_commit = off; SET jit = off;
             SET maintenance_work_mem = '512MB';",
        )?;
        let indexes = "SELECT indexname::text AS name, indexdef AS sql FROM pg_indexes WHERE schemaname = 'public' \
                       AND indexname NOT IN (SELECT conname FROM pg_constraint)";
        self.write_rows(&mut conn, indexes)?;
        // As it does by itself sooner or later, and must not do under the load.
        conn.batch_execute("VACUUM (ANALYZE)")?;
        conn.batch_execute("CHECKPOINT")?;
        size(&mut conn, "SELECT pg_database_size(current_database()) AS size")
    }

    /// Indexes are faster made of rows than grown with them. Those that the schema makes of constraints stay.
    fn write_rows<C>(self, conn: &mut C, indexes: &str) -> Result<()>
    where
        C: Connection + SimpleConnection,
        diesel::query_builder::SqlQuery: for<'a> diesel::query_dsl::LoadQuery<'a, C, Index>,
    {
        let indexes: Vec<Index> = sql_query(indexes).load(conn)?;
        conn.batch_execute("BEGIN")?;
        for index in &indexes {
            conn.batch_execute(&format!("DROP INDEX {}", index.name))?;
        }
        for insert in self.inserts()? {
            conn.batch_execute(&insert)?;
        }
        for index in &indexes {
            conn.batch_execute(&index.sql)?;
        }
        Ok(conn.batch_execute("COMMIT")?)
    }

    /// `n.i` counts the rows of a table from 0: each user gets its first row, then each its second.
    fn inserts(self) -> Result<[String; 5]> {
        let Self { users, .. } = self;
        let (owners, dogs, profiles) = (users * OWNERS, users * DOGS, users.div_ceil(PUBLIC));
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let over_the_year = |rows: u64| self.time(&format!("{} + n.i * {YEAR} / {rows}", now - YEAR));
        let (soon, lately) = (self.time(&(now + YEAR).to_string()), self.time(&format!("{now} - 60 - n.i % 86400")));
        let (user, nth) = (format!("n.i % {users}"), format!("(n.i / {users})"));
        let (bytes, birthday) = match self.engine {
            Engine::Sqlite => ("randomblob(16)", format!("(2010 + {nth} % 16) || '-05-01'")),
            Engine::Postgres => ("decode(md5(n.i::text), 'hex')", format!("make_date(2010 + ({nth} % 16)::int, 5, 1)")),
        };
        let (joined, hired, written) = (over_the_year(users), over_the_year(owners), over_the_year(dogs));
        // Their capitals are ASCII, so that both databases know the small ones.
        let owner = named(&nth, ["Ann Müller", "Björn Berg", "Charlotte", "Zoë"]);
        let dog = named(&nth, ["Rex", "Bella", "Señor Wuff", "Mademoiselle Fifi"]);
        Ok([
            format!(
                "INSERT INTO users (username, username_key, email, email_key, password_hash, verified_at, created_at,
                     updated_at, is_public)
                 SELECT 'walker' || n.i, 'walker' || n.i, 'walker' || n.i || '@example.com',
                     'walker' || n.i || '@example.com', (SELECT password_hash FROM users WHERE id = 1), {joined},
                     {joined}, {joined}, n.i % {PUBLIC} = 0 FROM {}",
                self.series(users)
            ),
            format!(
                "INSERT INTO sessions (user_id, refresh_salt, user_agent, created_at, last_seen_at, expires_at, source)
                 SELECT {FIRST} + n.i, {bytes}, 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101', {lately},
                     {lately}, {soon}, {bytes} FROM {}",
                self.series(users)
            ),
            format!(
                "INSERT INTO owners (user_id, name, name_key, created_at, updated_at)
                 SELECT {FIRST} + {user}, {owner}, lower({owner}), {hired}, {hired} FROM {}",
                self.series(owners)
            ),
            format!(
                "INSERT INTO dogs (user_id, owner_id, name, name_key, born_on, created_at, updated_at)
                 SELECT {FIRST} + {user}, 1 + {nth} % {OWNERS} * {users} + {user}, {dog}, lower({dog}), {birthday},
                     {written}, {written} FROM {}",
                self.series(dogs)
            ),
            format!(
                "INSERT INTO profiles (user_id, description, created_at, updated_at)
                 SELECT {FIRST} + n.i * {PUBLIC}, 'Dogs of all sizes.', {joined}, {joined} FROM {}",
                self.series(profiles)
            ),
        ])
    }

    /// Rows `n` with the numbers `i` from 0.
    fn series(self, rows: u64) -> String {
        match self.engine {
            Engine::Sqlite => format!(
                "(WITH RECURSIVE c(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM c WHERE i + 1 < {rows})
                  SELECT i FROM c) AS n"
            ),
            Engine::Postgres => format!("generate_series(0::bigint, {rows} - 1) AS n(i)"),
        }
    }

    /// Seconds since 1970 as the database keeps times.
    fn time(self, seconds: &str) -> String {
        match self.engine {
            Engine::Sqlite => format!("({seconds}) * 1000000"),
            Engine::Postgres => format!("to_timestamp({seconds})"),
        }
    }
}

fn person(number: u64) -> Person {
    Person { user: FIRST + number, session: FIRST + number, owner: 1 + number }
}

/// A name for each number.
fn named(number: &str, names: [&str; 4]) -> String {
    let [a, b, c, d] = names;
    format!("CASE {number} % 4 WHEN 0 THEN '{a}' WHEN 1 THEN '{b}' WHEN 2 THEN '{c}' ELSE '{d}' END || ' ' || {number}")
}

/// An index, and the statement that makes it.
#[derive(QueryableByName)]
struct Index {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
}

#[derive(QueryableByName)]
struct Size {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

fn size<C>(conn: &mut C, query: &str) -> Result<i64>
where
    C: Connection,
    diesel::query_builder::SqlQuery: for<'a> diesel::query_dsl::LoadQuery<'a, C, Size>,
{
    Ok(sql_query(query).get_result::<Size>(conn)?.size)
}
