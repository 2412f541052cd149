//! Copies that nobody waits for fill up the flushes of other records.

mod world;

use journal::{Journal, OwnedRecord, PADDING_COUNT_MAX, Placement, RecordCopy, RecordKind};
use runtime::Signal;
use runtime::simulated::Machine;
use world::{Owned, append, flush, open};

const BLOCK_BYTES: u64 = 4096;

/// A record, and itself on its way elsewhere.
struct Moving {
    record: OwnedRecord,
    copy: RecordCopy,
}

/// A journal with records that are durable, read back.
async fn filled(machine: &Machine, payload_bytes: u64) -> (Journal, Signal, Vec<Moving>) {
    let (journal, _) = open(&machine.runtime()).await.expect("it opens");
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let mut locations = Vec::new();
    for index in 0..20 {
        locations.push(append(&journal, &signal, &Owned::new(1, index, payload_bytes + index)).await);
    }
    flush(&journal, &signal).await;
    let mut records = Vec::new();
    for location in locations {
        let record = journal.read_record(location).await.expect("it is durable");
        records.push(Moving { record, copy: journal.read_copy(location).await.expect("it is durable") });
    }
    (journal, signal, records)
}

fn keep(journal: &Journal, records: &[Moving]) -> Vec<Placement> {
    records.iter().map(|record| journal.keep_as_padding(&record.copy).expect("there is room for it")).collect()
}

async fn check_copy(journal: &Journal, Moving { record, .. }: &Moving, placement: Placement) {
    let location = placement.await.expect("the journal is open").expect("it is appended");
    let copy = journal.read_record(location).await.expect("it is durable");
    assert_eq!(copy, OwnedRecord { kind: RecordKind::Moved, location, ..record.clone() });
}

fn used_bytes(journal: &Journal) -> u64 {
    journal.usage().iter().map(|usage| usage.used_bytes).sum()
}

#[test]
fn a_flush_takes_as_many_copies_as_leave_the_least_of_it_empty() {
    let machine = Machine::new(3);
    let work = async {
        let (journal, signal, records) = filled(&machine, 640).await;
        let before = used_bytes(&journal);
        let placements = keep(&journal, &records[..PADDING_COUNT_MAX]);
        assert!(journal.keep_as_padding(&records[9].copy).is_none(), "enough are kept");
        append(&journal, &signal, &Owned::new(1, 20, 100)).await;
        flush(&journal, &signal).await;
        // The flush's header, the record and five copies: no more blocks than without them.
        assert_eq!(used_bytes(&journal) - before, BLOCK_BYTES);
        let mut placements = placements.into_iter().zip(&records).collect::<Vec<_>>();
        let kept = placements.split_off(5);
        for (placement, record) in placements {
            check_copy(&journal, record, placement).await;
        }
        assert!(kept.iter().all(|(placement, _)| placement.take().is_none()), "they still wait");
        // No flush comes: they are appended all the same.
        journal.append_paddings().expect("there is room");
        flush(&journal, &signal).await;
        for (placement, record) in kept {
            check_copy(&journal, record, placement).await;
        }
    };
    machine.run(work).expect("nothing goes down");
}

#[test]
fn copies_that_nobody_waits_for_any_more_are_not_appended() {
    let machine = Machine::new(3);
    let work = async {
        let (journal, signal, records) = filled(&machine, 1_000).await;
        let mut placements = keep(&journal, &records[..4]);
        drop(placements.drain(..3));
        let before = journal.appended();
        journal.append_paddings().expect("there is room");
        assert_eq!(journal.appended().0, before.0 + 1);
        flush(&journal, &signal).await;
        check_copy(&journal, &records[3], placements.remove(0)).await;
    };
    machine.run(work).expect("nothing goes down");
}

#[test]
fn a_close_tells_those_that_wait_and_long_records_are_not_kept() {
    let machine = Machine::new(3);
    let work = async {
        let (journal, _, records) = filled(&machine, BLOCK_BYTES - 5).await;
        assert!(journal.keep_as_padding(&records[5].copy).is_none(), "it is as long as a block");
        let placements = keep(&journal, &records[..3]);
        journal.close().await;
        for placement in placements {
            assert_eq!(placement.await, None);
        }
        assert!(journal.keep_as_padding(&records[0].copy).is_none());
    };
    machine.run(work).expect("nothing goes down");
}
