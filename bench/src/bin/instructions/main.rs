//! Instructions and allocations an operation takes in user space, counted by valgrind's callgrind, held to a baseline.
//!
//! ```text
//!   instructions verify     counts anew; exit code 1 where instructions left the baseline by more than 2 %, or allocations by one in five operations
//!   instructions record     counts anew and writes bench/instructions.toml
//!   instructions run PROTOCOL PART OPERATION COUNT       what is counted: so many operations, nothing else
//! ```
//! A part is the `whole` of an operation, or its `codec`: request decoded, nothing done with it, a reply encoded.
//! An operation goes the product's own way: bytes, decoder, validation, engine, partition, reply, encoder, bytes. The sockets are
//! left out, and the machine is the simulated one, so every run does the same and the disk of a write is a few of the
//! simulator's own instructions. Only the operations are counted, not what comes before them. A figure
//! holds for one compiler and profile: `cargo run --release -p bench --bin instructions`.
//!
//! Deliberately not here: time, and anything over a socket, which `perf` measures.

#![forbid(unsafe_code)]
// A tool of the command line: it prints, and it lives outside the simulated machine.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

mod callgrind;
mod door;
mod node;
mod operation;

use callgrind::Counts;
use door::{Part, Protocol};
use operation::Operation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

// As the server's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Operations that are counted.
const COUNT: usize = 8_192;
/// Queries that are counted: one takes a hundred times as long.
const QUERY_COUNT: usize = 512;
/// How far instructions may be from their baseline, in percent.
const DEVIATION_PERCENT_MAX: f64 = 2.0;
/// How far allocations may be from their baseline: less than one in so many operations.
const DEVIATION_ALLOCATIONS_MAX: f64 = 0.2;

/// What one operation takes.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Figure {
    instructions: f64,
    allocations: f64,
}

/// Figures by protocol with part, and operation.
type Figures = BTreeMap<String, BTreeMap<String, Figure>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["run", protocol, part, operation, count] => run(protocol, part, operation, count),
        ["record"] => count_all().and_then(|figures| record(&figures)),
        ["verify"] => count_all().and_then(|figures| verify(&figures)),
        _ => Err("say verify, record, or run PROTOCOL PART OPERATION COUNT".to_owned()),
    }
    .map_or_else(
        |failure| {
            eprintln!("instructions: {failure}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn run(protocol: &str, part: &str, operation: &str, count: &str) -> Result<(), String> {
    let protocol = Protocol::ALL.iter().find(|known| known.name() == protocol).ok_or("no such protocol")?;
    let operation = Operation::ALL.iter().find(|known| known.name() == operation).ok_or("no such operation")?;
    let part = Part::ALL.iter().find(|known| known.name() == part).ok_or("no such part")?;
    let count = count.parse().map_err(|_| "COUNT is a number")?;
    match part {
        Part::Whole => node::run(*protocol, *operation, count),
        Part::Codec => door::run_codec(*protocol, *operation, count),
    }
    Ok(())
}

fn count_all() -> Result<Figures, String> {
    let mut figures = Figures::new();
    for protocol in Protocol::ALL {
        for part in Part::ALL {
            let name = format!("{}-{}", protocol.name(), part.name());
            for operation in Operation::ALL {
                let count = if operation == Operation::Query { QUERY_COUNT } else { COUNT };
                let arguments = ["run", protocol.name(), part.name(), operation.name(), &count.to_string()];
                let figure = each(callgrind::count(&arguments)?, count);
                let Figure { instructions, allocations } = figure;
                println!(
                    "{name:<17} {:<12} {instructions:>9} instructions {allocations:>7} allocations",
                    operation.name()
                );
                figures.entry(name.clone()).or_default().insert(operation.name().to_owned(), figure);
            }
        }
    }
    Ok(figures)
}

/// What each of `count` operations takes.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn each(counts: Counts, count: usize) -> Figure {
    let each = |all: u64| all as f64 / count as f64;
    Figure {
        instructions: each(counts.instructions).round(),
        allocations: (each(counts.allocations) * 100.0).round() / 100.0,
    }
}

fn baseline_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

fn record(figures: &Figures) -> Result<(), String> {
    let compiler = Command::new("rustc").arg("--version").output().map_err(|error| format!("rustc: {error}"))?;
    let compiler = String::from_utf8_lossy(&compiler.stdout);
    let head = format!(
        "# Instructions and allocations an operation, written by `cargo run --release -p bench --bin instructions -- record`.\n\
         # `verify` holds them to 2 %: a change that moves one, or another compiler, says why and records anew.\n\
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
    for (protocol, operation, figure) in flat(figures) {
        let Some(expected) = baseline.get(protocol).and_then(|operations| operations.get(operation)) else {
            wrong.push(format!("{protocol} {operation} has no baseline"));
            continue;
        };
        let (found, known) = (figure.instructions, expected.instructions);
        let deviation = (found - known) * 100.0 / known;
        if deviation.abs() > DEVIATION_PERCENT_MAX {
            wrong.push(format!(
                "{protocol} {operation}: {found} instructions, {deviation:+.1} % from the baseline of {known}"
            ));
        }
        let (found, known) = (figure.allocations, expected.allocations);
        if (found - known).abs() > DEVIATION_ALLOCATIONS_MAX {
            wrong.push(format!("{protocol} {operation}: {found} allocations, the baseline is {known}"));
        }
    }
    for (protocol, operation, _) in flat(baseline) {
        if !figures.get(protocol).is_some_and(|operations| operations.contains_key(operation)) {
            wrong.push(format!("{protocol} {operation} has a baseline and is not counted"));
        }
    }
    wrong
}

fn flat(figures: &Figures) -> impl Iterator<Item = (&str, &str, Figure)> {
    figures.iter().flat_map(|(protocol, operations)| {
        operations.iter().map(move |(operation, figure)| (protocol.as_str(), operation.as_str(), *figure))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_may_leave_its_baseline_by_little() {
        let figures = |each: &[(&str, f64, f64)]| {
            let figure = |instructions: f64, allocations: f64| Figure { instructions, allocations };
            let operations = each.iter().map(|(name, first, second)| ((*name).to_owned(), figure(*first, *second)));
            Figures::from([("http".to_owned(), operations.collect())])
        };
        let baseline = figures(&[("GetItem", 1_000.0, 2.0)]);
        let check = |each: &[(&str, f64, f64)], expect: &[&str]| {
            assert_eq!(deviations(&figures(each), &baseline), expect);
        };
        check(&[("GetItem", 1_000.0, 2.0)], &[]);
        check(&[("GetItem", 1_020.0, 2.1)], &[]);
        check(&[("GetItem", 980.0, 1.9)], &[]);
        check(&[("GetItem", 1_021.0, 2.0)], &["http GetItem: 1021 instructions, +2.1 % from the baseline of 1000"]);
        check(&[("GetItem", 979.0, 2.0)], &["http GetItem: 979 instructions, -2.1 % from the baseline of 1000"]);
        check(&[("GetItem", 1_000.0, 3.0)], &["http GetItem: 3 allocations, the baseline is 2"]);
        check(&[("GetItem", 1_000.0, 2.0), ("PutItem", 1.0, 0.0)], &["http PutItem has no baseline"]);
        check(&[], &["http GetItem has a baseline and is not counted"]);
    }

    #[test]
    fn a_figure_is_of_one_operation() {
        let figure = each(Counts { instructions: 4_000, allocations: 5 }, 4);
        assert_eq!(figure, Figure { instructions: 1_000.0, allocations: 1.25 });
    }
}
