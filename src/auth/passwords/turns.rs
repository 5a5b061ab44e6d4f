//! Turns to hash a password: few hashes are under way at any time, however many wait, and those who wait take turns
//! by where they come from. Whoever would wait too long, as long as turns have taken lately, is refused at once: a
//! refusal that comes late has kept a client waiting, and a place taken, for nothing.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::{
    problem::{Kind, Problem},
    workers::{FairQueue, Flow, lock},
};

/// The turns that there are, and the queue for them.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<TurnState>>);

/// The longest wait that is begun. It may become longer: then turns take longer than they did.
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// The turns that the mean time of a turn goes back to.
const MEMORY: u32 = 16;

struct TurnState {
    turns: usize,
    free: usize,
    /// The most callers that may wait, however short the turns.
    most: usize,
    /// The time that a turn takes, as the last few have taken it.
    mean: Duration,
    waiting: FairQueue<oneshot::Sender<Turn>>,
}

/// The right to hash one password, until dropped.
#[must_use]
pub struct Turn {
    turns: Turns,
    since: Instant,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Turns {
    /// Allows `turns` at a time, each of which is expected to take `mean`, and at most `queue` callers to wait for one.
    #[must_use]
    pub fn new(turns: usize, queue: usize, mean: Duration) -> Self {
        let mut state = TurnState { turns, free: turns, most: queue, mean, waiting: FairQueue::new(queue) };
        state.waiting.set_capacity(state.places());
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for a turn, no longer than `patience`.
    ///
    /// # Errors
    /// `overloaded`, at once when so many wait that the wait would be longer than 8 seconds, and otherwise when it takes
    /// longer than `patience`; `too-many-requests`, when too many of the same [`Flow`] wait.
    pub async fn take(&self, patience: Duration) -> Result<Turn, Problem> {
        let turn = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn::begin(self.clone()));
            }
            let (sender, turn) = oneshot::channel();
            state.waiting.push(Flow::current(), sender)?;
            turn
        };
        let turn = tokio::time::timeout(patience, turn).await.map_err(|_| Problem::new(Kind::Overloaded))?;
        turn.map_err(Problem::internal)
    }

    /// The number of callers that wait for a turn.
    pub fn waiting(&self) -> usize {
        lock(&self.0).waiting.len()
    }

    /// Gives a turn that has ended, and took so long, to the next caller that still waits.
    fn pass_on(&self, took: Duration) {
        let next = {
            let mut state = lock(&self.0);
            state.mean = (state.mean * (MEMORY - 1) + took) / MEMORY;
            let places = state.places();
            state.waiting.set_capacity(places);
            let next = std::iter::from_fn(|| state.waiting.pop()).find(|waiting| !waiting.is_closed());
            state.free += usize::from(next.is_none());
            next
        };
        if let Some(next) = next {
            // A caller that leaves this very moment leaves the turn behind; dropped, it is passed on.
            drop(next.send(Turn::begin(self.clone())));
        }
    }
}

impl TurnState {
    /// The callers of whom the last waits for [`LONGEST_WAIT`]: one for each turn at least.
    fn places(&self) -> usize {
        let each = LONGEST_WAIT.as_nanos() / self.mean.as_nanos().max(1);
        usize::try_from(each).unwrap_or(usize::MAX).saturating_mul(self.turns).clamp(self.turns, self.most)
    }
}

impl Turn {
    fn begin(turns: Turns) -> Self {
        Self { turns, since: Instant::now() }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.pass_on(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use super::{Flow, Turn, Turns};
    use crate::problem::{Kind, Problem};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn taken(taking: &mut (impl Future<Output = Result<Turn, Problem>> + Unpin)) -> Option<Result<Turn, Kind>> {
        match pin!(taking).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn.map_err(|problem| problem.kind())),
            Poll::Pending => None,
        }
    }

    #[test]
    fn those_who_wait_take_turns_and_who_has_left_takes_none() {
        actix_web::rt::System::new().block_on(async {
            let turns = Turns::new(1, 8, Duration::ZERO);
            let ask = |flow: Flow| Box::pin(flow.scope(turns.take(PATIENCE)));
            let first = taken(&mut ask(Flow::User(1))).expect("a turn").expect("free");
            let mut alices: Vec<_> = (0..4).map(|_| ask(Flow::User(1))).collect();
            assert!(alices.iter_mut().all(|alice| taken(alice).is_none()));
            assert_eq!(taken(&mut ask(Flow::User(1))).map(Result::err), Some(Some(Kind::TooManyRequests)));
            let mut bob = ask(Flow::User(2));
            assert!(taken(&mut bob).is_none());

            drop(first);
            let of_alice = taken(&mut alices[0]).expect("a turn").expect("alice was first");
            drop(of_alice);
            let of_bob = taken(&mut bob).expect("a turn").expect("bob does not wait for all of alice's");
            assert!(taken(&mut alices[1]).is_none());
            drop(alices.drain(1..3));
            drop(of_bob);
            drop(taken(&mut alices[1]).expect("a turn").expect("the others have left"));
            drop(taken(&mut ask(Flow::User(3))).expect("a turn").expect("free again"));
        });
    }

    #[test]
    fn who_would_wait_too_long_is_refused_at_once_as_long_as_turns_take_long() {
        actix_web::rt::System::new().block_on(async {
            let turns = Turns::new(1, 8, Duration::from_secs(60));
            let ask = |user| Box::pin(Flow::User(user).scope(turns.take(PATIENCE)));
            // As many wait as the queue lets, without the one that is refused.
            let wait = || (10..30).map(ask).map_while(|mut one| taken(&mut one).is_none().then_some(one)).count();
            let first = taken(&mut ask(1)).expect("a turn").expect("free");
            let mut second = ask(2);
            assert!(taken(&mut second).is_none(), "one may always wait");
            assert_eq!(taken(&mut ask(3)).map(Result::err), Some(Some(Kind::Overloaded)));

            drop(first);
            drop(taken(&mut second).expect("a turn").expect("in its turn"));
            for user in 10..90 {
                drop(taken(&mut ask(user)).expect("a turn").expect("free"));
            }
            let _long = taken(&mut ask(1)).expect("a turn").expect("free");
            assert_eq!(wait(), 8, "the turns are short again");
        });
    }
}
