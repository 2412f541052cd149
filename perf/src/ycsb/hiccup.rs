//! How late a thread wakes that has nothing to do: the stalls of the machine itself, on the CPU of the load.
//!
//! A gap without completions while this wakes in time is the server's; one in which this was late as well may be the
//! hypervisor's. It tells of one CPU only: `stolen_s` of a sample tells of all.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::measure::histogram;
use super::rhythm::Rhythm;

const PERIOD: Duration = Duration::from_millis(1);

/// Measures until it is dropped.
pub(super) struct Probe {
    all: Arc<Mutex<Histogram<u64>>>,
    worst_ns: Arc<AtomicU64>,
    _rhythm: Rhythm,
}

/// How late it woke, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Hiccups {
    pub(super) count: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

impl Probe {
    pub(super) fn start() -> Result<Probe, Box<dyn Error>> {
        let (all, worst_ns) = (Arc::new(Mutex::new(histogram()?)), Arc::new(AtomicU64::new(0)));
        let (all_of_thread, worst_of_thread) = (Arc::clone(&all), Arc::clone(&worst_ns));
        let rhythm = Rhythm::start("hiccup", PERIOD, move |late| {
            let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            all_of_thread.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(late_ns);
            // Relaxed: a number by itself.
            worst_of_thread.fetch_max(late_ns, Ordering::Relaxed);
        })?;
        Ok(Probe { all, worst_ns, _rhythm: rhythm })
    }

    /// The worst since it was last asked.
    pub(super) fn take_worst_ns(&self) -> u64 {
        self.worst_ns.swap(0, Ordering::Relaxed)
    }

    pub(super) fn hiccups(&self) -> Hiccups {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Hiccups::default();
        }
        let quantile = |quantile| milliseconds(all.value_at_quantile(quantile));
        Hiccups {
            count: all.len(),
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: milliseconds(all.max()),
        }
    }
}

/// A time in milliseconds.
#[allow(clippy::cast_precision_loss)] // Below 2^52.
pub(super) fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}
