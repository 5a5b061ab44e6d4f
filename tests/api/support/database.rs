//! A fresh, empty database for each test: a file in a directory of its own, or a database in the
//! throw-away PostgreSQL cluster of `postgres.rs`. It goes when the test ends.
//!
//! Also the test's own way in: plain SQL past the server, to look at what is stored and to store what
//! the server never would.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{Connection, PgConnection, QueryResult, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};
use kennel::db::DatabaseId;
use tempfile::TempDir;

use super::postgres;
use super::sentence::{Scene, Told};

/// The tables whose rows come and change as the server sees fit: who is logged in, who guessed, what is to be mailed.
const OF_THE_SERVERS_OWN: [&str; 4] = ["login_failures", "mail_counts", "mails", "sessions"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    /// The databases that this machine can run the suite on.
    pub fn at_hand() -> Vec<Self> {
        if postgres::is_installed() { vec![Self::Sqlite, Self::Postgres] } else { vec![Self::Sqlite] }
    }

    /// The other one, if this machine has both.
    pub fn other(self) -> Self {
        Self::at_hand().into_iter().find(|engine| *engine != self).unwrap_or(self)
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        })
    }
}

/// An empty database that belongs to one test, and a directory to go with it.
pub struct Database {
    pub engine: Engine,
    name: String,
    directory: TempDir,
    /// A connection that is kept, since a new one costs PostgreSQL a new process.
    kept: Mutex<Option<Sql>>,
}

impl Scene for Database {
    const TOLD: Told = Told::OnEachDatabase;

    fn set(engine: Engine) -> Self {
        Self::fresh(engine)
    }
}

impl Database {
    pub fn fresh(engine: Engine) -> Self {
        let name = match engine {
            Engine::Sqlite => "kennel.db".to_owned(),
            Engine::Postgres => postgres::cluster().create_database(),
        };
        let directory = tempfile::Builder::new().prefix("kennel-test-").tempdir().expect("a temporary directory");
        Self { engine, name, directory, kept: Mutex::new(None) }
    }

    /// What `DATABASE_URL` is to say.
    pub fn url(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite://{}", self.file().display()),
            Engine::Postgres => postgres::cluster().url(&self.name),
        }
    }

    /// A segment of the path in the URL that no other test's has.
    pub fn own_part_of_the_url(&self) -> String {
        match self.engine {
            Engine::Sqlite => {
                let name = self.directory.path().file_name().expect("a directory has a name");
                name.to_string_lossy().into_owned()
            }
            Engine::Postgres => self.name.clone(),
        }
    }

    /// The SQLite file.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// An empty directory (but for the SQLite file) to start processes in.
    pub fn directory(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// A connection past the server.
    fn connect(&self) -> Sql {
        match self.engine {
            Engine::Sqlite => {
                let file = self.file();
                let path = file.to_str().expect("a path in UTF-8");
                let mut connection = SqliteConnection::establish(path).expect("the SQLite file opens");
                connection
                    .batch_execute("PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON;")
                    .expect("the pragmas are taken");
                Sql::Sqlite(connection)
            }
            Engine::Postgres => Sql::Postgres(postgres::connect(&self.url())),
        }
    }

    /// Runs one statement past the server; how many rows it touched.
    pub fn execute(&self, statement: &str) -> QueryResult<usize> {
        self.with_connection(|connection| connection.execute(statement))
    }

    /// Runs a statement in a transaction that is not committed before `meanwhile` has returned.
    pub fn execute_while(&self, statement: &str, meanwhile: impl FnOnce()) {
        let begin = if self.engine == Engine::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        self.with_connection(|connection| {
            for statement in [begin, statement] {
                connection.execute(statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
            }
            meanwhile();
            connection.execute("COMMIT").expect("it is committed");
        });
    }

    /// The one text column `value` of a query's rows.
    pub fn texts(&self, query: &str) -> Vec<String> {
        self.with_connection(|connection| connection.texts(query))
    }

    /// How the database would run a query, whatever is bound to it: a line for each step.
    pub fn plan(&self, query: &str) -> Vec<String> {
        self.with_connection(|connection| connection.plan(query))
    }

    fn with_connection<T>(&self, work: impl FnOnce(&mut Sql) -> T) -> T {
        match self.engine {
            Engine::Sqlite => work(&mut self.connect()),
            Engine::Postgres => {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                work(kept.get_or_insert_with(|| self.connect()))
            }
        }
    }

    /// How many rows a table, or a `FROM` with conditions, has.
    pub fn count(&self, from: &str) -> i64 {
        let counted = self.texts(&format!("SELECT CAST(count(*) AS TEXT) AS value FROM {from}"));
        counted[0].parse().expect("a count is a number")
    }

    /// The database's own name.
    pub fn id(&self) -> DatabaseId {
        DatabaseId::stored(self.texts("SELECT id AS value FROM database_identity").remove(0))
    }

    /// The tables that hold the service's rows.
    pub fn tables(&self) -> Vec<String> {
        self.texts(match self.engine {
            Engine::Sqlite => {
                "SELECT name AS value FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                 AND name <> '__diesel_schema_migrations' ORDER BY name"
            }
            Engine::Postgres => {
                "SELECT table_name::text AS value FROM information_schema.tables WHERE table_schema = 'public' \
                 AND table_name <> '__diesel_schema_migrations' ORDER BY table_name COLLATE \"C\""
            }
        })
    }

    /// Every row of every table that holds what people wrote, as text, in a fixed order: equal before and after means
    /// that nothing of it changed.
    pub fn rows(&self) -> Vec<String> {
        let tables = self.tables().into_iter().filter(|table| !OF_THE_SERVERS_OWN.contains(&table.as_str()));
        tables.flat_map(|table| self.rows_of(&table)).collect()
    }

    /// Every row of every table but `mails`, whose rows change when they are sent, and their counts.
    pub fn everything(&self) -> Vec<String> {
        let tables = self.tables().into_iter().filter(|table| !["mail_counts", "mails"].contains(&table.as_str()));
        tables.flat_map(|table| self.rows_of(&table)).collect()
    }

    /// Moves a time back by so many seconds, in each row of a table (or of a `table WHERE …`) that has one: nobody
    /// has to wait for what it brings about.
    pub fn put_back(&self, column: &str, of: &str, seconds: i64) {
        let (table, condition) = of.split_once(" WHERE ").unwrap_or((of, "1 = 1"));
        let earlier = match self.engine {
            Engine::Sqlite => format!("{column} - {seconds} * 1000000"),
            Engine::Postgres => format!("{column} - INTERVAL '{seconds} seconds'"),
        };
        let statement = format!("UPDATE {table} SET {column} = {earlier} WHERE {condition}");
        self.execute(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
    }

    /// Lets every lock that guessing has brought about be over; what was counted stays.
    pub fn put_back_the_locks(&self) {
        self.put_back("locked_until", "login_failures", 2 * 86_400);
    }

    /// Lets the mails that were counted so far be of more than an hour ago.
    pub fn put_back_the_counts_of_mails(&self) {
        for column in ["latest_at", "second_at", "third_at", "fourth_at", "fifth_at"] {
            self.put_back(column, "mail_counts", 3601);
        }
    }

    /// The time in a column of the first row of a table (or of a `table WHERE …`), in seconds since 1970.
    pub fn time(&self, column: &str, of: &str) -> f64 {
        let seconds = match self.engine {
            Engine::Sqlite => format!("{column} / 1000000.0"),
            Engine::Postgres => format!("extract(epoch FROM {column})"),
        };
        let times = self.texts(&format!("SELECT CAST({seconds} AS TEXT) AS value FROM {of}"));
        times[0].parse().expect("a number")
    }

    /// Every row of one table as text.
    pub fn rows_of(&self, table: &str) -> Vec<String> {
        let whole_row = match self.engine {
            Engine::Postgres => format!("{table}::text"),
            Engine::Sqlite => {
                let columns = self.texts(&format!("SELECT name AS value FROM pragma_table_info('{table}')"));
                let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
                quoted.join(" || ',' || ")
            }
        };
        self.texts(&format!("SELECT '{table} ' || {whole_row} AS value FROM {table} ORDER BY 1"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.engine == Engine::Postgres {
            postgres::cluster().drop_database(&self.name);
        }
    }
}

/// A connection to either database.
enum Sql {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// PostgreSQL explains only as a statement of its own.
const EXPLAIN: &str = "CREATE OR REPLACE FUNCTION pg_temp.explain(query text) RETURNS SETOF text AS \
                       $$ BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END $$ LANGUAGE plpgsql";

impl Sql {
    fn plan(&mut self, query: &str) -> Vec<String> {
        let Self::Postgres(connection) = self else {
            let Self::Sqlite(connection) = self else { return Vec::new() };
            let steps: QueryResult<Vec<Step>> = sql_query(format!("EXPLAIN QUERY PLAN {query}")).load(connection);
            let steps = steps.unwrap_or_else(|error| panic!("{query}\n{error}"));
            return steps.into_iter().map(|step| step.detail).collect();
        };
        let parameters = (1..100).take_while(|number| query.contains(&format!("${number}"))).count();
        let nulls = if parameters == 0 { String::new() } else { format!("({})", vec!["NULL"; parameters].join(", ")) };
        for statement in [EXPLAIN, &format!("PREPARE asked AS {query}")] {
            connection.batch_execute(statement).unwrap_or_else(|error| panic!("{query}\n{error}"));
        }
        let lines =
            self.texts(&format!("SELECT line AS value FROM pg_temp.explain('EXECUTE asked{nulls}') AS t (line)"));
        self.execute("DEALLOCATE asked").expect("it was prepared");
        lines
    }

    fn execute(&mut self, statement: &str) -> QueryResult<usize> {
        match self {
            Self::Sqlite(connection) => sql_query(statement).execute(connection),
            Self::Postgres(connection) => sql_query(statement).execute(connection),
        }
    }

    fn texts(&mut self, query: &str) -> Vec<String> {
        let rows: QueryResult<Vec<Row>> = match self {
            Self::Sqlite(connection) => sql_query(query).load(connection),
            Self::Postgres(connection) => sql_query(query).load(connection),
        };
        let rows = rows.unwrap_or_else(|error| panic!("{query}\n{error}"));
        rows.into_iter().map(|row| row.value).collect()
    }
}
