//! The pool behind [`Workers`](super::Workers): what its threads share, and the life of each. A thread makes its state
//! first and takes jobs only while it has one; it is given up when it hangs, and another one takes its place.

use std::{
    collections::VecDeque,
    mem,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, PoisonError},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use super::{Batch, BatchEnd, FairQueue, Flow, Job, JobClass, WorkerLimits, WorkerStatus, lock};
use crate::problem::{Kind, Problem};

/// The pause after a first failed attempt to make a state; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to make a state. An attempt at a database may itself take 2 seconds for a host
/// that is frozen, and two attempts and a pause have to fit into the 5 seconds after which all is well again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The most times that a job is run which could do nothing, as its state was spoilt already.
const MOST_RUNS: u32 = 3;

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

/// The queue of a pool, which its callers and its threads share.
pub struct Queue<S> {
    name: &'static str,
    waiting: Mutex<Waiting<S>>,
    /// Told when the queue is closed, and when a thread has given its state up.
    changed: Condvar,
    pub limits: WorkerLimits,
}

/// The life of a worker's thread: it makes a state, and takes jobs for as long as it has one.
pub fn work<S>(
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
            Assignment::Renewal => return queue.gives_up(state, ControlFlow::Continue(())),
            Assignment::Over => return queue.gives_up(state, ControlFlow::Break(())),
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

impl<S> Queue<S> {
    /// An empty queue of a pool with these limits, whose threads are about to start.
    pub fn new(name: &'static str, limits: WorkerLimits) -> Self {
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

    /// Puts a job at the end of its flow's lane, and wakes a thread for it.
    ///
    /// # Errors
    /// `overloaded`, when the queue is full or closed; `too-many-requests`, when the flow has too many jobs in it; the
    /// problem of the last attempt to make a state, when every thread has failed.
    pub fn put(&self, class: JobClass, job: Box<dyn Job<S>>) -> Result<(), Problem> {
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

    /// Drops the state of a thread, notes that it has none any more, and gives what comes `next` for it.
    fn gives_up(&self, state: Option<S>, next: ControlFlow<()>) -> ControlFlow<()> {
        drop(state);
        lock(&self.waiting).with_state -= 1;
        self.changed.notify_all();
        next
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
        waiting.wake_all();
        drop(waiting);
        self.changed.notify_all();
        for job in over {
            job.answer();
        }
        if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// Gives up the threads that hang, at most as many as there are. States from before are suspect, and made anew.
    /// Returns how many were given up, and whether any hangs.
    pub fn give_up_hung(&self) -> (usize, bool) {
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
            waiting.wake_all();
        }
        drop(waiting);
        self.changed.notify_all();
        (given_up, is_any)
    }

    /// The state of the threads and the queue now.
    pub fn status(&self) -> WorkerStatus {
        let waiting = lock(&self.waiting);
        WorkerStatus {
            name: self.name,
            threads: self.limits.threads,
            with_state: waiting.with_state,
            idle: waiting.idle.len(),
            prompt: waiting.prompt.len(),
            blocking: waiting.blocking.len(),
        }
    }

    /// Takes no more jobs; those that wait are done.
    pub fn close(&self) {
        let mut waiting = lock(&self.waiting);
        waiting.closed = true;
        waiting.wake_all();
        drop(waiting);
        self.changed.notify_all();
    }

    /// Waits until no thread has a state any more, but no longer than a caller would.
    pub fn wait_for_states(&self) {
        let still = |waiting: &mut Waiting<S>| waiting.with_state > 0;
        drop(self.changed.wait_timeout_while(lock(&self.waiting), self.limits.patience, still));
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

    /// Wakes every thread that sleeps.
    fn wake_all(&mut self) {
        self.idle.drain(..).for_each(|thread| thread.unpark());
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
