//! The power is cut at every write boundary of seeded workloads, with torn, lost and reordered writes, and again during recovery.
//! What was acknowledged is there, in order; what was not is there wholly or not at all, and what was dropped never comes back. And
//! whatever is torn, dropped, written again or recycled: no record is sealed under a key and nonce that sealed another.

mod world;

use journal::{Journal, JournalOptions};
use runtime::Signal;
use runtime::simulated::{Halt, Machine, MachineOptions, NodeId};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use world::{Oracle, Owned, SEGMENT_BYTES, advance, live, open_with, options};

const SEED_COUNT: u64 = 26;
const RECORD_COUNT: usize = 150;

fn options_of(seed: u64) -> JournalOptions {
    options(if seed.is_multiple_of(3) { 2 } else { 1 })
}

/// One life; true if it ran to its end.
fn run_life(machine: &Machine, oracle: &Rc<RefCell<Oracle>>, life: u64) -> bool {
    let seed = machine.seed();
    let work = live(machine.runtime(), oracle.clone(), options_of(seed), (life, seed, RECORD_COUNT));
    match machine.run(work) {
        Ok(result) => {
            result.unwrap_or_else(|error| panic!("seed {seed} life {life}: {error}"));
            true
        }
        Err(Halt::PowerCut { .. }) => false,
        Err(halt) => panic!("seed {seed} life {life}: {halt:?}"),
    }
}

/// What is there now comes back the same twice.
fn check_twice(machine: &Machine, oracle: &Rc<RefCell<Oracle>>) {
    for _ in 0..2 {
        machine.cut_power();
        machine.restart();
        let opened = machine.run(open_with(&machine.runtime(), options_of(machine.seed()))).expect("no cut is set");
        let (_, found) = opened.unwrap_or_else(|error| panic!("seed {}: {error}", machine.seed()));
        oracle.borrow_mut().check(&found);
    }
}

fn crash_at(seed: u64, boundary: u64) -> u64 {
    let machine = Machine::new(seed);
    security::audit::begin();
    let oracle = Rc::new(RefCell::new(Oracle::default()));
    machine.cut_power_at(boundary);
    if run_life(&machine, &oracle, 1) {
        // The cut was to come while a spare was made in the background.
        machine.cut_power();
    }
    machine.restart();
    // The next life is cut too, most often while it recovers.
    machine.cut_power_at(machine.boundary_count() + boundary % 17);
    run_life(&machine, &oracle, 2);
    machine.cut_power();
    machine.restart();
    machine.cut_power_at(u64::MAX);
    assert!(run_life(&machine, &oracle, 3));
    check_twice(&machine, &oracle);
    assert!(security::audit::count() >= RECORD_COUNT, "every record is sealed");
    machine.trace_hash()
}

#[test]
fn no_power_cut_loses_or_halves_or_revives_a_record() {
    let mut cut_count = 0;
    for seed in 0..SEED_COUNT {
        let machine = Machine::new(seed);
        assert!(run_life(&machine, &Rc::new(RefCell::new(Oracle::default())), 1));
        for boundary in 0..machine.boundary_count() {
            crash_at(seed, boundary);
            cut_count += 1;
        }
    }
    println!("{SEED_COUNT} workloads, {cut_count} cuts");
    assert!(cut_count > 1500);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..5 {
        assert_eq!(crash_at(seed, 20 + seed), crash_at(seed, 20 + seed));
    }
    assert_ne!(crash_at(1, 20), crash_at(2, 20));
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    for seed in 0..100 {
        let machine = Machine::new(seed);
        security::audit::begin();
        let oracle = Rc::new(RefCell::new(Oracle::default()));
        for life in 1..=4 {
            let work = live(machine.runtime(), oracle.clone(), options_of(seed), (life, seed, RECORD_COUNT));
            machine.start(NodeId(0), {
                let mut work = Some(work);
                move |_| {
                    let work = work.take().expect("one core");
                    async move { work.await.expect("the journal opens") }
                }
            });
            machine.run_for(Duration::from_micros((seed * 997 + life * 1201) % 20_000)).expect("nothing goes down");
            machine.kill(NodeId(0));
            if seed % 2 == 0 {
                machine.cut_power();
            }
            machine.restart();
        }
        check_twice(&machine, &oracle);
    }
}

/// Appends and releases on a disk that holds three segments: a dead segment is the only one that can come next.
async fn live_in_little_space(machine: &Machine, oracle: &RefCell<Oracle>) {
    // As many are kept as just fit, so that a segment dies when the next one is needed.
    let kept_count = 10 + usize::try_from(machine.seed() % 4).expect("small");
    let (journal, _) = open_with(&machine.runtime(), options(1)).await.expect("it opens");
    let signal = Signal::new();
    journal.on_durable(signal.clone());
    for index in 0..120 {
        let owned = Owned::new(1, index, 6000);
        loop {
            if let Ok(location) = journal.append(owned.record()) {
                oracle.borrow_mut().appended.push((owned, location));
                break;
            }
            signal.wait().await;
            release_all_but(&journal, oracle, kept_count);
        }
        // Records are released while flushes are in flight that still name their segment.
        while journal.appended().0 - journal.durable().0 > 2 {
            signal.wait().await;
        }
        release_all_but(&journal, oracle, kept_count);
    }
}

fn release_all_but(journal: &Journal, oracle: &RefCell<Oracle>, kept_count: usize) {
    let mut oracle = oracle.borrow_mut();
    oracle.acknowledged_count = usize::try_from(journal.durable().0).expect("small");
    while oracle.released_count + kept_count < oracle.acknowledged_count {
        journal.release(oracle.appended[oracle.released_count].1);
        oracle.released_count += 1;
    }
    advance(journal);
}

#[test]
fn a_dead_segment_is_used_again_only_once_the_log_can_do_without_it() {
    for seed in 0..16 {
        let capacity_bytes = 4096 + u64::from(SEGMENT_BYTES) * 3 + 20_000;
        let new_machine = || Machine::with(MachineOptions { capacity_bytes, ..MachineOptions::new(seed) });
        let unharmed = new_machine();
        let oracle = RefCell::new(Oracle::default());
        unharmed.run(live_in_little_space(&unharmed, &oracle)).expect("nothing cuts the power");
        for boundary in 0..unharmed.boundary_count() {
            let machine = new_machine();
            security::audit::begin();
            let oracle = RefCell::new(Oracle::default());
            machine.cut_power_at(boundary);
            let _ = machine.run(live_in_little_space(&machine, &oracle));
            machine.cut_power();
            machine.restart();
            let opened = machine.run(open_with(&machine.runtime(), options(1))).expect("no cut is set");
            let (_, found) = opened.unwrap_or_else(|error| panic!("seed {seed} boundary {boundary}: {error}"));
            oracle.borrow_mut().check(&found);
        }
    }
}
