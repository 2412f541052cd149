//! How many records a second become durable, one core, one disk: `cargo run --release -p journal --example group_commit -- DIR`.
//!
//! A closed loop: so many records are on their way at any time, and each that becomes durable is followed by the next.
//! Compare with a bare ring on the same disk, never across machines.
#![allow(clippy::print_stdout, reason = "it is a program that prints")]

use journal::{AppendRefused, GroupId, Journal, JournalOptions, LogIndex, Record, RecordKind, Term};
use runtime::{Instant, Runtime, RuntimeOptions, Signal};
use security::{GroupKeys, KeyTable, Keyring, Wrapping};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

const ROUND: Duration = Duration::from_secs(3);
/// Records of 1 KiB that are read back at the end.
const RECOVERED_COUNT: u64 = 1 << 20;

fn main() {
    let directory = PathBuf::from(std::env::args().nth(1).expect("name a directory on the disk to measure"));
    let options = RuntimeOptions { cpus: vec![0], ..RuntimeOptions::default() };
    let machine = runtime::start(options, move |runtime| measure(runtime, directory.clone()));
    machine.unwrap_or_else(|error| panic!("{error}")).join();
}

/// The keys of group 1.
fn keys() -> GroupKeys {
    let mut random = |out: &mut [u8]| out.fill(7);
    let keyring = Keyring::draw(&mut random);
    let table = KeyTable::new(1, &mut Wrapping { master: keyring.newest(), random: &mut random });
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

async fn measure(runtime: Runtime, directory: PathBuf) {
    runtime.create_directory(&directory).await.unwrap_or_else(|error| panic!("{error}"));
    let method = runtime.probe_flush_method(&directory).await.unwrap_or_else(|error| panic!("{error}"));
    println!("flush method {method:?}");
    let options = JournalOptions::new(runtime.core(), vec![directory]);
    let began = runtime.now();
    let journal = Journal::open(&runtime, options.clone(), keys(), &mut |_, location, liveness| {
        liveness.release(location);
        Ok(())
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
    println!("opened in {:?}: {:?}", runtime.now().since(began), journal.recovery());
    for _ in 0..2 {
        for (writer_count, payload_bytes) in [(1, 128), (16, 1024), (64, 128), (64, 1024), (512, 128), (512, 1024)] {
            round(&runtime, &journal, writer_count, payload_bytes).await;
        }
    }
    journal.close().await;
    recover(&runtime, options).await;
}

/// How fast a log is read back.
async fn recover(runtime: &Runtime, options: JournalOptions) {
    let journal = Journal::open(runtime, options.clone(), keys(), &mut |_, _, _| Ok(()))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let payload = vec![0x5A; 1024];
    for index in 0..RECOVERED_COUNT {
        let (kind, group) = (RecordKind::CommittedEntry, GroupId(1));
        while journal.append(Record { kind, group, term: Term(1), index: LogIndex(index), payload: &payload }).is_err()
        {
            signal.wait().await;
        }
    }
    journal.close().await;
    let began = runtime.now();
    let journal =
        Journal::open(runtime, options, keys(), &mut |_, _, _| Ok(())).await.unwrap_or_else(|error| panic!("{error}"));
    let seconds = runtime.now().since(began).as_secs_f64();
    let report = journal.recovery();
    println!(
        "recovered {} records, {} MiB, in {:.0} ms: {:.2} GB/s",
        report.record_count,
        report.payload_bytes >> 20,
        seconds * 1000.0,
        report.payload_bytes as f64 / seconds / 1e9
    );
    journal.close().await;
}

async fn round(runtime: &Runtime, journal: &Journal, writer_count: usize, payload_bytes: usize) {
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let payload = vec![0x5A; payload_bytes];
    let mut on_their_way = VecDeque::with_capacity(writer_count);
    let mut latencies_us = Vec::new();
    let (mut index, mut flush_count) = (0, 0_u64);
    let began = runtime.now();
    let mut now = began;
    while now.since(began) < ROUND {
        while on_their_way.len() < writer_count {
            let (kind, group) = (RecordKind::CommittedEntry, GroupId(1));
            match journal.append(Record { kind, group, term: Term(1), index: LogIndex(index), payload: &payload }) {
                Ok(location) => on_their_way.push_back((journal.appended(), now, location)),
                Err(AppendRefused::Busy | AppendRefused::NoSpace) => break,
                Err(refused) => panic!("{refused}"),
            }
            index += 1;
        }
        signal.wait().await;
        now = runtime.now();
        flush_count += 1;
        while on_their_way.front().is_some_and(|(position, ..)| *position <= journal.durable()) {
            let (_, began, location) = on_their_way.pop_front().expect("there is one");
            latencies_us.push(microseconds(began, now));
            journal.release(location);
        }
    }
    let seconds = now.since(began).as_secs_f64();
    while journal.durable() < journal.appended() {
        signal.wait().await;
    }
    on_their_way.into_iter().for_each(|(_, _, location)| journal.release(location));
    latencies_us.sort_unstable();
    let at = |share: usize| latencies_us[(latencies_us.len() * share / 1000).min(latencies_us.len() - 1)];
    println!(
        "{writer_count:4} writers {payload_bytes:5} B: {:8.0} records/s, {:6.0} flushes/s, p50 {} us, p99 {} us, p99.9 {} us",
        latencies_us.len() as f64 / seconds,
        flush_count as f64 / seconds,
        at(500),
        at(990),
        at(999)
    );
}

fn microseconds(began: Instant, ended: Instant) -> u64 {
    u64::try_from(ended.since(began).as_micros()).unwrap_or(u64::MAX)
}
