//! Limits on connections: so many at once, and so many of them for one address. When there are too many, the connection
//! that has kept the server waiting longest is closed, so that silent clients shut no other out.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::IpAddr,
    str::FromStr,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::{
    limits::{Proxies, Source},
    workers::lock,
};

/// The time for which a client may keep the server waiting before its connection may be closed for another.
const LEAST_WAIT: Duration = Duration::from_secs(1);
/// The least time for a client to ask once more when the server stops: a request may be on its way.
const LAST_CALL: Duration = Duration::from_secs(1);
/// The connections of one address from which on even busy ones make room for others: a browser has six.
const MANY_OF_ONE: usize = 16;

/// The most connections that one address may have open at once (`IP_CONNECTIONS`); `None` for no limit but that of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostConnections(pub Option<usize>);

/// Reads a number from 1 to 4096, or `off`.
impl FromStr for MostConnections {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "off" {
            return Ok(Self(None));
        }
        let most: usize = text.parse().map_err(|_| ())?;
        (1..=4_096).contains(&most).then_some(Self(Some(most))).ok_or(())
    }
}

/// The most bytes of responses that clients have not read yet, of all connections together.
const MOST_UNREAD: usize = 64 * 1024 * 1024;

/// The register of all open connections, which holds them to a limit in all and for each address. Where a limit is
/// reached, a connection whose client keeps the server waiting is closed for a new one. A connection is in it from
/// [`Admission::enter`] until it is closed.
pub struct Admission {
    most: usize,
    /// The most connections of one address; `None` for no limit but `most`.
    most_of_one: Option<usize>,
    /// The proxies, whose connections belong to many clients.
    proxies: Proxies,
    began: Instant,
    /// The moment from which connections close on which nothing is asked; set when the server is told to stop.
    closes_at: OnceLock<Instant>,
    /// Bytes of responses that clients have not read yet.
    unread: AtomicUsize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    places: HashMap<u64, (Option<Source>, Arc<ConnectionState>)>,
    sources: HashMap<Source, Held>,
    /// The connections that were closed since the start to make room for others, and those that were not admitted.
    evicted: u64,
    refused: u64,
    /// The connections when the log last said that there are too many; 0 once half of them are closed.
    told_at: usize,
}

/// The state of the register at one moment, for `metrics`.
pub struct AdmissionStatus {
    /// The connections that are open.
    pub open: usize,
    /// The most connections that may be open.
    pub most: usize,
    /// The connections that were closed since the start to make room for others.
    pub evicted: u64,
    /// The connections that were closed since the start as soon as they came, since all others were busy.
    pub refused: u64,
    /// The bytes of responses that clients have not read yet.
    pub unread: usize,
}

/// The connections of one address.
#[derive(Default)]
struct Held {
    count: usize,
    /// Whether the log has said that the address wants more.
    is_told: bool,
}

/// The shared state of a connection: what admission knows of it, and how it is told to close.
#[derive(Default)]
struct ConnectionState {
    /// The moment since when the client has kept the server waiting, in milliseconds after `began`, from 1; 0 if it
    /// does not.
    waiting: AtomicU64,
    /// Bytes of a response that the client has not read yet.
    unread: AtomicUsize,
    is_evicted: AtomicBool,
    waker: AtomicWaker,
}

/// The place of one open connection in the register ([`Admission`]): the connection reports whether its client keeps
/// the server waiting, and learns whether it has to close. Dropping the permit frees the place.
pub struct Permit {
    number: u64,
    slot: Arc<ConnectionState>,
    admission: Arc<Admission>,
}

impl Admission {
    /// An empty register for at most `most` connections, and at most `most_of_one` of each address; the connections of
    /// `proxies` count only in all.
    #[must_use]
    pub fn new(most: usize, most_of_one: Option<usize>, proxies: Proxies) -> Self {
        Self {
            most,
            most_of_one,
            proxies,
            began: Instant::now(),
            closes_at: OnceLock::new(),
            unread: AtomicUsize::new(0),
            open: Mutex::default(),
        }
    }

    /// Admits a new connection from `address`. If a limit is reached, another one is told to close for it: of the
    /// address that has most, the one whose client has kept the server waiting longest (a second at least). `None` if
    /// all are busy: then close the new one.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let source = self.proxies.source_of_connection(address);
        let mut open = lock(&self.open);
        if let (Some(source), Some(most)) = (source, self.most_of_one)
            && open.sources.get(&source).is_some_and(|held| held.count >= most)
        {
            open.tell(source);
            self.make_room(&mut open, |of| of == Some(source), usize::MAX)?;
        }
        if open.places.len() >= self.most {
            open.tell_that_all_are_used();
            let own = source.and_then(|source| open.sources.get(&source)).map_or(0, |held| held.count);
            self.make_room(&mut open, |_| true, own)?;
        }
        open.next += 1;
        let (number, slot) = (open.next, Arc::new(ConnectionState::default()));
        open.places.insert(number, (source, Arc::clone(&slot)));
        if let Some(source) = source {
            open.sources.entry(source).or_default().count += 1;
        }
        Some(Permit { number, slot, admission: Arc::clone(self) })
    }

    /// The state of the register now.
    pub fn status(&self) -> AdmissionStatus {
        let open = lock(&self.open);
        let unread = self.unread.load(Ordering::Relaxed);
        let (evicted, refused) = (open.evicted, open.refused);
        AdmissionStatus { open: open.places.len(), most: self.most, evicted, refused, unread }
    }

    /// Closes a connection for a new one, and counts either.
    fn make_room(&self, open: &mut Open, among: impl Fn(Option<Source>) -> bool, own: usize) -> Option<()> {
        let evicted = self.evict(open, among, own);
        open.evicted += u64::from(evicted.is_some());
        open.refused += u64::from(evicted.is_none());
        evicted
    }

    /// Tells all connections to close after the next response, and those on which nothing is asked after `delay`, or
    /// after a second if that is longer: a client may be about to ask.
    pub fn drain(&self, delay: Duration) {
        let _the_first_counts = self.closes_at.set(Instant::now() + delay.max(LAST_CALL));
        for (_, slot) in lock(&self.open).places.values() {
            slot.waker.wake();
        }
    }

    /// Closes a connection of the address that has most: the one that has kept the server waiting longest. A busy one
    /// is closed only if its address has far more than `own`, the connections of the address that it makes room for: a
    /// byte now and then, on each of a thousand, keeps no other client out. `None` if all are busy.
    fn evict(&self, open: &mut Open, among: impl Fn(Option<Source>) -> bool, own: usize) -> Option<()> {
        let now = self.moment(Instant::now());
        let latest = now.saturating_sub(millis(LEAST_WAIT));
        let candidates = open.places.iter().filter(|(_, (source, _))| among(*source)).filter_map(|(number, place)| {
            let (source, slot) = place;
            let waiting = slot.waiting.load(Ordering::Relaxed);
            let held = source.and_then(|source| open.sources.get(&source)).map_or(0, |held| held.count);
            let is_silent = (1..=latest).contains(&waiting);
            let is_of_many = held >= MANY_OF_ONE && held / 2 > own;
            let since = if waiting == 0 { now } else { waiting };
            (is_silent || is_of_many).then_some((held, Reverse((since, *number))))
        });
        let (_, Reverse((_, number))) = candidates.max()?;
        let slot = open.leave(number)?;
        slot.is_evicted.store(true, Ordering::Release);
        slot.waker.wake();
        Some(())
    }

    /// Closes connections whose clients do not read, those of the address that has most unread first, until there is
    /// room in memory again.
    fn shed(&self) {
        let mut open = lock(&self.open);
        while self.unread.load(Ordering::Relaxed) > MOST_UNREAD {
            let mut unread: HashMap<Option<Source>, usize> = HashMap::new();
            for (source, slot) in open.places.values() {
                *unread.entry(*source).or_default() += slot.unread.load(Ordering::Relaxed);
            }
            let places = open.places.iter().map(|(number, (source, slot))| {
                let own = slot.unread.load(Ordering::Relaxed);
                (unread.get(source).copied().unwrap_or_default(), own, *number)
            });
            let Some((_, 1.., number)) = places.max() else { return };
            let Some(slot) = open.leave(number) else { return };
            self.forget(&slot);
            slot.is_evicted.store(true, Ordering::Release);
            slot.waker.wake();
        }
    }

    /// Takes the unread bytes of a connection out of the count.
    fn forget(&self, slot: &ConnectionState) {
        let _before = self.unread.fetch_sub(slot.unread.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn moment(&self, instant: Instant) -> u64 {
        millis(instant.saturating_duration_since(self.began)).saturating_add(1)
    }
}

impl Open {
    fn leave(&mut self, number: u64) -> Option<Arc<ConnectionState>> {
        let (source, slot) = self.places.remove(&number)?;
        if let Some(source) = source
            && let Some(held) = self.sources.get_mut(&source)
        {
            held.count -= 1;
            if held.count == 0 {
                let _gone = self.sources.remove(&source);
            }
        }
        if self.places.len() < self.told_at / 2 {
            self.told_at = 0;
        }
        Some(slot)
    }

    /// Logs that all connections are in use; once, until there are half as many.
    fn tell_that_all_are_used(&mut self) {
        let connections = self.places.len();
        if std::mem::replace(&mut self.told_at, connections) == 0 {
            tracing::warn!(target: "kennel::security", connections, "too_many_connections");
        }
    }

    /// Logs that an address has as many connections as it may; once, until it has none any more.
    fn tell(&mut self, source: Source) {
        let Some(held) = self.sources.get_mut(&source) else { return };
        if !std::mem::replace(&mut held.is_told, true) {
            tracing::info!(target: "kennel::security", %source, connections = held.count, "too_many_connections");
        }
    }
}

impl Permit {
    /// Reports that the client has kept the server waiting since `since`, so that the connection may be closed for a
    /// new one; `waker` is woken then.
    pub fn waits(&self, since: Instant, waker: &Waker) {
        self.slot.waiting.store(self.admission.moment(since), Ordering::Relaxed);
        self.slot.waker.register(waker);
    }

    /// Reports that the client keeps the server waiting no longer.
    pub fn goes_on(&self) {
        self.slot.waiting.store(0, Ordering::Relaxed);
    }

    /// Reports how many bytes of a response the client has not read yet. Over all connections there may be 64 MiB of
    /// them; beyond that, connections of the address with the most of them are closed.
    pub fn holds(&self, bytes: usize) {
        // An evicted connection is about to let go of its bytes.
        if self.is_evicted() {
            return;
        }
        let admission = &self.admission;
        let before = self.slot.unread.swap(bytes, Ordering::Relaxed);
        let _before = admission.unread.fetch_add(bytes, Ordering::Relaxed);
        let all = admission.unread.fetch_sub(before, Ordering::Relaxed).saturating_sub(before);
        if bytes > before && all > MOST_UNREAD {
            admission.shed();
        }
    }

    /// Whether the connection has to close at once, to make room for another.
    pub fn is_evicted(&self) -> bool {
        self.slot.is_evicted.load(Ordering::Acquire)
    }

    /// Whether the connection has to close after the present request: it makes room for another, or the server is about
    /// to stop.
    pub fn is_over(&self) -> bool {
        self.is_evicted() || self.admission.closes_at.get().is_some()
    }

    /// The longest wait for a client that has kept the server waiting since `since`: `usual`, and no longer than `last`
    /// from the moment on at which a server that stops closes its connections.
    pub fn patience(&self, since: Instant, usual: Duration, last: Duration) -> Duration {
        let Some(closes_at) = self.admission.closes_at.get() else { return usual };
        usual.min(closes_at.saturating_duration_since(since).saturating_add(last))
    }

    /// The longest wait for a request that has not begun: `usual`, but a server that stops waits a second at most, from
    /// the moment on at which it was told so, or the connection came.
    pub fn patience_with_the_silent(&self, since: Instant, usual: Duration) -> Duration {
        self.patience(since, usual, Duration::ZERO).max(usual.min(LAST_CALL))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.forget(&self.slot);
        let _evicted_before = lock(&self.admission.open).leave(self.number);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        sync::{Arc, atomic::Ordering},
        task::Waker,
        time::Duration,
    };

    use tokio::time::Instant;

    use super::{Admission, MOST_UNREAD, Permit};
    use crate::limits::Proxies;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The connections of a server that began an hour ago.
    fn admission(most: usize, most_of_one: Option<usize>) -> Arc<Admission> {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().expect("a network")]);
        let began = Instant::now().checked_sub(HOUR).expect("it was running");
        Arc::new(Admission { began, ..Admission::new(most, most_of_one, proxies) })
    }

    fn enter(admission: &Arc<Admission>, address: &str) -> Option<Permit> {
        admission.enter(address.parse::<IpAddr>().expect("an address"))
    }

    fn is_silent(place: &Permit, for_seconds: u64) {
        let since = Instant::now().checked_sub(Duration::from_secs(for_seconds)).expect("it was running");
        place.waits(since, Waker::noop());
    }

    #[test]
    fn an_address_has_so_many_and_a_network_of_64_bits_is_one() {
        let admission = admission(10, Some(2));
        let (_a, _b) = (enter(&admission, "2001:db8::1"), enter(&admission, "2001:db8::2"));
        assert!(enter(&admission, "2001:db8::3").is_none());
        assert!(enter(&admission, "2001:db8:0:1::3").is_some());
    }

    #[test]
    fn what_was_given_back_can_be_had_again() {
        let admission = admission(1, Some(1));
        for _ in 0..3 {
            let place = enter(&admission, "192.0.2.1");
            assert!(place.is_some() && enter(&admission, "192.0.2.2").is_none());
        }
    }

    #[test]
    fn a_proxys_connections_are_counted_among_all_only() {
        let admission = admission(3, Some(1));
        let places: Vec<_> = (0..4).map(|_| enter(&admission, "10.1.2.3")).collect();
        assert_eq!(places.iter().filter(|place| place.is_some()).count(), 3);
    }

    #[test]
    fn the_one_that_was_silent_longest_makes_room() {
        let admission = admission(10, Some(2));
        let [short, long] = [(); 2].map(|()| enter(&admission, "192.0.2.1").expect("a place"));
        is_silent(&short, 2);
        is_silent(&long, 3);
        let other = enter(&admission, "192.0.2.2").expect("a place");
        is_silent(&other, 4);
        let newcomer = enter(&admission, "192.0.2.1");
        assert!(newcomer.is_some());
        assert_eq!([&short, &long, &other].map(Permit::is_evicted), [false, true, false]);
        drop(long);
        assert!(enter(&admission, "192.0.2.1").is_some() && short.is_evicted());
    }

    #[test]
    fn who_is_served_or_was_silent_for_a_moment_only_stays() {
        let admission = admission(2, None);
        let (busy, quick) = (enter(&admission, "192.0.2.1"), enter(&admission, "192.0.2.1").expect("a place"));
        is_silent(&quick, 0);
        assert!(busy.is_some() && enter(&admission, "192.0.2.2").is_none());
    }

    #[test]
    fn of_all_the_address_with_most_connections_makes_room() {
        let admission = admission(3, None);
        let one = enter(&admission, "192.0.2.1").expect("a place");
        let many = [(); 2].map(|()| enter(&admission, "192.0.2.2").expect("a place"));
        is_silent(&one, 9);
        for place in &many {
            is_silent(place, 2);
        }
        assert!(enter(&admission, "192.0.2.3").is_some());
        assert!(!one.is_evicted() && many.iter().any(Permit::is_evicted));
    }

    #[test]
    fn who_holds_many_busy_ones_makes_room_for_who_has_few() {
        let admission = admission(64, None);
        let honest = enter(&admission, "192.0.2.9").expect("a place");
        is_silent(&honest, 9);
        let many: Vec<_> =
            (1..64).map(|number| enter(&admission, &format!("192.0.2.{}", number % 2 + 1)).expect("a place")).collect();
        for newcomer in 100..110 {
            assert!(enter(&admission, &format!("192.0.2.{newcomer}")).is_some());
        }
        assert_eq!(many.iter().filter(|place| place.is_evicted()).count(), 1, "the newcomers have gone again");
        assert!(!honest.is_evicted(), "the one that it has is not another's to lose");
        // An address that has as many itself has no claim, nor has one against those that all have a few.
        let full = Admission::new(16, None, Proxies::new(Vec::new()));
        let full = Arc::new(full);
        let _few: Vec<_> = (0..16).map(|number| enter(&full, &format!("192.0.2.{}", number / 4))).collect();
        assert!(enter(&full, "192.0.2.77").is_none());
    }

    #[test]
    fn who_lets_most_answers_wait_is_cut_off() {
        const EACH: usize = MOST_UNREAD / 8;
        let admission = admission(64, None);
        let few = [(); 2].map(|()| enter(&admission, "192.0.2.1").expect("a place"));
        let many = [(); 6].map(|()| enter(&admission, "192.0.2.2").expect("a place"));
        for place in few.iter().chain(&many) {
            place.holds(EACH);
        }
        assert!(few.iter().chain(&many).all(|place| !place.is_evicted()));
        few[0].holds(0);
        few[0].holds(2 * EACH);
        assert_eq!(many.iter().filter(|place| place.is_evicted()).count(), 1);
        assert!(few.iter().all(|place| !place.is_evicted()));
        drop((few, many));
        assert_eq!(admission.unread.load(Ordering::Relaxed), 0);
    }
}
