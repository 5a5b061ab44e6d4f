//! PostgreSQL behind the door: workers with a connection each, for reads and writes alike. A connection that broke is
//! dropped and replaced; a read is run again then, and so is a transaction whenever PostgreSQL asks for it.

use std::{
    sync::{Arc, Mutex},
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
    workers::{Batch, Outcome, WorkerLimits, Workers, lock},
};

/// The longest time for one attempt to connect; `pooler::PARAMETERS` has it in seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest wait for a server that is not up yet at start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The pause after a failed attempt to connect, for all workers.
const BACK_OFF: Duration = Duration::from_millis(250);
/// The most times that a transaction is run again that lost against another one.
const RETRIES: usize = 8;

/// The time after its last use in which a connection is trusted to be open still.
const TRUSTED: Duration = Duration::from_secs(1);

/// The workers of one PostgreSQL database, each with a connection, for reads and writes alike.
pub struct PostgresEngine {
    workers: Workers<PgSession>,
    server: Arc<PgServer>,
}

/// A worker's connection, and when it was last used.
struct PgSession {
    conn: Conn,
    /// Whether a pooler lends the connection a session for each transaction.
    through_pooler: bool,
    last_used: Instant,
}

/// The server that connections are made to.
struct PgServer {
    url: String,
    /// The time of the next attempt to connect; `None` while all is well. One worker tries at a time: with the server
    /// gone, that one waits for it and the others fail at once.
    next_try: Mutex<Option<Instant>>,
}

impl PostgresEngine {
    /// Starts `connections` workers, each of which connects by itself; up to 4,096 jobs wait for them.
    ///
    /// # Errors
    /// The system has no more threads to give.
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

    /// Runs a job that changes nothing, in no transaction; once more, on a new connection, if the old one broke, or
    /// after a deadlock.
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

    /// Runs a job in a transaction, which is rolled back if the job fails. Runs both again, up to 8 times, when
    /// PostgreSQL asks for it, after a deadlock, or when another transaction was first with the same row; so a job
    /// changes nothing but the database.
    ///
    /// # Errors
    /// The job's errors, those of [`Conn`], and `overloaded`, when too many jobs wait. If the connection breaks at the
    /// commit, the write may or may not have happened.
    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let server = Arc::clone(&self.server);
        self.workers.run(move |line: &mut PgSession| in_transaction(line, &server, &job)).await
    }

    /// Runs a job that is one statement, which is a transaction by itself: one round trip, not three. If the connection
    /// breaks meanwhile, it is unknown whether the statement was done, so one that may have broken before is not used.
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

    /// Finishes the waiting jobs and closes the connections; later calls are refused. Blocks until that is done.
    pub fn close(&self) {
        self.workers.close();
    }
}

impl PgSession {
    /// Whether the connection was used just now, and has not been closed since. It is read twice: a server's last
    /// message comes first, and the end of the connection only then.
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

/// Whether an error without a kind may not come again when the transaction is run again, as a deadlock does not. A
/// time-out is not waited for twice.
fn may_pass(problem: &Problem, began: Instant) -> bool {
    has_no_kind(problem) && began.elapsed() < LOCK_TIMEOUT
}

/// The problem of an error without a kind, by the time that it took: a lock that was waited for in vain, or a statement
/// that was too slow. Neither is a mistake of the caller or of the program.
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
        // Whether a failed commit was done is unknown, unless PostgreSQL itself asks for a retry.
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

/// Commits the transaction of a job, or rolls it back if the job failed.
fn end<T>(conn: &mut Conn, result: Result<T, Problem>) -> Result<T, Problem> {
    match result {
        Ok(value) => {
            Transactions::commit_transaction(conn)?;
            Ok(value)
        }
        Err(problem) => {
            // If the rollback fails too, the connection is broken, and the server has undone the transaction already.
            if let Err(error) = Transactions::rollback_transaction(conn) {
                tracing::debug!(%error, "a transaction could not be rolled back");
            }
            Err(problem)
        }
    }
}

/// Runs each job and sends its result; a connection that broke is not kept.
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
        *lock(&self.next_try) = outcome.is_err().then(|| Instant::now() + BACK_OFF);
        outcome.map_err(|error| Problem::new(Kind::Unavailable).caused_by(error))
    }

    fn may_try(&self) -> bool {
        let mut next_try = lock(&self.next_try);
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
}

fn connect(url: &str) -> ConnectionResult<PgSession> {
    let (conn, through_pooler) = pooler::connect(url)?;
    Ok(PgSession { conn: Conn::Postgres(conn), through_pooler, last_used: Instant::now() })
}

/// Opens the first connection, and checks the database (`preflight`). A server that is not up yet is waited for, up to
/// 30 seconds; blocks meanwhile.
///
/// # Errors
/// The connection is refused for good or was waited for in vain, or the database cannot hold every text.
pub fn connect_patiently(url: &str) -> Result<Conn, OpenError> {
    const PAUSE: Duration = Duration::from_millis(250);
    let started = Instant::now();
    let mut told = false;
    loop {
        let refusal = match connect(url) {
            Ok(mut line) => {
                let is_here = DatabaseUrl::Postgres(url.to_owned()).is_of_this_machine(None);
                preflight::check(&mut line.conn, is_here)?;
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
