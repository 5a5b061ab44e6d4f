//! A queue in which callers take turns: each flow (the jobs of one caller) has a lane of its own, the lanes take turns,
//! and none may hold more jobs than there is still room for (the idea of dynamic thresholds: Choudhury and Hahne,
//! 1998).

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::problem::{Kind, Problem};

/// The most empty lanes that are kept for the next flows.
const SPARE_LANES: usize = 64;
/// The time after which a flow with too many jobs may try again.
const PAUSE: Duration = Duration::from_secs(1);

/// The caller on whose behalf work is done, by which jobs queue for the database's threads: no caller's jobs hold up
/// those of others ([`FairQueue`]). Kept for each task ([`Flow::scope`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// A signed-in user, by id.
    User(i64),
    /// A network whose user is not known ([`Source`](crate::limits::Source)), by its 16 bytes.
    Address([u8; 16]),
    /// The service itself: mail, sweeping, tests. Its jobs have no limit but the queue's capacity.
    Service,
}

tokio::task_local! {
    static CURRENT: Flow;
}

impl Flow {
    /// The flow of the current task: the one of the innermost [`Flow::scope`], or [`Flow::Service`] outside of any.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(|flow| *flow).unwrap_or(Self::Service)
    }

    /// Runs `work` on behalf of this caller, so that the jobs that it queues belong to this flow; those of tasks that
    /// it spawns do not.
    pub fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }
}

/// A queue in which callers take turns: each flow has its own waiting items, first in first out, and [`FairQueue::pop`]
/// takes one of each flow in turn. A flow may hold no more items than there is still room for (dynamic thresholds:
/// Choudhury and Hahne, 1998).
pub struct FairQueue<T> {
    /// The only waiting item: nearly always there is no other, and no lane is needed.
    alone: Option<(Flow, T)>,
    lanes: HashMap<Flow, VecDeque<T>>,
    /// The flows that have a lane, the next first.
    turns: VecDeque<Flow>,
    spare: Vec<VecDeque<T>>,
    len: usize,
    capacity: usize,
}

impl<T> FairQueue<T> {
    /// An empty queue for at most `capacity` items of all flows together.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (lanes, turns, spare) = (HashMap::new(), VecDeque::new(), Vec::new());
        Self { alone: None, lanes, turns, spare, len: 0, capacity }
    }

    /// Allows at most `capacity` items from now on; more that wait already stay.
    pub fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    /// Whether no item waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of items that wait, of all flows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts an item behind those of its flow.
    ///
    /// # Errors
    /// `overloaded`, when the queue is full; `too-many-requests`, with `Retry-After`, when the flow has as many items
    /// waiting as there is still room for.
    pub fn push(&mut self, flow: Flow, item: T) -> Result<(), Problem> {
        let free = self.capacity.saturating_sub(self.len);
        if free == 0 {
            return Err(Kind::Overloaded.into());
        }
        // No flow has more jobs than all flows together, so the lane need not be looked up below.
        if self.len >= free && flow != Flow::Service && self.waiting(flow) >= free {
            let detail =
                "Too many of your requests are waiting already. Retry-After says in how many seconds to try again.";
            return Err(Problem::too_many_requests(PAUSE).with_detail(detail));
        }
        if self.len == 0 {
            self.alone = Some((flow, item));
        } else {
            if let Some((first, item)) = self.alone.take() {
                self.push_into_lane(first, item);
            }
            self.push_into_lane(flow, item);
        }
        self.len += 1;
        Ok(())
    }

    /// Takes the first item of the flow whose turn it is; `None` if no item waits.
    pub fn pop(&mut self) -> Option<T> {
        let item = match self.alone.take() {
            Some((_, item)) => Some(item),
            None => self.pop_from_lane(),
        };
        self.len -= usize::from(item.is_some());
        item
    }

    fn waiting(&self, flow: Flow) -> usize {
        let alone = self.alone.as_ref().is_some_and(|(alone, _)| *alone == flow);
        usize::from(alone) + self.lanes.get(&flow).map_or(0, VecDeque::len)
    }

    fn push_into_lane(&mut self, flow: Flow, item: T) {
        let Self { lanes, turns, spare, .. } = self;
        let lane = lanes.entry(flow).or_insert_with(|| {
            turns.push_back(flow);
            spare.pop().unwrap_or_default()
        });
        lane.push_back(item);
    }

    fn pop_from_lane(&mut self) -> Option<T> {
        let flow = self.turns.pop_front()?;
        let lane = self.lanes.get_mut(&flow)?;
        let item = lane.pop_front();
        if !lane.is_empty() {
            self.turns.push_back(flow);
        } else if let Some(lane) = self.lanes.remove(&flow).filter(|_| self.spare.len() < SPARE_LANES) {
            self.spare.push(lane);
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::{FairQueue, Flow, Kind};

    const ALICE: Flow = Flow::User(1);
    const BOB: Flow = Flow::User(2);
    const SOMEWHERE: Flow = Flow::Address([7; 16]);

    fn filled(capacity: usize, jobs: &[(Flow, u32)]) -> FairQueue<u32> {
        let mut queue = FairQueue::new(capacity);
        for (flow, job) in jobs {
            queue.push(*flow, *job).expect("a place");
        }
        queue
    }

    fn all(mut queue: FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn flows_take_turns_and_the_jobs_of_each_keep_their_order() {
        let jobs = [(ALICE, 1), (ALICE, 2), (ALICE, 3), (BOB, 11), (SOMEWHERE, 21), (BOB, 12)];
        assert_eq!(all(filled(100, &jobs)), [1, 11, 21, 2, 12, 3]);
        assert_eq!(all(filled(100, &[(ALICE, 1)])), [1]);
        assert_eq!(all(filled(100, &[])), [0; 0]);
    }

    #[test]
    fn a_flow_that_comes_again_takes_its_turn_after_those_that_wait() {
        let mut queue = filled(100, &[(ALICE, 1), (ALICE, 2), (BOB, 11)]);
        assert_eq!(queue.pop(), Some(1));
        queue.push(ALICE, 3).expect("a place");
        assert_eq!(all(queue), [11, 2, 3]);
    }

    #[test]
    fn no_flow_holds_more_places_than_are_free() {
        let mut queue = FairQueue::new(12);
        let put = |queue: &mut FairQueue<u32>, flow| queue.push(flow, 0).map_err(|problem| problem.kind());
        let fill = |queue: &mut FairQueue<u32>, flow| (0..20).take_while(|_| put(queue, flow).is_ok()).count();
        assert_eq!(fill(&mut queue, ALICE), 6);
        assert_eq!(put(&mut queue, ALICE), Err(Kind::TooManyRequests));
        assert_eq!(fill(&mut queue, BOB), 3);
        assert_eq!(fill(&mut queue, SOMEWHERE), 2);
        assert_eq!(put(&mut queue, BOB), Err(Kind::TooManyRequests));
        assert_eq!(put(&mut queue, Flow::User(3)), Ok(()));
        assert_eq!(put(&mut queue, Flow::User(4)), Err(Kind::Overloaded));
        assert_eq!(queue.len(), 12);
    }

    #[test]
    fn the_service_itself_may_have_every_place() {
        let mut queue = FairQueue::new(12);
        assert!((0..12).all(|job| queue.push(Flow::Service, job).is_ok()));
        assert_eq!(queue.push(Flow::Service, 12).map_err(|problem| problem.kind()), Err(Kind::Overloaded));
    }

    #[test]
    fn a_job_belongs_to_the_flow_of_the_task_that_asks() {
        let system = actix_web::rt::System::new();
        let inner = async { (Flow::current(), BOB.scope(async { Flow::current() }).await, Flow::current()) };
        assert_eq!(system.block_on(ALICE.scope(inner)), (ALICE, BOB, ALICE));
        assert_eq!(Flow::current(), Flow::Service);
    }
}
