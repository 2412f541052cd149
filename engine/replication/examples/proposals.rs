//! How many proposals a second one core takes from `propose` to a committed entry: `cargo run --release -p replication --example proposals`.
//!
//! The journal lies on a simulated disk, so this is the work of the processor alone, raft's and ours (and the simulator's per
//! flush, which is why windows differ). One member, which is what a single node has.
#![allow(clippy::print_stdout, reason = "it is a program that prints")]
#![allow(clippy::disallowed_methods, reason = "virtual time measures nothing")]

use bytes::Bytes;
use journal::{GroupId, Journal, JournalOptions};
use replication::{Group, GroupOptions, MemberId, Progress, RecoveredGroup};
use runtime::simulated::Machine;
use runtime::{CoreId, Signal};
use security::{GroupKeys, KeyTable, Keyring, Wrapping};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const PROPOSAL_COUNT: usize = 400_000;

fn main() {
    for (window, change_bytes) in [(1, 128), (16, 128), (64, 128), (512, 128), (64, 1024), (512, 1024)] {
        let machine = Machine::new(1);
        machine.run(round(&machine, window, change_bytes)).expect("nothing goes down");
    }
}

/// The keys of group 1.
fn keys() -> GroupKeys {
    let mut random = |out: &mut [u8]| out.fill(7);
    let keyring = Keyring::draw(&mut random);
    let table = KeyTable::new(1, &mut Wrapping { master: keyring.newest(), random: &mut random });
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

async fn round(machine: &Machine, window: usize, change_bytes: usize) {
    let runtime = machine.runtime();
    let directory = PathBuf::from("/data");
    runtime.create_directory(&directory).await.expect("a directory");
    let options = JournalOptions::new(CoreId(0), vec![directory]);
    let journal = Journal::open(&runtime, options, keys(), &mut |_, _, _| Ok(())).await.expect("it is new");
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let mut group = Group::open(GroupOptions::alone(GroupId(1), MemberId(1)), RecoveredGroup::new()).expect("it opens");
    let change = Bytes::from(vec![7; change_bytes]);
    let mut committed = Vec::new();
    let mut count = 0;
    let mut busy = Duration::ZERO;
    while count < PROPOSAL_COUNT {
        let began = Instant::now();
        for _ in 0..window {
            group.propose(change.clone()).expect("it leads");
        }
        let mut progress = group.collect(&journal);
        busy += began.elapsed();
        while progress == Progress::Blocked || group.waits_for().is_some() {
            signal.wait().await;
            let began = Instant::now();
            progress = group.handle_durable(&journal, &mut committed);
            busy += began.elapsed();
        }
        for entry in committed.drain(..) {
            journal.release(entry.location);
            count += 1;
        }
    }
    let nanoseconds = busy.as_nanos() / count as u128;
    println!(
        "window {window:4}, {change_bytes:5} B: {nanoseconds:6} ns a proposal, {} a second",
        1_000_000_000 / nanoseconds
    );
}
