//! A journal on a simulated machine with groups on it, as these tests use them.
#![allow(dead_code, reason = "each test file uses a part")]

use bytes::Bytes;
use journal::{GroupId, Journal, JournalOptions, Location, LogIndex, Position, Term};
use replication::{CommittedEntry, Group, GroupOptions, MemberId, Progress, RecoveredGroup};
use runtime::{CoreId, Runtime, Signal};
use security::{GroupKeys, KeyOwner, KeyTable, Keyring, Wrapping};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) const SEGMENT_BYTES: u64 = 128 << 10;

/// A committed change as a test keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) index: u64,
    pub(crate) term: u64,
    pub(crate) change: Vec<u8>,
    pub(crate) location: Location,
}

impl Change {
    pub(crate) fn of(entry: &CommittedEntry) -> Change {
        let CommittedEntry { index, term, location, change } = entry;
        Change { index: index.0, term: term.0, change: change.to_vec(), location: *location }
    }
}

/// What an opening brought back, by group.
#[derive(Default)]
pub(crate) struct Recovered {
    pub(crate) groups: BTreeMap<GroupId, RecoveredGroup>,
    pub(crate) applied: BTreeMap<GroupId, Vec<Change>>,
}

pub(crate) fn options() -> JournalOptions {
    let directory = Path::new("/data").to_path_buf();
    JournalOptions { segment_bytes: SEGMENT_BYTES, ..JournalOptions::new(CoreId(0), vec![directory]) }
}

/// The keys of groups 0 to 99, the same in each life.
fn keys() -> GroupKeys {
    let mut random = |out: &mut [u8]| out.fill(7);
    let keyring = Keyring::draw(&mut random);
    let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
    let mut table = KeyTable::new(0, &mut wrapping);
    table.add(KeyOwner(1), (1..100).collect(), &mut wrapping);
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

pub(crate) async fn open(runtime: &Runtime) -> (Journal, Recovered) {
    runtime.create_directory(Path::new("/data")).await.expect("a directory");
    let mut recovered = Recovered::default();
    let Recovered { groups, applied } = &mut recovered;
    let journal = Journal::open(runtime, options(), keys(), &mut |record, location, liveness| {
        let changes = applied.entry(record.group).or_insert_with(Vec::new);
        let group = groups.entry(record.group).or_default();
        group.handle_record(record, location, liveness, &mut |change, _| {
            let (LogIndex(index), Term(term)) = (change.index, change.term);
            changes.push(Change { index, term, change: change.change.to_vec(), location: change.location });
        })
    })
    .await
    .expect("the journal opens");
    (journal, recovered)
}

pub(crate) fn alone(group: u64, recovered: RecoveredGroup) -> Group {
    Group::open(GroupOptions::alone(GroupId(group), MemberId(1)), recovered).expect("the group opens")
}

pub(crate) async fn wait_durable(journal: &Journal, position: Position) {
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    while journal.durable() < position {
        signal.wait().await;
    }
}

/// Collects, flushes and applies until nothing of the group is on its way.
pub(crate) async fn settle(group: &mut Group, journal: &Journal) -> Vec<Change> {
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let mut committed = Vec::new();
    let mut progress = group.collect(journal);
    while progress == Progress::Blocked || group.waits_for().is_some() {
        signal.wait().await;
        progress = group.handle_durable(journal, &mut committed);
    }
    committed.iter().map(Change::of).collect()
}

pub(crate) fn change(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}
