//! `perf load`: a data set, a stream of requests over many connections, and how the server bore it.

mod connection;
mod driver;
mod generator;
pub(crate) mod keys;
mod measure;
mod null;
mod record;
mod report;
pub(crate) mod schedule;
mod source;
mod template;

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

pub(crate) use null::{NullOptions, run as run_null};

use crate::machine;
use connection::Connection;
use driver::{Prepared, Target};
use generator::{Generator, Pace, Phase};
use keys::{Distribution, Keys};
use measure::Measure;
use record::Row;
use report::{CpuTimes, Report};
use schedule::Schedule;
use source::Source;

/// Requests in flight on one connection at most.
const DEPTH_MAX: usize = 65_536;
/// The greatest value: an item is at most 400 KiB, and the key and the names of the attributes take their part.
const VALUE_BYTES_MAX: usize = 400 * 1024 - 64;
/// After puts, values are read back for this long, each checked byte for byte.
const READ_BACK: Duration = Duration::from_millis(200);

/// Options of `perf load`.
#[derive(Args, Debug)]
pub(crate) struct LoadOptions {
    /// The protocol
    #[arg(long, value_enum, default_value_t = DriverName::Wire)]
    driver: DriverName,
    /// The server [default: 127.0.0.1 and the protocol's usual port]
    #[arg(long)]
    address: Option<SocketAddr>,
    /// What to do; YCSB A is `mixed`, B is `mixed --reads 95`, C is `get`
    #[arg(long, value_enum, default_value_t = Workload::Get)]
    workload: Workload,
    /// Gets among 100 operations of the mixed workload
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(0..=100))]
    reads: u8,
    /// Keys in the data set
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    keys: u64,
    /// Bytes of a value
    #[arg(long, default_value_t = 100)]
    size: usize,
    /// Attributes that a value is cut into; YCSB's row is `--size 1000 --fields 10`
    #[arg(long, default_value_t = 1)]
    fields: usize,
    /// How likely each key is
    #[arg(long, value_enum, default_value_t = Distribution::Uniform)]
    distribution: Distribution,
    /// Connections, over all cores
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Requests in flight on each connection
    #[arg(long, default_value_t = 32)]
    depth: usize,
    /// Open loop: requests a second on the average, by a Poisson schedule [default: closed loop]
    #[arg(long)]
    rate: Option<f64>,
    /// Closed loop: send a batch of `depth`, wait for all its replies, send the next, as redis-benchmark does
    #[arg(long, conflicts_with = "rate")]
    lockstep: bool,
    /// Seconds measured
    #[arg(long, default_value_t = 10.0)]
    duration: f64,
    /// Seconds of load before that
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Create the table if there is none and write the whole data set first
    #[arg(long)]
    load: bool,
    /// The table
    #[arg(long, default_value = "perf")]
    table: String,
    /// Gets ask for the newest acknowledged write
    #[arg(long)]
    consistent: bool,
    /// Wire: all connections on the core at the address, which forwards what other cores own
    #[arg(long)]
    plain: bool,
    /// Sign each request over HTTP with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of the environment, for a server that checks signatures;
    /// the time is that of the start, so a run may take a quarter of an hour.
    #[arg(long)]
    sign: bool,
    /// Seed of keys and schedule
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run on this CPU only
    #[arg(long)]
    cpu: Option<usize>,
    /// The server's process, to report its CPU time
    #[arg(long)]
    server_pid: Option<u32>,
    /// Write the report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DriverName {
    /// Stator's binary protocol
    Wire,
    /// DynamoDB's HTTP API
    Http,
    /// Redis: GET and SET
    Redis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    Get,
    Put,
    Mixed,
}

/// Runs the load and prints the report. The exit code is 1 if any reply was not as it should be.
pub(crate) fn run(options: &LoadOptions) -> Result<ExitCode, Box<dyn Error>> {
    options.check()?;
    if let Some(cpu) = options.cpu {
        machine::pin_to_cpu(cpu)?;
    }
    let mut generator = prepare(options)?;
    if options.load {
        fill(&mut generator, options.keys)?;
    }
    let mut report = measured(&mut generator, options)?;
    if options.read_share() < 1.0 {
        read_back(&mut generator, options, &mut report)?;
    }
    println!("{}", report.table());
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl LoadOptions {
    fn check(&self) -> Result<(), String> {
        let is_positive = |number: f64| number > 0.0 && number.is_finite();
        let checks = [
            ((record::VALUE_BYTES_MIN..=VALUE_BYTES_MAX).contains(&self.size), "--size is 24 to 409536 bytes"),
            (
                self.fields > 0
                    && self.size.is_multiple_of(self.fields)
                    && self.size / self.fields >= record::VALUE_BYTES_MIN,
                "--fields divides --size into parts of at least 24 bytes",
            ),
            (
                self.fields == 1 || !matches!(self.driver, DriverName::Redis),
                "--fields is for items, Redis has values alone",
            ),
            ((1..=DEPTH_MAX).contains(&self.depth), "--depth is 1 to 65536"),
            (self.connections > 0, "--connections is at least 1"),
            (self.rate.is_none_or(is_positive), "--rate is positive"),
            (is_positive(self.duration), "--duration is positive"),
            (self.warmup >= 0.0 && self.warmup.is_finite(), "--warmup is not negative"),
        ];
        checks.into_iter().find(|(is_right, _)| !is_right).map_or(Ok(()), |(_, rule)| Err(rule.to_owned()))
    }

    fn target(&self) -> Target {
        let port = match self.driver {
            DriverName::Wire => 8001,
            DriverName::Http => 8000,
            DriverName::Redis => 6379,
        };
        Target {
            address: self.address.unwrap_or(SocketAddr::from(([127, 0, 0, 1], port))),
            table_name: self.table.clone(),
            key_count: self.keys,
            row: Row { value_bytes: self.size, field_count: self.fields },
            connection_count: self.connections,
            depth: self.depth,
            is_consistent: self.consistent,
            is_plain: self.plain,
            signs: self.sign,
            creates_table: self.load,
        }
    }

    fn read_share(&self) -> f64 {
        match self.workload {
            Workload::Get => 1.0,
            Workload::Put => 0.0,
            Workload::Mixed => f64::from(self.reads) / 100.0,
        }
    }

    fn source(&self, read_share: f64) -> Source {
        Source::random(Keys::new(self.distribution, self.keys), read_share, self.seed)
    }
}

fn prepare(options: &LoadOptions) -> Result<Generator, Box<dyn Error>> {
    let target = options.target();
    let prepared = match options.driver {
        DriverName::Wire => driver::wire::prepare(&target),
        DriverName::Http => driver::http::prepare(&target),
        DriverName::Redis => driver::redis::prepare(&target),
    };
    let Prepared { driver, streams, lanes } =
        prepared.map_err(|error| format!("cannot start on {}: {error}", target.address))?;
    let connect = |(stream, lane)| Connection::new(stream, lane, options.depth);
    let connections = streams.into_iter().map(connect).collect::<Result<_, _>>()?;
    Generator::new(driver, lanes, connections)
}

/// Puts every key once.
fn fill(generator: &mut Generator, key_count: u64) -> Result<(), Box<dyn Error>> {
    let source = Source::fill(key_count, &generator.lanes);
    let measure = Measure::new(generator.now_ns(), u64::MAX, false)?;
    let pace = Pace::Closed { is_lockstep: false };
    let mut phase = Phase::new(source, pace, u64::MAX, measure, &generator.lanes);
    let start_ns = generator.now_ns();
    generator.run(&mut phase)?;
    let rate = measure::per_second(key_count, generator.now_ns() - start_ns);
    eprintln!("{key_count} keys written at {rate:.0} /s");
    if phase.measure.counts.succeeded != key_count {
        let failure = phase.measure.first_failure.unwrap_or_default();
        return Err(format!("{} keys could not be written: {failure}", phase.measure.counts.failed).into());
    }
    Ok(())
}

/// The load that is measured.
fn measured(generator: &mut Generator, options: &LoadOptions) -> Result<Report, Box<dyn Error>> {
    let begin_ns = generator.now_ns();
    let start_ns = begin_ns + nanoseconds(options.warmup);
    let end_ns = start_ns + nanoseconds(options.duration);
    let pace = match options.rate {
        Some(rate) => Pace::Open(Schedule::new(rate, begin_ns, options.seed)),
        None => Pace::Closed { is_lockstep: options.lockstep },
    };
    let measure = Measure::new(start_ns, end_ns, options.rate.is_some())?;
    let source = options.source(options.read_share());
    let mut phase = Phase::new(source, pace, end_ns, measure, &generator.lanes);
    let cpu_seconds = || (machine::own_cpu_seconds(), options.server_pid.and_then(machine::cpu_seconds_of));
    let before = cpu_seconds();
    generator.run(&mut phase)?;
    let after = cpu_seconds();
    phase.measure.finish();
    // CPU time runs from the warm-up on; the share of the time measured is as good as the same.
    let share = options.duration / (options.duration + options.warmup);
    let server_s = after.1.zip(before.1).map(|(after, before)| (after - before) * share);
    let cpu = CpuTimes { generator_s: (after.0 - before.0) * share, server_s };
    let mut report = Report::new(&phase.measure, end_ns - start_ns, &cpu);
    (report.seed, report.rate_wanted) = (options.seed, options.rate);
    Ok(report)
}

/// Reads for a moment what puts have left, and adds what was verified to the report. A key that was never put may be missing.
fn read_back(generator: &mut Generator, options: &LoadOptions, report: &mut Report) -> Result<(), Box<dyn Error>> {
    let start_ns = generator.now_ns();
    let end_ns = start_ns + nanoseconds(READ_BACK.as_secs_f64());
    let measure = Measure::new(start_ns, end_ns, false)?.silent();
    let pace = Pace::Closed { is_lockstep: false };
    let mut phase = Phase::new(options.source(1.0), pace, end_ns, measure, &generator.lanes);
    phase.verified_every = 1;
    generator.run(&mut phase)?;
    report.counts.verified += phase.measure.counts.verified;
    report.counts.wrong += phase.measure.counts.wrong;
    report.counts.failed += phase.measure.counts.failed;
    if report.first_failure.is_none() {
        report.first_failure = phase.measure.first_failure;
    }
    Ok(())
}

/// Of a duration that was checked to be positive.
// Nobody waits for 2^52 ns.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: LoadOptions,
    }

    /// Runs a load against a null server whose values are of 100 bytes.
    fn load(arguments: &str) -> Result<Report, Box<dyn Error>> {
        let goes_on = Arc::new(AtomicBool::new(true));
        let mut server = null::NullServer::listen("127.0.0.1:0".parse()?, 100)?;
        let address = server.address.to_string();
        let thread = std::thread::spawn({
            let goes_on = Arc::clone(&goes_on);
            move || server.serve(|| goes_on.load(Ordering::Relaxed)).expect("the server serves")
        });
        let arguments = ["load", "--address", &address, "--warmup", "0", "--duration", "0.2"]
            .into_iter()
            .chain(arguments.split(' '));
        let options = CommandLine::try_parse_from(arguments)?.options;
        options.check()?;
        let report = prepare(&options).and_then(|mut generator| measured(&mut generator, &options));
        goes_on.store(false, Ordering::Relaxed);
        thread.join().expect("the server ends");
        report
    }

    #[test]
    fn both_loops_and_all_workloads_run_and_are_sound() {
        let runs = [
            "--connections 3 --depth 7",
            "--connections 1 --depth 1 --workload put",
            "--connections 5 --depth 64 --workload mixed --reads 80 --distribution zipfian --lockstep",
            "--connections 4 --depth 2 --rate 3000",
            "--connections 2 --depth 1 --rate 3000 --workload mixed --keys 1",
        ];
        for arguments in runs {
            let report = load(arguments).unwrap();
            assert!(report.is_sound(), "{arguments}: {}", report.table());
            assert!(report.generator_cpu_share > 0.0);
            if report.rate_wanted.is_some() {
                assert!((400..=800).contains(&report.counts.succeeded), "{arguments}: {}", report.table());
            }
        }
    }

    #[test]
    fn values_that_are_not_as_asked_for_are_found() {
        let shorter = load("--size 200 --connections 1 --depth 4").unwrap();
        assert!(shorter.counts.missing > 0 && !shorter.is_sound(), "{}", shorter.table());
        let longer = load("--size 24 --connections 2 --depth 32").unwrap();
        assert!(longer.counts.wrong > 0 && !longer.is_sound(), "{}", longer.table());
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        for arguments in [
            "--depth 0",
            "--connections 0",
            "--size 23",
            "--rate 0",
            "--rate 5 --lockstep",
            "--depth 65537",
            "--keys 0",
            "--size 1000 --fields 0",
            "--size 1000 --fields 7",
            "--size 100 --fields 10",
            "--size 1000 --fields 10 --driver redis",
        ] {
            assert!(load(arguments).is_err(), "{arguments}");
        }
    }
}
