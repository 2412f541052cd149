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
    keys: Keys,
    /// When the phase is over, if it is not by its keys.
    end: Instant,
    random: Vec<u8>,
    value_bytes: usize,
}

/// What numbers a thread takes.
enum Keys {
    /// Each once: from the first on, so many apart, as many threads as there are.
    Each { next: u64, step: usize, count: u64 },
    /// Any below, again and again.
    Any(u64),
    /// Any of these.
    Of(Vec<u64>),
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
    /// The load of the thread `number` of `count`.
    pub(crate) fn new(options: &Options, window: Window, (number, count): (usize, usize)) -> Load {
        let mut chance = Rng::with_seed(number as u64);
        let random = std::iter::repeat_with(|| chance.u8(..)).take(RANDOM_BYTES + options.value_bytes).collect();
        let keys = match options.phase {
            Phase::Fill => Keys::Each { next: number as u64, step: count, count: options.keys },
            Phase::Put | Phase::Read => Keys::Any(options.keys),
        };
        Load { chance, keys, end: window.end, random, value_bytes: options.value_bytes }
    }

    /// Draws from now on among the keys alone that `is_wanted` says.
    pub(crate) fn narrow(&mut self, is_wanted: impl Fn(&str) -> bool) {
        if let Keys::Any(count) = self.keys {
            self.keys = Keys::Of((0..count).filter(|number| is_wanted(&key(*number))).collect());
        }
    }

    /// The key of the next operation; none when the phase is over.
    pub(crate) fn next_key(&mut self) -> Option<String> {
        let number = match &mut self.keys {
            Keys::Each { next, step, count } => {
                let number = *next;
                *next += *step as u64;
                return (number < *count).then(|| key(number));
            }
            Keys::Any(count) => self.chance.u64(0..*count),
            Keys::Of(numbers) => numbers[self.chance.usize(0..numbers.len())],
        };
        (Instant::now() < self.end).then(|| key(number))
    }

    pub(crate) fn value(&mut self) -> &[u8] {
        let start = self.chance.usize(0..RANDOM_BYTES);
        &self.random[start..start + self.value_bytes]
    }
}

fn key(number: u64) -> String {
    format!("{number:0KEY_DIGITS$}")
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
