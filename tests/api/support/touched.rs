//! How many rows each of the server's transactions touches, cascades included: triggers count them. PostgreSQL has a
//! number for each transaction; SQLite has none, so there the count is looked at after each commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use super::recorder::Recorder;
use super::{App, Database, Engine};

/// How many rows SQLite's transactions had touched by the end of each.
type Counts = Arc<Mutex<Vec<i64>>>;

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// A server whose transactions are counted.
pub struct Touched {
    pub app: App,
    counts: Counts,
    /// What was touched before the last look.
    seen: Mutex<i64>,
}

impl Touched {
    pub fn on(engine: Engine) -> Self {
        let (database, counts) = (Database::fresh(engine), Counts::default());
        let (file, after) = (database.file(), Arc::clone(&counts));
        let on_commit = move || {
            if engine == Engine::Sqlite {
                lock(&after).push(touched(file.to_str().expect("a path in UTF-8")));
            }
        };
        let _recorder = Recorder::with(&database, on_commit);
        let app = App::on(database);
        for statement in triggers(&app) {
            app.database.execute(&statement).unwrap_or_else(|error| panic!("{statement}\n{error}"));
        }
        Self { app, counts, seen: Mutex::new(0) }
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        match self.app.engine {
            Engine::Sqlite => {
                let file = self.app.database.file();
                *lock(&self.seen) = touched(file.to_str().expect("a path in UTF-8"));
                lock(&self.counts).clear();
            }
            Engine::Postgres => drop(self.app.database.execute("DELETE FROM tests.touched").expect("it is emptied")),
        }
    }

    /// How many rows each transaction touched since.
    pub fn transactions(&self) -> Vec<i64> {
        match self.app.engine {
            Engine::Sqlite => {
                let mut before = *lock(&self.seen);
                let differences = lock(&self.counts).clone().into_iter().map(|count| {
                    let touched = count - before;
                    before = count;
                    touched
                });
                differences.filter(|touched| *touched > 0).collect()
            }
            Engine::Postgres => {
                let counts = "SELECT count(*)::text AS value FROM tests.touched GROUP BY transaction";
                self.app.database.texts(counts).iter().map(|count| count.parse().expect("a number")).collect()
            }
        }
    }
}

/// What counts the rows of every table.
fn triggers(app: &App) -> Vec<String> {
    let tables = app.database.tables();
    let verbs = ["INSERT", "UPDATE", "DELETE"];
    match app.engine {
        Engine::Sqlite => {
            let table = "CREATE TABLE touched (id INTEGER PRIMARY KEY AUTOINCREMENT)".to_owned();
            let triggers = tables.iter().flat_map(|table| {
                verbs.map(|verb| {
                    format!(
                        "CREATE TRIGGER touched_{table}_{verb} AFTER {verb} ON {table} \
                         BEGIN INSERT INTO touched VALUES (NULL); END"
                    )
                })
            });
            [table].into_iter().chain(triggers).collect()
        }
        Engine::Postgres => {
            let common = [
                "CREATE SCHEMA tests",
                "CREATE TABLE tests.touched (transaction BIGINT NOT NULL)",
                "CREATE FUNCTION tests.touch() RETURNS trigger AS $$ BEGIN \
                 INSERT INTO tests.touched VALUES (txid_current()); RETURN NULL; END $$ LANGUAGE plpgsql",
            ];
            let triggers = tables.iter().map(|table| {
                format!(
                    "CREATE TRIGGER touched AFTER {} ON {table} FOR EACH ROW EXECUTE FUNCTION tests.touch()",
                    verbs.join(" OR ")
                )
            });
            common.map(str::to_owned).into_iter().chain(triggers).collect()
        }
    }
}

fn touched(file: &str) -> i64 {
    let mut connection = SqliteConnection::establish(file).expect("the SQLite file opens");
    connection.batch_execute("PRAGMA busy_timeout = 10000").expect("the pragma is taken");
    let query = "SELECT coalesce(max(seq), 0) AS count FROM sqlite_sequence WHERE name = 'touched'";
    sql_query(query).get_result::<Count>(&mut connection).expect("it can be counted").count
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
