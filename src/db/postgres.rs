//! PostgreSQL behind the door: workers with a connection each, for reads and writes alike. A connection
//! that broke is dropped and replaced; a read, and a transaction that PostgreSQL asks to have again, is
//! run again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use diesel::{Connection as _, ConnectionError, ConnectionResult, PgConnection, connection::TransactionManager};

use super::{
    Connection, OpenError,
    error::{lost_the_connection, wants_a_retry},
    execute,
};
use crate::{
    problem::{Kind, Problem},
    workers::{Group, Limits, Ran, Workers},
};

/// What every connection asks of the server, so that no statement, lock or forgotten transaction lasts.
const SETTINGS: &str = "SET statement_timeout = '5s'; SET lock_timeout = '2s'; \
    SET idle_in_transaction_session_timeout = '10s'; SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'";
/// How long one attempt to connect may take; `PARAMETERS` has it in seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// libpq's parameters: how long to wait for a server, and when to give a silent one up.
const PARAMETERS: &[(&str, &str)] = &[
    ("application_name", "kennel"),
    ("connect_timeout", "3"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "10000"),
];
/// How long a server that is not there yet is waited for at start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// After a failed attempt, how long nobody tries again.
const BACK_OFF: Duration = Duration::from_millis(250);
/// How often a transaction is run again that lost against another one.
const RETRIES: usize = 8;

/// The workers of one database.
pub struct PostgresDoor {
    workers: Workers<Connection>,
    server: Arc<Server>,
}

/// Where connections come from.
struct Server {
    url: String,
    /// None while all is well. Otherwise nobody tries before then, and who tries is the only one: with the
    /// server gone, one worker waits for it and the others answer at once.
    next_try: Mutex<Option<Instant>>,
}

impl PostgresDoor {
    /// Starts `connections` workers.
    pub fn open(url: &str, connections: usize) -> Result<Self, OpenError> {
        let server = Arc::new(Server { url: url.to_owned(), next_try: Mutex::new(None) });
        let limits = Limits { threads: connections, queue: 4096, group: 1, patience: Duration::from_secs(5) };
        let make = {
            let server = Arc::clone(&server);
            move || server.connect()
        };
        let workers = Workers::start("postgres", limits, make, keep_if_whole).map_err(|error| {
            OpenError::new(format_args!("cannot start a thread: {error}"), "Lower DATABASE_POOL_SIZE")
        })?;
        Ok(Self { workers, server })
    }

    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        let read = move |conn: &mut Connection| match job(conn) {
            // The connection broke while it was idle, or just now. Nothing was changed, so once more.
            Err(problem) if lost_the_connection(&problem) => {
                *conn = server.connect()?;
                job(conn)
            }
            result => result,
        };
        self.workers.run(read).await
    }

    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Connection) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        let write = move |conn: &mut Connection| {
            let mut retries = RETRIES;
            loop {
                begin(conn, &server)?;
                let result = job(conn);
                match end(conn, result) {
                    Err(problem) if retries > 0 && wants_a_retry(&problem) => retries -= 1,
                    result => return result,
                }
            }
        };
        self.workers.run(write).await
    }

    pub fn close(&self) {
        self.workers.close();
    }
}

type Transactions = <Connection as diesel::Connection>::TransactionManager;

/// Begins a transaction; on a new connection, if the old one broke while it was idle.
fn begin(conn: &mut Connection, server: &Server) -> Result<(), Problem> {
    if Transactions::begin_transaction(conn).is_err() {
        *conn = server.connect()?;
        Transactions::begin_transaction(conn)?;
    }
    Ok(())
}

/// Commits what a job did, or undoes what it failed to do.
fn end<T>(conn: &mut Connection, result: Result<T, Problem>) -> Result<T, Problem> {
    match result {
        Ok(value) => {
            Transactions::commit_transaction(conn)?;
            Ok(value)
        }
        Err(problem) => {
            // Where even this fails the connection is broken, and the server has undone it already.
            if let Err(error) = Transactions::rollback_transaction(conn) {
                tracing::debug!(%error, "a transaction could not be rolled back");
            }
            Err(problem)
        }
    }
}

/// Runs a job and answers it; a connection that broke is not kept.
fn keep_if_whole(conn: &mut Connection, group: Group<Connection>) -> bool {
    let mut whole = true;
    for mut job in group {
        if job.is_abandoned() {
            continue;
        }
        let ran = job.run(conn);
        job.answer();
        whole &= !matches!(ran, Ran::Panicked | Ran::Failed(Kind::Unavailable))
            && !Transactions::is_broken_transaction_manager(conn);
    }
    whole
}

impl Server {
    fn connect(&self) -> Result<Connection, Problem> {
        if !self.may_try() {
            return Err(Problem::new(Kind::Unavailable).caused_by("the database could not be reached just now"));
        }
        let outcome = connect(&self.url);
        *self.next_try() = outcome.is_err().then(|| Instant::now() + BACK_OFF);
        outcome.map_err(|error| Problem::new(Kind::Unavailable).caused_by(error))
    }

    fn may_try(&self) -> bool {
        let mut next_try = self.next_try();
        let now = Instant::now();
        match *next_try {
            None => true,
            Some(at) if now < at => false,
            Some(_) => {
                *next_try = Some(now + CONNECT_TIMEOUT + BACK_OFF);
                true
            }
        }
    }

    fn next_try(&self) -> MutexGuard<'_, Option<Instant>> {
        self.next_try.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(url: &str) -> ConnectionResult<Connection> {
    let mut conn = PgConnection::establish(&with_parameters(url))?;
    execute(&mut conn, SETTINGS).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(Connection::Postgres(conn))
}

/// The URL with our parameters, where it does not have its own.
fn with_parameters(url: &str) -> String {
    let missing = PARAMETERS.iter().filter(|(name, _)| !url.contains(&format!("{name}=")));
    missing.fold(url.to_owned(), |url, (name, value)| {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}{name}={value}")
    })
}

/// What libpq says of a server that it tried to reach. What it says of a URL that it cannot read quotes it, and with
/// it the password.
fn without_secrets(error: &str) -> String {
    const ABOUT_THE_SERVER: [&str; 2] = ["connection to server", "could not translate host name"];
    if ABOUT_THE_SERVER.iter().any(|beginning| error.trim_start().starts_with(beginning)) {
        return error.to_owned();
    }
    "DATABASE_URL cannot be understood".to_owned()
}

/// What libpq says while a server is still on its way up.
const NOT_YET: &[&str] = &[
    "Connection refused",
    "No such file or directory",
    "could not translate host name",
    "timeout expired",
    "the database system is",
    "too many clients already",
];

/// Opens the first connection; a server that is not there yet is waited for.
pub fn connect_patiently(url: &str) -> Result<Connection, OpenError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let started = Instant::now();
    let mut told = false;
    loop {
        let error = match connect(url) {
            Ok(conn) => return Ok(conn),
            Err(ConnectionError::BadConnection(said)) => without_secrets(&said),
            Err(error) => error.to_string(),
        };
        let may_come = NOT_YET.iter().any(|said| error.contains(said));
        if !may_come || started.elapsed() > START_PATIENCE {
            let said = error.split_whitespace().collect::<Vec<_>>().join(" ");
            let remedy = if may_come {
                "Start PostgreSQL, or correct DATABASE_URL"
            } else {
                "Correct DATABASE_URL, or create what it names"
            };
            return Err(OpenError::new(format_args!("cannot open the database: {said}"), remedy));
        }
        if !told {
            tracing::warn!("PostgreSQL does not answer yet; waiting for up to {START_PATIENCE:?}");
            told = true;
        }
        thread::sleep(PAUSE);
    }
}
