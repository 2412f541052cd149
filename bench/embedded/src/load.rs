//! What all engines are asked to do, and how it is counted.

use std::time::{Duration, Instant};

use fastrand::Rng;
use hdrhistogram::Histogram;

use crate::{Options, Phase};

/// db_bench's keys have as many bytes.
const KEY_DIGITS: usize = 16;
/// Values are cut from so many random bytes, as db_bench cuts its own.
const RANDOM_BYTES: usize = 1 << 20;

/// Keys and values of one thread.
pub(crate) struct Load {
    chance: Rng,
    key_count: u64,
    random: Vec<u8>,
    value_bytes: usize,
}

/// When what counts begins and ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
}

/// What was counted.
pub(crate) struct Figures {
    window: Window,
    latencies: Histogram<u64>,
    /// Warming up included: what CPU time is divided by.
    all_count: u64,
    found_count: u64,
}

impl Load {
    pub(crate) fn new(options: &Options, seed: u64) -> Load {
        let mut chance = Rng::with_seed(seed);
        let random = std::iter::repeat_with(|| chance.u8(..)).take(RANDOM_BYTES + options.value_bytes).collect();
        Load { chance, key_count: options.keys, random, value_bytes: options.value_bytes }
    }

    pub(crate) fn key(&mut self) -> String {
        format!("{:0KEY_DIGITS$}", self.chance.u64(0..self.key_count))
    }

    pub(crate) fn value(&mut self) -> &[u8] {
        let start = self.chance.usize(0..RANDOM_BYTES);
        &self.random[start..start + self.value_bytes]
    }
}

impl Window {
    /// From now on.
    pub(crate) fn new(options: &Options) -> Window {
        let duration = Duration::from_secs_f64(options.seconds);
        let warm_up = if options.phase == Phase::Read { duration } else { Duration::ZERO };
        let start = Instant::now() + warm_up;
        Window { start, end: start + duration }
    }
}

impl Figures {
    pub(crate) fn new(window: Window) -> Figures {
        let latencies = Histogram::new_with_bounds(100, 100_000_000_000, 3).expect("sound bounds");
        Figures { window, latencies, all_count: 0, found_count: 0 }
    }

    /// An operation is done.
    pub(crate) fn record(&mut self, begin: Instant, is_found: bool) {
        let now = Instant::now();
        self.all_count += 1;
        if now >= self.window.start && now < self.window.end {
            self.latencies.saturating_record(u64::try_from((now - begin).as_nanos()).unwrap_or(u64::MAX));
            self.found_count += u64::from(is_found);
        }
    }

    pub(crate) fn add(&mut self, other: &Figures) {
        self.latencies.add(&other.latencies).expect("both have the same bounds");
        self.all_count += other.all_count;
        self.found_count += other.found_count;
    }

    #[allow(clippy::cast_precision_loss)] // Counts are far below 2^52.
    pub(crate) fn to_json(&self) -> serde_json::Result<String> {
        let count = self.latencies.len();
        let seconds = (self.window.end - self.window.start).as_secs_f64();
        let microseconds = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        serde_json::to_string(&serde_json::json!({
            "rate": count as f64 / seconds,
            "all_count": self.all_count,
            "found_share": self.found_count as f64 / count.max(1) as f64,
            "p50_us": microseconds(0.5),
            "p99_us": microseconds(0.99),
            "p999_us": microseconds(0.999),
        }))
    }
}
