//! PostgreSQL behind the door: workers with a connection each, for reads and writes alike. A connection
//! that broke is dropped and replaced; a read, and a transaction that PostgreSQL asks to have again, is
//! run again.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use diesel::{
    ConnectionResult, QueryResult,
    connection::{AnsiTransactionManager, TransactionManager},
};

use super::{
    Conn, OpenError, Transactions,
    error::{has_no_kind, lost_the_connection, wants_a_retry},
    pooler::{self, LOCK_TIMEOUT, STATEMENT_TIMEOUT},
    preflight,
    refusal::RefusedConnection,
    url::DatabaseUrl,
};
use crate::{
    problem::{Kind, Problem},
    workers::{Batch, Outcome, WorkerLimits, Workers},
};

/// How long one attempt to connect may take; `pooler::PARAMETERS` has it in seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a server that is not there yet is waited for at start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// After a failed attempt, how long nobody tries again.
const BACK_OFF: Duration = Duration::from_millis(250);
/// How often a transaction is run again that lost against another one.
const RETRIES: usize = 8;

/// For how long a connection that has just been used is taken to be there still.
const TRUSTED: Duration = Duration::from_secs(1);

/// The workers of one database.
pub struct PostgresEngine {
    workers: Workers<PgSession>,
    server: Arc<PgServer>,
}

/// A worker's connection, and when it was last heard of.
struct PgSession {
    conn: Conn,
    /// Whether a pooler lends it a session for each transaction.
    through_pooler: bool,
    last_used: Instant,
}

/// Where connections come from.
struct PgServer {
    url: String,
    /// None while all is well. Otherwise nobody tries before then, and who tries is the only one: with the
    /// server gone, one worker waits for it and the others answer at once.
    next_try: Mutex<Option<Instant>>,
}

impl PostgresEngine {
    /// Starts `connections` workers.
    pub fn open(url: &str, connections: usize) -> Result<Self, OpenError> {
        let server = Arc::new(PgServer { url: url.to_owned(), next_try: Mutex::new(None) });
        let limits =
            WorkerLimits { threads: connections, queue: 4096, group: 1, patience: Duration::from_secs(5), rest: None };
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
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        let read = move |line: &mut PgSession| {
            let began = Instant::now();
            match job(&mut line.conn) {
                // The connection broke while it was idle, or just now. Nothing was changed, so once more.
                Err(problem) if lost_the_connection(&problem) || may_pass(&problem, began) => {
                    *line = server.connect()?;
                    job(&mut line.conn)
                }
                result => result,
            }
            .map_err(|problem| told_by_time(problem, began))
        };
        self.workers.run(read).await
    }

    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        self.workers.run(move |line: &mut PgSession| in_transaction(line, &server, &job)).await
    }

    /// Runs a job that is one statement, which is a transaction by itself: one round trip, not three. Whether it was
    /// done nobody can tell if the connection breaks meanwhile, so it takes none that may have broken before.
    pub async fn write_statement<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        let write = move |line: &mut PgSession| {
            if line.through_pooler || !line.is_there() {
                return in_transaction(line, &server, &job);
            }
            let began = Instant::now();
            match job(&mut line.conn) {
                Err(problem) if wants_a_retry(&problem) || may_pass(&problem, began) => {
                    in_transaction(line, &server, &job)
                }
                result => result.map_err(|problem| told_by_time(problem, began)),
            }
        };
        self.workers.run(write).await
    }

    pub fn close(&self) {
        self.workers.close();
    }
}

impl PgSession {
    /// Whether it was heard of just now, and has not been closed since. What a server says when it closes a connection
    /// is read first, and its end only then.
    fn is_there(&mut self) -> bool {
        let Conn::Postgres(conn) = &mut self.conn else { return false };
        self.last_used.elapsed() <= TRUSTED && (0..2).all(|_| conn.notifications_iter().all(|read| read.is_ok()))
    }

    fn begin(&mut self) -> QueryResult<()> {
        match &mut self.conn {
            Conn::Postgres(conn) if self.through_pooler => {
                AnsiTransactionManager::begin_transaction_sql(conn, pooler::BEGIN_LENT)
            }
            conn => Transactions::begin_transaction(conn),
        }
    }
}

/// Whether an error without a kind may be gone when the transaction that it ended is run again: a deadlock is. What came
/// after a time-out is not waited for twice.
fn may_pass(problem: &Problem, began: Instant) -> bool {
    has_no_kind(problem) && began.elapsed() < LOCK_TIMEOUT
}

/// The meaning of an error without a kind, by the time that it took: that of a lock that was waited for, or of a
/// statement that was too slow. Neither is a fault, of the caller's or of ours.
fn told_by_time(problem: Problem, began: Instant) -> Problem {
    let took = began.elapsed();
    if !has_no_kind(&problem) || took < LOCK_TIMEOUT {
        return problem;
    }
    let kind = if took < STATEMENT_TIMEOUT { Kind::Overloaded } else { Kind::Unavailable };
    Problem::new(kind).caused_by(problem.cause_in_words())
}

/// Runs `job` in a transaction; again, if PostgreSQL asks for it.
fn in_transaction<T>(
    line: &mut PgSession,
    server: &PgServer,
    job: &impl Fn(&mut Conn) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let mut retries = RETRIES;
    loop {
        begin(line, server)?;
        let began = Instant::now();
        let result = job(&mut line.conn);
        // Of a commit that failed nobody knows what it did, unless PostgreSQL itself asks to have it again.
        let is_undone = result.is_err();
        match end(&mut line.conn, result) {
            Err(problem) if retries > 0 && (wants_a_retry(&problem) || is_undone && may_pass(&problem, began)) => {
                retries -= 1;
            }
            result => return result.map_err(|problem| told_by_time(problem, began)),
        }
    }
}

/// Begins a transaction; on a new connection, if the old one broke while it was idle.
fn begin(line: &mut PgSession, server: &PgServer) -> Result<(), Problem> {
    if line.begin().is_err() {
        *line = server.connect()?;
        line.begin()?;
    }
    Ok(())
}

/// Commits what a job did, or undoes what it failed to do.
fn end<T>(conn: &mut Conn, result: Result<T, Problem>) -> Result<T, Problem> {
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
fn keep_if_whole(line: &mut PgSession, group: Batch<PgSession>) -> bool {
    let mut whole = true;
    for mut job in group {
        if job.is_abandoned() {
            continue;
        }
        let ran = job.run(line);
        job.answer();
        line.last_used = Instant::now();
        whole &= !matches!(ran, Outcome::Panicked | Outcome::Failed(Kind::Unavailable))
            && !Transactions::is_broken_transaction_manager(&mut line.conn);
    }
    whole
}

impl PgServer {
    fn connect(&self) -> Result<PgSession, Problem> {
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

fn connect(url: &str) -> ConnectionResult<PgSession> {
    let (conn, through_pooler) = pooler::connect(url)?;
    Ok(PgSession { conn: Conn::Postgres(conn), through_pooler, last_used: Instant::now() })
}

fn names_this_machine(url: &str) -> bool {
    DatabaseUrl::Postgres(url.to_owned()).is_of_this_machine(None)
}

/// Opens the first connection; a server that is not there yet is waited for.
pub fn connect_patiently(url: &str) -> Result<Conn, OpenError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let started = Instant::now();
    let mut told = false;
    loop {
        let refusal = match connect(url) {
            Ok(mut line) => {
                preflight::check(&mut line.conn, names_this_machine(url))?;
                if line.through_pooler {
                    pooler::warn_of_no_timeout(&mut line.conn);
                }
                return Ok(line.conn);
            }
            Err(error) => RefusedConnection::of(&error, url),
        };
        if !refusal.may_pass || started.elapsed() > START_PATIENCE {
            return Err(OpenError::new(format_args!("cannot open the database: {}", refusal.said), &refusal.remedy));
        }
        if !told {
            tracing::warn!(said = refusal.said, "PostgreSQL does not answer yet; waiting for up to {START_PATIENCE:?}");
            told = true;
        }
        thread::sleep(PAUSE);
    }
}
