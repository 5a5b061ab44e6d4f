//! How well the service was to be had: what each request came to, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::caller::Reply;
use super::client::Result;

/// A request that was made.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub at: Instant,
    pub took: Duration,
    pub reply: Reply,
}

impl Asked {
    fn ended(&self) -> Instant {
        self.at + self.took
    }
}

/// The requests of one kind, such as all reads.
#[derive(Default)]
pub struct Asks(pub Vec<Asked>);

impl Asks {
    /// How many came to nothing good.
    pub fn failures(&self) -> usize {
        self.0.iter().filter(|asked| !asked.reply.is_good()).count()
    }

    /// How many came to what: `201: 511, 503: 3`.
    pub fn kinds(&self) -> String {
        let mut kinds: BTreeMap<Reply, usize> = BTreeMap::new();
        for asked in &self.0 {
            *kinds.entry(asked.reply).or_default() += 1;
        }
        let kinds: Vec<_> = kinds.iter().map(|(reply, count)| format!("{reply}: {count}")).collect();
        kinds.join(", ")
    }

    /// It is an error if a request came to something bad that is not one of these.
    pub fn only(&self, allowed: &[Reply]) -> Result<()> {
        let strange = self.0.iter().find(|asked| !asked.reply.is_good() && !allowed.contains(&asked.reply));
        strange.map_or(Ok(()), |asked| Err(format!("{} in {}", asked.reply, self.kinds()).into()))
    }

    /// The time from the end of a fault until all was well: each later request was answered well.
    pub fn normal_after(&self, fault_ended: Instant) -> Result<Duration> {
        let last = self.0.iter().filter(|asked| !asked.reply.is_good()).map(Asked::ended).max();
        let bad_until = last.map_or(fault_ended, |last| last.max(fault_ended));
        let good = self.0.iter().filter(|asked| asked.reply.is_good()).map(Asked::ended);
        match good.filter(|ended| *ended >= bad_until).min() {
            Some(first) => Ok(first - fault_ended),
            None => Err(format!("nothing is well after the fault: {}", self.kinds()).into()),
        }
    }

    /// The same; it is an error if it takes longer than the limit.
    pub fn normal_within(&self, limit: Duration, fault_ended: Instant) -> Result<Duration> {
        let took = self.normal_after(fault_ended)?;
        if took <= limit { Ok(took) } else { Err(format!("normal after {took:?}: {}", self.kinds()).into()) }
    }

    /// The time that this share of the good answers took at most.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut took: Vec<_> = self.0.iter().filter(|it| it.reply.is_good()).map(|it| it.took).collect();
        took.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let place = (count(took.len()) * share) as usize;
        took.get(place).or(took.last()).copied().unwrap_or_default()
    }

    /// The longest time that an answer took, a good one or not.
    pub fn slowest(&self) -> Duration {
        self.0.iter().map(|asked| asked.took).max().unwrap_or_default()
    }

    /// The time that the slowest answer took that was none that people want.
    pub fn slowest_failure(&self) -> Duration {
        self.0.iter().filter(|it| !it.reply.is_good()).map(|it| it.took).max().unwrap_or_default()
    }

    /// The requests that were made in this time.
    pub fn between(&self, from: Instant, to: Instant) -> Self {
        Self(self.0.iter().filter(|asked| asked.at >= from && asked.at < to).copied().collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody sends that many requests")]
pub fn count(number: usize) -> f64 {
    number as f64
}
