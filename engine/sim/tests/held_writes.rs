//! Writes that come when memory is used up wait for the flush that makes room, and are done then: none is refused.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use engine::EngineOptions;
use model::operation::{Attributes, PutItem, Request};
use model::{Text, Value};
use runtime::ShareClass;
use runtime::simulated::Machine;
use sim::{Caller, create_table, item_of, node_options, noise, with_table};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const TABLE: &str = "things";
const ITEM_BYTES: usize = 2_200;
/// So many that what a partition may have proposed is less than they come to.
const PUT_COUNT: u64 = 8_000;
/// Puts at a time until memory is used up.
const STEP_COUNT: u64 = 100;

/// Puts so many items at once. How many were put and how many refused, later.
fn put_at_once(machine: &Machine, caller: &Caller, numbers: std::ops::Range<u64>) -> Rc<Cell<(u64, u64)>> {
    let counts = Rc::new(Cell::new((0, 0)));
    for number in numbers {
        let (caller, counts) = (caller.clone(), Rc::clone(&counts));
        machine.runtime().spawn(ShareClass::Foreground, async move {
            let key = Value::S(format!("key {number}"));
            let item = Attributes::Valid(item_of(&[("pk", key), ("filler", noise(ITEM_BYTES))]));
            let put = PutItem { table_name: Some(Text::from(TABLE)), item, ..PutItem::default() };
            let (put_count, refused_count) = match caller.call(0, Request::PutItem(put)).await {
                Ok(_) => (1, 0),
                Err(_) => (0, 1),
            };
            let (before_put, before_refused) = counts.get();
            counts.set((before_put + put_count, before_refused + refused_count));
        });
    }
    counts
}

#[test]
fn writes_that_wait_for_memory_are_done_when_there_is_some() {
    let machine = Machine::new(3);
    let options = EngineOptions { memory_bytes_max: 64 << 20, ..node_options(&["/disk/data"]) };
    with_table(&machine, &options, create_table(TABLE, "pk"), async |caller| {
        let held_count = || caller.metrics().map(|metrics| metrics.held_count).sum::<u64>();
        let (mut next, mut first) = (PUT_COUNT, Vec::new());
        while held_count() == 0 {
            first.push(put_at_once(&machine, caller, next..next + STEP_COUNT));
            next += STEP_COUNT;
            let answered_count = || first.last().map_or(0, |counts| counts.get().0 + counts.get().1);
            while held_count() == 0 && answered_count() < STEP_COUNT {
                machine.runtime().sleep(Duration::from_micros(10)).await;
            }
            assert!(next < 10 * PUT_COUNT, "no write has waited");
        }
        let counts = put_at_once(&machine, caller, 0..PUT_COUNT);
        machine.runtime().sleep(Duration::from_secs(60)).await;
        assert!(held_count() > PUT_COUNT / 2, "{} waited", held_count());
        assert_eq!(counts.get(), (PUT_COUNT, 0));
        assert!(first.iter().all(|counts| counts.get() == (STEP_COUNT, 0)));
    });
}
