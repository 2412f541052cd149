//! Records that live on before the log: checkpoints, copies, cleaning, segments given back in any order. The power is cut at every
//! write boundary of it: nothing that was acknowledged is lost, nothing that was replaced or deleted comes back.

mod owner;
mod world;

use journal::{JournalError, SegmentId};
use owner::{History, KEY_COUNT, Owner};
use runtime::simulated::{Halt, Machine, NodeId};
use std::path::Path;
use std::time::Duration;
use world::segment_paths;

const STEP_COUNT: usize = 90;
const SEED_COUNT: u64 = 8;

/// One life: everything an owner does, in an order drawn from the seed.
async fn live(machine: &Machine, has_files: bool, life: u64, history: &mut History) -> Result<(), JournalError> {
    let mut random = fastrand::Rng::with_seed(machine.seed() ^ (life << 32));
    let mut owner = Owner::open(&machine.runtime(), has_files, history).await?;
    for _ in 0..STEP_COUNT {
        match random.u8(..20) {
            0..2 if has_files => owner.write_checkpoint(history).await,
            2..5 => owner.clean(history).await,
            5..9 => owner.settle(history).await,
            9..12 => owner.change(random.u8(..KEY_COUNT), None, history).await,
            _ => {
                let bytes = if random.u8(..4) == 0 { random.u16(3000..9000) } else { random.u16(20..900) };
                owner.change(random.u8(..KEY_COUNT), Some(bytes), history).await
            }
        }
    }
    owner.settle(history).await;
    owner.check(history).await;
    if random.bool() {
        owner.journal.close().await;
    }
    Ok(())
}

fn run_life(machine: &Machine, has_files: bool, life: u64, history: &mut History) -> bool {
    match machine.run(live(machine, has_files, life, history)) {
        Ok(result) => {
            result.unwrap_or_else(|error| panic!("seed {} life {life}: {error}", machine.seed()));
            true
        }
        Err(Halt::PowerCut { .. }) => false,
        Err(halt) => panic!("seed {} life {life}: {halt:?}", machine.seed()),
    }
}

/// Three lives, the first cut at `boundary`, the second most often while it recovers; the trace.
fn cut_at(seed: u64, has_files: bool, boundary: u64) -> u64 {
    let machine = Machine::new(seed);
    let mut history = History::default();
    machine.cut_power_at(boundary);
    if run_life(&machine, has_files, 1, &mut history) {
        machine.cut_power();
    }
    machine.restart();
    machine.cut_power_at(machine.boundary_count() + boundary % 23);
    run_life(&machine, has_files, 2, &mut history);
    machine.cut_power();
    machine.restart();
    machine.cut_power_at(u64::MAX);
    assert!(run_life(&machine, has_files, 3, &mut history));
    machine.trace_hash()
}

fn cut_everywhere(has_files: bool) -> u64 {
    let mut cut_count = 0;
    for seed in 0..SEED_COUNT {
        let machine = Machine::new(seed);
        assert!(run_life(&machine, has_files, 1, &mut History::default()));
        for boundary in 0..machine.boundary_count() {
            eprintln!("seed {seed} boundary {boundary}");
            cut_at(seed, has_files, boundary);
            cut_count += 1;
        }
    }
    cut_count
}

#[test]
fn no_cut_loses_or_revives_what_files_name() {
    let cut_count = cut_everywhere(true);
    println!("{cut_count} cuts");
    assert!(cut_count > 500);
}

#[test]
fn no_cut_loses_or_revives_what_is_replayed() {
    let cut_count = cut_everywhere(false);
    println!("{cut_count} cuts");
    assert!(cut_count > 500);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for has_files in [false, true] {
        assert_eq!(cut_at(3, has_files, 30), cut_at(3, has_files, 30));
        assert_ne!(cut_at(3, has_files, 30), cut_at(4, has_files, 30));
    }
}

/// Writes far more than is live, with cleaning, and gives the machine.
fn worked_machine(has_files: bool) -> (Machine, History) {
    let machine = Machine::new(77);
    let mut history = History::default();
    for life in 1..=6 {
        assert!(run_life(&machine, has_files, life, &mut history));
        machine.kill(NodeId(0));
        machine.restart();
    }
    (machine, history)
}

#[test]
fn segments_are_given_back_in_any_order_and_space_stays_bounded() {
    let machine = Machine::new(5);
    machine
        .run(async {
            let mut history = History::default();
            let mut owner = Owner::open(&machine.runtime(), true, &mut history).await.expect("it opens");
            let mut holes = 0;
            // The first keys stay where they are, in the store; the others are overwritten for long.
            for round in 0..2000_u16 {
                let key = if round < 8 { round.to_le_bytes()[0] } else { 8 + (round % 8).to_le_bytes()[0] };
                owner.change(key, Some(2000 + round % 100), &mut history).await;
                if round % 20 == 19 {
                    owner.write_checkpoint(&mut history).await;
                }
                let usage = owner.journal.usage();
                holes += usage.windows(2).filter(|pair| pair[0].segment.0 + 1 < pair[1].segment.0).count();
            }
            let usage = owner.journal.usage();
            assert!(holes > 0, "{usage:?}");
            assert!(owner.segments().contains(&SegmentId(1)), "the first segment stays, for its keys do");
            assert!(usage.len() <= 5, "{usage:?}");
            owner.check(&history).await;
        })
        .expect("nothing goes down");
    // The store, the log, and a few spares.
    assert!(segment_paths(&machine.disk().files()).len() <= 9);
}

#[test]
fn only_the_log_is_visited_and_the_store_is_read() {
    let (machine, mut history) = worked_machine(true);
    machine
        .run(async {
            let owner = Owner::open(&machine.runtime(), true, &mut history).await.expect("it opens");
            let usage = owner.journal.usage();
            let store_count = usage.iter().filter(|usage| !usage.is_visited).count();
            assert!(store_count > 0, "{usage:?}");
            assert_eq!(owner.journal.recovery().segment_count, usage.len() - store_count);
        })
        .expect("nothing goes down");
}

/// Opens it in a new life, so that nothing of the life before still works on the files; for as long as it takes to make spares.
fn reopen(machine: &Machine, history: &mut History) -> Result<(), JournalError> {
    machine.kill(NodeId(0));
    machine.restart();
    let opened = machine.run(async {
        let owner = Owner::open(&machine.runtime(), true, history).await?;
        machine.runtime().sleep(SPARES_DELAY).await;
        drop(owner);
        Ok(())
    });
    opened.expect("nothing goes down")
}

/// Time in which spares are made.
const SPARES_DELAY: Duration = Duration::from_secs(1);

#[test]
fn a_segment_that_is_named_and_missing_or_damaged_is_said_to_be() {
    let (machine, mut history) = worked_machine(true);
    let named = machine.run(async {
        let owner = Owner::open(&machine.runtime(), true, &mut history).await.expect("it opens");
        machine.runtime().sleep(SPARES_DELAY).await;
        let usage = owner.journal.usage();
        let store = usage.iter().find(|usage| !usage.is_visited && owner.segments().contains(&usage.segment));
        store.expect("some keys lie before the log").segment
    });
    let named = named.expect("nothing goes down");
    let elsewhere = Path::new("/data0/journal-0/elsewhere");
    let rename = |from: &Path, to: &Path| {
        let renamed = machine.run(async { machine.runtime().rename(from, to).await });
        renamed.expect("nothing goes down").expect("it is there");
    };
    let mut named_count = 0;
    for path in segment_paths(&machine.disk().files()) {
        rename(&path, elsewhere);
        match reopen(&machine, &mut history) {
            Err(JournalError::MissingStore { segments }) => named_count += usize::from(segments.contains(&named)),
            // Part of the log, or a spare.
            Err(JournalError::MissingSegments { .. }) | Ok(()) => {}
            other => panic!("{}: {other:?}", path.display()),
        }
        rename(elsewhere, &path);
        reopen(&machine, &mut history).expect("it is there again");
        machine.disk().flip(&path, 24, 1);
        match reopen(&machine, &mut history) {
            Err(JournalError::Rot { path: found, .. }) => assert_eq!(found, path),
            // It was a spare.
            Ok(()) => {}
            other => panic!("{}: {other:?}", path.display()),
        }
        if machine.disk().files().iter().any(|(found, _)| *found == path) {
            machine.disk().flip(&path, 24, 1);
        }
        reopen(&machine, &mut history).expect("it is as it was");
    }
    assert_eq!(named_count, 1);
}
