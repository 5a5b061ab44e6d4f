//! The threads that hash passwords: as many as there are cores, each with memory that it keeps, behind a bounded queue.
//! The hash itself is in `password`.

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
    histogram::{DURATIONS, DurationHistogram},
    problem::Problem,
    workers::{WorkerLimits, Workers, one_by_one},
};

/// The most hashes that wait for one thread, if it does so many in 5 seconds; the next is refused at once. A core does
/// 256 in one to three seconds.
const QUEUE_PER_THREAD: usize = 256;
/// The most new passwords that wait to be judged; the worst take a twentieth of a second. An address may have half of
/// them waiting: fifty sign-ups that come at once are all judged.
const JUDGE_QUEUE: usize = 128;
/// The longest wait for a thread.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest wait for a turn. Much more than the wait that is begun at all: whoever waits is to have a turn, even if
/// turns take longer than they did, and whoever is refused is to be refused at once.
const TURN_PATIENCE: Duration = Duration::from_secs(20);

/// The time for which an idle thread keeps its memory.
const REST: Duration = Duration::from_secs(2);

/// The threads that hash and judge passwords.
pub struct Hasher {
    workers: Workers<Memory>,
    /// The thread that judges new passwords, which may take longer than a hash; a thread of its own, so that sign-ups
    /// keep no login waiting.
    judge: Workers<()>,
    /// The hash to verify against when there is no such user, so that the time tells nothing.
    decoy: Arc<PasswordHash>,
    /// The step in which a wrong password's response is delayed: twice the time of the decoy. A stored hash may have
    /// other parameters than the decoy, and then takes another time.
    step: Duration,
    min_length: usize,
    /// The turns to hash: twice as many as threads, so that no thread waits for the database.
    turns: Turns,
    durations: Arc<DurationHistogram>,
}

impl Hasher {
    /// Starts `threads` hash threads; one for each core is right, since hashing does nothing but compute.
    ///
    /// # Errors
    /// The system has no more threads or random numbers to give.
    pub fn start(threads: usize, min_length: usize) -> Result<Self, Problem> {
        let queue = QUEUE_PER_THREAD * threads;
        let limits = WorkerLimits { rest: Some(REST), ..WorkerLimits::new(threads, queue, PATIENCE) };
        let make = || Ok(Memory::default());
        let workers = Workers::start("hasher", limits, make, one_by_one).map_err(Problem::internal)?;
        let limits = WorkerLimits::new(1, JUDGE_QUEUE, PATIENCE);
        let judge = Workers::start("judge", limits, || Ok(()), one_by_one).map_err(Problem::internal)?;
        let began = computed();
        let decoy = Arc::new(password::hash_decoy(&mut Memory::default())?);
        // It is the time of a turn, too, since two share a thread.
        let step = 2 * computed().saturating_sub(began);
        let (turns, durations) = (Turns::new(2 * threads, queue, step), Arc::default());
        Ok(Self { workers, judge, decoy, step, min_length, turns, durations })
    }

    /// Waits for a turn to check a password, 20 seconds at most. Few checks are under way at any time, however many
    /// wait, so a try can be counted just before it is made.
    ///
    /// # Errors
    /// `overloaded`, at once when more wait than are likely to have their turn within 8 seconds; `too-many-requests`,
    /// when too many of one caller wait.
    pub async fn turn(&self) -> Result<Turn, Problem> {
        self.turns.take(TURN_PATIENCE).await
    }

    /// Judges a new password: whether it is long enough, and hard to guess even knowing `context` (the username and
    /// the e-mail address).
    ///
    /// # Errors
    /// `validation-failed` at `field`, with the reason; `overloaded`.
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

    /// Hashes a new password, when it has its turn.
    ///
    /// # Errors
    /// The errors of [`Hasher::turn`].
    pub async fn hash(&self, password: AcceptedPassword) -> Result<PasswordHash, Problem> {
        let _turn = self.turn().await?;
        let durations = Arc::clone(&self.durations);
        let hash = move |memory: &mut Memory| {
            let began = Instant::now();
            let hash = password::hash(&password, memory);
            record(&durations, began.elapsed());
            hash
        };
        self.workers.run(hash).await
    }

    /// Checks `password` against `stored`; without a `stored`, takes as long and says that it is wrong. Gives with the
    /// verdict the moment at which the response to a wrong password may be sent. Needs a `Turn`.
    ///
    /// # Errors
    /// `overloaded`; `internal-error`, when what is stored is no hash.
    pub async fn verify(
        &self,
        _: &Turn,
        password: Password,
        stored: Option<PasswordHash>,
    ) -> Result<(Verdict, Instant), Problem> {
        let (decoy, step, durations) = (Arc::clone(&self.decoy), self.step, Arc::clone(&self.durations));
        let verify = move |memory: &mut Memory| {
            let began = Instant::now();
            let verdict = password::verify(&password, stored.as_ref().unwrap_or(&decoy), memory)?;
            let verdict = if stored.is_some() { verdict } else { Verdict::Wrong };
            let took = began.elapsed();
            record(&durations, took);
            Ok((verdict, began + up_to_a_step(took, step)))
        };
        self.workers.run(verify).await
    }

    /// The numbers of hashes and of new passwords to be judged that wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.turns.waiting() + self.workers.status().prompt, self.judge.status().prompt)
    }

    /// The times that hashes took, in nanoseconds, without the wait for them.
    #[must_use]
    pub fn durations(&self) -> &DurationHistogram {
        &self.durations
    }

    /// Finishes the waiting jobs and ends the threads; later calls are refused. Blocks until that is done. Called when
    /// the server stops, before the database is closed.
    pub fn close(&self) {
        self.judge.close();
        self.workers.close();
    }

    /// Runs `job` on a hash thread, for tests.
    ///
    /// # Errors
    /// The errors of `job`; `overloaded`; `internal-error` when it panics.
    #[doc(hidden)]
    pub async fn run<T: Send + 'static>(
        &self,
        mut job: impl FnMut() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.workers.run(move |_: &mut Memory| job()).await
    }
}

fn record(durations: &DurationHistogram, took: Duration) {
    durations.record(&DURATIONS, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
}

/// The CPU time of this thread: other work of the machine at the start does not count.
fn computed() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The next multiple of `step` after `took`.
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
