//! `perf ycsb`: YCSB's core workloads over the binary protocol, and what they cost the server meanwhile.
//!
//! `load` inserts the items, `run` runs one workload on them. Items are computed from their numbers, so a data set may be far
//! larger than this process. Each second goes to a file, with the server's memory, CPU time, disk traffic and files, and with
//! how late the machine itself was: a stall can be told from a stall of the server.
//!
//! Workload E needs an order within partition keys, which the others do without: its table is one of its own, with a thousand
//! items a partition key (`record`), and a scan is a Query of one partition key (`requests`). A scan that begins near the end of its
//! partition key gives fewer rows than it asks for: 2.5 of 100 on the average.
//!
//! Deliberately not here: starting and stopping servers (`perf/ycsb/run`).

mod driver;
mod hiccup;
mod measure;
mod record;
mod report;
mod requests;
mod rhythm;
mod server;
#[cfg(test)]
mod small_server;
mod workload;

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::load::nanoseconds;
use crate::load::schedule::Schedule;
use crate::machine;
use crate::session::Session;
use driver::{Driver, Pace};
use hiccup::Probe;
use measure::{Measure, Second};
use record::{FIELD_BYTES_MIN, Records, Shape};
use report::{Report, SECONDS_HEADER, ServerReport, second_line};
use requests::{Requests, create_table};
use server::Watched;
use workload::{Distribution, Source, Workload};

/// Half a million connections of depth one are not what this is for.
const CONCURRENCY_MAX: usize = 65_536;

/// Options of `perf ycsb`.
#[derive(Args, Debug)]
pub(crate) struct YcsbOptions {
    #[command(subcommand)]
    phase: Phase,
}

#[derive(Debug, Subcommand)]
enum Phase {
    /// Create the table if there is none and insert all items.
    Load(LoadOptions),
    /// Run one workload on what was loaded.
    Run(RunOptions),
}

#[derive(Args, Debug)]
struct LoadOptions {
    /// The table of workload E: a thousand items a partition key, in order
    #[arg(long)]
    ordered: bool,
    #[command(flatten)]
    load: Load,
}

#[derive(Args, Debug)]
struct RunOptions {
    /// The workload
    #[arg(long, value_enum, ignore_case = true)]
    workload: Workload,
    /// Seconds
    #[arg(long, default_value_t = 60.0)]
    seconds: f64,
    /// How likely each item is [default: the workload's: latest for D, zipfian for the others]
    #[arg(long, value_enum)]
    distribution: Option<Distribution>,
    /// Reads ask for the newest acknowledged write
    #[arg(long)]
    consistent: bool,
    /// Updates write whole items by PutItem, not one field by UpdateItem
    #[arg(long)]
    write_all_fields: bool,
    #[command(flatten)]
    load: Load,
}

/// What both phases have.
#[derive(Args, Debug)]
struct Load {
    /// The server's binary protocol
    #[arg(long, default_value = "127.0.0.1:8001")]
    address: SocketAddr,
    /// Items: to be inserted, or those that are there
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    items: u64,
    /// Fields of an item
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    field_count: u16,
    /// Bytes of a field
    #[arg(long, default_value_t = 100)]
    field_bytes: usize,
    /// Connections, over all cores
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Operations in flight on each connection
    #[arg(long, default_value_t = 4)]
    depth: usize,
    /// Open loop: operations a second on the average, by a Poisson schedule [default: closed loop]
    #[arg(long)]
    rate: Option<f64>,
    /// Seed of operations and schedule
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run on this CPU only
    #[arg(long)]
    cpu: Option<usize>,
    /// The server's process, to report memory, CPU time and disk traffic
    #[arg(long)]
    server_pid: Option<u32>,
    /// The server's data directory, to report its files; several times for several
    #[arg(long, value_name = "DIR")]
    server_data: Vec<PathBuf>,
    /// Seconds to wait after the end for the server to finish what it does in the background
    #[arg(long, default_value_t = 0.0)]
    settle: f64,
    /// Write every second to this file
    #[arg(long, value_name = "FILE")]
    seconds_file: Option<PathBuf>,
    /// Write the report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A phase as it is run.
struct Plan {
    name: String,
    distribution: Option<String>,
    is_ordered: bool,
    source: Source,
    seconds: Option<f64>,
    is_consistent: bool,
    writes_all_fields: bool,
}

/// A phase that was run.
struct Measured {
    report: Report,
    /// Why it ended early.
    failure: Option<Box<dyn Error>>,
}

/// Runs a phase and prints the report. The exit code is 1 if anything was wrong or failed.
pub(crate) fn run(options: YcsbOptions) -> Result<ExitCode, Box<dyn Error>> {
    let (load, plan) = options.phase.plan()?;
    if let Some(cpu) = load.cpu {
        machine::pin_to_cpu(cpu)?;
    }
    if plan.seconds.is_none() {
        let create = create_table(table_name(plan.is_ordered), plan.is_ordered);
        Session::connect(load.address)?.create_table(create)?;
    }
    let Measured { report, failure } = measured(&load, plan)?;
    println!("{}", report.table());
    if let Some(path) = &load.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(failure) = failure {
        return Err(failure);
    }
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Phase {
    fn plan(self) -> Result<(Load, Plan), String> {
        let plan = match &self {
            Phase::Load(LoadOptions { ordered, load }) => Plan {
                name: "load".to_owned(),
                distribution: None,
                is_ordered: *ordered,
                source: Source::load(load.items, usize::from(load.field_count), load.seed),
                seconds: None,
                is_consistent: false,
                writes_all_fields: true,
            },
            Phase::Run(RunOptions { workload, seconds, distribution, consistent, write_all_fields, load }) => {
                if !(*seconds > 0.0 && seconds.is_finite()) {
                    return Err("--seconds is positive".to_owned());
                }
                let distribution = distribution.unwrap_or(workload.usual_distribution());
                let fields = usize::from(load.field_count);
                Plan {
                    name: format!("{workload:?}"),
                    distribution: Some(format!("{distribution:?}").to_lowercase()),
                    is_ordered: *workload == Workload::E,
                    source: Source::run(*workload, distribution, load.items, fields, load.seed),
                    seconds: Some(*seconds),
                    is_consistent: *consistent,
                    writes_all_fields: *write_all_fields,
                }
            }
        };
        let (Phase::Load(LoadOptions { load, .. }) | Phase::Run(RunOptions { load, .. })) = self;
        load.check()?;
        Ok((load, plan))
    }
}

impl Load {
    fn check(&self) -> Result<(), String> {
        let concurrency = self.connections.saturating_mul(self.depth);
        let checks = [
            ((FIELD_BYTES_MIN..=400_000).contains(&self.field_bytes), "--field-bytes is 24 to 400000"),
            (usize::from(self.field_count) * self.field_bytes <= 400_000, "an item has at most 400 KB"),
            ((1..=CONCURRENCY_MAX).contains(&concurrency), "--connections x --depth is 1 to 65536"),
            (self.rate.is_none_or(|rate| rate > 0.0 && rate.is_finite()), "--rate is positive"),
            (self.settle >= 0.0 && self.settle.is_finite(), "--settle is not negative"),
        ];
        checks.into_iter().find(|(is_right, _)| !is_right).map_or(Ok(()), |(_, rule)| Err(rule.to_owned()))
    }

    fn watched(&self) -> Option<Watched> {
        let is_asked = self.server_pid.is_some() || !self.server_data.is_empty();
        is_asked.then(|| Watched { process: self.server_pid, directories: self.server_data.clone() })
    }
}

fn table_name(is_ordered: bool) -> &'static str {
    if is_ordered { "ycsb-ordered" } else { "ycsb" }
}

/// Runs a phase from connecting to the last look at the server.
fn measured(load: &Load, mut plan: Plan) -> Result<Measured, Box<dyn Error>> {
    let shape = Shape::new(usize::from(load.field_count), load.field_bytes, plan.is_ordered);
    let item_bytes = shape.item_bytes();
    let requests = Requests::new(table_name(plan.is_ordered), Records::new(shape));
    let requests = requests.with(plan.is_consistent, plan.writes_all_fields);
    let concurrency = (load.connections, load.depth);
    let mut driver = Driver::connect(load.address, table_name(plan.is_ordered), concurrency, requests, load.seed)?;
    let watched = load.watched();
    let start_sample = watched.as_ref().map(Watched::sample);
    let watch = watched.clone().map(Watched::watch).transpose()?;
    let probe = Probe::start()?;
    let mut file = load.seconds_file.as_ref().map(File::create).transpose()?.map(BufWriter::new);
    if let Some(file) = &mut file {
        writeln!(file, "{SECONDS_HEADER}")?;
    }
    let mut worst_second_count: Option<u64> = None;
    let mut write_second = |second: &Second| match &mut file {
        Some(file) => {
            let sample = watch.as_ref().map(server::Watch::latest).unwrap_or_default();
            writeln!(file, "{}", second_line(second, probe.take_worst_ns(), &sample))?;
            // A run that is killed leaves what it has seen.
            file.flush()
        }
        None => Ok(()),
    };
    let cpu_s = machine::own_cpu_seconds();
    let start_ns = driver.now_ns();
    let mut measure = Measure::new(start_ns)?;
    let pace = Pace {
        end_ns: plan.seconds.map_or(u64::MAX, |seconds| start_ns + nanoseconds(seconds)),
        schedule: load.rate.map(|rate| Schedule::new(rate, start_ns, load.seed)),
    };
    let ended = driver.run(&mut plan.source, pace, &mut measure, &mut |second| {
        worst_second_count =
            Some(worst_second_count.map_or(second.operation_count, |worst| worst.min(second.operation_count)));
        write_second(&second)
    });
    let end_ns = driver.now_ns();
    write_second(&measure.finish(end_ns))?;
    let cpu_s = machine::own_cpu_seconds() - cpu_s;
    let hiccups = probe.hiccups();
    std::thread::sleep(Duration::from_secs_f64(load.settle));
    let mut report = Report::new(&measure, end_ns - start_ns, worst_second_count);
    report.generator_cpu_share = cpu_s / report.duration_s;
    (report.phase, report.distribution) = (plan.name, plan.distribution);
    (report.item_bytes, report.item_count, report.hiccups) = (item_bytes, plan.source.item_count(), hiccups);
    let samples = start_sample.zip(watched.as_ref().map(Watched::sample));
    report.server = samples.map(|samples| ServerReport::new(samples, &measure, report.item_count * item_bytes));
    Ok(Measured { report, failure: ended.err() })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::small_server::{Fault, SmallServer};
    use super::*;

    #[derive(Parser)]
    struct CommandLine {
        #[command(flatten)]
        options: YcsbOptions,
    }

    /// Runs a phase against a server: what it reports, and why it ended early.
    fn run(server: &SmallServer, arguments: &str) -> (Report, Option<String>) {
        let address = server.address.to_string();
        let arguments = ["ycsb"].into_iter().chain(arguments.split(' '));
        let shape = ["--address", &address, "--field-count", "3", "--field-bytes", "40", "--connections", "3"];
        let YcsbOptions { phase } = CommandLine::parse_from(arguments.chain(shape)).options;
        let (load, plan) = phase.plan().unwrap();
        let Measured { report, failure } = measured(&load, plan).unwrap();
        (report, failure.map(|failure| failure.to_string()))
    }

    #[test]
    fn what_was_loaded_is_read_by_every_workload() {
        let server = SmallServer::start(Fault::None);
        for table in ["load", "load --ordered"] {
            let (report, failure) = run(&server, &format!("{table} --items 2500"));
            assert_eq!((report.operation_count, report.item_count, failure), (2500, 2500, None), "{}", report.table());
        }
        let mut item_count = 2500;
        for arguments in ["A", "B --write-all-fields", "C --distribution uniform", "F --rate 2000", "D", "E"] {
            let (report, failure) =
                run(&server, &format!("run --items {item_count} --seconds 0.2 --workload {arguments}"));
            assert_eq!((failure, &report.failed), (None, &Default::default()), "{}", report.table());
            assert!(report.operation_count > 10, "{}", report.table());
            let writes = report.written_item_bytes / report.item_bytes;
            assert_eq!(writes == 0, arguments.starts_with('C'), "{}", report.table());
            if arguments == "D" {
                assert!(report.item_count > item_count);
                // The ordered table has no part in it.
                item_count = 2500;
            }
        }
    }

    #[test]
    fn a_wrong_answer_ends_the_run() {
        for (fault, workload) in [(Fault::Damage, "C"), (Fault::Damage, "E"), (Fault::Lose, "C"), (Fault::Lose, "E")] {
            let server = SmallServer::start(fault);
            run(&server, if workload == "E" { "load --ordered --items 1500" } else { "load --items 1500" });
            let (report, failure) = run(&server, &format!("run --items 1500 --seconds 60 --workload {workload}"));
            assert!(failure.unwrap().contains("wrong answer"), "{fault:?} {workload}");
            assert_eq!(report.failed["wrong answer"], 1);
        }
    }

    #[test]
    fn what_is_throttled_is_sent_again() {
        let server = SmallServer::start(Fault::Throttle);
        let (report, failure) = run(&server, "load --items 1000");
        assert_eq!((report.operation_count, failure), (1000, None), "{}", report.table());
        assert!(report.throttled["ThrottlingException"] >= 100, "{}", report.table());
        assert!(report.failed.is_empty());
    }

    #[test]
    fn an_error_that_stays_is_counted_by_its_name() {
        let server = SmallServer::start(Fault::Refuse);
        let (report, failure) = run(&server, "load --items 100");
        assert_eq!((report.failed["ValidationException"], failure), (100, None), "{}", report.table());
    }
}
