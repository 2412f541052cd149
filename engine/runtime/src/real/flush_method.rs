//! Which way of making bytes durable is faster on a disk: measured, remembered per device, used by all cores.
//!
//! Measured at start, on a scratch file that is small, zeroed, and removed afterwards, whatever happens; and then with every flush, for it changes with
//! the load. A durable write is completed by a kernel thread on the CPU that the disk interrupts, a sync by a worker wherever there is room: which of them
//! waits longer for its turn depends on what else runs, and may differ by far.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::core::Core;
use crate::{BLOCK_BYTES, Buffer, FileError, FlushMethod};

/// The scratch file's name; a leftover of a killed process is overwritten.
const SCRATCH_NAME: &str = "flush-probe.tmp";
/// Commits measured of each method, in turns, so that a disturbance hits both.
const ROUND_COUNT: u64 = 16;
/// Time after which the measurement ends with what it has: a slow disk must not hold up the start.
const MEASURE_MAX: Duration = Duration::from_millis(10);

/// Of so many flushes ...
const TRIAL_PERIOD: u32 = 2048;
/// ... the last ones are made by the other method, to see whether it has become the faster one. One among others would tell nothing: the loop that makes
/// flushes has its own pace, in which now the one, now the other fits better.
const TRIAL_COUNT: u32 = 32;
/// What a flush counts in the mean of its method: one part in so many.
const MEAN_SHARE: u64 = 16;
/// One flush that took longer than so many means is a hiccup of the machine.
const HICCUP_COUNT: u64 = 8;
/// The other method takes over when its flushes take less than so many percent of the time.
const BETTER_PERCENT: u64 = 80;

/// The method of each device.
#[derive(Default)]
pub(crate) struct FlushMethods {
    by_device: Mutex<HashMap<u64, Arc<FlushChoice>>>,
}

/// What is known of a device. One each, shared by all cores; they may miss what another has just noted, for either method is right at any time: so
/// everything in it is Relaxed.
#[derive(Default)]
pub(super) struct FlushChoice {
    /// The one in use, as `to_code` says.
    method: AtomicU8,
    flush_count: AtomicU32,
    /// Nanoseconds that a flush by each takes, lately; 0 if it was not measured at start, or is not known to the file system.
    means: [AtomicU64; 2],
}

impl FlushMethods {
    /// The method of the device that holds the open file; changes when it is measured.
    pub(super) fn of(&self, descriptor: BorrowedFd<'_>) -> rustix::io::Result<Arc<FlushChoice>> {
        let device = rustix::fs::fstat(descriptor)?.st_dev;
        let mut by_device = self.by_device.lock().expect("no holder of this lock panics");
        Ok(by_device.entry(device).or_default().clone())
    }
}

impl FlushChoice {
    /// The method of the next flush.
    pub(super) fn next(&self) -> FlushMethod {
        let place = self.flush_count.fetch_add(1, Ordering::Relaxed) % TRIAL_PERIOD;
        if place == 0 {
            self.choose();
        }
        let method = from_code(self.method.load(Ordering::Relaxed));
        let is_trial = place >= TRIAL_PERIOD - TRIAL_COUNT && self.mean_of(other(method)) > 0;
        if is_trial { other(method) } else { method }
    }

    /// A flush took so long.
    pub(super) fn note(&self, method: FlushMethod, time: Duration) {
        let known = self.mean_of(method);
        if known == 0 {
            return;
        }
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).min(known * HICCUP_COUNT);
        self.set_mean(method, known - known / MEAN_SHARE + time / MEAN_SHARE);
    }

    /// After a trial: the better one from now on.
    fn choose(&self) {
        let method = from_code(self.method.load(Ordering::Relaxed));
        let (mean_ns, other_ns) = (self.mean_of(method), self.mean_of(other(method)));
        if other_ns > 0 && other_ns * 100 < mean_ns * BETTER_PERCENT {
            self.method.store(to_code(other(method)), Ordering::Relaxed);
            tracing::debug!(method = ?other(method), other_ns, mean_ns, "flushes are made by the other method from now on");
        }
    }

    /// What was measured at start.
    fn begin(&self, method: FlushMethod, times: [Option<Duration>; 2]) {
        for (time, of) in times.into_iter().zip([FlushMethod::DurableWrite, FlushMethod::WriteThenSync]) {
            if let Some(time) = time {
                self.set_mean(of, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
            }
        }
        self.method.store(to_code(method), Ordering::Relaxed);
    }

    fn mean_of(&self, method: FlushMethod) -> u64 {
        self.means[usize::from(to_code(method))].load(Ordering::Relaxed)
    }

    fn set_mean(&self, method: FlushMethod, nanoseconds: u64) {
        self.means[usize::from(to_code(method))].store(nanoseconds.max(MEAN_SHARE), Ordering::Relaxed);
    }
}

fn other(method: FlushMethod) -> FlushMethod {
    match method {
        FlushMethod::DurableWrite => FlushMethod::WriteThenSync,
        FlushMethod::WriteThenSync => FlushMethod::DurableWrite,
    }
}

fn to_code(method: FlushMethod) -> u8 {
    match method {
        FlushMethod::DurableWrite => 0,
        FlushMethod::WriteThenSync => 1,
    }
}

fn from_code(code: u8) -> FlushMethod {
    if code == 0 { FlushMethod::DurableWrite } else { FlushMethod::WriteThenSync }
}

impl Core {
    pub(crate) async fn probe_flush_method(self: &Rc<Self>, directory: &Path) -> Result<FlushMethod, FileError> {
        let path = directory.join(SCRATCH_NAME);
        match self.remove_file(&path).await {
            Ok(()) | Err(FileError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        let outcome = self.measure(&path).await;
        let removed = self.remove_file(&path).await;
        let method = outcome?;
        removed.map(|()| method)
    }

    async fn measure(self: &Rc<Self>, path: &Path) -> Result<FlushMethod, FileError> {
        let length = 2 * ROUND_COUNT * BLOCK_BYTES as u64;
        let file = self.create_file(path, length).await?;
        let mut buffer = Buffer::zeroed(BLOCK_BYTES);
        let mut durations = [Vec::new(), Vec::new()];
        let begun = self.now();
        for round in 0..2 * ROUND_COUNT {
            if round % 2 == 0 && round > 2 && self.now().since(begun) > MEASURE_MAX {
                break;
            }
            let method = if round % 2 == 0 { FlushMethod::DurableWrite } else { FlushMethod::WriteThenSync };
            let start = self.now();
            let (returned, outcome) = file.write_durable_by(method, round * BLOCK_BYTES as u64, buffer).await;
            buffer = returned;
            match outcome {
                Ok(()) => durations[usize::from(to_code(method))].push(self.now().since(start)),
                // A file system that does not know the flag; its method then has no measurement.
                Err(_) if method == FlushMethod::DurableWrite => {}
                Err(error) => return Err(error),
            }
        }
        let [durable_write, write_then_sync] = durations.map(median);
        let is_durable_write = durable_write.is_some_and(|time| write_then_sync.is_none_or(|other| time <= other));
        let method = if is_durable_write { FlushMethod::DurableWrite } else { FlushMethod::WriteThenSync };
        file.flush_choice().begin(method, [durable_write, write_then_sync]);
        tracing::info!(?method, ?durable_write, ?write_then_sync, path = %path.display(), "flush method measured");
        Ok(method)
    }
}

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort();
    durations.get(durations.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_micros(100);
    const SLOW: Duration = Duration::from_micros(900);

    /// Of the flushes until the next trial is over, those by a sync; each method takes so long.
    fn syncs_of_period(choice: &FlushChoice, durable_write: Duration, write_then_sync: Duration) -> u32 {
        let flush = |_: &u32| {
            let method = choice.next();
            let is_sync = method == FlushMethod::WriteThenSync;
            choice.note(method, if is_sync { write_then_sync } else { durable_write });
            is_sync
        };
        u32::try_from((0..TRIAL_PERIOD).filter(flush).count()).expect("no more than there are")
    }

    #[test]
    fn the_method_that_has_become_the_faster_one_is_used_and_the_other_seldom() {
        let choice = FlushChoice::default();
        choice.begin(FlushMethod::DurableWrite, [Some(FAST), Some(2 * FAST)]);
        assert_eq!(syncs_of_period(&choice, FAST, 2 * FAST), TRIAL_COUNT);
        assert_eq!(syncs_of_period(&choice, SLOW, 2 * FAST), TRIAL_COUNT, "it is seen");
        assert_eq!(syncs_of_period(&choice, SLOW, 2 * FAST), TRIAL_PERIOD - TRIAL_COUNT, "and soon the rule");
        let back: Vec<u32> = (0..3).map(|_| syncs_of_period(&choice, FAST, SLOW)).collect();
        assert_eq!(back.last(), Some(&TRIAL_COUNT), "{back:?}");
    }

    #[test]
    fn hiccups_change_nothing_and_what_the_file_system_does_not_know_is_never_tried() {
        let choice = FlushChoice::default();
        choice.begin(FlushMethod::DurableWrite, [Some(FAST), Some(4 * FAST)]);
        choice.note(FlushMethod::DurableWrite, Duration::from_secs(1));
        assert_eq!(syncs_of_period(&choice, FAST, 4 * FAST), TRIAL_COUNT);
        assert_eq!(syncs_of_period(&choice, FAST, 4 * FAST), TRIAL_COUNT);
        let choice = FlushChoice::default();
        choice.begin(FlushMethod::WriteThenSync, [None, Some(SLOW)]);
        assert_eq!(syncs_of_period(&choice, FAST, SLOW), TRIAL_PERIOD);
        assert_eq!(syncs_of_period(&FlushChoice::default(), SLOW, FAST), 0, "before anything is measured");
    }
}
