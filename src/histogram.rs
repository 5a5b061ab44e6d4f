//! Histograms for `metrics`: threads count in them without a lock, and a scrape reads them meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the buckets of durations, in nanoseconds: those that OpenTelemetry advises for
/// `http.server.request.duration`, and three below them, since most requests take less than the first of those. The
/// last is infinity.
pub const DURATIONS: [u64; 18] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    75_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    750_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    7_500_000_000,
    10_000_000_000,
    u64::MAX,
];

/// The upper bounds of the buckets of sizes, of which none is above 256. The last is infinity.
pub const SIZES: [u64; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, u64::MAX];

/// A histogram of durations ([`DURATIONS`]).
pub type DurationHistogram = Histogram<18>;
/// A histogram of sizes ([`SIZES`]).
pub type SizeHistogram = Histogram<10>;

/// A histogram of `N` buckets, whose upper bounds are a constant such as [`DURATIONS`]. To count a value is two relaxed
/// atomic additions.
pub struct Histogram<const N: usize> {
    buckets: [AtomicU64; N],
    sum: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; N], sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    /// Counts a value in the first bucket whose bound is not below it.
    pub fn record(&self, bounds: &[u64; N], value: u64) {
        if let Some((bucket, _)) = self.buckets.iter().zip(bounds).find(|(_, bound)| value <= **bound) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum.fetch_add(value, Ordering::Relaxed);
        }
    }

    /// The number of values in each bucket, without those in the buckets before it.
    pub fn buckets(&self) -> [u64; N] {
        self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed))
    }

    /// The sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{DURATIONS, SIZES, SizeHistogram};

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_is_not_below_it() {
        assert!(SIZES.is_sorted() && DURATIONS.is_sorted());
        let sizes = SizeHistogram::default();
        for value in [1, 1, 2, 3, 4, 5, 256, 257] {
            sizes.record(&SIZES, value);
        }
        assert_eq!((sizes.buckets(), sizes.sum()), ([2, 1, 2, 1, 0, 0, 0, 0, 1, 1], 529));
    }
}
