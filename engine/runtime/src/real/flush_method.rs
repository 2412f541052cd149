//! Which way of making bytes durable is faster on a disk: measured, remembered per device, used by all cores.
//!
//! The scratch file of the measurement is small, zeroed, and removed afterwards, whatever happens.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, Ordering};
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

/// The method of each device.
#[derive(Default)]
pub(crate) struct FlushMethods {
    by_device: Mutex<HashMap<u64, Arc<AtomicU8>>>,
}

impl FlushMethods {
    /// The method of the device that holds the open file; changes when it is measured.
    pub(super) fn of(&self, descriptor: BorrowedFd<'_>) -> rustix::io::Result<Arc<AtomicU8>> {
        let device = rustix::fs::fstat(descriptor)?.st_dev;
        let mut by_device = self.by_device.lock().expect("no holder of this lock panics");
        Ok(by_device
            .entry(device)
            .or_insert_with(|| Arc::new(AtomicU8::new(to_code(FlushMethod::DurableWrite))))
            .clone())
    }
}

fn to_code(method: FlushMethod) -> u8 {
    match method {
        FlushMethod::DurableWrite => 0,
        FlushMethod::WriteThenSync => 1,
    }
}

pub(super) fn load(method: &AtomicU8) -> FlushMethod {
    // Relaxed: either method is right at any time.
    if method.load(Ordering::Relaxed) == 0 { FlushMethod::DurableWrite } else { FlushMethod::WriteThenSync }
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
        file.remember_flush_method(to_code(method));
        tracing::info!(?method, ?durable_write, ?write_then_sync, path = %path.display(), "flush method measured");
        Ok(method)
    }
}

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort();
    durations.get(durations.len() / 2).copied()
}
