//! The threads that hash passwords: as many as there are cores, each with memory that it keeps, behind a queue that
//! has an end. What they compute is in `password`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};

use super::{
    password::{self, AcceptedPassword, Memory, Password, Verdict},
    turns::{Turn, Turns},
};
use crate::{
    crypto::PasswordHash,
    problem::Problem,
    workers::{WorkerLimits, Workers, one_by_one},
};

/// A core does 256 hashes in one to three seconds; who would wait longer is told so at once.
const QUEUE_PER_THREAD: usize = 256;
/// How many new passwords may wait to be judged; the worst take a twentieth of a second. An address may have half of
/// them waiting: fifty sign-ups that come at once are all judged.
const JUDGE_QUEUE: usize = 128;
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
    /// Wrong passwords are told after a multiple of this: twice what the decoy takes. A stored hash may have other
    /// parameters than the decoy, and takes another time.
    step: Duration,
    min_length: usize,
    /// Who may check a password now: twice as many as there are threads, so that none of them waits for a database.
    turns: Turns,
}

impl Hasher {
    /// Starts `threads` of them; one for each core is right, since hashing does nothing but compute.
    ///
    /// # Errors
    /// The system has no more threads or random numbers to give.
    pub fn start(threads: usize, min_length: usize) -> Result<Self, Problem> {
        let queue = QUEUE_PER_THREAD * threads;
        let limits = WorkerLimits { threads, queue, group: 1, patience: PATIENCE, rest: Some(REST) };
        let make = || Ok(Memory::default());
        let workers = Workers::start("hasher", limits, make, one_by_one).map_err(Problem::internal)?;
        let limits = WorkerLimits { threads: 1, queue: JUDGE_QUEUE, group: 1, patience: PATIENCE, rest: None };
        let judge = Workers::start("judge", limits, || Ok(()), one_by_one).map_err(Problem::internal)?;
        let began = computed();
        let decoy = Arc::new(password::hash_decoy(&mut Memory::default())?);
        let step = 2 * computed().saturating_sub(began);
        Ok(Self { workers, judge, decoy, step, min_length, turns: Turns::new(2 * threads, queue) })
    }

    /// Waits for a turn to check a password. Few checks are under way at any time, however many wait, so a try can be
    /// counted just before it is made.
    ///
    /// # Errors
    /// `overloaded`, when too many wait or it takes too long; `too-many-requests`, when too many of one caller's wait.
    pub async fn turn(&self) -> Result<Turn, Problem> {
        self.turns.take(PATIENCE).await
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
            move |(): &mut ()| AcceptedPassword::judge(&password, least, &context).map_err(|fault| fault.at(field));
        self.judge.run(judge).await
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// `overloaded`.
    pub async fn hash(&self, password: AcceptedPassword) -> Result<PasswordHash, Problem> {
        self.workers.run(move |memory: &mut Memory| password::hash(&password, memory)).await
    }

    /// Whether `password` belongs to `stored`, and the moment when a wrong one may be told; without a `stored`, takes as
    /// long and says no. Needs a [`Turn`].
    ///
    /// # Errors
    /// `overloaded`; `internal-error` when what is stored is no hash.
    pub async fn verify(
        &self,
        _: &Turn,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<(Verdict, Instant), Problem> {
        let (decoy, step) = (Arc::clone(&self.decoy), self.step);
        let verify = move |memory: &mut Memory| {
            let began = Instant::now();
            let verdict = password::verify(&password, stored.as_ref().unwrap_or(&decoy), memory)?;
            let verdict = if stored.is_some() { verdict } else { Verdict::Wrong };
            Ok((verdict, began + up_to_a_step(began.elapsed(), step)))
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

/// How long this thread has computed: what else the machine does at the start does not count.
fn computed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The next multiple of `step`.
fn up_to_a_step(took: Duration, step: Duration) -> Duration {
    let steps = took.as_nanos().div_ceil(step.as_nanos().max(1));
    step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::up_to_a_step;

    #[test]
    fn what_takes_up_to_twice_as_long_as_the_decoy_is_told_when_the_decoy_is() {
        let decoy = Duration::from_micros(14_300);
        let told = |took| up_to_a_step(took, 2 * decoy);
        for took in [Duration::from_micros(90), decoy * 2 / 3, decoy * 7 / 6, decoy * 2] {
            assert_eq!(told(took), told(decoy), "{took:?}");
        }
        assert_eq!(told(decoy * 2 + Duration::from_nanos(1)), 4 * decoy);
    }
}
