//! A thread that does the same thing again and again, on the CPU of whoever starts it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest sleep at once, so that an end is noticed.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
pub(super) struct Rhythm {
    goes_on: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Rhythm {
    /// Sleeps for `period`, calls `beat` with how late it woke, and so on.
    pub(super) fn start(
        name: &str,
        period: Duration,
        mut beat: impl FnMut(Duration) + Send + 'static,
    ) -> io::Result<Rhythm> {
        let goes_on = Arc::new(AtomicBool::new(true));
        let of_thread = Arc::clone(&goes_on);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            // Ahead of the load on the same CPU, or its turn there would be measured instead of the machine; needs a
            // privilege, and without it the figure is an upper bound.
            let _ = rustix::process::setpriority_process(None, -20);
            let mut begin = Instant::now();
            // Relaxed: nothing is published through the flag.
            while of_thread.load(Ordering::Relaxed) {
                let rest = period.saturating_sub(begin.elapsed());
                if !rest.is_zero() {
                    std::thread::sleep(rest.min(SLEEP_MAX));
                    continue;
                }
                beat(begin.elapsed() - period);
                begin = Instant::now();
            }
        })?;
        Ok(Rhythm { goes_on, thread: Some(thread) })
    }
}

impl Drop for Rhythm {
    fn drop(&mut self) {
        self.goes_on.store(false, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it might have to say is not worth a second panic.
            let _ = thread.join();
        }
    }
}
