//! What a phase is measured by: latency histograms, counts, and how even it was from second to second.

use std::error::Error;

use hdrhistogram::Histogram;

use super::connection::Work;
use super::driver::{Operation, Outcome};
use super::record::Mismatch;

/// Latencies below this are counted as this.
const LATENCY_NS_MIN: u64 = 100;
/// Latencies above this are counted as this.
const LATENCY_NS_MAX: u64 = 100_000_000_000;
/// Significant decimal digits of a latency.
const LATENCY_DIGITS: u8 = 3;
const SECOND_NS: u64 = 1_000_000_000;

/// Counts and histograms of one phase.
pub(super) struct Measure {
    /// What is counted: in an open loop, requests due in this time; in a closed loop, replies that came in it.
    start_ns: u64,
    end_ns: u64,
    is_open_loop: bool,
    is_silent: bool,
    /// By operation: this second's, and all.
    second: [Histogram<u64>; 2],
    total: [Histogram<u64>; 2],
    second_start_ns: u64,
    last_reply_ns: u64,
    pub(super) counts: Counts,
    /// Throughput of each whole second.
    pub(super) seconds: Vec<f64>,
    /// The longest time without any reply.
    pub(super) longest_silence_ns: u64,
    pub(super) first_failure: Option<String>,
}

/// How replies were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Counts {
    pub(super) succeeded: u64,
    pub(super) missing: u64,
    pub(super) failed: u64,
    pub(super) forwarded: u64,
    /// Gets checked byte for byte.
    pub(super) verified: u64,
    /// Of those, wrong.
    pub(super) wrong: u64,
}

impl Measure {
    pub(super) fn new(start_ns: u64, end_ns: u64, is_open_loop: bool) -> Result<Measure, Box<dyn Error>> {
        let histogram = || Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, LATENCY_DIGITS);
        Ok(Measure {
            start_ns,
            end_ns,
            is_open_loop,
            is_silent: false,
            second: [histogram()?, histogram()?],
            total: [histogram()?, histogram()?],
            second_start_ns: start_ns,
            last_reply_ns: start_ns,
            counts: Counts::default(),
            seconds: Vec::new(),
            longest_silence_ns: 0,
            first_failure: None,
        })
    }

    /// The same without a progress line.
    pub(super) fn silent(mut self) -> Measure {
        self.is_silent = true;
        self
    }

    /// Latencies of an operation, in nanoseconds.
    pub(super) fn latencies(&self, operation: Operation) -> &Histogram<u64> {
        &self.total[operation as usize]
    }

    pub(super) fn record(&mut self, work: &Work, outcome: Outcome, is_forwarded: bool, now_ns: u64) {
        let counted_ns = if self.is_open_loop { work.start_ns } else { now_ns };
        if counted_ns < self.start_ns || counted_ns >= self.end_ns {
            return;
        }
        self.counts.forwarded += u64::from(is_forwarded);
        match outcome {
            Outcome::Success => self.counts.succeeded += 1,
            Outcome::Missing => self.counts.missing += 1,
            // An error may be quick: it counts, but is no latency of the operation.
            Outcome::Failure => {
                self.counts.failed += 1;
                return;
            }
        }
        self.second[work.operation as usize].saturating_record(now_ns.saturating_sub(work.start_ns));
        self.longest_silence_ns = self.longest_silence_ns.max(now_ns.saturating_sub(self.last_reply_ns));
        self.last_reply_ns = now_ns;
    }

    pub(super) fn record_verified(&mut self, key: u64, verified: Result<(), Mismatch>) {
        self.counts.verified += 1;
        if let Err(mismatch) = verified {
            self.counts.wrong += 1;
            self.record_failure_text(|| format!("key {key}: {mismatch}"));
        }
    }

    pub(super) fn record_failure_text(&mut self, text: impl FnOnce() -> String) {
        self.first_failure.get_or_insert_with(text);
    }

    /// When [`Measure::tick`] has something to do next.
    pub(super) fn next_tick_ns(&self) -> u64 {
        self.second_start_ns + SECOND_NS
    }

    /// Ends the second if it is over: a progress line, and its latencies go to the total.
    pub(super) fn tick(&mut self, now_ns: u64, waiting_count: usize) {
        if now_ns < self.next_tick_ns() {
            return;
        }
        let second_count: u64 = self.second.iter().map(Histogram::len).sum();
        let counted_ns = now_ns.min(self.end_ns).saturating_sub(self.second_start_ns);
        let throughput = per_second(second_count, counted_ns);
        // What is left at the end is no second.
        if counted_ns > SECOND_NS / 2 {
            self.seconds.push(throughput);
        }
        if !self.is_silent {
            self.print_progress(throughput, waiting_count);
        }
        self.add_second();
        self.second_start_ns = now_ns;
    }

    /// Moves what is left of the last second into the total.
    pub(super) fn finish(&mut self) {
        self.add_second();
    }

    fn add_second(&mut self) {
        for (total, second) in self.total.iter_mut().zip(&mut self.second) {
            total.add(&*second).expect("both have the same bounds");
            second.reset();
        }
    }

    fn print_progress(&self, throughput: f64, waiting_count: usize) {
        let mut line = format!("{:>4} s {throughput:>10.0} /s", self.seconds.len());
        for operation in Operation::ALL {
            let latencies = &self.second[operation as usize];
            if !latencies.is_empty() {
                let [p50, p99] = [0.5, 0.99].map(|quantile| microseconds(latencies.value_at_quantile(quantile)));
                line.push_str(&format!("   {} p50 {p50:.0} us, p99 {p99:.0} us", operation.name()));
            }
        }
        if waiting_count > 0 {
            line.push_str(&format!("   {waiting_count} wait in line"));
        }
        if self.counts.failed + self.counts.missing > 0 {
            line.push_str(&format!("   {} failed, {} missing", self.counts.failed, self.counts.missing));
        }
        eprintln!("{line}");
    }
}

/// A latency in microseconds.
#[allow(clippy::cast_precision_loss)] // Below 2^52.
pub(super) fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

/// A count over a time as a rate.
#[allow(clippy::cast_precision_loss)] // Below 2^52.
pub(super) fn per_second(count: u64, nanoseconds: u64) -> f64 {
    if nanoseconds == 0 { 0.0 } else { count as f64 * 1e9 / nanoseconds as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(start_ns: u64) -> Work {
        Work { operation: Operation::Get, key: 0, version: 0, start_ns }
    }

    #[test]
    fn an_open_loop_charges_a_stall_to_all_that_were_due_in_it() {
        let mut measure = Measure::new(0, SECOND_NS, true).unwrap().silent();
        // Due each millisecond; the server stalls from 100 ms to 600 ms.
        for due_ms in 0..1000 {
            let reply_ms = if (100..600).contains(&due_ms) { 600 } else { due_ms };
            measure.record(&work(due_ms * 1_000_000), Outcome::Success, false, reply_ms * 1_000_000 + 50_000);
        }
        measure.finish();
        let latencies = measure.latencies(Operation::Get);
        assert_eq!(latencies.len(), 1000);
        let p75_ms = latencies.value_at_quantile(0.75) / 1_000_000;
        assert!((240..=260).contains(&p75_ms), "half of the requests waited 0 to 500 ms: p75 is {p75_ms} ms");
        assert_eq!(measure.longest_silence_ns, 501_000_000);
    }

    #[test]
    fn only_the_window_is_counted() {
        let mut closed = Measure::new(1000, 2000, false).unwrap().silent();
        for (start_ns, reply_ns) in [(0, 999), (0, 1000), (1999, 2000), (500, 1999)] {
            closed.record(&work(start_ns), Outcome::Success, false, reply_ns);
        }
        assert_eq!(closed.counts.succeeded, 2);
        let mut open = Measure::new(1000, 2000, true).unwrap().silent();
        for (start_ns, reply_ns) in [(999, 1500), (1000, 1001), (1999, 9999), (2000, 2001)] {
            open.record(&work(start_ns), Outcome::Success, false, reply_ns);
        }
        assert_eq!(open.counts.succeeded, 2);
    }

    #[test]
    fn seconds_are_cut_and_added_up() {
        let mut measure = Measure::new(0, 3 * SECOND_NS, false).unwrap().silent();
        for (second, count) in [(0, 10), (1, 30), (2, 20)] {
            for turn in 0..count {
                let now_ns = second * SECOND_NS + turn;
                measure.record(&work(now_ns), Outcome::Success, turn == 0, now_ns + 5_000);
            }
            measure.tick((second + 1) * SECOND_NS, 0);
        }
        measure.finish();
        assert_eq!(measure.seconds, [10.0, 30.0, 20.0]);
        assert_eq!(measure.latencies(Operation::Get).len(), 60);
        assert_eq!(measure.counts, Counts { succeeded: 60, forwarded: 3, ..Counts::default() });
    }

    #[test]
    fn failures_and_wrong_values_are_told_once_in_words() {
        let mut measure = Measure::new(0, 100, false).unwrap().silent();
        measure.record(&work(0), Outcome::Failure, false, 1);
        measure.record_failure_text(|| "first".to_owned());
        measure.record_verified(9, Ok(()));
        measure.record_verified(9, Err(Mismatch::Key));
        assert_eq!(measure.first_failure.as_deref(), Some("first"));
        assert_eq!(measure.counts, Counts { failed: 1, verified: 2, wrong: 1, ..Counts::default() });
    }
}
