//! A rate limit as it is configured: `100/2s`, or `off`.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

use crate::duration::seconds;

/// The longest time in which a burst comes back, in seconds.
const LONGEST_PERIOD: u64 = 24 * 60 * 60;
/// The largest burst.
const LARGEST_BURST: u32 = 1_000_000;

/// A rate limit as it is configured: `100/2s` for 100 units at once, which come back evenly within 2 seconds, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// No limit: nothing is counted.
    Off,
    /// At most `burst` units at once. A quota that is used up has a unit again after `period / burst`, and all of them
    /// after `period`.
    Limit {
        /// The units of a quota that is not used at all, 1 to 1,000,000 as configured.
        burst: NonZeroU32,
        /// The time in which all units come back, a second to a day as configured.
        period: Duration,
    },
}

impl Rate {
    /// The rate with `factor` times as many units in the same time (0 changes nothing); `off` stays so.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::Limit { burst, period } => {
                let burst = NonZeroU32::new(burst.get().saturating_mul(factor)).unwrap_or(burst);
                Self::Limit { burst, period }
            }
        }
    }
}

/// Reads a rate such as `10/1m`: 1 to 1,000,000 units and a period from `1s` to `1d` ([`seconds`]); or `off` (or `0`).
/// Any other text is an error.
impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if matches!(text, "off" | "0") {
            return Ok(Self::Off);
        }
        let (burst, period) = text.split_once('/').ok_or(())?;
        let burst: NonZeroU32 = burst.parse().map_err(|_| ())?;
        let period = seconds(period).filter(|seconds| (1..=LONGEST_PERIOD).contains(seconds)).ok_or(())?;
        if burst.get() > LARGEST_BURST {
            return Err(());
        }
        Ok(Self::Limit { burst, period: Duration::from_secs(period) })
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::Rate;

    #[test]
    fn a_rate_is_a_burst_and_the_time_in_which_it_comes_back() {
        let limit = |burst, seconds| Rate::Limit {
            burst: NonZeroU32::new(burst).expect("not zero"),
            period: Duration::from_secs(seconds),
        };
        assert_eq!("10/1m".parse(), Ok(limit(10, 60)));
        assert_eq!("100/2s".parse(), Ok(limit(100, 2)));
        assert_eq!("off".parse(), Ok(Rate::Off));
        assert_eq!("0".parse(), Ok(Rate::Off));
        for wrong in ["", "10", "0/1m", "-1/1m", "10/0s", "10/2d", "10/1", "1.5/1m", "/1m", "10/", "2000000/1s"] {
            assert_eq!(wrong.parse::<Rate>(), Err(()), "{wrong}");
        }
    }
}
