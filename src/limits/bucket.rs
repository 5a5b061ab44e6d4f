//! Quotas in memory: a token bucket for each caller (GCRA, by the crate `governor`), and its state in responses: the
//! headers `RateLimit` and `RateLimit-Policy` (the IETF draft draft-ietf-httpapi-ratelimit-headers).

use std::{
    fmt,
    hash::Hash,
    num::NonZeroU32,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};

use super::Rate;
use crate::problem::Problem;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The callers from which on the sweep looks for those that can be forgotten.
const MANY: usize = 10_000;
/// The most callers that are remembered, about 100 bytes each; all others share one bucket.
const MOST: usize = 200_000;

/// The key by which a [`Bucket`] tells callers apart, such as a user's id or a [`Source`](super::Source). The default
/// value stands for all callers above the 200,000 that are remembered.
pub trait Caller: Hash + Eq + Copy + Default + fmt::Display {}

impl<K: Hash + Eq + Copy + Default + fmt::Display> Caller for K {}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// A quota for each caller, by its key `K`, in the memory of this process: a token bucket of units, which requests take
/// and which come back with time (GCRA). With [`Rate::Off`] nothing is counted.
pub struct Bucket<K: Caller>(Option<Limited<K>>);

struct Limited<K: Caller> {
    name: &'static str,
    policy: HeaderValue,
    burst: u32,
    period: Duration,
    limiter: Limiter<K>,
    clock: DefaultClock,
    /// Whether too many callers are remembered; set and cleared by the sweep.
    is_full: AtomicBool,
}

/// The state of the quota that a request was counted against last. [`Bucket::weigh`] puts it into the request's
/// extensions, and the middleware writes it into the response.
#[derive(Clone)]
pub struct Counted {
    name: &'static str,
    policy: HeaderValue,
    /// The units that the request has taken.
    taken: u32,
    left: u32,
    /// The seconds until the whole quota is there again.
    whole_in: u64,
}

impl<K: Caller> Bucket<K> {
    /// A quota of `rate` for each caller, whole at the start. The headers `RateLimit` and the log call it `name`, which
    /// has to be different from that of every other quota.
    #[must_use]
    pub fn new(name: &'static str, rate: Rate) -> Self {
        let Rate::Limit { burst, period } = rate else { return Self(None) };
        let policy = HeaderValue::try_from(format!("\"{name}\";q={burst};w={}", period.as_secs()));
        let quota = Quota::with_period(period / burst.get()).map(|quota| quota.allow_burst(burst));
        // A period of a second or more has a part for each of a million.
        let (Ok(policy), Some(quota)) = (policy, quota) else { return Self(None) };
        Self(Some(Limited {
            name,
            policy,
            burst: burst.get(),
            period,
            limiter: RateLimiter::dashmap(quota).with_middleware(),
            clock: DefaultClock::default(),
            is_full: AtomicBool::new(false),
        }))
    }

    /// Takes one unit of `caller`'s quota for a request.
    ///
    /// # Errors
    /// `too-many-requests`, with `Retry-After`, when none is left; then none is taken.
    pub fn count(&self, request: &HttpRequest, caller: K) -> Result<(), Problem> {
        self.weigh(request, caller, 1)
    }

    /// Takes `units` more of `caller`'s quota for a request that is as much work as so many. All in all one request
    /// takes no more than the whole quota, however small that is, so that a heavy one can be made at all.
    ///
    /// # Errors
    /// `too-many-requests`, with `Retry-After`, when so many are not left; then none of `units` is taken.
    pub fn weigh(&self, request: &HttpRequest, caller: K, units: u32) -> Result<(), Problem> {
        let Some(limited) = &self.0 else { return Ok(()) };
        let taken = limited.taken(request);
        let units = units.min(limited.burst.saturating_sub(taken));
        let Some(units) = NonZeroU32::new(units) else { return Ok(()) };
        let (counted, wait) = limited.take(caller, units, taken);
        let _before = request.extensions_mut().insert(counted);
        let Some(wait) = wait else { return Ok(()) };
        tracing::info!(target: "kennel::security", quota = limited.name, %caller, "rate_limited");
        Err(Problem::too_many_requests(wait))
    }

    /// Forgets callers that have their whole quota again, when more than 10,000 are remembered; called every second.
    pub fn sweep(&self) {
        let Some(limited) = &self.0 else { return };
        if limited.limiter.len() < MANY {
            return;
        }
        limited.limiter.retain_recent();
        limited.limiter.shrink_to_fit();
        limited.is_full.store(limited.limiter.len() > MOST, Ordering::Relaxed);
    }
}

impl<K: Caller> Limited<K> {
    /// The units of this quota that a request has taken already.
    fn taken(&self, request: &HttpRequest) -> u32 {
        let extensions = request.extensions();
        let counted = extensions.get::<Counted>().filter(|counted| counted.name == self.name);
        counted.map_or(0, |counted| counted.taken)
    }

    /// Takes `units` beside those that were `taken` already; returns what is left, and how long to wait if they are not
    /// there.
    fn take(&self, caller: K, units: NonZeroU32, taken: u32) -> (Counted, Option<Duration>) {
        let caller = if self.is_full.load(Ordering::Relaxed) { K::default() } else { caller };
        let unit = self.period / self.burst;
        let (taken, left, wait) = match self.limiter.check_key_n(&caller, units) {
            Ok(Ok(state)) => (taken + units.get(), state.remaining_burst_capacity(), None),
            Ok(Err(refusal)) => {
                let wait = refusal.wait_time_from(self.clock.now());
                let missing = wait.as_nanos().div_ceil(unit.as_nanos().max(1));
                let missing = u32::try_from(missing).unwrap_or(u32::MAX).max(1);
                // A new try takes those once more that this request has taken in vain.
                (taken, units.get().saturating_sub(missing), Some(wait + unit * taken))
            }
            // More than the whole quota, which `weigh` never takes.
            Err(_) => (taken, 0, Some(self.period)),
        };
        let whole_in = seconds(unit * self.burst.saturating_sub(left));
        (Counted { name: self.name, policy: self.policy.clone(), taken, left, whole_in }, wait)
    }
}

impl Counted {
    /// Writes the headers `RateLimit` and `RateLimit-Policy` of a response (draft-ietf-httpapi-ratelimit-headers).
    pub fn put_into(self, answer: &mut HeaderMap) {
        let Self { name, policy, taken: _, left, whole_in } = self;
        if let Ok(state) = HeaderValue::try_from(format!("\"{name}\";r={left};t={whole_in}")) {
            answer.insert(RATE_LIMIT, state);
            answer.insert(RATE_LIMIT_POLICY, policy);
        }
    }
}

/// A wait in whole seconds, rounded up, at least one.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0 || wait.is_zero())
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use actix_web::{HttpMessage, test::TestRequest};

    use super::{Bucket, Counted, MANY, seconds};

    fn left(bucket: &Bucket<i64>, caller: i64) -> Option<u32> {
        let (counted, wait) = bucket.0.as_ref().expect("a limit").take(caller, NonZeroU32::MIN, 0);
        wait.is_none().then_some(counted.left)
    }

    #[test]
    fn what_is_heavy_takes_its_weight_or_nothing_and_who_waits_as_told_gets_it() {
        let bucket: Bucket<i64> = Bucket::new("user", "10/1h".parse().expect("a rate"));
        let ask = |weight: u32| {
            let request = TestRequest::default().to_http_request();
            let counted = bucket.count(&request, 1).and_then(|()| bucket.weigh(&request, 1, weight - 1));
            let left = request.extensions().get::<Counted>().expect("it was counted").left;
            (counted.is_ok(), left)
        };
        assert_eq!(ask(4), (true, 6));
        assert_eq!(ask(8), (false, 5));
        assert_eq!(ask(5), (true, 0));
        assert_eq!(ask(1), (false, 0));
        let (_, wait) = bucket.0.as_ref().expect("a limit").take(1, NonZeroU32::new(3).expect("three"), 1);
        let wait = wait.expect("nothing is left").as_secs_f64() / 360.0;
        assert!((3.9..=4.0).contains(&wait), "the first unit is wanted again, too: {wait}");
    }

    #[test]
    fn nothing_weighs_more_than_the_whole_quota() {
        for burst in [1, 2, 7] {
            let bucket = Bucket::new("user", format!("{burst}/1h").parse().expect("a rate"));
            let request = TestRequest::default().to_http_request();
            for weight in [1, 1_000, 1] {
                bucket.weigh(&request, 1_i64, weight).expect("one request takes it all at most");
            }
            assert_eq!(left(&bucket, 1), None);
        }
    }

    #[test]
    fn everybody_has_a_quota_of_its_own() {
        let bucket = Bucket::new("user", "2/1h".parse().expect("a rate"));
        assert_eq!([left(&bucket, 1), left(&bucket, 1), left(&bucket, 1)], [Some(1), Some(0), None]);
        assert_eq!(left(&bucket, 2), Some(1));
    }

    #[test]
    fn who_has_nothing_left_is_not_forgotten_when_there_are_many_others() {
        let bucket = Bucket::new("user", "2/1h".parse().expect("a rate"));
        while left(&bucket, 0).is_some() {}
        for caller in 1..=i64::try_from(MANY).expect("not so many") {
            assert_eq!(left(&bucket, caller), Some(1));
        }
        bucket.sweep();
        assert_eq!(left(&bucket, 0), None);
    }

    #[test]
    fn whoever_waits_as_long_as_told_has_waited_long_enough() {
        assert_eq!(seconds(Duration::from_millis(1)), 1);
        assert_eq!(seconds(Duration::from_secs(2)), 2);
        assert_eq!(seconds(Duration::from_millis(2001)), 3);
    }
}
