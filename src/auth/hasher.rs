//! The threads that hash passwords: as many as there are cores, each with memory that it keeps, behind a queue that
//! has an end. What they compute is in `password`.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::password::{self, AcceptedPassword, Memory, Password, PasswordHash, RightPassword, WrongPassword};
use crate::{
    problem::{Kind, Problem},
    workers::{Limits, Workers, one_by_one},
};

/// A core does 256 hashes in one to three seconds; who would wait longer is told so at once.
const QUEUE_PER_THREAD: usize = 256;
/// How many new passwords may wait to be judged; the worst take a tenth of a second.
const JUDGE_QUEUE: usize = 64;
/// How long a hash is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a thread keeps its memory while nobody logs in.
const REST: Duration = Duration::from_secs(2);

/// The hash threads.
pub struct Hasher {
    workers: Workers<Memory>,
    /// Judges new passwords, which may take longer than a hash; on a thread of its own, so that whoever makes it work
    /// keeps nobody from logging in.
    judge: Workers<()>,
    /// Verified against when there is no such user, so that nobody can tell by the time.
    decoy: Arc<PasswordHash>,
    min_length: usize,
    /// Who may check a password now: twice as many as there are threads, so that none of them waits for a database.
    turns: Arc<Semaphore>,
    /// Who may wait for a turn.
    queue: Semaphore,
}

/// The right to check one password, while it lasts.
#[must_use]
pub struct Turn(#[expect(dead_code, reason = "it is given back when it is dropped")] OwnedSemaphorePermit);

impl Hasher {
    /// Starts `threads` of them; one for each core is right, since hashing does nothing but compute.
    ///
    /// # Errors
    /// The system has no more threads or random numbers to give.
    pub fn start(threads: usize, min_length: usize) -> Result<Self, Problem> {
        let queue = QUEUE_PER_THREAD * threads;
        let limits = Limits { threads, queue, group: 1, patience: PATIENCE, rest: Some(REST) };
        let make = || Ok(Memory::default());
        let workers = Workers::start("hasher", limits, make, one_by_one).map_err(Problem::internal)?;
        let limits = Limits { threads: 1, queue: JUDGE_QUEUE, group: 1, patience: PATIENCE, rest: None };
        let judge = Workers::start("judge", limits, || Ok(()), one_by_one).map_err(Problem::internal)?;
        let decoy = password::hash_decoy(&mut Memory::default())?;
        let turns = Arc::new(Semaphore::new(2 * threads));
        Ok(Self { workers, judge, decoy: Arc::new(decoy), min_length, turns, queue: Semaphore::new(queue) })
    }

    /// Waits for a turn to check a password. Few checks are under way at any time, however many wait, so a try can be
    /// counted just before it is made.
    ///
    /// # Errors
    /// `overloaded`, when too many wait or it takes too long.
    pub async fn turn(&self) -> Result<Turn, Problem> {
        let overloaded = || Problem::new(Kind::Overloaded);
        let _place = self.queue.try_acquire().map_err(|_| overloaded())?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        turn.map_err(|_| overloaded())?.map(Turn).map_err(Problem::internal)
    }

    /// Judges a new password: whether it is long enough, and hard to guess for somebody who knows `context` (the
    /// username and the e-mail address).
    ///
    /// # Errors
    /// `validation-failed` at `field`, saying why; `overloaded`.
    pub async fn judge(
        &self,
        password: Password,
        context: Vec<String>,
        field: &'static str,
    ) -> Result<AcceptedPassword, Problem> {
        let least = self.min_length;
        let judge =
            move |_: &mut Memory| AcceptedPassword::judge(&password, least, &context).map_err(|fault| fault.at(field));
        self.workers.run(judge).await
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// `overloaded`.
    pub async fn hash(&self, password: AcceptedPassword) -> Result<PasswordHash, Problem> {
        self.workers.run(move |memory: &mut Memory| password::hash(&password, memory)).await
    }

    /// Whether `password` belongs to `stored`; without a `stored`, takes as long and says no. Needs a [`Turn`].
    ///
    /// # Errors
    /// `overloaded`; `internal-error` when what is stored is no hash.
    pub async fn verify(
        &self,
        _: &Turn,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<Result<RightPassword, WrongPassword>, Problem> {
        let decoy = Arc::clone(&self.decoy);
        let verify = move |memory: &mut Memory| {
            let verdict = password::verify(&password, stored.as_ref().unwrap_or(&decoy), memory)?;
            Ok(if stored.is_some() { verdict } else { Err(WrongPassword) })
        };
        self.workers.run(verify).await
    }

    /// Finishes what waits and ends the threads.
    pub fn close(&self) {
        self.judge.close();
        self.workers.close();
    }

    /// Runs anything on a hash thread, for tests of what happens there.
    ///
    /// # Errors
    /// What `job` returns, `overloaded`, or `internal-error` when it panics.
    #[doc(hidden)]
    pub async fn run<T: Send + 'static>(
        &self,
        mut job: impl FnMut() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.workers.run(move |_: &mut Memory| job()).await
    }
}
