//! Workers: threads that each own their state (a database connection, the memory of a hash) and take jobs from one
//! bounded queue, in which the callers take turns (`queue`). The states, and how a batch of jobs is run, are in `db`
//! and `auth::passwords`.
//!
//! # Why threads of our own, and not `web::block`
//!
//! SQLite and libpq block the thread that calls them, and so does a hash. actix offers `web::block`: a closure runs on
//! a pool of up to 512 threads per worker and is waited for. That is right for work that is rare. For what nearly every
//! request does it lacks three things that decide how a server behaves when it has too much to do. A job there brings
//! no state, so each would have to take a connection out of a pool and give it back. Its queue has no end, so a server
//! that is behind responds to everything too late instead of refusing some of it at once. And it runs jobs one by one,
//! so that writes which arrive together could not share one commit.
//!
//! Here a thread owns what it works with, the queue is bounded, a caller that waits too long is told (503), and a
//! thread may take all waiting jobs as one batch. The cost is one channel and two context switches a job, which is why
//! a single row by key is read on the serving thread instead (`Db::read_inline`).

mod pool;
mod queue;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use self::pool::{Queue, work};
pub use self::queue::{FairQueue, Flow};
use crate::problem::{Kind, Problem};

/// The limits of a kind of worker: its threads, its queues, and its time-outs. Most begin with [`WorkerLimits::new`].
#[derive(Clone, Copy)]
pub struct WorkerLimits {
    /// The threads, each with a state of its own.
    pub threads: usize,
    /// The threads that take prompt jobs only ([`JobClass`]), so that those never wait for the others.
    pub reserved: usize,
    /// The most jobs of a class that wait; one more is refused at once (`overloaded`). One caller may have no more
    /// waiting than there is still room for ([`FairQueue`]).
    pub queue: usize,
    /// The most jobs that a thread takes out of the queue at a time.
    pub group: usize,
    /// The longest wait of a caller for its result. A job that has not begun by then is not begun any more.
    pub patience: Duration,
    /// The time for which an idle thread keeps its state; it is made again for the next job. `None` for ever.
    pub rest: Option<Duration>,
    /// The time after which a thread that runs one batch is taken for hung and given up. `None` for never.
    pub hang: Option<Duration>,
}

impl WorkerLimits {
    /// Limits under which jobs run one by one, no thread is reserved or given up, and each keeps its state.
    #[must_use]
    pub const fn new(threads: usize, queue: usize, patience: Duration) -> Self {
        Self { threads, reserved: 0, queue, group: 1, patience, rest: None, hang: None }
    }
}

/// The state of a kind of worker at one moment, for `metrics`.
pub struct WorkerStatus {
    /// The name of the threads.
    pub name: &'static str,
    /// The threads that there should be.
    pub threads: usize,
    /// The threads that have a state, such as a connection.
    pub with_state: usize,
    /// The threads that wait for a job.
    pub idle: usize,
    /// The prompt jobs that wait for a thread.
    pub prompt: usize,
    /// The blocking jobs that wait for a thread.
    pub blocking: usize,
}

/// The two classes of jobs, which wait in queues of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobClass {
    /// A job that waits for no other: a read.
    Prompt,
    /// A job that may wait for others, for a lock or a commit: a write.
    Blocking,
}

/// The outcome of a job on the worker's thread. Its result is kept in the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job has its result.
    Done,
    /// The job failed with a problem of this kind.
    Failed(Kind),
    /// The job panicked, so the state may be half-changed.
    Panicked,
}

/// A job in a worker's hands. Its result is kept until the worker releases it, so that a writer can
/// commit a whole batch first.
pub trait Job<S>: Send {
    /// Runs the job; a panic is caught and becomes its result. A job whose work was rolled back may be run again.
    fn run(&mut self, state: &mut S) -> Outcome;
    /// The number of times that the job has been run.
    fn runs(&self) -> u32;
    /// Sends the result to the caller.
    fn answer(self: Box<Self>);
    /// Sends a failure instead of the job's result.
    fn refuse(self: Box<Self>, problem: Problem);
    /// Whether the caller waits for the result no longer.
    fn is_abandoned(&self) -> bool;
}

/// Jobs taken together, in the order of their arrival.
pub type Batch<S> = Vec<Box<dyn Job<S>>>;

/// The end of a batch: what is left of the worker's state, and the jobs that were not answered.
pub struct BatchEnd<S> {
    /// Whether the state may be used again.
    pub is_usable: bool,
    /// The jobs that did nothing because the state was spoilt: another worker runs them, with a state made after now,
    /// since what spoilt one has spoilt others.
    pub undone: Batch<S>,
}

impl<S> BatchEnd<S> {
    /// The end of a batch of which all jobs were answered.
    #[must_use]
    pub fn answered(is_usable: bool) -> Self {
        Self { is_usable, undone: Vec::new() }
    }
}

/// The threads and their queue. Dropping it, or [`Workers::close`], ends the threads once the queue is empty.
pub struct Workers<S> {
    queue: Arc<Queue<S>>,
    /// Starts another thread.
    spawn: Box<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl<S: 'static> Workers<S> {
    /// Starts the threads, which the system and the log call `name`. `make` builds the state of each, on the thread
    /// itself, and again after the state was spoilt. Only a thread with a state takes jobs; while none has one and all
    /// have failed, the problem of `make` is the result of every job. `run_group` runs a batch of jobs and sends their
    /// results, as [`one_by_one`] does.
    ///
    /// # Errors
    /// `io::Error`, when the system has no more threads to give.
    pub fn start<M, R>(name: &'static str, limits: WorkerLimits, make: M, run_group: R) -> io::Result<Self>
    where
        M: Fn() -> Result<S, Problem> + Clone + Send + Sync + 'static,
        R: Fn(&mut S, Batch<S>) -> BatchEnd<S> + Clone + Send + Sync + 'static,
    {
        let queue = Arc::new(Queue::new(name, limits));
        let spawn = {
            let (queue, numbers) = (Arc::clone(&queue), AtomicU64::new(0));
            move || {
                let (queue, make, run_group) = (Arc::clone(&queue), make.clone(), run_group.clone());
                let number = numbers.fetch_add(1, Ordering::Relaxed);
                let work = move || work(&queue, number, &make, &run_group);
                thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
            }
        };
        (0..limits.threads).try_for_each(|_| spawn())?;
        Ok(Self { queue, spawn: Box::new(spawn) })
    }

    /// Runs a prompt `job` on a worker, in the turn of the current [`Flow`], and waits for its result.
    ///
    /// # Errors
    /// The job's errors; `overloaded`, when the queue is full or the result is late; `unavailable`, when no worker has
    /// a state, or one hangs; `too-many-requests`, when too many of the flow's own jobs wait; `internal-error`, when
    /// the job panicked.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut S) -> Result<T, Problem> + Send + 'static,
    {
        self.run_as(JobClass::Prompt, job).await
    }

    /// Runs a `job` of either class, as [`Workers::run`] does.
    ///
    /// # Errors
    /// The job's errors; `overloaded`, `unavailable`, `too-many-requests` or `internal-error`, as [`Workers::run`].
    pub async fn run_as<T, F>(&self, class: JobClass, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut S) -> Result<T, Problem> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        self.queue.put(class, Box::new(Call { job, runs: 0, result: None, sender }))?;
        match tokio::time::timeout(self.queue.limits.patience, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Problem::internal("a worker ended without an answer")),
            // Whoever waits in vain looks why, so that no thread has to watch the others.
            Err(_) if self.replace_hung() => Err(Problem::new(Kind::Unavailable).caused_by("a worker hangs")),
            Err(_) => Err(Kind::Overloaded.into()),
        }
    }

    /// The state of the threads and their queue now.
    #[must_use]
    pub fn status(&self) -> WorkerStatus {
        self.queue.status()
    }

    /// Takes no more jobs (a later one is refused with `overloaded`), lets those that wait be done, and returns when no
    /// thread has a state any more, or after the patience of one more caller.
    pub fn close(&self) {
        self.queue.close();
        self.queue.wait_for_states();
    }

    /// Gives up the threads that hang, and starts others in their places. A thread cannot be stopped from outside: one
    /// that hangs stays until what it waits for comes or breaks, with its state, and so at most as many are given up as
    /// there are threads. Returns whether any hangs.
    fn replace_hung(&self) -> bool {
        let (replaced, is_any) = self.queue.give_up_hung();
        for _ in 0..replaced {
            if let Err(error) = (self.spawn)() {
                tracing::error!(%error, "a worker hangs, and no other can be started");
            }
        }
        is_any
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Locks a mutex of which no code panics while it holds it, so that a poisoned one is still whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A caller's closure, its result, and the channel back.
struct Call<T, F> {
    job: F,
    runs: u32,
    result: Option<Result<T, Problem>>,
    sender: oneshot::Sender<Result<T, Problem>>,
}

impl<S, T, F> Job<S> for Call<T, F>
where
    T: Send,
    F: FnMut(&mut S) -> Result<T, Problem> + Send,
{
    fn run(&mut self, state: &mut S) -> Outcome {
        self.runs += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.job)(state)));
        let (ran, result) = match outcome {
            Ok(Ok(value)) => (Outcome::Done, Ok(value)),
            Ok(Err(problem)) => (Outcome::Failed(problem.kind()), Err(problem)),
            Err(_) => (Outcome::Panicked, Err(Problem::internal("a job panicked"))),
        };
        self.result = Some(result);
        ran
    }

    fn runs(&self) -> u32 {
        self.runs
    }

    fn answer(self: Box<Self>) {
        if let Some(result) = self.result {
            // The caller may have left; then the result is dropped.
            drop(self.sender.send(result));
        }
    }

    fn refuse(self: Box<Self>, problem: Problem) {
        drop(self.sender.send(Err(problem)));
    }

    fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}

/// Runs each job of a batch by itself, and sends its result as soon as it is done: the way of workers whose jobs share
/// nothing. A state in which a job panicked is not used again.
pub fn one_by_one<S>(state: &mut S, group: Batch<S>) -> BatchEnd<S> {
    for mut job in group {
        if job.is_abandoned() {
            continue;
        }
        let ran = job.run(state);
        job.answer();
        if ran == Outcome::Panicked {
            return BatchEnd::answered(false);
        }
    }
    BatchEnd::answered(true)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex, mpsc},
        time::Duration,
    };

    use futures_util::future::{join_all, join3};

    use super::{Flow, WorkerLimits, Workers, lock, one_by_one};

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A state that sends a message when it is dropped.
    struct State(mpsc::Sender<()>);

    impl Drop for State {
        fn drop(&mut self) {
            let _the_test_may_be_over = self.0.send(());
        }
    }

    #[test]
    fn a_state_that_nobody_needs_is_given_up_and_made_again_for_the_next_job() {
        let (sender, given_up) = mpsc::channel();
        let limits = WorkerLimits { rest: Some(Duration::ZERO), ..WorkerLimits::new(1, 1, PATIENCE) };
        let workers = Workers::start("tested", limits, move || Ok(State(sender.clone())), one_by_one);
        let workers = workers.expect("a thread");
        let system = actix_web::rt::System::new();
        for _ in 0..3 {
            given_up.recv_timeout(PATIENCE).expect("it is given up");
            system.block_on(workers.run(|_: &mut State| Ok(()))).expect("another is there");
        }
    }

    #[test]
    fn a_callers_only_job_does_not_wait_for_all_of_anothers() {
        let limits = WorkerLimits::new(1, 100, PATIENCE);
        let workers = Workers::start("tested", limits, || Ok(()), one_by_one).expect("a thread");
        let (begin, begun) = mpsc::channel();
        let ran = Arc::new(Mutex::new(Vec::new()));
        let job = |flow: Flow| {
            let ran = Arc::clone(&ran);
            let job = move |(): &mut ()| {
                lock(&ran).push(flow);
                Ok(())
            };
            Box::pin(flow.scope(workers.run(job)))
        };
        // The thread is kept busy until all jobs wait.
        let busy = workers.run(move |(): &mut ()| begun.recv_timeout(PATIENCE).map_err(super::Problem::internal));
        let (alice, bob) = (Flow::User(1), Flow::User(2));
        let jobs = join_all([alice, alice, alice, bob, alice].map(job));
        let release = async { begin.send(()).map_err(super::Problem::internal) };
        let system = actix_web::rt::System::new();
        let (busy, jobs, released) = system.block_on(async { join3(busy, jobs, release).await });
        assert!(busy.is_ok() && released.is_ok() && jobs.iter().all(Result::is_ok));
        assert_eq!(*lock(&ran), [alice, bob, alice, alice, alice]);
    }
}
