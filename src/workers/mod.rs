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

mod queue;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

pub use self::queue::{FairQueue, Flow};
use crate::problem::{Kind, Problem};

/// The limits of a kind of worker: its threads, its queue, and its time-outs.
#[derive(Clone, Copy)]
pub struct WorkerLimits {
    /// The threads, each with a state of its own.
    pub threads: usize,
    /// The most jobs that wait; one more is refused at once. Of one caller fewer may wait.
    pub queue: usize,
    /// The most jobs that a thread takes out of the queue at a time.
    pub group: usize,
    /// The longest wait of a caller for its result. A job that has not begun by then is not begun any more.
    pub patience: Duration,
    /// The time for which an idle thread keeps its state; it is made again for the next job. `None` for ever.
    pub rest: Option<Duration>,
}

/// The outcome of a job on the worker's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed(Kind),
    /// The job panicked, so the state may be half-changed.
    Panicked,
}

/// A job in a worker's hands. Its result is kept until the worker releases it, so that a writer can
/// commit a whole batch first.
pub trait Job<S>: Send {
    /// Runs the job; a panic is caught and becomes its result. A job whose work was rolled back may be run again.
    fn run(&mut self, state: &mut S) -> Outcome;
    /// Sends the result to the caller.
    fn answer(self: Box<Self>);
    /// Sends a failure instead of the job's result.
    fn refuse(self: Box<Self>, problem: Problem);
    /// Whether the caller waits for the result no longer.
    fn is_abandoned(&self) -> bool;
}

/// Jobs taken together, in the order of their arrival.
pub type Batch<S> = Vec<Box<dyn Job<S>>>;

/// The waiting jobs, and the threads that wait for jobs.
struct Waiting<S> {
    jobs: FairQueue<Box<dyn Job<S>>>,
    /// The threads that sleep. The last to fall asleep is woken first: its memory is warm, and requests that
    /// come one by one all find the same thread, so that none can be distinguished from another by its thread.
    idle: Vec<Thread>,
    closed: bool,
}

struct Queue<S> {
    waiting: Mutex<Waiting<S>>,
}

/// The threads and their queue. Dropping it, or [`Workers::close`], ends the threads once the queue is empty.
pub struct Workers<S> {
    queue: Arc<Queue<S>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    limits: WorkerLimits,
}

impl<S: 'static> Workers<S> {
    /// Starts the threads. `make` builds the state of each, on the thread itself, and again after the state
    /// was spoilt; while it fails, its problem is the result of the jobs. `run_group` does the work and returns
    /// whether the state may be used again.
    ///
    /// # Errors
    /// The system has no more threads to give.
    pub fn start<M, R>(name: &str, limits: WorkerLimits, make: M, run_group: R) -> std::io::Result<Self>
    where
        M: Fn() -> Result<S, Problem> + Clone + Send + 'static,
        R: Fn(&mut S, Batch<S>) -> bool + Clone + Send + 'static,
    {
        let waiting = Waiting { jobs: FairQueue::new(limits.queue), idle: Vec::new(), closed: false };
        let queue = Arc::new(Queue { waiting: Mutex::new(waiting) });
        let threads = (0..limits.threads)
            .map(|_| {
                let (queue, make, run_group) = (Arc::clone(&queue), make.clone(), run_group.clone());
                let work = move || work(&queue, limits, &make, &run_group);
                thread::Builder::new().name(name.into()).spawn(work)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { queue, threads: Mutex::new(threads), limits })
    }

    /// Runs `job` on a worker, in the turn of the current [`Flow`], and waits for its result.
    ///
    /// # Errors
    /// The job's errors; `overloaded`, when the queue is full or the result is late; `too-many-requests`, when too many
    /// of the flow's own jobs wait; `internal-error`, when the job panicked.
    pub async fn run<T, F>(&self, job: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnMut(&mut S) -> Result<T, Problem> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        self.queue.put(Box::new(Call { job, result: None, sender }))?;
        match tokio::time::timeout(self.limits.patience, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Problem::internal("a worker ended without an answer")),
            Err(_) => Err(Kind::Overloaded.into()),
        }
    }

    /// Takes no more jobs, finishes those that wait, and returns when every thread has ended.
    pub fn close(&self) {
        self.queue.close();
        for thread in lock(&self.threads).drain(..) {
            // A thread's panic was caught and logged where it happened.
            drop(thread.join());
        }
    }
}

/// The life of a worker's thread.
fn work<S>(
    queue: &Queue<S>,
    limits: WorkerLimits,
    make: &impl Fn() -> Result<S, Problem>,
    run_group: &impl Fn(&mut S, Batch<S>) -> bool,
) {
    let make = || catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err(Problem::internal("no state was made")));
    let mut state = make().ok();
    while let Some(group) = queue.take(limits.group, limits.rest, || state = None) {
        let mut current = match state.take().map_or_else(make, Ok) {
            Ok(current) => current,
            Err(problem) => {
                for job in group {
                    job.refuse(problem.repeated());
                }
                continue;
            }
        };
        // Jobs catch their own panics; this would be one of `run_group` itself.
        let usable = catch_unwind(AssertUnwindSafe(|| run_group(&mut current, group)));
        state = usable.unwrap_or(false).then_some(current);
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<S> Queue<S> {
    fn put(&self, job: Box<dyn Job<S>>) -> Result<(), Problem> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(Kind::Overloaded.into());
        }
        waiting.jobs.push(Flow::current(), job)?;
        // A wake-up is a system call; a busy thread looks into the queue by itself.
        let sleeper = waiting.idle.pop();
        drop(waiting);
        if let Some(thread) = sleeper {
            thread.unpark();
        }
        Ok(())
    }

    /// Takes the next jobs, at most `most`; waits for the first, and calls `give_up` once if that takes as long as
    /// `rest`. `None` when the queue is closed and empty.
    fn take(&self, most: usize, mut rest: Option<Duration>, mut give_up: impl FnMut()) -> Option<Batch<S>> {
        let mut waiting = lock(&self.waiting);
        loop {
            if !waiting.jobs.is_empty() {
                let count = waiting.jobs.len().min(most);
                let mut group = Vec::with_capacity(count);
                group.extend(std::iter::from_fn(|| waiting.jobs.pop()).take(count));
                return Some(group);
            }
            if waiting.closed {
                return None;
            }
            waiting.idle.push(thread::current());
            drop(waiting);
            let since = Instant::now();
            // The caller that takes this thread off the list wakes it, even if it has not fallen asleep yet.
            rest.map_or_else(thread::park, thread::park_timeout);
            waiting = lock(&self.waiting);
            // A thread may also wake after `rest`, or for no reason, and then it is still on the list.
            let me = thread::current().id();
            waiting.idle.retain(|thread| thread.id() != me);
            if waiting.jobs.is_empty() && rest.take_if(|rest| since.elapsed() >= *rest).is_some() {
                drop(waiting);
                give_up();
                waiting = lock(&self.waiting);
            }
        }
    }

    fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.idle.drain(..).for_each(|thread| thread.unpark());
    }
}

/// Locks a mutex of which no code panics while it holds it, so that a poisoned one is still whole.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A caller's closure, its result, and the channel back.
struct Call<T, F> {
    job: F,
    result: Option<Result<T, Problem>>,
    sender: oneshot::Sender<Result<T, Problem>>,
}

impl<S, T, F> Job<S> for Call<T, F>
where
    T: Send,
    F: FnMut(&mut S) -> Result<T, Problem> + Send,
{
    fn run(&mut self, state: &mut S) -> Outcome {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.job)(state)));
        let (ran, result) = match outcome {
            Ok(Ok(value)) => (Outcome::Done, Ok(value)),
            Ok(Err(problem)) => (Outcome::Failed(problem.kind()), Err(problem)),
            Err(_) => (Outcome::Panicked, Err(Problem::internal("a job panicked"))),
        };
        self.result = Some(result);
        ran
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

/// Runs each job of a batch by itself, and sends its result as soon as it is done.
pub fn one_by_one<S>(state: &mut S, group: Batch<S>) -> bool {
    for mut job in group {
        if job.is_abandoned() {
            continue;
        }
        let ran = job.run(state);
        job.answer();
        if ran == Outcome::Panicked {
            return false;
        }
    }
    true
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
        let limits = WorkerLimits { threads: 1, queue: 1, group: 1, patience: PATIENCE, rest: Some(Duration::ZERO) };
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
        let limits = WorkerLimits { threads: 1, queue: 100, group: 1, patience: PATIENCE, rest: None };
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
