//! What a phase is measured by: latencies by kind, every second, the longest gap without a completion, errors by name.

use std::collections::BTreeMap;
use std::error::Error;

use hdrhistogram::Histogram;

use super::workload::Kind;

const LATENCY_NS_MIN: u64 = 100;
const LATENCY_NS_MAX: u64 = 1_000_000_000_000;
const LATENCY_DIGITS: u8 = 3;
const SECOND_NS: u64 = 1_000_000_000;

/// A time without any completion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) length_ns: u64,
    /// When it began, from the start of the phase.
    pub(super) start_ns: u64,
}

/// One second of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Second {
    /// When it began, from the start of the phase.
    pub(super) start_ns: u64,
    /// A second, but for the last one.
    pub(super) length_ns: u64,
    pub(super) operation_count: u64,
    pub(super) p50_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) max_ns: u64,
    /// The longest gap that ended in this second or still lasts.
    pub(super) gap_ns: u64,
    pub(super) throttled_count: u64,
}

/// Counts and histograms of one phase.
pub(super) struct Measure {
    start_ns: u64,
    second_start_ns: u64,
    last_completion_ns: u64,
    second: Histogram<u64>,
    second_gap_ns: u64,
    second_throttled_count: u64,
    kinds: BTreeMap<&'static str, Histogram<u64>>,
    pub(super) operation_count: u64,
    pub(super) longest_gap: Gap,
    /// By name: sent again, and given up.
    pub(super) throttled: BTreeMap<&'static str, u64>,
    pub(super) failed: BTreeMap<&'static str, u64>,
    pub(super) first_failure: Option<String>,
    /// Bytes of the items that were written, as they are after the write.
    pub(super) written_item_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
}

impl Measure {
    pub(super) fn new(start_ns: u64) -> Result<Measure, Box<dyn Error>> {
        let mut kinds = BTreeMap::new();
        for kind in Kind::ALL {
            kinds.insert(kind.name(), histogram()?);
        }
        Ok(Measure {
            start_ns,
            second_start_ns: start_ns,
            last_completion_ns: start_ns,
            second: histogram()?,
            second_gap_ns: 0,
            second_throttled_count: 0,
            kinds,
            operation_count: 0,
            longest_gap: Gap::default(),
            throttled: BTreeMap::new(),
            failed: BTreeMap::new(),
            first_failure: None,
            written_item_bytes: 0,
            sent_bytes: 0,
            received_bytes: 0,
        })
    }

    /// An operation is done.
    pub(super) fn complete(&mut self, kind: Kind, latency_ns: u64, now_ns: u64) {
        self.part(kind, latency_ns);
        self.second.saturating_record(latency_ns);
        self.operation_count += 1;
        self.see_gap(now_ns);
        self.last_completion_ns = now_ns;
    }

    /// A part of an operation is done that YCSB counts as a kind as well: the read and the update of a read-modify-write.
    pub(super) fn part(&mut self, kind: Kind, latency_ns: u64) {
        self.kinds.get_mut(kind.name()).expect("all kinds are there").saturating_record(latency_ns);
    }

    pub(super) fn throttle(&mut self, name: &'static str) {
        *self.throttled.entry(name).or_default() += 1;
        self.second_throttled_count += 1;
    }

    pub(super) fn fail(&mut self, name: &'static str, text: String) {
        *self.failed.entry(name).or_default() += 1;
        self.first_failure.get_or_insert(text);
    }

    pub(super) fn failed_count(&self) -> u64 {
        self.failed.values().sum()
    }

    pub(super) fn next_tick_ns(&self) -> u64 {
        self.second_start_ns + SECOND_NS
    }

    /// Ends a second that is over by `now_ns`. To be called until there is none: seconds without a completion count.
    pub(super) fn take_second(&mut self, now_ns: u64) -> Option<Second> {
        (now_ns >= self.next_tick_ns()).then(|| self.end_second(SECOND_NS))
    }

    /// Ends the last second, which is none.
    pub(super) fn finish(&mut self, now_ns: u64) -> Second {
        self.end_second(now_ns.saturating_sub(self.second_start_ns))
    }

    pub(super) fn latencies(&self) -> impl Iterator<Item = (&'static str, &Histogram<u64>)> {
        Kind::ALL.into_iter().map(|kind| (kind.name(), &self.kinds[kind.name()]))
    }

    fn end_second(&mut self, length_ns: u64) -> Second {
        let end_ns = self.second_start_ns + length_ns;
        self.see_gap(end_ns);
        let quantile = |quantile| if self.second.is_empty() { 0 } else { self.second.value_at_quantile(quantile) };
        let second = Second {
            start_ns: self.second_start_ns - self.start_ns,
            length_ns,
            operation_count: self.second.len(),
            p50_ns: quantile(0.5),
            p99_ns: quantile(0.99),
            max_ns: if self.second.is_empty() { 0 } else { self.second.max() },
            gap_ns: self.second_gap_ns,
            throttled_count: self.second_throttled_count,
        };
        self.second.reset();
        (self.second_gap_ns, self.second_throttled_count) = (0, 0);
        self.second_start_ns = end_ns;
        second
    }

    fn see_gap(&mut self, now_ns: u64) {
        let length_ns = now_ns.saturating_sub(self.last_completion_ns);
        self.second_gap_ns = self.second_gap_ns.max(length_ns);
        if length_ns > self.longest_gap.length_ns {
            self.longest_gap = Gap { length_ns, start_ns: self.last_completion_ns - self.start_ns };
        }
    }
}

/// Of times in nanoseconds.
pub(super) fn histogram() -> Result<Histogram<u64>, hdrhistogram::CreationError> {
    Histogram::new_with_bounds(LATENCY_NS_MIN, LATENCY_NS_MAX, LATENCY_DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_a_gap_and_its_seconds_count() {
        let mut measure = Measure::new(SECOND_NS).unwrap();
        let mut seconds = Vec::new();
        // One each millisecond for 2 s, then nothing for 3.5 s, then one.
        for turn in 0..2000 {
            let now_ns = SECOND_NS + turn * 1_000_000;
            seconds.extend(measure.take_second(now_ns));
            measure.complete(Kind::Read, 5_000, now_ns);
        }
        let late_ns = SECOND_NS + 1_999_000_000 + 3_500_000_000;
        while let Some(second) = measure.take_second(late_ns) {
            seconds.push(second);
        }
        measure.complete(Kind::Update, 3_500_000_000, late_ns);
        let last = measure.finish(late_ns);
        assert_eq!(seconds.iter().map(|second| second.operation_count).collect::<Vec<_>>(), [1000, 1000, 0, 0, 0]);
        assert_eq!(measure.longest_gap, Gap { length_ns: 3_500_000_000, start_ns: 1_999_000_000 });
        assert_eq!(seconds[3].gap_ns, 2_001_000_000, "a gap is seen while it lasts");
        assert_eq!((last.operation_count, last.gap_ns, last.length_ns), (1, 3_500_000_000, 499_000_000));
        assert_eq!(measure.operation_count, 2001);
    }

    #[test]
    fn parts_have_latencies_and_are_no_operations() {
        let mut measure = Measure::new(0).unwrap();
        measure.part(Kind::Read, 1000);
        measure.complete(Kind::ReadModifyWrite, 3000, 10);
        measure.throttle("ThrottlingException");
        let counts: Vec<_> = measure.latencies().map(|(name, latencies)| (name, latencies.len())).collect();
        let expected = [("read", 1), ("update", 0), ("insert", 0), ("scan", 0), ("read-modify-write", 1)];
        assert_eq!(counts, expected);
        assert_eq!(measure.finish(20).throttled_count, 1);
    }
}
