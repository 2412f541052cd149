//! What is asked of the machine: to stay on one CPU, how much CPU time a process has used, and how much was taken away.

use std::io;
use std::path::PathBuf;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Keeps the calling thread on one CPU.
pub(crate) fn pin_to_cpu(cpu: usize) -> io::Result<()> {
    if cpu >= CpuSet::MAX_CPU {
        return Err(io::Error::other(format!("there is no CPU {cpu}")));
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| io::Error::other(format!("cannot run on CPU {cpu}: {error}")))
}

/// CPU time that this process has used, in seconds.
pub(crate) fn own_cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    seconds(time.tv_sec) + seconds(time.tv_nsec) / 1e9
}

/// CPU time that another process has used, in seconds; none when there is no such process.
///
/// proc(5): fields 14 and 15 of /proc/PID/stat, in ticks of 1/100 s. The name before them may hold anything but ends
/// with the last parenthesis.
pub(crate) fn cpu_seconds_of(process: u32) -> Option<f64> {
    let path = PathBuf::from(format!("/proc/{process}/stat"));
    let stat = std::fs::read_to_string(path).ok()?;
    let mut fields = stat[stat.rfind(')')? + 2..].split(' ').skip(11);
    let user_ticks: f64 = fields.next()?.parse().ok()?;
    let system_ticks: f64 = fields.next()?.parse().ok()?;
    Some((user_ticks + system_ticks) / 100.0)
}

/// Time that the hypervisor gave to other guests while this one wanted it, all CPUs together, in seconds since the start.
///
/// proc(5): field 8 of the line `cpu` in /proc/stat, in ticks of 1/100 s.
pub(crate) fn stolen_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: f64 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks / 100.0)
}

// Seconds and nanoseconds of a process fit a double exactly.
#[allow(clippy::cast_precision_loss)]
fn seconds(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_of_this_process_is_found_both_ways() {
        let mut sum = 0_u64;
        while own_cpu_seconds() < 0.05 {
            sum = sum.wrapping_add(1);
        }
        assert!(cpu_seconds_of(std::process::id()).unwrap() >= 0.02, "after {sum} rounds");
        assert_eq!(cpu_seconds_of(u32::MAX), None);
        assert!(stolen_seconds().unwrap() >= 0.0);
    }
}
