//! An owner of records in miniature: a few keys, overwritten and deleted, with everything that cleaning may do to their records.
//!
//! With files, a checkpoint names the records of all keys by their locations, as sstables do; without, all that is live is visited again at
//! each start. It keeps the rules of `FORMAT.md`, "What the kinds are for", and nothing else protects its records.

use crate::world::{append_copy_of, append_record, flush, keys, options};
use journal::{
    GroupId, Journal, JournalError, Liveness, Location, LogIndex, Record, RecordKind, RecordSum, SegmentId, Term,
};
use runtime::{Runtime, Signal};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(crate) const KEY_COUNT: u8 = 24;
const GROUP: GroupId = GroupId(1);
const ENTRY_BYTES: usize = 10;

/// A change: what a key is from this index on; `None`: deleted.
pub(crate) type Change = (u64, u8, Option<u16>);

/// What has to be there: outlives every owner.
#[derive(Default)]
pub(crate) struct History {
    pub(crate) changes: Vec<Change>,
    pub(crate) acknowledged_index: u64,
}

/// What an owner knows of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version {
    index: u64,
    /// Bytes of its payload; `None`: deleted.
    value: Option<u16>,
    location: Location,
}

pub(crate) struct Owner {
    pub(crate) journal: Journal,
    pub(crate) signal: Signal,
    has_files: bool,
    newest: BTreeMap<u8, Version>,
    /// Appended, not known to be durable.
    pending: Vec<(u8, Version)>,
    last_index: u64,
    checkpoint: Option<(u64, Location)>,
    /// Dead once the next checkpoint is durable: the present one may name them.
    named_dead: Vec<Location>,
}

/// The index and the place of a checkpoint, and what it names.
type Checkpoint = (u64, Location, Vec<(u8, Version)>);

/// What a log makes while it is visited.
#[derive(Default)]
struct Visited {
    newest: BTreeMap<u8, Version>,
    last_index: u64,
    checkpoint: Option<Checkpoint>,
}

impl Visited {
    fn visit(&mut self, record: &Record<'_>, location: Location, liveness: &mut Liveness) {
        if record.kind == RecordKind::Checkpoint {
            let named = decode_checkpoint(record.payload);
            let earlier = self.checkpoint.replace((record.index.0, location, named));
            earlier.into_iter().for_each(|(_, location, _)| liveness.release(location));
            return;
        }
        let value = (record.payload.len() > ENTRY_BYTES).then(|| u16::try_from(record.payload.len()).expect("small"));
        let (key, index) = (record.payload[0], record.index.0);
        assert_eq!(record.payload, payload(index, key, value), "the bytes are those of the entry");
        self.last_index = self.last_index.max(index);
        match self.newest.get(&key) {
            Some(known) if known.index >= index => liveness.release(location),
            known => {
                known.into_iter().for_each(|known| liveness.release(known.location));
                self.newest.insert(key, Version { index, value, location });
            }
        }
    }

    /// What the newest checkpoint names takes the place of what is no newer.
    fn settle(&mut self, journal: &Journal) {
        let Some((index, _, named)) = &self.checkpoint else { return };
        self.last_index = self.last_index.max(*index);
        for (_, version) in named {
            journal.retain(version.location.segment, RecordSum::of_one(version.location.len));
        }
        let older: Vec<u8> =
            self.newest.iter().filter(|(_, version)| version.index <= *index).map(|(key, _)| *key).collect();
        for version in older.iter().filter_map(|key| self.newest.remove(key)) {
            journal.release(version.location);
        }
    }
}

impl Owner {
    /// Opens the journal, makes of it what is there, and holds that against the history.
    pub(crate) async fn open(runtime: &Runtime, has_files: bool, history: &mut History) -> Result<Owner, JournalError> {
        runtime.create_directory(Path::new("/data0")).await?;
        let mut visited = Visited::default();
        let journal = {
            let mut visit = |record: Record<'_>, location: Location, liveness: &mut Liveness| {
                visited.visit(&record, location, liveness);
                Ok(())
            };
            if has_files {
                Journal::open_with_store(runtime, options(1), keys(), &mut visit).await?
            } else {
                Journal::open(runtime, options(1), keys(), &mut visit).await?
            }
        };
        let mut named_dead = Vec::new();
        if has_files {
            visited.settle(&journal);
            journal.settle_store().await?;
        }
        let Visited { mut newest, last_index, checkpoint } = visited;
        for (key, version) in checkpoint.iter().flat_map(|(_, _, named)| named) {
            if newest.contains_key(key) {
                named_dead.push(version.location);
            } else {
                newest.insert(*key, *version);
            }
        }
        if !has_files {
            // A deletion hides nothing here: what it deleted is dead.
            newest.retain(|_, version| {
                version.value.is_some() || {
                    journal.release(version.location);
                    false
                }
            });
        }
        let last_index = last_index.max(history.acknowledged_index);
        history.changes.retain(|(index, ..)| *index <= last_index);
        history.acknowledged_index = last_index;
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let checkpoint = checkpoint.map(|(index, location, _)| (index, location));
        let owner =
            Owner { journal, signal, has_files, newest, pending: Vec::new(), last_index, checkpoint, named_dead };
        owner.check(history).await;
        Ok(owner)
    }

    /// Every key is what the history says, and its record can be read.
    pub(crate) async fn check(&self, history: &History) {
        let mut expected = BTreeMap::new();
        for (index, key, value) in &history.changes {
            match value {
                Some(value) => expected.insert(*key, (*index, *value)),
                None => expected.remove(key),
            };
        }
        let live = self.newest.iter().filter_map(|(key, version)| Some((*key, (version.index, version.value?))));
        assert_eq!(live.collect::<BTreeMap<_, _>>(), expected);
        for (key, version) in &self.newest {
            let read = self.journal.read(version.location).await.unwrap_or_else(|error| panic!("key {key}: {error}"));
            assert_eq!(read, payload(version.index, *key, version.value), "key {key}");
        }
    }

    pub(crate) async fn change(&mut self, key: u8, value: Option<u16>, history: &mut History) {
        self.last_index += 1;
        let index = self.last_index;
        let location = self.append(RecordKind::CommittedEntry, index, &payload(index, key, value)).await;
        self.pending.push((key, Version { index, value, location }));
        history.changes.push((index, key, value));
    }

    /// Waits until all is durable, and lets go of what that makes dead.
    pub(crate) async fn settle(&mut self, history: &mut History) {
        flush(&self.journal, &self.signal).await;
        history.acknowledged_index = self.last_index;
        for (key, version) in std::mem::take(&mut self.pending) {
            let replaced = self.newest.insert(key, version);
            replaced.into_iter().for_each(|replaced| self.let_go(replaced));
            if version.value.is_none() && !self.has_files {
                self.newest.remove(&key);
                self.journal.release(version.location);
            }
        }
    }

    /// Appends a checkpoint that names all keys, and lets go of what it no longer names.
    pub(crate) async fn write_checkpoint(&mut self, history: &mut History) {
        assert!(self.has_files);
        self.settle(history).await;
        let index = self.last_index;
        let dead: Vec<u8> =
            self.newest.iter().filter(|(_, version)| version.value.is_none()).map(|(key, _)| *key).collect();
        let deletions: Vec<Version> = dead.iter().filter_map(|key| self.newest.remove(key)).collect();
        let location = self.append(RecordKind::Checkpoint, index, &encode_checkpoint(&self.newest)).await;
        flush(&self.journal, &self.signal).await;
        let earlier = self.checkpoint.replace((index, location)).map(|(_, location)| location);
        let dead = std::mem::take(&mut self.named_dead);
        for location in dead.into_iter().chain(earlier).chain(deletions.iter().map(|deletion| deletion.location)) {
            self.journal.release(location);
        }
        self.move_replay_start();
    }

    /// Takes what is live out of a segment: the one of the log that is oldest, or with files any that is mostly dead.
    pub(crate) async fn clean(&mut self, history: &mut History) {
        self.settle(history).await;
        let usage = self.journal.usage();
        let last = usage.last().expect("there is one").segment;
        let candidates = usage.iter().filter(|usage| usage.segment < last && (self.has_files || usage.is_visited));
        let victim = if self.has_files {
            candidates.min_by_key(|usage| usage.live_bytes)
        } else {
            candidates.min_by_key(|usage| usage.segment)
        };
        let Some(victim) = victim.map(|usage| usage.segment) else { return };
        let moving: Vec<(u8, Version)> = self
            .newest
            .iter()
            .filter(|(_, version)| version.location.segment == victim)
            .map(|(key, version)| (*key, *version))
            .collect();
        for (key, version) in moving {
            let location = append_copy_of(&self.journal, &self.signal, version.location).await;
            flush(&self.journal, &self.signal).await;
            self.newest.insert(key, Version { location, ..version });
            self.let_go(version);
        }
        if self.has_files {
            if self.checkpoint.is_none_or(|(_, location)| location.segment <= victim) {
                self.write_checkpoint(history).await;
            }
            self.move_replay_start();
        } else {
            self.journal.set_replay_start(SegmentId(victim.0 + 1));
        }
    }

    /// The log begins where something is that no checkpoint names, or the checkpoint itself.
    fn move_replay_start(&self) {
        let Some((checkpoint_index, location)) = self.checkpoint else { return };
        let unnamed = self.newest.values().filter(|version| version.index > checkpoint_index);
        let first = unnamed.map(|version| version.location.segment).chain([location.segment]).min();
        let first = first.expect("there is the checkpoint");
        self.journal.set_replay_start(first.max(self.journal.replay_start()));
    }

    fn let_go(&mut self, version: Version) {
        if self.checkpoint.is_some_and(|(index, _)| version.index <= index) {
            self.named_dead.push(version.location);
        } else {
            self.journal.release(version.location);
        }
    }

    async fn append(&self, kind: RecordKind, index: u64, payload: &[u8]) -> Location {
        let record = Record { kind, group: GROUP, term: Term(1), index: LogIndex(index), payload };
        append_record(&self.journal, &self.signal, record).await
    }

    /// Segments that its keys lie in.
    pub(crate) fn segments(&self) -> BTreeSet<SegmentId> {
        self.newest.values().map(|version| version.location.segment).collect()
    }
}

/// The bytes of an entry: the key, its index, and as many more as the value says, text of every other one; a deletion has none.
fn payload(index: u64, key: u8, value: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![key, 0];
    bytes.extend(index.to_le_bytes());
    if let Some(value) = value {
        let seed = index.wrapping_mul(31).to_le_bytes()[0];
        let as_text = |byte: u8| if index.is_multiple_of(2) { b'a' + byte % 16 } else { byte };
        bytes.extend((ENTRY_BYTES..usize::from(value)).map(|at| as_text(seed.wrapping_add(at.to_le_bytes()[0]))));
    }
    bytes
}

fn encode_checkpoint(newest: &BTreeMap<u8, Version>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, version) in newest {
        let Location { segment, offset, len } = version.location;
        bytes.push(*key);
        bytes.extend(version.index.to_le_bytes());
        bytes.extend(version.value.expect("deletions are not named").to_le_bytes());
        [segment.0, offset, len].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    }
    bytes
}

fn decode_checkpoint(bytes: &[u8]) -> Vec<(u8, Version)> {
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    let decode = |bytes: &[u8]| {
        let index = u64::from_le_bytes(bytes[1..9].try_into().expect("eight bytes"));
        let value = u16::from_le_bytes([bytes[9], bytes[10]]);
        let (segment, offset, len) = (number(&bytes[11..15]), number(&bytes[15..19]), number(&bytes[19..23]));
        let location = Location { segment: SegmentId(segment), offset, len };
        (bytes[0], Version { index, value: Some(value), location })
    };
    bytes.chunks(23).map(decode).collect()
}
