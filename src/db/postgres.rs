//! PostgreSQL behind the door: workers with a connection each, for reads and writes alike, some of them for reads only.
//! A connection that broke, or that may write no more, is dropped and replaced, and what it could not do another worker
//! does. A transaction is run again whenever PostgreSQL asks for it.
//!
//! # A server that says nothing
//!
//! A server that is frozen, or a network that swallows packets, ends no query: the kernel keeps the connection open, and
//! `statement_timeout` is the server's own. libpq waits without an end then, and the thread with it. So each caller has
//! a limit on this side ([`PATIENCE`]); whoever reaches it looks whether its worker hangs, and another thread, with a
//! new connection, takes the place of one that does (`workers`). With several hosts in the URL, libpq tries each for two
//! seconds, and takes the first that can be written to.

use std::{
    thread,
    time::{Duration, Instant},
};

use diesel::{
    ConnectionResult, QueryResult,
    connection::{AnsiTransactionManager, SimpleConnection, TransactionManager},
};

use super::{
    Conn, OpenError, Transactions,
    error::{has_no_kind, is_read_only, lost_the_connection, wants_a_retry},
    pooler::{self, LOCK_TIMEOUT, STATEMENT_TIMEOUT},
    preflight,
    refusal::RefusedConnection,
    url::DatabaseUrl,
};
use crate::{
    problem::{Kind, Problem},
    workers::{Batch, BatchEnd, JobClass, Outcome, WorkerLimits, WorkerStatus, Workers},
};

/// The longest wait of a caller for its result.
const PATIENCE: Duration = Duration::from_millis(2_800);
/// The time after which a worker hangs: each statement of a server that responds has ended by then, and a caller that
/// has waited as long as it may finds it so.
const HANG: Duration = Duration::from_millis(2_600);
/// The longest wait for a server that is not up yet at start.
const START_PATIENCE: Duration = Duration::from_secs(30);
/// The part of the connections, one in so many, that takes reads only.
const READING: usize = 4;
/// The most times that a transaction is run again that lost against another one.
const RETRIES: usize = 8;

/// The time after its last use in which a connection is trusted to be open still.
const TRUSTED: Duration = Duration::from_secs(1);

/// The workers of one PostgreSQL database, each with a connection.
pub struct PostgresEngine {
    workers: Workers<PgSession>,
}

/// A worker's connection, and when it was last used.
struct PgSession {
    conn: Conn,
    /// Whether a pooler lends the connection a session for each transaction.
    through_pooler: bool,
    last_used: Instant,
    /// Whether the job that just ran did nothing, because the connection was broken, or led to a server that may only be
    /// read from: one that is no longer the primary, or was told so. Another connection is needed.
    is_unfit: bool,
}

impl PostgresEngine {
    /// Starts `connections` workers, each of which connects by itself; up to 4,096 reads and as many writes wait for
    /// them. A quarter of them, and at least one if there are two, is for reads: however many writes wait for a lock or
    /// for a standby, reads go on.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn open(url: &str, connections: usize) -> Result<Self, OpenError> {
        let reserved = if connections > 1 { connections.div_ceil(READING) } else { 0 };
        let limits = WorkerLimits { reserved, hang: Some(HANG), ..WorkerLimits::new(connections, 4096, PATIENCE) };
        let url = url.to_owned();
        let make = move || connect(&url).map_err(|error| Problem::new(Kind::Unavailable).caused_by(error));
        let workers = Workers::start("postgres", limits, make, run_on_whole).map_err(|error| {
            OpenError::new(format_args!("cannot start a thread: {error}"), "Lower DATABASE_POOL_SIZE")
        })?;
        Ok(Self { workers })
    }

    /// Runs a job that changes nothing, in no transaction; once more after a deadlock, and on another connection if this
    /// one broke.
    pub async fn read<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let read = move |session: &mut PgSession| {
            let began = Instant::now();
            match job(&mut session.conn) {
                Err(problem) if may_pass(&problem, began) => job(&mut session.conn),
                result => result,
            }
            .map_err(|problem| session.failed(problem, true, began))
        };
        self.workers.run(read).await
    }

    /// Checks that the server can be written to; nothing is written.
    pub async fn check(&self) -> Result<(), Problem> {
        self.read(|conn| Ok(conn.batch_execute("DELETE FROM users WHERE false")?)).await
    }

    /// Runs a job in a transaction, which is rolled back if the job fails. Runs both again, up to 8 times, when
    /// PostgreSQL asks for it, after a deadlock, or when another transaction was first with the same row; and on another
    /// connection, if this one broke before the commit. So a job changes nothing but the database.
    ///
    /// # Errors
    /// The job's errors, those of [`Conn`], and `overloaded`, when too many jobs wait. If the connection breaks at the
    /// commit, the write may or may not have happened.
    pub async fn write<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        self.workers.run_as(JobClass::Blocking, move |session: &mut PgSession| in_transaction(session, &job)).await
    }

    /// Runs a job that is one statement, which is a transaction by itself: one round trip, not three. If the connection
    /// breaks meanwhile, it is unknown whether the statement was done, so one that may have broken before is not used.
    pub async fn write_statement<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T, Problem> + Send + 'static,
    {
        let write = move |session: &mut PgSession| {
            if session.through_pooler || !session.is_there() {
                return in_transaction(session, &job);
            }
            let began = Instant::now();
            match job(&mut session.conn) {
                Err(problem) if wants_a_retry(&problem) || may_pass(&problem, began) => in_transaction(session, &job),
                result => result.map_err(|problem| session.failed(problem, false, began)),
            }
        };
        self.workers.run_as(JobClass::Blocking, write).await
    }

    /// The state of the workers now.
    pub fn status(&self) -> WorkerStatus {
        self.workers.status()
    }

    /// Finishes the waiting jobs and closes the connections; later calls are refused. Blocks until that is done, 3
    /// seconds at most.
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

    /// Notes whether the connection is why a job failed, of which nothing was done if it `is_undone`, and gives the
    /// problem.
    fn failed(&mut self, problem: Problem, is_undone: bool, began: Instant) -> Problem {
        self.is_unfit = is_read_only(&problem) || is_undone && lost_the_connection(&problem);
        told_by_time(problem, began)
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
fn in_transaction<T>(session: &mut PgSession, job: &impl Fn(&mut Conn) -> Result<T, Problem>) -> Result<T, Problem> {
    let mut retries = RETRIES;
    loop {
        let began = Instant::now();
        if let Err(error) = session.begin() {
            session.is_unfit = true;
            return Err(Problem::new(Kind::Unavailable).caused_by(error));
        }
        let result = job(&mut session.conn);
        // Whether a failed commit was done is unknown, unless PostgreSQL itself asks for a retry.
        let is_undone = result.is_err();
        match end(&mut session.conn, result) {
            Err(problem) if retries > 0 && (wants_a_retry(&problem) || is_undone && may_pass(&problem, began)) => {
                retries -= 1;
            }
            result => return result.map_err(|problem| session.failed(problem, is_undone, began)),
        }
    }
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

/// Runs each job and sends its result; a connection that broke is not kept, and what it could not do is left for others.
fn run_on_whole(session: &mut PgSession, batch: Batch<PgSession>) -> BatchEnd<PgSession> {
    let mut end = BatchEnd::answered(true);
    for mut job in batch {
        if job.is_abandoned() {
            continue;
        }
        let ran = job.run(session);
        session.last_used = Instant::now();
        end.is_usable &= !session.is_unfit
            && !matches!(ran, Outcome::Panicked | Outcome::Failed(Kind::Unavailable))
            && !Transactions::is_broken_transaction_manager(&mut session.conn);
        if session.is_unfit { end.undone.push(job) } else { job.answer() }
    }
    end
}

fn connect(url: &str) -> ConnectionResult<PgSession> {
    let (conn, through_pooler) = pooler::connect(url)?;
    Ok(PgSession { conn: Conn::Postgres(conn), through_pooler, last_used: Instant::now(), is_unfit: false })
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
