//! Turns to check a password: few checks are under way at any time, however many wait, and those who wait take turns
//! by where they come from.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    problem::{Kind, Problem},
    workers::{FairQueue, Flow, lock},
};

/// The turns that there are, and the queue for them.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<TurnState>>);

struct TurnState {
    free: usize,
    waiting: FairQueue<oneshot::Sender<Turn>>,
}

/// The right to check one password, until dropped.
#[must_use]
pub struct Turn(Turns);

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn")
    }
}

impl Turns {
    /// Allows `turns` at a time, and `queue` callers to wait for one.
    #[must_use]
    pub fn new(turns: usize, queue: usize) -> Self {
        Self(Arc::new(Mutex::new(TurnState { free: turns, waiting: FairQueue::new(queue) })))
    }

    /// Waits for a turn, no longer than `patience`.
    ///
    /// # Errors
    /// `overloaded`, when too many wait or the wait takes too long; `too-many-requests`, when too many of the same
    /// [`Flow`] wait.
    pub async fn take(&self, patience: Duration) -> Result<Turn, Problem> {
        let turn = {
            let mut state = lock(&self.0);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn(self.clone()));
            }
            let (sender, turn) = oneshot::channel();
            state.waiting.push(Flow::current(), sender)?;
            turn
        };
        let turn = tokio::time::timeout(patience, turn).await.map_err(|_| Problem::new(Kind::Overloaded))?;
        turn.map_err(Problem::internal)
    }

    /// Gives a turn that has ended to the next caller that still waits.
    fn pass_on(&self) {
        let next = {
            let mut state = lock(&self.0);
            let next = std::iter::from_fn(|| state.waiting.pop()).find(|waiting| !waiting.is_closed());
            state.free += usize::from(next.is_none());
            next
        };
        if let Some(next) = next {
            // A caller that leaves this very moment leaves the turn behind; dropped, it is passed on.
            drop(next.send(Turn(self.clone())));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.pass_on();
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
            let turns = Turns::new(1, 8);
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
}
