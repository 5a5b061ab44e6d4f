//! The clock of this machine.

use std::time::UNIX_EPOCH;

/// Seconds since 1970.
pub fn now() -> f64 {
    UNIX_EPOCH.elapsed().expect("it is after 1970").as_secs_f64()
}
