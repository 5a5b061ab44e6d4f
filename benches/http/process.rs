//! What Linux tells of a process: the time that it has computed, and its memory.

use std::fs;
use std::time::Duration;

use super::client::Result;

/// A clock tick of `/proc/PID/stat`, which Linux tells programs in hundredths of a second everywhere.
const TICK: Duration = Duration::from_millis(10);

/// The time that all threads of a process have computed: to the nanosecond where the kernel counts so.
pub fn cpu(pid: u32) -> Result<Duration> {
    fine_cpu(pid).map_or_else(|| coarse_cpu(pid), Ok)
}

/// Of the threads that there are; a server's stay. None where the kernel does not count.
fn fine_cpu(pid: u32) -> Option<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    (sum > 0).then(|| Duration::from_nanos(sum))
}

fn coarse_cpu(pid: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = fields_of(&text);
    let ticks = [11, 12].map(|place| fields.get(place).and_then(|field| field.parse::<u32>().ok()).unwrap_or(0));
    Ok(TICK * ticks.iter().sum())
}

/// The fields after the name, which may have spaces in it: the first is the state, the second the parent.
fn fields_of(stat: &str) -> Vec<&str> {
    stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect()
}

/// The time that the children of a process have computed; those that ended in between are missed.
pub fn cpu_of_children(parent: u32) -> Result<Duration> {
    Ok(children(parent)?.into_iter().map(|pid| cpu(pid).unwrap_or_default()).sum())
}

/// The children of a process.
pub fn children(parent: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        if fields_of(&stat).get(1).and_then(|field| field.parse::<u32>().ok()) == Some(parent) {
            children.push(pid);
        }
    }
    Ok(children)
}

/// Waits until no thread of a process has anything to do.
pub fn wait_until_idle(pid: u32) -> Result<()> {
    // One look may fall between two threads, when one has handed its work to the other.
    let mut quiet_looks = 0;
    while quiet_looks < 3 {
        quiet_looks = if is_idle(pid)? { quiet_looks + 1 } else { 0 };
        std::thread::yield_now();
    }
    Ok(())
}

fn is_idle(pid: u32) -> Result<bool> {
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let stat = fs::read_to_string(task?.path().join("stat")).unwrap_or_default();
        if fields_of(&stat).first().is_some_and(|state| *state != "S") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// MiB in memory now, and at most so far.
pub fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok()
    };
    let told = of("VmRSS:").zip(of("VmHWM:")).ok_or("the kernel does not tell the memory")?;
    Ok((told.0 / 1024.0, told.1 / 1024.0))
}

/// The number of a processor that we may run on.
pub fn first_processor() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    list.trim().chars().take_while(char::is_ascii_digit).collect()
}
