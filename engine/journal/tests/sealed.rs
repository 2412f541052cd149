//! Payloads are sealed: nothing of them is on the disk in clear, and what somebody changes, moves or takes the keys of is refused by its place,
//! with every checksum right.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

mod world;

use journal::{
    AppendRefused, DamageKind, GroupId, Journal, JournalError, Location, ReadError, SegmentId, Survey, Unopened,
};
use runtime::Signal;
use runtime::simulated::{Machine, NodeId};
use security::{GroupKeys, KeyOwner, KeyTable, Keyring, NoKey, Wrapping};
use std::path::{Path, PathBuf};
use world::{Owned, append, flush, keys, open, open_with, options};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Where the flush of the records begins: behind the header and the mark.
const FLUSH: u32 = 8192;
const SEGMENT_HEADER: u32 = 216;
const FLUSH_HEADER: u32 = 64;
const FLUSH_KIND: u32 = 52;
const PAYLOAD: u64 = 104;
/// Where the fields of a record are, whose numbers have a byte each here.
const KIND: u32 = 8;
const VERSION: u32 = 10;
const GROUP: u32 = 11;
const TERM: u32 = 12;
/// Bytes of a record's header.
const RECORD_HEADER: u32 = 14;
/// Bytes of each record, tag included.
const RECORD: u32 = 134;

fn segment() -> PathBuf {
    PathBuf::from("/data0/journal-0/segment-1")
}

/// A machine with a journal of one flush of three records of one size, all of group 1.
fn small_journal() -> (Machine, Vec<Owned>) {
    journal_of_three(true)
}

fn journal_of_three(is_closed: bool) -> (Machine, Vec<Owned>) {
    let machine = Machine::new(5);
    let records: Vec<Owned> = (0..3).map(|index| Owned { group: 1, ..Owned::new(1, index, PAYLOAD) }).collect();
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        for record in &records {
            append(&journal, &signal, record).await;
        }
        flush(&journal, &signal).await;
        if is_closed {
            journal.close().await;
        }
    };
    machine.run(work).expect("nothing goes down");
    machine.kill(NodeId(0));
    machine.restart();
    (machine, records)
}

fn location(place: u32) -> Location {
    let len = u32::try_from(PAYLOAD).unwrap();
    Location { segment: SegmentId(1), offset: FLUSH + FLUSH_HEADER + place * RECORD, len }
}

/// Opens with these keys. Every record that is visited counts; `Err` what the opening says.
fn open_again(machine: &Machine, keys: GroupKeys) -> Result<Vec<Owned>, JournalError> {
    let mut found = Vec::new();
    let opened = machine.run(async {
        Journal::open(&machine.runtime(), options(1), keys, &mut |record, _, _| {
            found.push(Owned::of(&record));
            Ok(())
        })
        .await
    });
    opened.expect("nothing goes down").map(|_| found)
}

fn u64_at(bytes: &[u8], at: u32) -> u64 {
    let at = at as usize;
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// Makes the file hold `bytes`, where they differ.
fn put(machine: &Machine, path: &Path, bytes: &[u8]) {
    let before = machine.disk().read_live(path);
    for (at, (old, new)) in before.iter().zip(bytes).enumerate().filter(|(_, (old, new))| old != new) {
        machine.disk().flip(path, at as u64, old ^ new);
    }
}

/// Computes every checksum of the flush of records anew, as FORMAT.md says and as somebody can who knows it.
fn forge(machine: &Machine, bytes: &mut [u8]) {
    let journal_id = u64_at(&machine.disk().read_live(Path::new("/data0/journal-0/identity")), 24);
    let key = xxh3_64(&[journal_id.to_le_bytes(), u64_at(bytes, 24).to_le_bytes()].concat());
    let checksum = |bytes: &[u8], offset: u32, end: u32| {
        let seed = key.wrapping_add(u64::from(offset).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        xxh3_64_with_seed(&bytes[offset as usize + 8..end as usize], seed)
    };
    let mut chain = 0_u64;
    for place in 0..3 {
        let offset = location(place).offset;
        let sum = checksum(bytes, offset, offset + RECORD);
        bytes[offset as usize..offset as usize + 8].copy_from_slice(&sum.to_le_bytes());
        chain = (chain ^ sum).wrapping_mul(0x9FB2_1C65_1E98_DF25).rotate_left(29);
    }
    let sum = checksum(bytes, 0, SEGMENT_HEADER);
    bytes[..8].copy_from_slice(&sum.to_le_bytes());
    let header = FLUSH as usize;
    bytes[header + 40..header + 48].copy_from_slice(&chain.to_le_bytes());
    let sum = checksum(bytes, FLUSH, FLUSH + FLUSH_HEADER);
    bytes[header..header + 8].copy_from_slice(&sum.to_le_bytes());
}

/// Changes the flush of records, forges its checksums, and gives what the opening says.
fn open_forged(change: impl FnOnce(&mut [u8])) -> Result<Vec<Owned>, JournalError> {
    let (machine, _) = small_journal();
    let mut bytes = machine.disk().read_live(&segment());
    change(&mut bytes);
    forge(&machine, &mut bytes);
    put(&machine, &segment(), &bytes);
    open_again(&machine, keys())
}

fn not_authentic(place: u32) -> Result<Vec<Owned>, JournalError> {
    Err(JournalError::Sealed { path: segment(), location: location(place), reason: Unopened::NotAuthentic })
}

/// It is whole, and it may have been acknowledged: another version of the program wrote it.
#[test]
fn an_unknown_kind_at_the_end_of_the_log_is_no_torn_tail() {
    let kind_found = |offset: u32, kind: u8| {
        let (machine, _) = journal_of_three(false);
        let mut bytes = machine.disk().read_live(&segment());
        bytes[offset as usize] = kind;
        forge(&machine, &mut bytes);
        put(&machine, &segment(), &bytes);
        let work = async { Survey::open(&machine.runtime(), &options(1), keys()).await };
        let survey = machine.run(work).unwrap().unwrap().unwrap();
        match open_again(&machine, keys()) {
            Err(refused) => {
                assert_eq!(survey.faults(), std::slice::from_ref(&refused));
                let JournalError::Rot { damage, .. } = refused else { panic!("{refused}") };
                damage.kind
            }
            Ok(found) => panic!("{found:?}"),
        }
    };
    assert_eq!(kind_found(location(2).offset + KIND, 6), DamageKind::RecordKind(6));
    assert_eq!(kind_found(FLUSH + FLUSH_KIND, 9), DamageKind::FlushKind(9));
}

#[test]
fn nothing_of_a_payload_is_on_the_disk() {
    let (machine, records) = small_journal();
    for (path, _) in machine.disk().files() {
        let bytes = machine.disk().read_live(&path);
        for record in &records {
            assert!(!bytes.windows(12).any(|window| window == &record.payload[..12]), "{}", path.display());
        }
    }
    assert_eq!(open_again(&machine, keys()), Ok(records));
}

#[test]
fn a_changed_record_with_right_checksums_is_refused_by_its_place() {
    assert_eq!(open_forged(|_| ()).map(|found| found.len()), Ok(3), "an unchanged flush is forged right");
    let start = location(1).offset;
    let at = |field: u32| (start + field) as usize;
    // Term, index, sealed payload and tag: all that a check of the shape does not find by itself.
    for byte in (at(TERM)..at(TERM) + 2).chain(at(RECORD_HEADER)..at(RECORD)) {
        assert_eq!(open_forged(|bytes| bytes[byte] ^= 0x20), not_authentic(1), "byte {byte}");
    }
    // The version of its key.
    let reason = Unopened::NoKey(NoKey::Version { owner: KeyOwner(1), version: 3 });
    let no_version = Err(JournalError::Sealed { path: segment(), location: location(1), reason });
    assert_eq!(open_forged(|bytes| bytes[at(VERSION)] ^= 2), no_version);
    // Another kind, another group.
    assert_eq!(open_forged(|bytes| bytes[at(KIND)] = 3), not_authentic(1));
    assert_eq!(open_forged(|bytes| bytes[at(GROUP)] = 2), not_authentic(1));
    // The opening that the segment states.
    assert_eq!(open_forged(|bytes| bytes[64] ^= 1), not_authentic(0));
}

#[test]
fn a_moved_record_with_right_checksums_is_refused_by_its_place() {
    let swapped = open_forged(|bytes| {
        let (first, second) = bytes.split_at_mut(location(2).offset as usize);
        first[location(1).offset as usize..].swap_with_slice(&mut second[..RECORD as usize]);
    });
    assert_eq!(swapped, not_authentic(1));
    let copied = open_forged(|bytes| {
        let from = location(0).offset as usize;
        bytes.copy_within(from..from + RECORD as usize, location(2).offset as usize);
    });
    assert_eq!(copied, not_authentic(2));
}

/// A record of an earlier use of a segment in its place: what another process wrote there.
#[test]
fn a_record_of_another_journal_of_the_same_keys_is_refused() {
    let (other, _) = small_journal();
    let theirs = other.disk().read_live(&segment());
    let machine = Machine::new(6);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        for index in 0..3 {
            append(&journal, &signal, &Owned { group: 1, ..Owned::new(1, index, PAYLOAD) }).await;
        }
        flush(&journal, &signal).await;
        journal.close().await;
    };
    machine.run(work).expect("nothing goes down");
    let mut bytes = machine.disk().read_live(&segment());
    let records = location(0).offset as usize..location(2).offset as usize + RECORD as usize;
    assert_ne!(bytes[records.clone()], theirs[records.clone()]);
    bytes[records.clone()].copy_from_slice(&theirs[records]);
    forge(&machine, &mut bytes);
    machine.kill(NodeId(0));
    machine.restart();
    put(&machine, &segment(), &bytes);
    assert_eq!(open_again(&machine, keys()), not_authentic(0));
}

/// A table of keys for groups 0 to 2, from another seed than the world's.
fn other_keys(change: impl FnOnce(&mut KeyTable)) -> GroupKeys {
    let mut random = fastrand::Rng::with_seed(100);
    let mut random = |out: &mut [u8]| random.fill(out);
    let keyring = Keyring::draw(&mut random);
    let mut wrapping = Wrapping { master: keyring.newest(), random: &mut random };
    let mut table = KeyTable::new(0, &mut wrapping);
    table.add(KeyOwner(1), vec![1, 2], &mut wrapping);
    change(&mut table);
    GroupKeys::new(&table.owners().cloned().collect::<Vec<_>>(), table.last_group())
}

#[test]
fn another_key_is_refused_a_lost_one_too_and_a_shredded_one_leaves_its_records_dead() {
    let (machine, _) = small_journal();
    assert_eq!(open_again(&machine, other_keys(|_| ())), not_authentic(0));
    let sealed = |reason| Err(JournalError::Sealed { path: segment(), location: location(0), reason });
    assert_eq!(open_again(&machine, GroupKeys::new(&[], 0)), sealed(Unopened::NoKey(NoKey::Unknown)));
    let shredded = other_keys(|table| assert!(table.remove(KeyOwner(1))));
    let opened = machine.run(async {
        Journal::open(&machine.runtime(), options(1), shredded, &mut |_, _, _| panic!("nothing can be visited")).await
    });
    let journal = opened.expect("nothing goes down").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((journal.recovery().record_count, journal.recovery().shredded_count), (0, 3));
    assert_eq!(journal.usage()[0].live_bytes, 0);
}

#[test]
fn a_record_that_was_changed_while_the_journal_is_open_is_not_read() {
    let (machine, records) = small_journal();
    let bytes = machine.disk().read_live(&segment());
    let (journal, _) =
        machine.run(open_with(&machine.runtime(), options(1))).expect("nothing goes down").expect("it opens");
    let read = |place| machine.run(journal.read(location(place))).expect("nothing goes down");
    assert_eq!(read(1).as_deref(), Ok(&records[1].payload[..]));
    let mut changed = bytes;
    changed[(location(1).offset + RECORD_HEADER) as usize] ^= 1;
    forge(&machine, &mut changed);
    put(&machine, &segment(), &changed);
    let reason = Unopened::NotAuthentic;
    assert_eq!(read(1), Err(ReadError::Sealed { path: segment(), location: location(1), reason }));
    assert_eq!(read(2).as_deref(), Ok(&records[2].payload[..]));
    journal.forget_keys(GroupId(1));
    let reason = Unopened::NoKey(NoKey::Shredded);
    assert_eq!(read(2), Err(ReadError::Sealed { path: segment(), location: location(2), reason }));
}

#[test]
fn a_copy_for_a_group_whose_keys_are_gone_is_refused_and_the_next_record_is_not() {
    let machine = Machine::new(5);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        let location = append(&journal, &signal, &Owned { group: 2, ..Owned::new(1, 1, PAYLOAD) }).await;
        flush(&journal, &signal).await;
        let copy = journal.read_copy(location).await.expect("it is durable");
        journal.forget_keys(GroupId(2));
        assert_eq!(journal.append_copy(&copy), Err(AppendRefused::NoKey));
        append(&journal, &signal, &Owned { group: 1, ..Owned::new(1, 2, PAYLOAD) }).await;
        flush(&journal, &signal).await;
        journal.close().await;
    };
    machine.run(work).expect("nothing goes down");
}
