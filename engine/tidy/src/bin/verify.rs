//! `cargo verify`: every check in the order in which failures are cheapest to find. Stops at the
//! first that fails and says which.

#![forbid(unsafe_code)]

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    rust_flags: Option<&'static str>,
}

const STEPS: &[Step] = &[
    Step { name: "format", arguments: &["fmt", "--all", "--check"], rust_flags: None },
    Step {
        name: "lint",
        arguments: &["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"],
        rust_flags: None,
    },
    Step {
        name: "documentation",
        arguments: &["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"],
        rust_flags: None,
    },
    Step { name: "tests", arguments: &["test", "--workspace"], rust_flags: None },
    Step {
        name: "loom",
        arguments: &["test", "--release", "--package", "loom-tests", "--target-dir", "target/loom"],
        rust_flags: Some("--cfg loom --cfg crossbeam_loom"),
    },
];

/// Runs all steps, or those named on the command line.
#[expect(clippy::disallowed_methods, reason = "times its own steps, outside the product")]
fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    for step in STEPS {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == step.name) {
            continue;
        }
        eprintln!("verify: {} (cargo {})", step.name, step.arguments.join(" "));
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO"));
        command.args(step.arguments).current_dir(tidy::workspace_root());
        if let Some(flags) = step.rust_flags {
            command.env("RUSTFLAGS", flags);
        }
        match command.status() {
            Ok(status) if status.success() => {
                eprintln!("verify: {} passed in {} s", step.name, started.elapsed().as_secs());
            }
            Ok(status) => {
                eprintln!("verify: {} failed: {status}", step.name);
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("verify: cargo could not be started: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
