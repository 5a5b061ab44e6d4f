//! A round, and what is set for it: a fresh database, and how long it is to be.

use std::sync::OnceLock;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{Connection as _, PgConnection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query};

use super::client::Result;
use super::database::{Cluster, Database, Engine};
use super::server::Plan;

/// Something that is done to a server, and checked.
#[derive(Clone)]
pub struct Round {
    title: &'static str,
    engine: Engine,
    /// Whether a PostgreSQL is started for the round.
    wants_cluster: bool,
    fight: fn(&Scene) -> Result<String>,
}

impl Round {
    /// A round on this database. The function tells its figures in a line, or what is wrong.
    pub fn on(engine: Engine, title: &'static str, fight: fn(&Scene) -> Result<String>) -> Self {
        Self { title, engine, wants_cluster: engine == Engine::Postgres, fight }
    }

    /// A round that starts PostgreSQL servers of its own.
    pub fn on_nodes(title: &'static str, fight: fn(&Scene) -> Result<String>) -> Self {
        Self { title, engine: Engine::Postgres, wants_cluster: false, fight }
    }

    /// The same on each database.
    pub fn on_both(title: &'static str, fight: fn(&Scene) -> Result<String>) -> Vec<Self> {
        vec![Self::on(Engine::Sqlite, title, fight), Self::on(Engine::Postgres, title, fight)]
    }

    pub fn name(&self) -> String {
        format!("{} [{}]", self.title, self.engine.to_string().to_lowercase())
    }

    pub fn fight(&self, scene: &Scene) -> Result<String> {
        (self.fight)(scene)
    }
}

/// The PostgreSQL of all rounds that start none of their own. It ends with the siege.
fn cluster() -> Result<&'static Cluster> {
    static CLUSTER: OnceLock<std::result::Result<Cluster, String>> = OnceLock::new();
    let started = CLUSTER.get_or_init(|| Cluster::start().map_err(|error| error.to_string()));
    started.as_ref().map_err(|error| error.clone().into())
}

/// What a round has to itself.
pub struct Scene {
    pub engine: Engine,
    pub is_long: bool,
    /// The PostgreSQL that the database is in, if it is in one.
    pub cluster: Option<&'static Cluster>,
    pub database: Database,
}

impl Scene {
    pub fn set(round: &Round, is_long: bool) -> Result<Self> {
        let cluster = round.wants_cluster.then(cluster).transpose()?;
        let database = Database::fresh(cluster)?;
        Ok(Self { engine: round.engine, is_long, cluster, database })
    }

    /// One of the two, by how long the round is to be.
    pub fn long_or<T>(&self, long: T, short: T) -> T {
        if self.is_long { long } else { short }
    }

    /// One of the two, by the database.
    pub fn on<T>(&self, sqlite: T, postgres: T) -> T {
        if self.engine == Engine::Sqlite { sqlite } else { postgres }
    }

    /// A figure that only a release build on a quiet machine can be held to: a long round of one.
    pub fn strictly(&self, is_so: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
        if is_so || !self.is_long || cfg!(debug_assertions) { Ok(()) } else { Err(otherwise().into()) }
    }

    /// A server on the database, not started yet.
    pub fn plan(&self) -> Result<Plan> {
        Plan::on(&self.database.url, self.database.home())
    }

    /// A server on the database with this URL.
    pub fn plan_on(&self, url: &str) -> Result<Plan> {
        Plan::on(url, self.database.home())
    }

    /// Runs a statement past the server; how many rows it touched.
    pub fn execute(&self, statement: &str) -> Result<usize> {
        let url = &self.database.url;
        Ok(match self.engine {
            Engine::Sqlite => sql_query(statement).execute(&mut self.connect()?)?,
            Engine::Postgres => sql_query(statement).execute(&mut PgConnection::establish(url)?)?,
        })
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> Result<i64> {
        let query = format!("SELECT count(*) AS count FROM {table}");
        let url = &self.database.url;
        let counted: Counted = match self.engine {
            Engine::Sqlite => sql_query(query).get_result(&mut self.connect()?)?,
            Engine::Postgres => sql_query(query).get_result(&mut PgConnection::establish(url)?)?,
        };
        Ok(counted.count)
    }

    /// Another process's connection to the SQLite file.
    pub fn connect(&self) -> Result<SqliteConnection> {
        let mut connection = SqliteConnection::establish(self.database.url.trim_start_matches("sqlite://"))?;
        connection.batch_execute("PRAGMA busy_timeout = 10000")?;
        Ok(connection)
    }

    /// It is an error if the database itself finds something wrong with what it stores.
    pub fn check_integrity(&self) -> Result<()> {
        if self.engine == Engine::Postgres {
            return Ok(());
        }
        let mut connection = self.connect()?;
        for (pragma, column) in [("integrity_check", "integrity_check"), ("foreign_key_check", "\"table\"")] {
            let found: Vec<Found> =
                sql_query(format!("SELECT {column} AS said FROM pragma_{pragma}")).load(&mut connection)?;
            if let Some(wrong) = found.iter().find(|found| found.said != "ok") {
                return Err(format!("{pragma}: {}", wrong.said).into());
            }
        }
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    said: String,
}
