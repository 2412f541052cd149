//! Instructions an operation takes in user space, counted by valgrind's callgrind, held to a baseline.
//!
//! ```text
//!   instructions verify     counts anew; exit code 1 where a figure left the baseline by more than 5 %, up or down
//!   instructions record     counts anew and writes bench/instructions.toml
//!   instructions run PROTOCOL OPERATION COUNT       what is counted: so many operations, nothing else
//! ```
//! An operation goes the product's own way: bytes, decoder, validation, engine, partition, reply, encoder, bytes. The sockets are
//! left out, and the machine is the simulated one, so every run does the same and the disk of a write is a few of the
//! simulator's own instructions. A figure is the difference of two counts divided by the difference of their operations: starting costs
//! fall out. It holds for one compiler and profile: `cargo run --release -p bench --bin instructions`.
//!
//! Deliberately not here: time, and anything over a socket, which `perf` measures.

#![forbid(unsafe_code)]
// A tool of the command line: it prints, and it lives outside the simulated machine.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

mod door;
mod node;
mod operation;

use door::Protocol;
use operation::Operation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

// As the server's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Operations of the shorter count; the longer has twice as many.
const COUNT: usize = 4_096;
/// How far a figure may be from its baseline, in percent.
const DEVIATION_PERCENT_MAX: f64 = 5.0;

/// Instructions an operation, by protocol and operation.
type Figures = BTreeMap<String, BTreeMap<String, i64>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["run", protocol, operation, count] => run(protocol, operation, count),
        ["record"] => count_all().and_then(|figures| record(&figures)),
        ["verify"] => count_all().and_then(|figures| verify(&figures)),
        _ => Err("say verify, record, or run PROTOCOL OPERATION COUNT".to_owned()),
    }
    .map_or_else(
        |failure| {
            eprintln!("instructions: {failure}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(protocol: &str, operation: &str, count: &str) -> Result<(), String> {
    let protocol = Protocol::ALL.iter().find(|known| known.name() == protocol).ok_or("no such protocol")?;
    let operation = Operation::ALL.iter().find(|known| known.name() == operation).ok_or("no such operation")?;
    node::run(*protocol, *operation, count.parse().map_err(|_| "COUNT is a number")?);
    Ok(())
}

fn count_all() -> Result<Figures, String> {
    let mut figures = Figures::new();
    for protocol in Protocol::ALL {
        for operation in Operation::ALL {
            let few = instructions(protocol.name(), operation.name(), COUNT)?;
            let many = instructions(protocol.name(), operation.name(), 2 * COUNT)?;
            let count = i64::try_from(COUNT).expect("a small number");
            let each = (many - few) / count;
            println!("{:<5} {:<28} {each:>7} instructions", protocol.name(), operation.name());
            figures.entry(protocol.name().to_owned()).or_default().insert(operation.name().to_owned(), each);
        }
    }
    Ok(figures)
}

/// What callgrind counts in a whole run of this binary.
fn instructions(protocol: &str, operation: &str, count: usize) -> Result<i64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["run", protocol, operation, &count.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error} (Debian: apt-get install valgrind)"))?;
    let told = String::from_utf8_lossy(&done.stderr);
    let collected = told.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    match collected {
        Some(collected) if done.status.success() => Ok(collected),
        _ => Err(format!("valgrind ended with {}:\n{told}", done.status)),
    }
}

fn baseline_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

fn record(figures: &Figures) -> Result<(), String> {
    let compiler = Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    let compiler = String::from_utf8_lossy(&compiler.stdout);
    let head = format!(
        "# Instructions an operation, written by `cargo run --release -p bench --bin instructions -- record`.\n\
         # `verify` holds them to 5 %: a change that moves one, or another compiler, says why and records anew.\n\
         # {}\n\n",
        compiler.trim()
    );
    let body = toml::to_string(figures).map_err(|error| error.to_string())?;
    std::fs::write(baseline_path(), format!("{head}{body}")).map_err(|error| error.to_string())
}

fn verify(figures: &Figures) -> Result<(), String> {
    let text = std::fs::read_to_string(baseline_path()).map_err(|error| error.to_string())?;
    let baseline: Figures = toml::from_str(&text).map_err(|error| error.to_string())?;
    let wrong = deviations(figures, &baseline);
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// What is not as the baseline says, figures that only one of the two has included.
fn deviations(figures: &Figures, baseline: &Figures) -> Vec<String> {
    let mut wrong = Vec::new();
    for (protocol, operation, each) in flat(figures) {
        match baseline.get(protocol).and_then(|operations| operations.get(operation)) {
            None => wrong.push(format!("{protocol} {operation} has no baseline")),
            Some(expected) => {
                let deviation = percent(each, *expected);
                if deviation.abs() > DEVIATION_PERCENT_MAX {
                    wrong.push(format!(
                        "{protocol} {operation}: {each}, {deviation:+.1} % from the baseline of {expected}"
                    ));
                }
            }
        }
    }
    for (protocol, operation, _) in flat(baseline) {
        if !figures.get(protocol).is_some_and(|operations| operations.contains_key(operation)) {
            wrong.push(format!("{protocol} {operation} has a baseline and is not counted"));
        }
    }
    wrong
}

fn flat(figures: &Figures) -> impl Iterator<Item = (&str, &str, i64)> {
    figures.iter().flat_map(|(protocol, operations)| {
        operations.iter().map(move |(operation, each)| (protocol.as_str(), operation.as_str(), *each))
    })
}

/// How much more than the baseline, in percent.
#[allow(clippy::cast_precision_loss, reason = "counts of instructions are far below 2^52")]
fn percent(each: i64, expected: i64) -> f64 {
    (each - expected) as f64 * 100.0 / expected as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_may_leave_its_baseline_by_five_percent() {
        let figures = |each: &[(&str, i64)]| {
            let operations = each.iter().map(|(operation, each)| ((*operation).to_owned(), *each)).collect();
            Figures::from([("http".to_owned(), operations)])
        };
        let baseline = figures(&[("GetItem", 1_000)]);
        let check = |each: &[(&str, i64)], expect: &[&str]| assert_eq!(deviations(&figures(each), &baseline), expect);
        check(&[("GetItem", 1_000)], &[]);
        check(&[("GetItem", 1_050)], &[]);
        check(&[("GetItem", 950)], &[]);
        check(&[("GetItem", 1_051)], &["http GetItem: 1051, +5.1 % from the baseline of 1000"]);
        check(&[("GetItem", 949)], &["http GetItem: 949, -5.1 % from the baseline of 1000"]);
        check(&[("GetItem", 1_000), ("PutItem", 1)], &["http PutItem has no baseline"]);
        check(&[], &["http GetItem has a baseline and is not counted"]);
    }
}
