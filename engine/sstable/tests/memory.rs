//! What a file's keys take in memory when all of its index is loaded, and none of its data.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use fastrand::Rng;
use sstable::{Direction, Needed, RangeStep, Span, TableRange};
use std::rc::Rc;
use world::{Oracle, Owned, OwnedContent, machine_with, open};

const COUNT: usize = 100_000;
/// A reference-counted page has its counts beside it.
const COUNTS_BYTES: usize = 16;

/// Bytes of index, filter and table for each of `COUNT` keys of 24 bytes.
fn bytes_per_key(content: &OwnedContent) -> f64 {
    let mut random = Rng::with_seed(1);
    let mut oracle = Oracle::new();
    while oracle.len() < COUNT {
        let mut key = vec![0; 24];
        random.fill(&mut key);
        oracle.insert(key, Owned { version: oracle.len() as u64, content: content.clone() });
    }
    let (machine, record) = machine_with(1, &oracle);
    let bytes = machine
        .run(async {
            let table = open(&machine.runtime(), record).await.unwrap();
            let mut bytes = table.memory_bytes();
            let mut range = TableRange::new(Rc::clone(&table), Span::ALL, Direction::Forward);
            loop {
                match range.step() {
                    RangeStep::Entry => {}
                    RangeStep::End => return bytes,
                    RangeStep::Needs(Needed::Page(page)) => {
                        let page = table.read_page(page).await.unwrap();
                        bytes += page.memory_bytes() + COUNTS_BYTES;
                        range.supply_page(page);
                    }
                    RangeStep::Needs(Needed::Block(block)) => {
                        range.supply_block(table.read_block(block).await.unwrap());
                    }
                }
            }
        })
        .unwrap();
    bytes as f64 / COUNT as f64
}

#[test]
fn a_key_takes_two_bytes_at_most() {
    let place = sstable::JournalPlace { segment: 900, offset: 1 << 24, bytes: 1_200 };
    for (name, content) in [
        ("bare key", OwnedContent::BareKey(100)),
        ("in the journal", OwnedContent::InJournal(1_000, place)),
        ("inline, 100 bytes", OwnedContent::Inline(100, vec![1; 100])),
    ] {
        let bytes = bytes_per_key(&content);
        println!("{name}: {bytes:.2} bytes a key");
        assert!(bytes <= 2.0, "{name}: {bytes:.2} bytes a key");
    }
}
