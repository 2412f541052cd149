//! What is appended comes back: in order, in every segment, after a close, after a kill, and one record at a time.

use journal::{
    AppendRefused, GroupId, Journal, JournalError, JournalOptions, Location, LogIndex, ReadError, Record, RecordKind,
    Tail, Term,
};
use runtime::simulated::{Machine, NodeId};
use runtime::{CoreId, Runtime, Signal};
use std::path::PathBuf;

const SEGMENT_BYTES: u32 = 64 << 10;

/// A record as a test keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    group: u64,
    term: u64,
    index: u64,
    payload: Vec<u8>,
}

fn owned(index: u64, payload_bytes: u64) -> Owned {
    let payload = (0..payload_bytes).map(|at| (at * 7 + index).to_le_bytes()[0]).collect();
    Owned { group: index % 3, term: 1 + index / 10, index, payload }
}

fn options() -> JournalOptions {
    let data_directories = vec![PathBuf::from("/data")];
    JournalOptions { segment_bytes: u64::from(SEGMENT_BYTES), ..JournalOptions::new(CoreId(0), data_directories) }
}

async fn open(runtime: &Runtime) -> Result<(Journal, Vec<(Owned, Location)>), JournalError> {
    runtime.create_directory(&PathBuf::from("/data")).await?;
    let mut found = Vec::new();
    let journal = Journal::open(runtime, options(), &mut |record, location, _| {
        let payload = record.payload.to_vec();
        let owned = Owned { group: record.group.0, term: record.term.0, index: record.index.0, payload };
        found.push((owned, location));
        Ok(())
    })
    .await?;
    Ok((journal, found))
}

async fn append(journal: &Journal, owned: &Owned) -> Location {
    let record = Record {
        kind: RecordKind::Entry,
        group: GroupId(owned.group),
        term: Term(owned.term),
        index: LogIndex(owned.index),
        payload: &owned.payload,
    };
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    loop {
        match journal.append(record) {
            Ok(location) => return location,
            Err(AppendRefused::Busy | AppendRefused::NoSpace) => signal.wait().await,
            Err(refused) => panic!("{refused}"),
        }
    }
}

async fn flush(journal: &Journal) {
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    while journal.durable() < journal.appended() {
        signal.wait().await;
    }
}

#[test]
fn records_come_back_in_order_after_a_close_and_after_a_kill() {
    let machine = Machine::new(1);
    let written = machine
        .run(async {
            let (journal, found) = open(&machine.runtime()).await.unwrap();
            assert!(found.is_empty());
            assert_eq!(journal.recovery().tail, Tail::New);
            let mut written = Vec::new();
            for index in 1..=200 {
                let owned = owned(index, (index * 37) % 5000);
                let location = append(&journal, &owned).await;
                written.push((owned, location));
            }
            flush(&journal).await;
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
            let record = Record {
                kind: RecordKind::Entry,
                group: GroupId(1),
                term: Term(1),
                index: LogIndex(1),
                payload: b"late",
            };
            assert_eq!(journal.append(record), Err(AppendRefused::Closed));
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
