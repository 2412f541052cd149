//! Payloads that are worth it lie compressed in their segments, and nobody but the disk sees it.

mod world;

use journal::{Journal, Location, RecordKind};
use runtime::Signal;
use runtime::simulated::{Machine, NodeId};
use std::path::PathBuf;
use world::{Owned, append, flush, open, segment_paths};

const PAYLOAD_BYTES: u64 = 1_000;

/// Text of sixteen letters.
fn text(index: u64) -> Owned {
    Owned::new(1, 2 * index, PAYLOAD_BYTES)
}

/// Every byte as often.
fn noise(index: u64) -> Owned {
    Owned::new(1, 2 * index + 1, PAYLOAD_BYTES)
}

fn digits(index: u64) -> Owned {
    let mut owned = text(index);
    owned.payload.iter_mut().for_each(|byte| *byte = b'0' + *byte % 10);
    owned
}

async fn fill(journal: &Journal, all: impl IntoIterator<Item = Owned>) -> Vec<(Owned, Location)> {
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    let mut written = Vec::new();
    for owned in all {
        let location = append(journal, &signal, &owned).await;
        written.push((owned, location));
    }
    flush(journal, &signal).await;
    written
}

async fn check(journal: &Journal, written: &[(Owned, Location)]) {
    for (owned, location) in written {
        assert_eq!(journal.read(*location).await.expect("it is durable"), owned.payload);
    }
}

#[test]
fn text_takes_little_more_than_its_bits_from_the_second_segment_on() {
    let machine = Machine::new(1);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let written = fill(&journal, (0..300).map(text)).await;
        for (_, location) in &written {
            let expected = if location.segment.0 == 1 { PAYLOAD_BYTES..=PAYLOAD_BYTES } else { 500..=560 };
            assert!(expected.contains(&u64::from(location.len)), "{location:?}");
        }
        assert!(written.last().expect("there are some").1.segment.0 > 2);
        check(&journal, &written).await;
        written
    };
    let written = machine.run(work).expect("nothing goes down");
    machine.kill(NodeId(0));
    machine.restart();
    let again = async {
        let (journal, found) = open(&machine.runtime()).await.expect("it opens");
        assert_eq!(found, written);
        check(&journal, &written).await;
        // The segment that it begins has the code of the last one.
        let more = fill(&journal, (300..310).map(text)).await;
        assert!(more.iter().all(|(_, location)| location.len < 560), "{more:?}");
        check(&journal, &more).await;
    };
    machine.run(again).expect("nothing goes down");
}

#[test]
fn noise_lies_as_it_is_also_among_text() {
    let machine = Machine::new(2);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let written = fill(&journal, (0..200).map(noise)).await;
        assert!(written.iter().all(|(_, location)| u64::from(location.len) == PAYLOAD_BYTES), "{written:?}");
        let mixed =
            fill(&journal, (0..3_000).map(|index| if index % 2 == 0 { text(index) } else { noise(index) })).await;
        for (owned, location) in &mixed[400..] {
            let is_short = u64::from(location.len) < PAYLOAD_BYTES * 9 / 10;
            assert_eq!(is_short, owned.index.is_multiple_of(2), "{location:?}");
        }
        check(&journal, &written).await;
        check(&journal, &mixed).await;
    };
    machine.run(work).expect("nothing goes down");
}

/// What comes is not what was: after some segments the code is one for that.
#[test]
fn a_code_follows_what_it_is_for() {
    let machine = Machine::new(3);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        fill(&journal, (0..400).map(text)).await;
        let written = fill(&journal, (400..2_000).map(digits)).await;
        let lengths: Vec<u32> = written.iter().map(|(_, location)| location.len).collect();
        assert!(
            lengths[0] > 900 && lengths[lengths.len() - 1] < 520,
            "{} and {}",
            lengths[0],
            lengths[lengths.len() - 1]
        );
        check(&journal, &written).await;
    };
    machine.run(work).expect("nothing goes down");
}

/// From a segment without a code, from one with the same code, and from one with another.
#[test]
fn a_copy_is_what_it_was_whatever_its_segment_is_compressed_by() {
    let machine = Machine::new(4);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        let mut written = fill(&journal, (0..200).map(text)).await;
        written.extend(fill(&journal, (200..2_000).map(digits)).await);
        written.extend(fill(&journal, (2_000..2_003).map(noise)).await);
        journal.on_durable(signal.clone());
        for place in (0..written.len()).step_by(100).chain([written.len() - 1]) {
            let (owned, location) = &written[place];
            let copy = journal.read_copy(*location).await.expect("it is durable");
            let location = journal.append_copy(&copy).expect("there is room");
            flush(&journal, &signal).await;
            let found = journal.read_record(location).await.expect("it is durable");
            assert_eq!((found.kind, &found.payload[..]), (RecordKind::Moved, &owned.payload[..]), "{place}");
            // Text is none the shorter by a code for digits.
            let is_short = u64::from(location.len) < PAYLOAD_BYTES * 3 / 4;
            assert_eq!(is_short, (200..2_000).contains(&place), "{place}: {location:?}");
        }
    };
    machine.run(work).expect("nothing goes down");
}

/// It was kept while the segment after it got another code.
#[test]
fn a_copy_that_waits_may_find_another_code() {
    let machine = Machine::new(6);
    let work = async {
        let (journal, _) = open(&machine.runtime()).await.expect("it opens");
        let signal = Signal::new();
        let written = fill(&journal, (0..200).map(text)).await;
        let (owned, location) = &written[199];
        let copy = journal.read_copy(*location).await.expect("it is durable");
        let after = fill(&journal, (200..2_000).map(digits)).await;
        assert!(after[1_799].1.len < 520, "{:?}", after[1_799]);
        journal.on_durable(signal.clone());
        let location = journal.append_copy(&copy).expect("there is room");
        flush(&journal, &signal).await;
        assert_eq!(journal.read(location).await.expect("it is durable"), owned.payload);
    };
    machine.run(work).expect("nothing goes down");
}

/// A code says how often each byte occurs: it is sealed, each time with another key.
#[test]
fn a_code_is_sealed_otherwise_in_each_segment() {
    let machine = Machine::new(5);
    machine
        .run(async {
            let (journal, _) = open(&machine.runtime()).await.expect("it opens");
            fill(&journal, (0..400).map(text)).await;
        })
        .expect("nothing goes down");
    let code_of = |path: &PathBuf| Some(machine.disk().read_live(path).get(72..216)?.to_vec());
    let mut codes: Vec<Vec<u8>> = segment_paths(&machine.disk().files()).iter().filter_map(code_of).collect();
    codes.retain(|code| code.iter().any(|byte| *byte != 0));
    assert!(codes.len() >= 3, "{} segments have a code", codes.len());
    for (place, code) in codes.iter().enumerate() {
        for other in &codes[..place] {
            assert!(code.windows(8).zip(other.windows(8)).all(|(left, right)| left != right));
        }
    }
}
