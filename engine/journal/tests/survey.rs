//! Looking at a journal: it finds what an opening finds, says what is damaged and reads on behind it, and changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use journal::{Found, JournalError, Location, SegmentId, Survey, Tail};
use runtime::Signal;
use runtime::simulated::{Machine, NodeId};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use world::{Oracle, Owned, SEGMENT_BYTES, append, flush, keys, live, open, open_with, options};

const BLOCK_BYTES: u64 = 4096;

/// What a survey has found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Of the log.
    records: Vec<(Owned, Location)>,
    faults: Vec<JournalError>,
}

async fn look(machine: &Machine, directory_count: usize) -> (Seen, Survey) {
    let survey = Survey::open(&machine.runtime(), &options(directory_count), keys()).await.unwrap().unwrap();
    let mut seen = Seen { faults: survey.faults().to_vec(), ..Seen::default() };
    for surveyed in survey.segments() {
        let end = survey
            .read_segment(surveyed.segment, &mut |found| match found {
                Found::Record(record, location) if surveyed.is_visited => {
                    seen.records.push((Owned::of(&record), location));
                }
                Found::Record(..) => {}
                Found::Shredded { .. } => panic!("no table was deleted"),
                Found::Fault(fault) => seen.faults.push(fault),
            })
            .await
            .unwrap();
        assert!(end.is_some_and(|end| u64::from(end) <= surveyed.file_bytes));
        assert!(surveyed.end_bytes.is_none_or(|told| Some(told) == end) || !seen.faults.is_empty());
    }
    (seen, survey)
}

/// A journal after a few lives, each of which ended in its own way.
fn lived(seed: u64, directory_count: usize) -> Machine {
    let machine = Machine::new(seed);
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    for life in 1..4 {
        let (runtime, options) = (machine.runtime(), options(directory_count));
        machine.run(live(runtime, oracle.clone(), options, (life, seed, 250))).unwrap().unwrap();
        match life % 2 {
            0 => machine.kill(NodeId(0)),
            _ => machine.cut_power(),
        }
        machine.restart();
    }
    machine
}

/// A journal of several segments, all of them in its log.
fn grown(seed: u64) -> Machine {
    let machine = Machine::new(seed);
    let runtime = machine.runtime();
    let appended = machine.run(async {
        let (journal, _) = open(&runtime).await.unwrap();
        let signal = Signal::new();
        journal.on_durable(signal.clone());
        for index in 0..300 {
            append(&journal, &signal, &Owned::new(1, index, 50 + index % 7 * 90)).await;
            if index % 4 == 0 {
                flush(&journal, &signal).await;
            }
        }
        flush(&journal, &signal).await;
    });
    appended.unwrap();
    machine.kill(NodeId(0));
    machine.restart();
    machine
}

fn contents(machine: &Machine) -> Vec<(PathBuf, Vec<u8>)> {
    let disk = machine.disk();
    disk.files().into_iter().map(|(path, _)| (path.clone(), disk.read_live(&path))).collect()
}

#[test]
fn a_survey_finds_what_an_opening_finds_and_changes_nothing() {
    let mut tails = Vec::new();
    for seed in 0..12 {
        let directory_count = 1 + usize::try_from(seed % 2).unwrap();
        let machine = lived(seed, directory_count);
        let before = contents(&machine);
        let (seen, tail) = machine
            .run(async {
                let (seen, survey) = look(&machine, directory_count).await;
                for (owned, location) in &seen.records {
                    let record = survey.read_record(*location).await.unwrap();
                    assert_eq!((record.index.0, &record.payload[..]), (owned.index, owned.payload.as_slice()));
                }
                (seen, survey.tail().clone())
            })
            .unwrap();
        assert_eq!(contents(&machine), before, "seed {seed}");
        let (journal, found) =
            machine.run(open_with(&machine.runtime(), options(directory_count))).unwrap().expect("it opens");
        assert_eq!(seen, Seen { records: found, faults: Vec::new() }, "seed {seed}");
        assert_eq!(journal.recovery().tail, tail);
        tails.push(tail);
    }
    assert!(tails.contains(&Tail::Closed) && tails.contains(&Tail::Open), "{tails:?}");
}

#[test]
fn a_journal_that_was_never_begun_is_none_and_what_is_not_there_is_named() {
    let machine = Machine::new(1);
    let runtime = machine.runtime();
    let missing = machine.run(Survey::open(&runtime, &options(1), keys())).unwrap();
    assert!(missing.is_err_and(|error| error.to_string().contains("/data0/journal-0 does not exist")));
    let empty = machine.run(async {
        runtime.create_directory(Path::new("/data0/journal-0")).await.unwrap();
        Survey::open(&runtime, &options(1), keys()).await.unwrap().is_none()
    });
    assert!(empty.unwrap());
}

#[test]
fn rot_is_named_and_read_past_wherever_it_is() {
    let machine = grown(3);
    let (whole, survey) = machine.run(look(&machine, 1)).unwrap();
    assert!(whole.faults.is_empty(), "{:?}", whole.faults);
    let last = whole.records.last().unwrap().1.segment;
    let paths: BTreeMap<SegmentId, PathBuf> =
        survey.segments().map(|surveyed| (surveyed.segment, surveyed.path)).collect();
    let mut flip_count = 0;
    for (_, location) in whole.records.iter().step_by(5).filter(|(_, location)| location.segment < last) {
        let (path, offset) = (&paths[&location.segment], u64::from(location.offset));
        // In the record; and in the header of a flush, or what else begins its block.
        for at in [offset + 20, offset / BLOCK_BYTES * BLOCK_BYTES + 25] {
            machine.disk().flip(path, at, 4);
            let (seen, survey) = machine.run(look(&machine, 1)).unwrap();
            let read = machine.run(survey.read_record(*location)).unwrap();
            machine.disk().flip(path, at, 4);
            let [JournalError::Rot { segment, .. }] = &seen.faults[..] else { panic!("{:?}", seen.faults) };
            assert_eq!(*segment, Some(location.segment));
            assert!(at != offset + 20 || read.is_err(), "{read:?}");
            // Of its segment what is before is read, and what is behind; of the others all.
            let lost = whole.records.iter().filter(|record| !seen.records.contains(record));
            assert!(lost.clone().all(|(_, lost)| lost.segment == location.segment));
            assert!((1..8).contains(&lost.count()));
            flip_count += 1;
        }
    }
    assert!(flip_count > 50, "{flip_count} flips");
}

#[test]
fn a_segment_that_is_not_there_is_missed() {
    let machine = grown(3);
    let before = machine.run(look(&machine, 1)).unwrap().1;
    let log: Vec<_> = before.segments().filter(|surveyed| surveyed.is_visited).collect();
    let middle = &log[log.len() / 2];
    assert!(middle.segment > before.replay_start(), "{log:?}");
    // Its header is damaged: nobody knows what it was.
    machine.disk().flip(&middle.path, 20, 1);
    let (seen, survey) = machine.run(look(&machine, 1)).unwrap();
    let missing = JournalError::MissingSegments { first: middle.segment, last: middle.segment };
    assert!(seen.faults.contains(&missing), "{:?}", seen.faults);
    assert!(survey.doubtful().any(|(path, _)| path == middle.path));
    assert!(before.segments().all(|surveyed| surveyed.file_bytes == u64::from(SEGMENT_BYTES)));
}
