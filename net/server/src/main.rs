//! The binary `stator`: command line, configuration, start and stop.
//!
//! It joins the engine with the protocols; see `serve.rs` for how a node starts, `core.rs` for a
//! core's loop, `kms/` for the client of a key service, and `inspect.rs` for the look at data that no server has
//! open. Errors go to standard error as one line that says what to do; the one line on standard output of a server says that it is ready.

#![forbid(unsafe_code)]

mod admin;
mod connection;
mod core;
mod credentials;
mod in_flight;
mod inspect;
mod kms;
mod listeners;
mod metrics;
mod options;
mod owing;
mod receiving;
mod reply_sizes;
mod serve;
mod speech;
mod turn_budget;

use clap::Parser;
use options::{Command, CommandLine, ServeOptions};
use std::fs;
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

// Many small buffers of many sizes on every core: the system's allocator holds on to far more memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let line = CommandLine::parse();
    start_logging();
    let done = match line.command.unwrap_or_default() {
        Command::Serve(flags) => {
            let options = ServeOptions::resolve(*flags, |path| fs::read_to_string(path));
            options.map_err(|error| error.to_string()).and_then(serve::serve).map(|()| ExitCode::SUCCESS)
        }
        Command::Inspect(arguments) => inspect::inspect(*arguments),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stator: {error}");
            ExitCode::FAILURE
        }
    }
}

/// To standard error; `STATOR_LOG` says how much, in the form of `info,journal=debug`.
fn start_logging() {
    let filter = EnvFilter::try_from_env("STATOR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(is_terminal).init();
}
