//! What the kernel knows of a thread's time: how long it ran, how long it waited for its CPU, how often it got it.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

use crate::StallTimes;

/// A thread whose time can be read from any other.
pub(super) struct ThreadClock {
    pub(super) thread: libc::pid_t,
    clock: libc::clockid_t,
    /// `/proc/self/task/TID/schedstat`; a kernel without CONFIG_SCHED_INFO has none.
    schedule: Option<OwnedFd>,
}

/// A reading, in nanoseconds since the thread began.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct ThreadTimes {
    on_cpu: u64,
    waiting: u64,
    /// How often it was put on a CPU.
    slice_count: u64,
}

/// A reading and when it was taken.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Reading {
    pub(super) at: u64,
    pub(super) times: ThreadTimes,
}

impl ThreadClock {
    pub(super) fn of_caller() -> ThreadClock {
        let mut clock = 0;
        // SAFETY: the calling thread is alive, and `clock` is a place for the id.
        let outcome = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
        assert_eq!(outcome, 0, "a thread that is alive has a clock");
        let path = c"/proc/thread-self/schedstat";
        let schedule = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok();
        ThreadClock { thread: rustix::thread::gettid().as_raw_nonzero().get(), clock, schedule }
    }

    /// Whether it can tell how long the thread waits for its CPU.
    pub(super) fn knows_waiting(&self) -> bool {
        self.schedule.is_some()
    }

    /// `None` once the thread has ended.
    pub(super) fn read(&self) -> Option<ThreadTimes> {
        let mut time = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: `time` is a place for the time, which is read only if the kernel has filled it.
        let time = unsafe {
            if libc::clock_gettime(self.clock, time.as_mut_ptr()) != 0 {
                return None;
            }
            time.assume_init()
        };
        let on_cpu = u64::try_from(time.tv_sec).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec).ok()?;
        let (waiting, slice_count) = self.read_schedule().unwrap_or_default();
        Some(ThreadTimes { on_cpu, waiting, slice_count })
    }

    /// "nanoseconds on the CPU (as of the last tick), nanoseconds waiting, slices".
    fn read_schedule(&self) -> Option<(u64, u64)> {
        let mut text = [0; 96];
        let len = rustix::io::pread(self.schedule.as_ref()?, &mut text, 0).ok()?;
        let mut numbers = str::from_utf8(&text[..len]).ok()?.split_ascii_whitespace().skip(1).map(str::parse);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

/// Where the time from `since` to `end` went, when the thread's times were read `before` it, in it `first`, and at its end.
pub(super) fn split(since: u64, before: &Reading, first: &Reading, end: &Reading) -> StallTimes {
    // From `since` to the first reading: it cannot have run for longer than that, nor for longer than between the readings.
    let head = first.at.saturating_sub(since);
    let head_on_cpu = first.times.on_cpu.saturating_sub(before.times.on_cpu).min(head);
    let head_waiting = first.times.waiting.saturating_sub(before.times.waiting).min(head - head_on_cpu);
    let lasted = end.at.saturating_sub(since);
    let on_cpu = (head_on_cpu + end.times.on_cpu.saturating_sub(first.times.on_cpu)).min(lasted);
    let waiting = (head_waiting + end.times.waiting.saturating_sub(first.times.waiting)).min(lasted - on_cpu);
    let rest = lasted - on_cpu - waiting;
    // Whoever sleeps leaves the CPU, and is put on it again afterwards.
    let has_left = end.times.slice_count != before.times.slice_count;
    let (stolen, asleep) = if has_left { (0, rest) } else { (rest, 0) };
    StallTimes {
        on_cpu: Duration::from_nanos(on_cpu),
        waiting: Duration::from_nanos(waiting),
        stolen: Duration::from_nanos(stolen),
        asleep: Duration::from_nanos(asleep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at: u64, on_cpu: u64, waiting: u64, slice_count: u64) -> Reading {
        Reading { at, times: ThreadTimes { on_cpu, waiting, slice_count } }
    }

    #[test]
    fn time_is_split_by_what_the_kernel_counted() {
        let check = |before, first, end, expected: [u64; 4]| {
            let times = split(1000, &before, &first, &end);
            let parts = [times.on_cpu, times.waiting, times.stolen, times.asleep];
            assert_eq!(parts, expected.map(Duration::from_nanos), "{times:?}");
        };
        // It computed all the time.
        check(reading(900, 0, 0, 1), reading(1100, 200, 0, 1), reading(4000, 3100, 0, 1), [3000, 0, 0, 0]);
        // Another thread had the CPU.
        check(reading(900, 0, 0, 1), reading(1100, 100, 0, 1), reading(4000, 200, 2800, 2), [200, 2800, 0, 0]);
        // It neither ran nor waited, and never left the CPU.
        check(reading(900, 0, 0, 1), reading(1100, 200, 0, 1), reading(4000, 1100, 0, 1), [1000, 0, 2000, 0]);
        // It slept.
        check(reading(900, 0, 0, 1), reading(1100, 200, 0, 1), reading(4000, 1100, 0, 2), [1000, 0, 0, 2000]);
        // First looked at after its end, with a reading of long ago.
        check(reading(0, 0, 0, 1), reading(4000, 9000, 0, 1), reading(4000, 9000, 0, 1), [3000, 0, 0, 0]);
    }

    #[test]
    fn a_thread_that_computes_is_on_the_cpu() {
        let clock = ThreadClock::of_caller();
        let before = clock.read().unwrap();
        while clock.read().unwrap().on_cpu - before.on_cpu < 1_000_000 {}
    }
}
