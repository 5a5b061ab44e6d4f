//! The process as Linux sees it (proc(5)): what Prometheus' own libraries show as `process_…`.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};

/// The state of this process now. What the system does not tell is absent.
#[derive(Default)]
pub struct ProcessStatus {
    /// The time that all threads have computed, in seconds, for themselves and in the kernel.
    pub cpu_seconds: Option<f64>,
    /// The memory that is in RAM, in bytes.
    pub resident_bytes: Option<u64>,
    /// The address space, in bytes.
    pub virtual_bytes: Option<u64>,
    /// The time at which the process began, in seconds of Unix time.
    pub began: Option<f64>,
    /// The open files, connections among them.
    pub open_files: Option<u64>,
    /// The most files that may be open.
    pub most_files: Option<u64>,
}

impl ProcessStatus {
    /// Reads the state from `/proc`.
    pub fn read() -> Self {
        let status = Self {
            // Less the one that reads the folder.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| count(files.count().saturating_sub(1))),
            most_files: rlimit::Resource::NOFILE.get_soft().ok(),
            ..Self::default()
        };
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The second field is the program's name in brackets, and may hold any character.
        let fields: Vec<_> =
            stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
        // The first that is left is field 3.
        let field = |number: usize| fields.get(number - 3).and_then(|field| field.parse::<u64>().ok());
        let seconds = |ticks: u64| as_float(ticks) / as_float(clock_ticks_per_second());
        Self {
            cpu_seconds: field(14).zip(field(15)).map(|(user, system)| seconds(user + system)),
            began: field(22).zip(booted()).map(|(ticks, booted)| as_float(booted) + seconds(ticks)),
            virtual_bytes: field(23),
            resident_bytes: field(24).map(|pages| pages.saturating_mul(count(page_size()))),
            ..status
        }
    }
}

/// The time at which the machine was started, in seconds of Unix time.
fn booted() -> Option<u64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The number as Prometheus has all of them.
#[expect(clippy::cast_precision_loss, reason = "53 bits are enough for times and counts")]
pub fn as_float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::ProcessStatus;

    #[test]
    fn a_process_is_seen_as_it_is() {
        let status = ProcessStatus::read();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        assert!(status.began.is_some_and(|began| began <= now + 2.0 && began > now - 86_400.0), "{:?}", status.began);
        assert!(status.cpu_seconds.is_some_and(|seconds| seconds < 86_400.0));
        let mebibytes = status.resident_bytes.expect("Linux tells") / (1024 * 1024);
        assert!((1..4096).contains(&mebibytes), "{mebibytes}");
        assert!(status.virtual_bytes >= status.resident_bytes && status.open_files <= status.most_files);
        assert!(status.open_files >= Some(3));
    }
}
