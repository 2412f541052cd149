//! A file read from end to end: all of it is looked at once, a whole file passes, and whatever changes is told without an end to the look.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use fastrand::Rng;
use runtime::simulated::{Fault, FileOperation, Machine};
use sstable::{Content, Entry, JournalPlace, Table, TableError, Verification};
use world::{Oracle, Owned, OwnedContent, machine_with, open, path_of, random_oracle};

/// Bytes that one read takes at most.
const READ_BYTES_MAX: u64 = 128 << 10;

/// All that a look at the whole file shows: bytes, what is wrong, places in the journal.
async fn verify(table: &Table) -> (u64, Vec<TableError>, Vec<JournalPlace>) {
    let (mut bytes, mut errors, mut places) = (0, Vec::new(), Vec::new());
    let mut verification = Verification::new();
    while !verification.is_at_end() {
        let mut visit = |_: &[u8], entry: Entry<'_>| {
            if let Content::InJournal { place, .. } = entry.content {
                places.push(place);
            }
        };
        let verified = verification.step(table, &mut visit).await;
        assert!(verified.bytes <= READ_BYTES_MAX);
        bytes += verified.bytes;
        errors.extend(verified.errors);
    }
    (bytes, errors, places)
}

/// Where the data blocks of the first group begin.
async fn block_offsets(table: &Table) -> Vec<u64> {
    let page = table.read_page(table.pages().next().unwrap()).await.unwrap();
    page.blocks().map(|block| block.offset()).collect()
}

fn places_of(oracle: &Oracle) -> Vec<JournalPlace> {
    let places = oracle.values().filter_map(|owned| match owned.content {
        OwnedContent::InJournal(_, place) => Some(place),
        _ => None,
    });
    places.collect()
}

/// A file of several groups.
fn large_oracle() -> Oracle {
    let mut random = Rng::with_seed(3);
    let mut oracle = random_oracle(&mut random, 3_000);
    for number in 0..40_000u64 {
        let key = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes().to_vec();
        oracle.insert(key, Owned { version: number, content: OwnedContent::Inline(100, vec![1; 20]) });
    }
    oracle
}

#[test]
fn all_of_a_whole_file_is_read_once_and_passes() {
    for oracle in [large_oracle(), random_oracle(&mut Rng::with_seed(1), 1), random_oracle(&mut Rng::with_seed(2), 300)]
    {
        let (machine, record) = machine_with(1, &oracle);
        let table = machine.run(open(&machine.runtime(), record.clone())).unwrap().unwrap();
        let (bytes, errors, places) = machine.run(verify(&table)).unwrap();
        assert_eq!(errors, []);
        assert_eq!(bytes, u64::from(record.units) * 4096);
        assert_eq!(places, places_of(&oracle));
    }
}

/// Flips a byte of a file that is open, looks at the file, flips it back.
fn check_flip(machine: &Machine, table: &Table, offset: u64) {
    let path = path_of(table.record());
    machine.disk().flip(&path, offset, 1 << (offset % 8));
    let (_, errors, _) = machine.run(verify(table)).unwrap();
    let [TableError::Rot { path: told, damage }] = errors.as_slice() else { panic!("flip at {offset}: {errors:?}") };
    assert_eq!(*told, path);
    assert!(damage.offset <= offset && offset - damage.offset < 64 * 4096, "{damage} for {offset}");
    machine.disk().flip(&path, offset, 1 << (offset % 8));
}

#[test]
fn a_flip_anywhere_is_told_once() {
    let mut random = Rng::with_seed(5);
    for oracle in [large_oracle(), random_oracle(&mut Rng::with_seed(2), 300)] {
        let (machine, record) = machine_with(1, &oracle);
        let table = machine.run(open(&machine.runtime(), record.clone())).unwrap().unwrap();
        for unit in 0..u64::from(record.units) {
            check_flip(&machine, &table, unit * 4096 + random.u64(..4096));
        }
        assert_eq!(machine.run(verify(&table)).unwrap().1, []);
    }
}

#[test]
fn every_damaged_block_is_told_and_so_is_a_disk_that_does_not_answer() {
    let oracle = large_oracle();
    let (machine, record) = machine_with(1, &oracle);
    let table = machine.run(open(&machine.runtime(), record.clone())).unwrap().unwrap();
    let path = path_of(&record);
    let damaged: Vec<u64> =
        machine.run(block_offsets(&table)).unwrap().into_iter().filter(|offset| *offset < 8 * 4096).collect();
    // Data blocks side by side: one read brings them.
    for unit in 0..8 {
        machine.disk().flip(&path, unit * 4096 + 77, 0x10);
    }
    let (bytes, errors, _) = machine.run(verify(&table)).unwrap();
    let told = errors.iter().map(|error| match error {
        TableError::Rot { damage, .. } => damage.offset,
        other => panic!("{other}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), damaged, "each block once, however many units it has");
    assert_eq!(bytes, u64::from(record.units) * 4096, "the rest is looked at");
    for unit in 0..8 {
        machine.disk().flip(&path, unit * 4096 + 77, 0x10);
    }
    for nth in 0..8 {
        machine.disk().arm(Fault::Error, FileOperation::Read, nth);
        let (_, errors, _) = machine.run(verify(&table)).unwrap();
        assert!(matches!(errors.as_slice(), [TableError::File(_)]), "read {nth}: {errors:?}");
    }
}
