//! What is appended comes back: in order, in every segment, after a close, after a kill, and one record at a time.

mod world;

use journal::{AppendRefused, Location, ReadError, Survey, Tail};
use runtime::Signal;
use runtime::simulated::{Machine, NodeId};
use world::{Owned, SEGMENT_BYTES, append, flush, keys, open, options};

#[test]
fn records_come_back_in_order_after_a_close_and_after_a_kill() {
    let machine = Machine::new(1);
    let written = machine
        .run(async {
            let (journal, found) = open(&machine.runtime()).await.unwrap();
            assert!(found.is_empty());
            assert_eq!(journal.recovery().tail, Tail::New);
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let mut written = Vec::new();
            for index in 1..=200 {
                let owned = Owned::new(1, index, (index * 37) % 5000);
                let location = append(&journal, &signal, &owned).await;
                written.push((owned, location));
            }
            flush(&journal, &signal).await;
            for (owned, location) in &written {
                assert_eq!(journal.read(*location).await.unwrap(), owned.payload);
            }
            written
        })
        .unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    machine
        .run(async {
            let (journal, found) = open(&machine.runtime()).await.unwrap();
            assert_eq!(journal.recovery().tail, Tail::Open);
            assert!(journal.recovery().segment_count > 5);
            assert_eq!(found, written);
            for (owned, location) in &written {
                assert_eq!(journal.read(*location).await.unwrap(), owned.payload);
            }
            journal.close().await;
            assert_eq!(journal.append(Owned::new(1, 1, 4).record()), Err(AppendRefused::Closed));
        })
        .unwrap();
    machine.restart();
    machine
        .run(async {
            let (journal, found) = open(&machine.runtime()).await.unwrap();
            assert_eq!(journal.recovery().tail, Tail::Closed);
            assert_eq!(found, written);
            let unknown = Location { offset: SEGMENT_BYTES - 8, ..written[199].1 };
            assert_eq!(journal.read(unknown).await, Err(ReadError::NotDurable(unknown)));
        })
        .unwrap();
}

/// How long a record is shows in its header: whoever reads one by its location reads for the longest, and the last record of what is durable
/// has nothing behind it.
#[test]
fn records_that_end_anywhere_in_the_last_block_are_read() {
    let machine = Machine::new(3);
    machine
        .run(async {
            let runtime = machine.runtime();
            let (journal, _) = open(&runtime).await.unwrap();
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let mut locations: Vec<Location> = Vec::new();
            for (index, payload_bytes) in (3_950..4_040).enumerate() {
                let owned = Owned::new(1, index as u64, payload_bytes);
                let location = append(&journal, &signal, &owned).await;
                flush(&journal, &signal).await;
                let span = journal.begin_read(location).unwrap();
                let durable_end = journal.usage().last().unwrap().used_bytes;
                assert_eq!(span.offset + span.len_bytes as u64, durable_end, "{payload_bytes} bytes of payload");
                assert_eq!(journal.read(location).await.unwrap(), owned.payload);
                locations.retain(|earlier| earlier.segment == location.segment);
                locations.push(location);
                let stretch = journal.read_stretch(locations[0], location).await.unwrap();
                for location in &locations {
                    assert_eq!(journal.open_copy(&stretch, *location).unwrap().stored_bytes(), location.len as usize);
                }
                let copy = journal.append_copy(&journal.open_copy(&stretch, location).unwrap()).unwrap();
                flush(&journal, &signal).await;
                assert_eq!(journal.read(copy).await.unwrap(), owned.payload);
            }
            let last = *locations.last().unwrap();
            for len in [0, last.len - 1, last.len + 1, last.len + 8192, u32::MAX] {
                let read = journal.read(Location { len, ..last }).await;
                assert!(matches!(read, Err(ReadError::Rot { .. })), "as {len} bytes: {read:?}");
            }
            journal.close().await;
            let survey = Survey::open(&runtime, &options(1), keys()).await.unwrap().unwrap();
            for location in locations {
                assert_eq!(survey.read_record(location).await.unwrap().location, location);
            }
        })
        .unwrap();
}

#[test]
fn records_that_cannot_fit_are_refused() {
    let machine = Machine::new(2);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.unwrap();
            let payload_bytes = u64::from(SEGMENT_BYTES) - 3 * 4096;
            let largest = Owned::new(1, 1, payload_bytes - 104);
            let signal = Signal::new();
            journal.on_durable(signal.clone());
            let location = append(&journal, &signal, &largest).await;
            flush(&journal, &signal).await;
            assert_eq!(journal.read(location).await.unwrap(), largest.payload);
            let too_large = Owned::new(1, 2, payload_bytes + 1);
            let payload_bytes = too_large.payload.len();
            let refused = journal.append(too_large.record());
            assert_eq!(refused, Err(AppendRefused::TooLarge { payload_bytes }));
        })
        .unwrap();
}
