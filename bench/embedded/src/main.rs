//! One storage engine at a time, in process, under the load that `run` gives all of them: 1 KiB puts, each durable before it counts,
//! or random reads of what such puts left behind.
//!
//! Prints one line of JSON. CPU time and the device's flushes are measured around the process by `run`, for db_bench alike.
//!
//! Deliberately not here: RocksDB, which is measured by its own db_bench, and Stator over a socket (`perf`).

#![forbid(unsafe_code)]
// A tool of the command line: clock and threads are its own.
#![allow(clippy::disallowed_methods)]

mod fjall_engine;
mod load;
mod stator_engine;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use load::Figures;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineName {
    Stator,
    Fjall,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Phase {
    /// Each key put once, however fast; not durable one by one where an engine can be asked for that.
    Fill,
    /// Puts of random keys, each durable when it is counted.
    Put,
    /// Reads of random keys: for `seconds` to warm up, then for `seconds`.
    Read,
}

/// Measures one engine.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Options {
    #[arg(value_enum)]
    engine: EngineName,
    #[arg(value_enum)]
    phase: Phase,
    /// Where the data is, or will be
    #[arg(long)]
    directory: PathBuf,
    /// Threads; of Stator, operations in flight
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    writers: u16,
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Keys that are drawn among
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    keys: u64,
    #[arg(long, default_value_t = 1024)]
    value_bytes: usize,
    /// Bytes of memory: Stator's budget, fjall's cache
    #[arg(long, default_value_t = 1 << 30)]
    memory_bytes: u64,
    /// The CPUs of Stator's cores
    #[arg(long, value_delimiter = ',', default_value = "0")]
    cpus: Vec<usize>,
    /// Stator: each core asks for any key, also for those of other cores
    #[arg(long)]
    any_keys: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.engine {
        EngineName::Stator => stator_engine::measure(&options),
        EngineName::Fjall => fjall_engine::measure(&options),
    };
    match result.and_then(|figures| print(&figures)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("embedded: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print(figures: &Figures) -> Result<(), Box<dyn Error>> {
    println!("{}", figures.to_json()?);
    Ok(())
}
