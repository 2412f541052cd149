//! What a run tells at its end: a table for people, JSON for scripts.

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::driver::Operation;
use super::measure::{Counts, Measure, microseconds, per_second};

/// The whole result of a run. Latencies are in microseconds, rates in operations a second.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The command line.
    pub(super) command: String,
    pub(super) seed: u64,
    /// Time measured.
    pub(super) duration_s: f64,
    /// Asked for, in an open loop.
    pub(super) rate_wanted: Option<f64>,
    /// Reached.
    pub(super) rate: f64,
    pub(super) operations: Vec<OperationReport>,
    pub(super) counts: Counts,
    pub(super) first_failure: Option<String>,
    /// The second with the fewest operations.
    pub(super) slowest_second_rate: f64,
    /// The longest time without any reply.
    pub(super) longest_silence_ms: f64,
    /// Rates of all seconds.
    pub(super) second_rates: Vec<f64>,
    /// The load generator's own CPU time as a share of the time measured: near 1 in a closed loop, it may be the limit.
    pub(super) generator_cpu_share: f64,
    /// CPU time of the server over operations, when its process is known.
    pub(super) server_cpu_us_per_operation: Option<f64>,
}

/// The latencies of one operation.
#[derive(Debug, Serialize)]
pub(super) struct OperationReport {
    pub(super) operation: &'static str,
    pub(super) count: u64,
    pub(super) rate: f64,
    pub(super) latency_us: Latency,
}

/// Quantiles, in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct Latency {
    min: f64,
    mean: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    p9999: f64,
    max: f64,
}

/// CPU time used in the time measured, in seconds.
pub(super) struct CpuTimes {
    pub(super) generator_s: f64,
    pub(super) server_s: Option<f64>,
}

impl Latency {
    fn new(latencies: &Histogram<u64>) -> Latency {
        let quantile = |quantile| microseconds(latencies.value_at_quantile(quantile));
        Latency {
            min: microseconds(latencies.min()),
            mean: latencies.mean() / 1e3,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            p999: quantile(0.999),
            p9999: quantile(0.9999),
            max: microseconds(latencies.max()),
        }
    }
}

impl Report {
    /// What a finished phase has measured.
    #[allow(clippy::cast_precision_loss)] // Counts and nanoseconds are below 2^52.
    pub(super) fn new(measure: &Measure, duration_ns: u64, cpu: &CpuTimes) -> Report {
        let duration_s = duration_ns as f64 / 1e9;
        let answered = measure.counts.succeeded + measure.counts.missing;
        let operations = Operation::ALL.into_iter().filter_map(|operation| {
            let latencies = measure.latencies(operation);
            (!latencies.is_empty()).then(|| OperationReport {
                operation: operation.name(),
                count: latencies.len(),
                rate: per_second(latencies.len(), duration_ns),
                latency_us: Latency::new(latencies),
            })
        });
        Report {
            command: std::env::args().collect::<Vec<_>>().join(" "),
            seed: 0,
            duration_s,
            rate_wanted: None,
            rate: per_second(answered, duration_ns),
            operations: operations.collect(),
            counts: measure.counts,
            first_failure: measure.first_failure.clone(),
            slowest_second_rate: measure.seconds.iter().copied().fold(f64::INFINITY, f64::min),
            longest_silence_ms: measure.longest_silence_ns as f64 / 1e6,
            second_rates: measure.seconds.clone(),
            generator_cpu_share: cpu.generator_s / duration_s,
            server_cpu_us_per_operation: cpu.server_s.map(|server_s| server_s * 1e6 / answered.max(1) as f64),
        }
    }

    /// Whether every reply was as it should be.
    pub(super) fn is_sound(&self) -> bool {
        self.counts.failed == 0 && self.counts.missing == 0 && self.counts.wrong == 0 && self.counts.succeeded > 0
    }

    /// The table for people.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "{:<6} {:>10} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9}   (us)",
            "", "count", "rate /s", "mean", "p50", "p90", "p99", "p99.9", "max"
        );
        for OperationReport { operation, count, rate, latency_us } in &self.operations {
            let Latency { mean, p50, p90, p99, p999, max, .. } = latency_us;
            let _ = writeln!(
                table,
                "{operation:<6} {count:>10} {rate:>10.0} {mean:>8.1} {p50:>8.1} {p90:>8.1} {p99:>8.1} {p999:>8.1} {max:>9.1}"
            );
        }
        let Counts { failed, missing, forwarded, verified, wrong, .. } = self.counts;
        let _ = writeln!(
            table,
            "{:.0} /s over {:.1} s, slowest second {:.0} /s, longest silence {:.1} ms",
            self.rate, self.duration_s, self.slowest_second_rate, self.longest_silence_ms
        );
        let _ = writeln!(
            table,
            "{failed} failed, {missing} missing, {forwarded} forwarded, {verified} read byte for byte, {wrong} wrong"
        );
        let _ = write!(table, "generator used {:.0} % of a CPU", self.generator_cpu_share * 100.0);
        if let Some(server) = self.server_cpu_us_per_operation {
            let _ = write!(table, ", server {server:.2} us of CPU an operation");
        }
        if let Some(failure) = &self.first_failure {
            let _ = write!(table, "\nfirst failure: {failure}");
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Work;
    use super::super::driver::Outcome;
    use super::*;

    fn report(outcomes: &[Outcome]) -> Report {
        let mut measure = Measure::new(0, 2_000_000_000, false).unwrap().silent();
        for (turn, outcome) in outcomes.iter().enumerate() {
            let start_ns = turn as u64 * 1_000_000;
            let operation = if turn % 2 == 0 { Operation::Get } else { Operation::Put };
            let work = Work { operation, key: 0, version: 0, start_ns };
            measure.record(&work, *outcome, false, start_ns + (turn as u64 + 1) * 1_000);
        }
        measure.tick(1_000_000_000, 0);
        measure.finish();
        Report::new(&measure, 2_000_000_000, &CpuTimes { generator_s: 1.0, server_s: Some(0.5) })
    }

    #[test]
    fn quantiles_and_rates_are_those_of_what_was_recorded() {
        let report = report(&[Outcome::Success; 1000]);
        assert!(report.is_sound());
        assert!((report.rate - 500.0).abs() < 1e-9 && (report.operations[0].rate - 250.0).abs() < 1e-9);
        assert!((report.generator_cpu_share - 0.5).abs() < 1e-9);
        assert!((report.server_cpu_us_per_operation.unwrap() - 500.0).abs() < 1e-9);
        // Gets took 1, 3, 5, ... 999 us, puts 2, 4, ... 1000 us.
        let get = &report.operations[0].latency_us;
        for (found, expected) in
            [(get.min, 1.0), (get.mean, 500.0), (get.p50, 499.0), (get.p90, 899.0), (get.p99, 989.0), (get.max, 999.0)]
        {
            assert!((found / expected - 1.0).abs() < 0.07, "{found} and not {expected}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["operations"][1]["operation"], "put");
        assert_eq!(json["counts"]["succeeded"], 1000);
        assert!(report.table().lines().count() >= 6, "{}", report.table());
    }

    #[test]
    fn a_run_with_anything_wrong_is_not_sound() {
        for outcomes in [&[][..], &[Outcome::Success, Outcome::Missing], &[Outcome::Success, Outcome::Failure]] {
            assert!(!report(outcomes).is_sound(), "{outcomes:?}");
        }
    }
}
