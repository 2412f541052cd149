//! What a phase tells at its end: a table for people, JSON for scripts, and a line each second.

use std::collections::BTreeMap;
use std::fmt::Write;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::hiccup::{Hiccups, milliseconds};
use super::measure::{Measure, Second};
use super::server::Sample;

/// The columns of the file of seconds.
pub(super) const SECONDS_HEADER: &str = "second\tlength_s\toperations\tp50_us\tp99_us\tmax_us\tgap_ms\tthrottled\thiccup_ms\t\
    stolen_s\tresident_bytes\tcpu_s\tdisk_read_bytes\tdisk_written_bytes\tfiles\tfile_bytes\tallocated_bytes";

/// The whole result of a phase. Rates are in operations a second.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) command: String,
    /// `load`, or the workload's letter.
    pub(super) phase: String,
    pub(super) distribution: Option<String>,
    pub(super) item_bytes: u64,
    /// At the end; the next run goes on from here.
    pub(super) item_count: u64,
    pub(super) duration_s: f64,
    pub(super) operation_count: u64,
    pub(super) rate: f64,
    /// Of the whole seconds.
    pub(super) worst_second_rate: f64,
    pub(super) longest_gap_ms: f64,
    /// When that began.
    pub(super) longest_gap_at_s: f64,
    pub(super) kinds: Vec<KindReport>,
    /// Requests that were sent again, by the error's name.
    pub(super) throttled: BTreeMap<&'static str, u64>,
    /// Operations that were given up.
    pub(super) failed: BTreeMap<&'static str, u64>,
    pub(super) first_failure: Option<String>,
    pub(super) sent_bytes: u64,
    pub(super) received_bytes: u64,
    /// Items that were written, each as large as it is after the write.
    pub(super) written_item_bytes: u64,
    pub(super) hiccups: Hiccups,
    /// Near 1 in a closed loop: the load generator was the limit. An open loop is busy while it waits.
    pub(super) generator_cpu_share: f64,
    pub(super) server: Option<ServerReport>,
}

/// The latencies of one kind of operation.
#[derive(Debug, Serialize)]
pub(super) struct KindReport {
    pub(super) kind: &'static str,
    pub(super) count: u64,
    pub(super) mean_us: f64,
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p99_us: f64,
    pub(super) p999_us: f64,
    pub(super) max_us: f64,
}

/// What the phase has cost the server.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ServerReport {
    pub(super) start: Sample,
    pub(super) end: Sample,
    pub(super) cpu_us_per_operation: f64,
    /// Bytes written to the disk over bytes of items written; none when nothing was written.
    pub(super) write_amplification: Option<f64>,
    /// What the files take on the disk over the size of all items.
    pub(super) space_amplification: Option<f64>,
    pub(super) disk_read_bytes_per_operation: f64,
}

impl KindReport {
    fn new((kind, latencies): (&'static str, &Histogram<u64>)) -> KindReport {
        let quantile = |quantile| milliseconds(latencies.value_at_quantile(quantile)) * 1e3;
        KindReport {
            kind,
            count: latencies.len(),
            mean_us: latencies.mean() / 1e3,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            p999_us: quantile(0.999),
            max_us: milliseconds(latencies.max()) * 1e3,
        }
    }
}

impl ServerReport {
    #[allow(clippy::cast_precision_loss)] // Bytes and counts are below 2^52.
    pub(super) fn new((start, end): (Sample, Sample), measure: &Measure, live_bytes: u64) -> ServerReport {
        let ratio = |one: u64, other: u64| (other > 0 && one > 0).then(|| one as f64 / other as f64);
        let operation_count = measure.operation_count.max(1) as f64;
        let written_bytes = end.disk_written_bytes.saturating_sub(start.disk_written_bytes);
        let read_bytes = end.disk_read_bytes.saturating_sub(start.disk_read_bytes);
        ServerReport {
            start,
            end,
            cpu_us_per_operation: (end.cpu_s - start.cpu_s) * 1e6 / operation_count,
            write_amplification: ratio(written_bytes, measure.written_item_bytes),
            space_amplification: ratio(end.allocated_bytes, live_bytes),
            disk_read_bytes_per_operation: read_bytes as f64 / operation_count,
        }
    }
}

impl Report {
    /// What `measure` has found in `duration_ns`.
    #[allow(clippy::cast_precision_loss)] // Counts and nanoseconds are below 2^52.
    pub(super) fn new(measure: &Measure, duration_ns: u64, worst_second_count: Option<u64>) -> Report {
        let duration_s = duration_ns as f64 / 1e9;
        let rate = measure.operation_count as f64 / duration_s;
        let kinds = measure.latencies().filter(|(_, latencies)| !latencies.is_empty());
        Report {
            command: std::env::args().collect::<Vec<_>>().join(" "),
            phase: String::new(),
            distribution: None,
            item_bytes: 0,
            item_count: 0,
            duration_s,
            operation_count: measure.operation_count,
            rate,
            // A phase without a whole second has no worst one.
            worst_second_rate: worst_second_count.map_or(rate, |count| count as f64),
            longest_gap_ms: milliseconds(measure.longest_gap.length_ns),
            longest_gap_at_s: milliseconds(measure.longest_gap.start_ns) / 1e3,
            kinds: kinds.map(KindReport::new).collect(),
            throttled: measure.throttled.clone(),
            failed: measure.failed.clone(),
            first_failure: measure.first_failure.clone(),
            sent_bytes: measure.sent_bytes,
            received_bytes: measure.received_bytes,
            written_item_bytes: measure.written_item_bytes,
            hiccups: Hiccups::default(),
            generator_cpu_share: 0.0,
            server: None,
        }
    }

    /// The table for people.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "{:<18} {:>10} {:>9} {:>9} {:>9} {:>9} {:>9} {:>11}   (us)",
            self.phase, "count", "mean", "p50", "p90", "p99", "p99.9", "max"
        );
        for kind in &self.kinds {
            let KindReport { kind, count, mean_us, p50_us, p90_us, p99_us, p999_us, max_us } = kind;
            let _ = writeln!(
                table,
                "{kind:<18} {count:>10} {mean_us:>9.1} {p50_us:>9.1} {p90_us:>9.1} {p99_us:>9.1} {p999_us:>9.1} {max_us:>11.1}"
            );
        }
        let _ = writeln!(
            table,
            "{:.0} /s over {:.1} s, worst second {:.0} /s, longest gap {:.1} ms at {:.1} s",
            self.rate, self.duration_s, self.worst_second_rate, self.longest_gap_ms, self.longest_gap_at_s
        );
        let Hiccups { p99_ms, p999_ms, max_ms, .. } = self.hiccups;
        let _ = writeln!(
            table,
            "the machine woke a sleeper {p99_ms:.2} ms late at p99, {p999_ms:.2} at p99.9, {max_ms:.1} at most; generator {:.0} % of a CPU",
            self.generator_cpu_share * 100.0
        );
        let megabytes = |bytes: u64| bytes >> 20;
        let _ = write!(
            table,
            "{} MiB sent, {} MiB received, {} MiB of items written; {} items of {} B",
            megabytes(self.sent_bytes),
            megabytes(self.received_bytes),
            megabytes(self.written_item_bytes),
            self.item_count,
            self.item_bytes
        );
        if let Some(server) = &self.server {
            let amplification = |found: Option<f64>| found.map_or("-".to_owned(), |found| format!("{found:.2}"));
            let _ = write!(
                table,
                "\nserver: {:.2} us of CPU and {:.0} B read from disk an operation, {} MiB resident, {} files of {} MiB on disk; \
                 write amplification {}, space {}; {:.2} s stolen from the machine",
                server.cpu_us_per_operation,
                server.disk_read_bytes_per_operation,
                megabytes(server.end.resident_bytes),
                server.end.file_count,
                megabytes(server.end.allocated_bytes),
                amplification(server.write_amplification),
                amplification(server.space_amplification),
                server.end.stolen_s - server.start.stolen_s
            );
        }
        for (name, counts) in [("throttled and sent again", &self.throttled), ("failed", &self.failed)] {
            for (error, count) in counts {
                let _ = write!(table, "\n{name}: {count} x {error}");
            }
        }
        if let Some(failure) = &self.first_failure {
            let _ = write!(table, "\nfirst failure: {failure}");
        }
        table
    }
}

/// A second as a line of the file.
pub(super) fn second_line(second: &Second, hiccup_ns: u64, sample: &Sample) -> String {
    let microseconds = |nanoseconds| milliseconds(nanoseconds) * 1e3;
    format!(
        "{:.1}\t{:.3}\t{}\t{:.1}\t{:.1}\t{:.1}\t{:.2}\t{}\t{:.2}\t{:.2}\t{}\t{:.2}\t{}\t{}\t{}\t{}\t{}",
        milliseconds(second.start_ns) / 1e3,
        milliseconds(second.length_ns) / 1e3,
        second.operation_count,
        microseconds(second.p50_ns),
        microseconds(second.p99_ns),
        microseconds(second.max_ns),
        milliseconds(second.gap_ns),
        second.throttled_count,
        milliseconds(hiccup_ns),
        sample.stolen_s,
        sample.resident_bytes,
        sample.cpu_s,
        sample.disk_read_bytes,
        sample.disk_written_bytes,
        sample.file_count,
        sample.file_bytes,
        sample.allocated_bytes
    )
}

#[cfg(test)]
mod tests {
    use super::super::workload::Kind;
    use super::*;

    #[test]
    fn amplifications_are_ratios_of_the_phase() {
        let mut measure = Measure::new(0).unwrap();
        measure.complete(Kind::Insert, 2_000_000, 500_000_000);
        measure.written_item_bytes = 1000;
        let start = Sample { disk_written_bytes: 5000, cpu_s: 1.0, ..Sample::default() };
        let end = Sample { disk_written_bytes: 6200, cpu_s: 1.5, allocated_bytes: 3000, ..Sample::default() };
        let server = ServerReport::new((start, end), &measure, 2000);
        assert_eq!((server.write_amplification, server.space_amplification), (Some(1.2), Some(1.5)));
        assert!((server.cpu_us_per_operation - 500_000.0).abs() < 1e-6);
        let mut report = Report::new(&measure, 500_000_000, None);
        report.server = Some(server);
        assert!((report.rate - 2.0).abs() < 1e-9 && (report.kinds[0].p50_us / 2000.0 - 1.0).abs() < 0.01);
        assert!(report.table().contains("write amplification 1.20, space 1.50"), "{}", report.table());
        assert!(serde_json::to_value(&report).unwrap()["server"]["end"]["cpu_s"].is_number());
    }

    #[test]
    fn a_line_has_as_many_fields_as_the_header() {
        let second = Measure::new(0).unwrap().finish(7);
        let line = second_line(&second, 0, &Sample::default());
        assert_eq!(line.split('\t').count(), SECONDS_HEADER.split('\t').count());
    }
}
