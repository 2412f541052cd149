//! The whole measured from outside: `perf load` drives a server as fast or as evenly as asked, `perf ycsb` does so by YCSB's rules
//! and watches the server's disk and memory meanwhile, `perf crash` kills one under load and looks for what was acknowledged,
//! `perf null` is a server that does nothing, to measure `load` itself.
//!
//! Everything here speaks to a server as any client would: over its sockets. Nothing sees the engine.
//!
//! Deliberately not here: comparisons with other systems (`peers/`), profiling (`profile`), parts in process (`bench/`).

#![forbid(unsafe_code)]
// A tool of the command line: it prints, and it lives outside the simulated machine, so clock, threads and files are its own.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

mod crash;
mod credentials;
mod http_response;
mod load;
mod machine;
mod session;
mod waiting;
mod ycsb;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures a Stator server from outside.
#[derive(Debug, Parser)]
#[command(name = "perf", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Load a server and report throughput and latency.
    Load(Box<load::LoadOptions>),
    /// Run YCSB's core workloads on data sets larger than memory.
    Ycsb(Box<ycsb::YcsbOptions>),
    /// Kill a server under load, again and again, and check that nothing acknowledged is lost.
    Crash(crash::CrashOptions),
    /// Answer the wire driver with ready-made replies: what `perf load` reaches against this is its own ceiling.
    Null(load::NullOptions),
}

fn main() -> ExitCode {
    let result = match CommandLine::parse().command {
        Command::Load(options) => load::run(&options),
        Command::Ycsb(options) => ycsb::run(*options),
        Command::Crash(options) => crash::run(&options),
        Command::Null(options) => load::run_null(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("perf: {error}");
            ExitCode::FAILURE
        }
    }
}
