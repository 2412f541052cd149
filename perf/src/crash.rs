//! `perf crash`: kill -9 under load from both protocols, and a look at what is left.
//!
//! A round: start the server on the data directory; check every key against the oracles; write until a moment drawn by the
//! seed; kill. Every fourth start is itself killed in the middle. At the end the server is stopped with SIGTERM and the table
//! checked once more. Each key has one writer, so what it may hold is known exactly.

mod check;
mod http;
mod item;
mod json;
mod oracle;
mod server;
mod store;
mod writer;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use fastrand::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use check::{Findings, check};
use oracle::Oracle;
use server::{Server, ServerCommand};
use store::{Addresses, Failure, Store};
use writer::{Written, write_until_over};

/// The load lasts between these.
const LOAD_MS: std::ops::Range<u64> = 50..900;
/// A start that is killed is killed within this.
const START_KILLED_MS_MAX: u64 = 80;
/// One start in so many is killed.
const START_KILLED_EVERY: u32 = 4;
/// Answers that have left the server before it died may take so long to be read.
const LAST_ANSWERS: Duration = Duration::from_millis(100);

/// Options of `perf crash`.
#[derive(Args, Debug)]
pub(crate) struct CrashOptions {
    /// The `stator` binary
    #[arg(long)]
    server: PathBuf,
    /// How often to kill it
    #[arg(long, default_value_t = 20)]
    rounds: u32,
    /// Seed of keys, sizes and moments [default: drawn, and printed]
    #[arg(long)]
    seed: Option<u64>,
    /// Writers; every second one speaks HTTP, the others the binary protocol
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=999))]
    writers: u16,
    /// Start with an empty data directory after so many rounds, to bound the disk space
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    fresh_every: u32,
    /// Where data directories and the server's log go [default: a temporary directory, removed if all is well]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Further arguments of `stator serve`, after `--`
    #[arg(last = true)]
    server_arguments: Vec<String>,
}

/// Runs all rounds. The exit code is 1 on any violation.
pub(crate) fn run(options: &CrashOptions) -> Result<ExitCode, Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let directory = options.directory.clone().unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&directory)?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(0..1_000_000_000));
    println!("{} rounds, {} writers, seed {seed}", options.rounds, options.writers);
    let command = ServerCommand {
        program: options.server.clone(),
        arguments: options.server_arguments.clone(),
        log: directory.join("server.log"),
    };
    let mut crash = Crash::new(command, directory, options.writers, seed);
    let begin = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(crash.run(options.rounds, options.fresh_every));
    let is_sound = matches!(result, Ok(true));
    if !is_sound && options.directory.is_none() {
        println!("data and log are kept in {}", temporary.keep().display());
    }
    result?;
    let verdict = if is_sound { "nothing acknowledged was lost" } else { "VIOLATED" };
    println!(
        "{} kills in {:.1} s, {} acknowledged writes, {} in flight kept, {} dropped: {verdict} (seed {seed})",
        crash.kill_count,
        begin.elapsed().as_secs_f64(),
        crash.acknowledged_count,
        crash.kept_count,
        crash.dropped_count,
    );
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Crash {
    command: ServerCommand,
    directory: PathBuf,
    oracles: Vec<Oracle>,
    chance: Rng,
    kill_count: u32,
    acknowledged_count: u64,
    kept_count: u64,
    dropped_count: u64,
}

impl Crash {
    fn new(command: ServerCommand, directory: PathBuf, writer_count: u16, seed: u64) -> Crash {
        Crash {
            command,
            directory,
            oracles: (0..writer_count).map(Oracle::new).collect(),
            chance: Rng::with_seed(seed),
            kill_count: 0,
            acknowledged_count: 0,
            kept_count: 0,
            dropped_count: 0,
        }
    }

    /// False when something was lost, or worse.
    async fn run(&mut self, rounds: u32, fresh_every: u32) -> Result<bool, Box<dyn Error>> {
        for round in 0..rounds {
            let is_fresh = round.is_multiple_of(fresh_every);
            if is_fresh && round > 0 && !self.finish(round).await? {
                return Ok(false);
            }
            if !self.round(round, is_fresh).await? {
                return Ok(false);
            }
        }
        self.finish(rounds).await
    }

    fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Start, check, load, kill.
    async fn round(&mut self, round: u32, is_fresh: bool) -> Result<bool, Box<dyn Error>> {
        let data_directory = self.data_directory();
        if is_fresh {
            clear(&data_directory)?;
            self.oracles = (0..).zip(&self.oracles).map(|(writer, _)| Oracle::new(writer)).collect();
        }
        let is_start_killed = self.chance.u32(0..START_KILLED_EVERY) == 0;
        if is_start_killed {
            let server = self.command.spawn(&data_directory)?;
            let wait_ms = self.chance.u64(0..START_KILLED_MS_MAX);
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            server.kill().map_err(|error| format!("round {round}: during a start: {error}"))?;
            self.kill_count += 1;
        }
        let (server, addresses, ready_after) = self.command.start(&data_directory)?;
        if is_fresh {
            Store::wire(addresses).await?.create_table().await?;
        }
        let findings = self.check(addresses, round).await?;
        let killed_start = if is_start_killed { ", after a start that was killed" } else { "" };
        let start = format!(
            "round {round:>3}: ready in {:>4} ms{killed_start}; {}",
            ready_after.as_millis(),
            describe(&findings)
        );
        if findings.violation_count > 0 {
            println!("{start}");
            return Ok(tell(&findings, None));
        }
        let load = Duration::from_millis(self.chance.u64(LOAD_MS));
        let before = self.acknowledged();
        let failure = self.load(server, addresses, round, load).await?;
        let acknowledged = self.acknowledged() - before;
        self.acknowledged_count += acknowledged;
        println!("{start}; {acknowledged} writes acknowledged, killed after {} ms", load.as_millis());
        Ok(tell(&findings, failure))
    }

    /// Start, check, stop as asked, start, check again.
    async fn finish(&mut self, round: u32) -> Result<bool, Box<dyn Error>> {
        for when in ["after the last kill", "after a clean stop"] {
            let (server, addresses, ready_after) = self.command.start(&self.data_directory())?;
            let findings = self.check(addresses, round).await?;
            println!("{when}: ready in {} ms; {}", ready_after.as_millis(), describe(&findings));
            if !tell(&findings, None) {
                return Ok(false);
            }
            server.stop()?;
        }
        Ok(true)
    }

    async fn check(&mut self, addresses: Addresses, round: u32) -> Result<Findings, Failure> {
        let mut stores = [Store::wire(addresses).await?, Store::http(addresses).await?];
        let findings = check(&mut self.oracles, &mut stores, round).await;
        self.kept_count += findings.in_flight.kept;
        self.dropped_count += findings.in_flight.dropped;
        Ok(findings)
    }

    /// Lets all writers write, kills the server, and waits for the last answers. Why a writer stopped before the kill.
    async fn load(
        &mut self,
        server: Server,
        addresses: Addresses,
        round: u32,
        load: Duration,
    ) -> Result<Option<Failure>, Box<dyn Error>> {
        let (over, is_over) = watch::channel(false);
        let mut writers = JoinSet::new();
        // Writers of the binary protocol share connections, so that their requests are pipelined.
        let pipelined = Store::connect(addresses).await?;
        for oracle in std::mem::take(&mut self.oracles) {
            let speaks_http = (u32::from(oracle.writer()) + round) % 2 == 1;
            let store = if speaks_http { Store::http(addresses).await? } else { Store::Wire(pipelined.clone()) };
            writers.spawn(write_until_over(oracle, store, round, self.chance.u64(..), is_over.clone()));
        }
        let mut written: Vec<Written> = Vec::new();
        let early = tokio::select! {
            () = tokio::time::sleep(load) => None,
            first = writers.join_next() => first,
        };
        let mut failure = None;
        if let Some(first) = early.transpose()? {
            failure.clone_from(&first.failure);
            written.push(first);
        }
        server.kill()?;
        self.kill_count += 1;
        let last = tokio::time::sleep(LAST_ANSWERS);
        tokio::pin!(last);
        loop {
            tokio::select! {
                next = writers.join_next() => match next.transpose()? {
                    Some(next) => written.push(next),
                    None => break,
                },
                () = &mut last, if !*over.borrow() => drop(over.send(true)),
            }
        }
        failure = failure.or_else(|| refusal(&written));
        self.oracles = written.into_iter().map(|written| written.oracle).collect();
        self.oracles.sort_unstable_by_key(Oracle::writer);
        Ok(failure)
    }

    fn acknowledged(&self) -> u64 {
        self.oracles.iter().map(|oracle| oracle.acknowledged_count).sum()
    }
}

/// An error that the server has answered: no write of the test earns one.
fn refusal(written: &[Written]) -> Option<Failure> {
    let is_refusal = |failure: &&Failure| matches!(failure, Failure::Refused(_));
    written.iter().filter_map(|written| written.failure.as_ref()).find(is_refusal).cloned()
}

fn clear(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn describe(findings: &Findings) -> String {
    let Findings { item_count, absent_count, in_flight, violation_count, .. } = findings;
    format!(
        "{item_count} items and {absent_count} absent, in flight {} kept {} dropped, {violation_count} violations",
        in_flight.kept, in_flight.dropped
    )
}

/// Prints what is wrong. True when nothing is.
fn tell(findings: &Findings, failure: Option<Failure>) -> bool {
    for violation in &findings.violations {
        println!("  {violation}");
    }
    if let Some(failure) = &failure {
        println!("  a writer stopped before the kill: {failure}");
    }
    findings.violation_count == 0 && failure.is_none()
}
