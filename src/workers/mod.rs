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
    collections::VecDeque,
    io, mem,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

pub use self::queue::{FairQueue, Flow};
use crate::problem::{Kind, Problem};

/// The pause after a first failed attempt to make a state; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to make a state. An attempt at a database may itself take 2 seconds for a host
/// that is frozen, and two attempts and a pause have to fit into the 5 seconds after which all is well again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The most times that a job is run which could do nothing, as its state was spoilt already.
const MOST_RUNS: u32 = 3;

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

/// A batch that a thread is at.
struct Running {
    thread: u64,
    class: JobClass,
    began: Instant,
}

/// The jobs, and what the threads do.
struct Waiting<S> {
    prompt: FairQueue<Box<dyn Job<S>>>,
    blocking: FairQueue<Box<dyn Job<S>>>,
    /// Jobs that were taken once and have done nothing; they are the next.
    undone: VecDeque<(JobClass, Box<dyn Job<S>>)>,
    /// The class that was taken last: the other one has its turn.
    last: JobClass,
    running: Vec<Running>,
    /// The threads that hang, whose places others have taken; each ends if it ever comes back.
    given_up: Vec<u64>,
    /// The threads that sleep. The last to fall asleep is woken first: its memory is warm, and requests that
    /// come one by one all find the same thread, so that none can be distinguished from another by its thread.
    idle: Vec<Thread>,
    /// The threads that have a state.
    with_state: usize,
    /// The threads whose last attempt to make a state has not failed.
    hopeful: usize,
    /// The last failure to make a state.
    failure: Option<Problem>,
    /// States that were made before are not used any more.
    renewed: Option<Instant>,
    closed: bool,
}

/// The answer to a thread that asks for work.
enum Assignment<S> {
    Batch(JobClass, Batch<S>),
    /// The thread's state is too old: it makes another one first.
    Renewal,
    /// The thread was given up: another one has its place.
    Replaced,
    /// There is nothing more to do.
    Over,
}

struct Queue<S> {
    name: &'static str,
    waiting: Mutex<Waiting<S>>,
    /// Told when the queue is closed, and when a thread has given its state up.
    changed: Condvar,
    limits: WorkerLimits,
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

    /// Takes no more jobs (a later one is refused with `overloaded`), lets those that wait be done, and returns when no
    /// thread has a state any more, or after the patience of one more caller.
    pub fn close(&self) {
        self.queue.close();
        let patience = self.queue.limits.patience;
        let still = |waiting: &mut Waiting<S>| waiting.with_state > 0;
        drop(self.queue.changed.wait_timeout_while(lock(&self.queue.waiting), patience, still));
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

/// The life of a worker's thread: it makes a state, and takes jobs for as long as it has one.
fn work<S>(
    queue: &Queue<S>,
    number: u64,
    make: &impl Fn() -> Result<S, Problem>,
    run_group: &impl Fn(&mut S, Batch<S>) -> BatchEnd<S>,
) {
    let make = || catch_unwind(AssertUnwindSafe(make)).unwrap_or_else(|_| Err(Problem::internal("no state was made")));
    let mut failures = 0;
    loop {
        let made = Instant::now();
        match make() {
            Ok(state) => {
                queue.has_state(failures > 0);
                failures = 0;
                if take_jobs(queue, (number, made), state, &make, run_group).is_break() {
                    return;
                }
            }
            Err(problem) => {
                if queue.has_no_state(&problem, failures).is_break() {
                    return;
                }
                failures += 1;
            }
        }
    }
}

/// Takes jobs for as long as the `state` can be used; breaks, if the thread is to end.
fn take_jobs<S>(
    queue: &Queue<S>,
    (number, made): (u64, Instant),
    state: S,
    make: &impl Fn() -> Result<S, Problem>,
    run_group: &impl Fn(&mut S, Batch<S>) -> BatchEnd<S>,
) -> ControlFlow<()> {
    let mut state = Some(state);
    loop {
        let (class, batch) = match queue.take(number, made, || state = None) {
            Assignment::Batch(class, batch) => (class, batch),
            Assignment::Replaced => return ControlFlow::Break(()),
            taken => {
                drop(state);
                queue.gives_up_state();
                return if matches!(taken, Assignment::Over) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                };
            }
        };
        // One that was given up while the thread rested is made again.
        let mut current = match state.take().map_or_else(make, Ok) {
            Ok(current) => current,
            Err(problem) => {
                for job in batch {
                    job.refuse(problem.repeated());
                }
                continue;
            }
        };
        // Jobs catch their own panics; this would be one of `run_group` itself.
        let end = catch_unwind(AssertUnwindSafe(|| run_group(&mut current, batch)));
        let end = end.unwrap_or_else(|_| BatchEnd::answered(false));
        if end.is_usable {
            state = Some(current);
        } else {
            drop(current);
            return queue.loses_state(number, class, end);
        }
    }
}

impl<S> Drop for Workers<S> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<S> Queue<S> {
    fn new(name: &'static str, limits: WorkerLimits) -> Self {
        let waiting = Waiting {
            prompt: FairQueue::new(limits.queue),
            blocking: FairQueue::new(limits.queue),
            undone: VecDeque::new(),
            last: JobClass::Prompt,
            running: Vec::new(),
            given_up: Vec::new(),
            idle: Vec::new(),
            with_state: 0,
            hopeful: limits.threads,
            failure: None,
            renewed: None,
            closed: false,
        };
        Self { name, waiting: Mutex::new(waiting), changed: Condvar::new(), limits }
    }

    fn put(&self, class: JobClass, job: Box<dyn Job<S>>) -> Result<(), Problem> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(Kind::Overloaded.into());
        }
        if let Some(failure) = waiting.failure.as_ref().filter(|_| waiting.hopeful == 0) {
            return Err(failure.repeated());
        }
        waiting.of(class).push(Flow::current(), job)?;
        // A wake-up is a system call; a busy thread looks into the queue by itself.
        let sleeper = if waiting.may_begin(class, &self.limits) { waiting.idle.pop() } else { None };
        drop(waiting);
        if let Some(thread) = sleeper {
            thread.unpark();
        }
        Ok(())
    }

    /// Takes the next jobs; waits for the first, and calls `give_up` once if that takes as long as an idle thread keeps
    /// its state, which was `made` then.
    fn take(&self, number: u64, made: Instant, mut give_up: impl FnMut()) -> Assignment<S> {
        let mut rest = self.limits.rest;
        let mut waiting = lock(&self.waiting);
        if !waiting.is_back(number) {
            return Assignment::Replaced;
        }
        loop {
            if waiting.renewed.is_some_and(|renewed| made < renewed) {
                return Assignment::Renewal;
            }
            if let Some((class, batch)) = waiting.next(&self.limits) {
                if self.limits.hang.is_some() {
                    waiting.running.push(Running { thread: number, class, began: Instant::now() });
                }
                return Assignment::Batch(class, batch);
            }
            if waiting.closed {
                return Assignment::Over;
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
            if waiting.prompt.is_empty() && rest.take_if(|rest| since.elapsed() >= *rest).is_some() {
                drop(waiting);
                give_up();
                waiting = lock(&self.waiting);
            }
        }
    }

    /// Notes that a thread has a state, perhaps after some failures.
    fn has_state(&self, had_failed: bool) {
        let mut waiting = lock(&self.waiting);
        waiting.with_state += 1;
        waiting.hopeful += usize::from(had_failed);
        if waiting.failure.take().is_some() {
            tracing::info!(workers = self.name, "there is something to work with again");
        }
    }

    /// Notes that a thread cannot make a state, after so many earlier `failures`, and waits until it may try again.
    /// Breaks if it need not.
    fn has_no_state(&self, problem: &Problem, failures: u32) -> ControlFlow<()> {
        let mut waiting = lock(&self.waiting);
        if failures == 0 {
            waiting.hopeful = waiting.hopeful.saturating_sub(1);
            tracing::warn!(workers = self.name, cause = problem.cause_in_words(), "a worker has nothing to work with");
        }
        let refused = if waiting.hopeful == 0 { waiting.drain() } else { Vec::new() };
        waiting.failure = Some(problem.repeated());
        drop(waiting);
        for job in refused {
            job.refuse(problem.repeated());
        }
        let pause = (PAUSE * 2_u32.saturating_pow(failures)).min(LONGEST_PAUSE);
        let waited = self.changed.wait_timeout_while(lock(&self.waiting), pause, |waiting| !waiting.closed);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if waiting.closed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Notes that a thread has no state any more.
    fn gives_up_state(&self) {
        lock(&self.waiting).with_state -= 1;
        self.changed.notify_all();
    }

    /// Notes that a batch has spoilt the state of a thread, and lets others run what it could not. Breaks, if another
    /// thread has taken the place of this one.
    fn loses_state(&self, number: u64, class: JobClass, end: BatchEnd<S>) -> ControlFlow<()> {
        let mut waiting = lock(&self.waiting);
        let goes_on = waiting.is_back(number);
        waiting.with_state -= usize::from(goes_on);
        if !end.undone.is_empty() {
            waiting.renewed = Some(Instant::now());
        }
        let (again, over): (Vec<_>, Vec<_>) = end.undone.into_iter().partition(|job| job.runs() < MOST_RUNS);
        waiting.undone.extend(again.into_iter().map(|job| (class, job)));
        waiting.idle.drain(..).for_each(|thread| thread.unpark());
        drop(waiting);
        self.changed.notify_all();
        for job in over {
            job.answer();
        }
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Gives up the threads that hang, at most as many as there are. States from before are suspect, and made anew.
    /// Returns how many were given up, and whether any hangs.
    fn give_up_hung(&self) -> (usize, bool) {
        let Some(longest) = self.limits.hang else { return (0, false) };
        let mut waiting = lock(&self.waiting);
        let (mut given_up, mut is_any) = (0, false);
        for batch in mem::take(&mut waiting.running) {
            let hangs = batch.began.elapsed() >= longest;
            is_any |= hangs;
            if hangs && waiting.given_up.len() < self.limits.threads {
                waiting.given_up.push(batch.thread);
                waiting.with_state -= 1;
                waiting.renewed = waiting.renewed.max(Some(batch.began));
                given_up += 1;
            } else {
                waiting.running.push(batch);
            }
        }
        if given_up > 0 {
            tracing::warn!(workers = self.name, given_up, "workers hang; others take their places");
            waiting.idle.drain(..).for_each(|thread| thread.unpark());
        }
        drop(waiting);
        self.changed.notify_all();
        (given_up, is_any)
    }

    fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.idle.drain(..).for_each(|thread| thread.unpark());
        drop(waiting);
        self.changed.notify_all();
    }
}

impl<S> Waiting<S> {
    fn of(&mut self, class: JobClass) -> &mut FairQueue<Box<dyn Job<S>>> {
        match class {
            JobClass::Prompt => &mut self.prompt,
            JobClass::Blocking => &mut self.blocking,
        }
    }

    /// Whether a thread may take another job of a class.
    fn may_begin(&self, class: JobClass, limits: &WorkerLimits) -> bool {
        let blocked = || self.running.iter().filter(|batch| batch.class == JobClass::Blocking).count();
        class == JobClass::Prompt || limits.reserved == 0 || blocked() + limits.reserved < limits.threads
    }

    /// The next jobs of one class; the classes take turns.
    fn next(&mut self, limits: &WorkerLimits) -> Option<(JobClass, Batch<S>)> {
        let first = self.undone.iter().position(|(class, _)| self.may_begin(*class, limits));
        if let Some((class, job)) = first.and_then(|at| self.undone.remove(at)) {
            return Some((class, vec![job]));
        }
        let can_block = !self.blocking.is_empty() && self.may_begin(JobClass::Blocking, limits);
        let class = match (self.prompt.is_empty(), can_block) {
            (true, false) => return None,
            (false, true) if self.last == JobClass::Prompt => JobClass::Blocking,
            (false, _) => JobClass::Prompt,
            (true, true) => JobClass::Blocking,
        };
        self.last = class;
        let queue = self.of(class);
        let count = queue.len().min(limits.group);
        let mut group = Vec::with_capacity(count);
        group.extend(std::iter::from_fn(|| queue.pop()).take(count));
        Some((class, group))
    }

    /// All jobs that wait.
    fn drain(&mut self) -> Batch<S> {
        let undone = self.undone.drain(..).map(|(_, job)| job);
        let waiting = std::iter::from_fn(|| self.prompt.pop().or_else(|| self.blocking.pop()));
        undone.chain(waiting).collect()
    }

    /// Notes that a thread has come back from its batch; whether no other has taken its place.
    fn is_back(&mut self, number: u64) -> bool {
        self.running.retain(|batch| batch.thread != number);
        let given_up = self.given_up.iter().position(|thread| *thread == number);
        given_up.map(|at| self.given_up.swap_remove(at)).is_none()
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
