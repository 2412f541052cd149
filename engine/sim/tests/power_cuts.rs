//! The power is cut at every write boundary of seeded workloads on a whole node.
//!
//! After each restart every acknowledged write is there, every other one is there whole or not at all, and nothing has
//! come back. What the cut does to writes on their way (lost, torn, reordered) is drawn from the seed.

use std::ops::Range;

use sim::{Experiment, Workload, seeds};

/// How many boundaries a workload has, and what its trace hashes to.
fn run_unharmed(seed: u64) -> (u64, u64) {
    let mut experiment = Experiment::new(Workload::small(seed));
    assert_eq!(experiment.run_life(), Ok(()), "seed {seed}");
    assert!(experiment.acknowledged_count() > 0, "seed {seed}");
    (experiment.machine().boundary_count(), experiment.machine().trace_hash())
}

/// One life with a cut at `boundary`, one cut again while it recovers, one unharmed. The trace's hash at the end.
fn run_cut(seed: u64, boundary: u64) -> u64 {
    let mut experiment = Experiment::new(Workload::small(seed));
    experiment.run_cut_life(boundary);
    let next = experiment.machine().boundary_count() + boundary % 8;
    experiment.run_cut_life(next);
    assert_eq!(experiment.run_life(), Ok(()), "seed {seed}, boundary {boundary}");
    experiment.machine().trace_hash()
}

fn cut_everywhere(range: Range<u64>) {
    for seed in seeds(range) {
        let (boundary_count, _) = run_unharmed(seed);
        eprintln!("seed {seed}: {boundary_count} write boundaries");
        for boundary in 0..boundary_count {
            eprintln!("seed {seed}, boundary {boundary}");
            run_cut(seed, boundary);
        }
    }
}

#[test]
fn acknowledged_writes_survive_a_cut_at_every_boundary_of_seeds_0_to_19() {
    cut_everywhere(0..20);
}

#[test]
fn acknowledged_writes_survive_a_cut_at_every_boundary_of_seeds_20_to_39() {
    cut_everywhere(20..40);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in seeds(0..6) {
        let (boundary_count, hash) = run_unharmed(seed);
        assert_eq!((boundary_count, hash), run_unharmed(seed), "seed {seed}");
        let boundary = boundary_count / 2;
        assert_eq!(run_cut(seed, boundary), run_cut(seed, boundary), "seed {seed}, boundary {boundary}");
        hashes.insert(hash);
    }
    assert_eq!(hashes.len(), seeds(0..6).count());
}
