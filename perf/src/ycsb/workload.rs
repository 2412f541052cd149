//! YCSB's core workloads: which operations, on which items.
//!
//! | | |
//! | --- | --- |
//! | A | 50 % reads, 50 % updates, scrambled zipfian |
//! | B | 95 % reads, 5 % updates, scrambled zipfian |
//! | C | reads, scrambled zipfian |
//! | D | 95 % reads, 5 % inserts, the latest most often |
//! | E | 95 % scans of 1 to 100 items, 5 % inserts, scrambled zipfian |
//! | F | 50 % reads, 50 % reads with a modification and a write, scrambled zipfian |
//!
//! Brian F. Cooper et al., "Benchmarking Cloud Serving Systems with YCSB" (2010), and `workloads/workloada` to `workloadf`
//! of its repository.

use std::collections::BTreeSet;

use fastrand::Rng;

use crate::load::keys::{Zipfian, scatter};

/// YCSB's ScrambledZipfianGenerator draws ranks among so many, whatever the size of the data set.
const SCRAMBLED_RANK_COUNT: u64 = 10_000_000_000;
/// YCSB's maxscanlength.
const SCAN_ROWS_MAX: u64 = 100;

/// One of the six.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Workload {
    A,
    B,
    C,
    D,
    E,
    F,
}

/// How likely each item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Distribution {
    /// All alike.
    Uniform,
    /// YCSB's scrambled zipfian, constant 0.99.
    Zipfian,
    /// The newest most often, by the same law.
    Latest,
}

/// What an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read,
    Update,
    Insert,
    Scan,
    ReadModifyWrite,
}

impl Kind {
    pub(super) const ALL: [Kind; 5] = [Kind::Read, Kind::Update, Kind::Insert, Kind::Scan, Kind::ReadModifyWrite];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Update => "update",
            Kind::Insert => "insert",
            Kind::Scan => "scan",
            Kind::ReadModifyWrite => "read-modify-write",
        }
    }
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    /// The item; of a scan, the first.
    pub(super) number: u64,
    /// Items that a scan asks for.
    pub(super) row_count: u64,
    /// Items below were there when it began: what was acknowledged later, a scan may have missed.
    pub(super) item_count: u64,
    /// The field that is written.
    pub(super) field: usize,
    /// The stamp of what is written.
    pub(super) stamp: u64,
}

/// Where operations come from. The same seed gives the same operations, as far as they do not depend on which inserts have
/// been acknowledged.
pub(super) struct Source {
    chance: Rng,
    field_count: usize,
    plan: Plan,
    inserted: Inserted,
}

enum Plan {
    /// Every item once, in an order that is not that of the keys.
    Load { next: u64, item_count: u64 },
    /// For ever.
    Run { workload: Workload, drawing: Drawing },
}

enum Drawing {
    Uniform,
    /// Over the items that were there at the start.
    Scrambled(Zipfian, u64),
    Latest(Zipfian),
}

impl Workload {
    pub(super) fn usual_distribution(self) -> Distribution {
        if self == Workload::D { Distribution::Latest } else { Distribution::Zipfian }
    }

    /// The kind for a uniform draw from [0, 1).
    fn kind(self, uniform: f64) -> Kind {
        let (share, frequent, other) = match self {
            Workload::A => (0.5, Kind::Read, Kind::Update),
            Workload::B => (0.95, Kind::Read, Kind::Update),
            Workload::C => (1.0, Kind::Read, Kind::Read),
            Workload::D => (0.95, Kind::Read, Kind::Insert),
            Workload::E => (0.95, Kind::Scan, Kind::Insert),
            Workload::F => (0.5, Kind::Read, Kind::ReadModifyWrite),
        };
        if uniform < share { frequent } else { other }
    }
}

impl Source {
    /// The load phase.
    pub(super) fn load(item_count: u64, field_count: usize, seed: u64) -> Source {
        let plan = Plan::Load { next: 0, item_count };
        Source { chance: Rng::with_seed(seed), field_count, plan, inserted: Inserted::new(item_count) }
    }

    /// A workload over items `0..item_count`, of which there is at least one.
    pub(super) fn run(
        workload: Workload,
        distribution: Distribution,
        item_count: u64,
        field_count: usize,
        seed: u64,
    ) -> Source {
        let drawing = match distribution {
            Distribution::Uniform => Drawing::Uniform,
            Distribution::Zipfian => Drawing::Scrambled(Zipfian::new(SCRAMBLED_RANK_COUNT), item_count),
            Distribution::Latest => Drawing::Latest(Zipfian::new(item_count)),
        };
        let plan = Plan::Run { workload, drawing };
        Source { chance: Rng::with_seed(seed), field_count, plan, inserted: Inserted::new(item_count) }
    }

    /// The next operation; none when everything is loaded.
    pub(super) fn next(&mut self) -> Option<Operation> {
        let chance = &mut self.chance;
        let (kind, number) = match &mut self.plan {
            Plan::Load { next, item_count } => {
                let number = *next;
                *next += 1;
                if number >= *item_count {
                    return None;
                }
                (Kind::Insert, scatter(number, *item_count))
            }
            Plan::Run { workload, drawing } => {
                let kind = workload.kind(chance.f64());
                let number = match kind {
                    Kind::Insert => self.inserted.begin(),
                    _ => drawing.draw(chance, self.inserted.acknowledged),
                };
                (kind, number)
            }
        };
        let field = chance.usize(0..self.field_count);
        let row_count = if kind == Kind::Scan { chance.u64(1..=SCAN_ROWS_MAX) } else { 0 };
        let item_count = self.inserted.acknowledged;
        Some(Operation { kind, number, row_count, item_count, field, stamp: chance.u64(..) })
    }

    /// An insert has been acknowledged.
    pub(super) fn acknowledge(&mut self, number: u64) {
        if matches!(self.plan, Plan::Run { .. }) {
            self.inserted.acknowledge(number);
        }
    }

    /// The items that were there at the start, and those below the first that was not acknowledged.
    pub(super) fn item_count(&self) -> u64 {
        self.inserted.acknowledged
    }
}

impl Drawing {
    fn draw(&mut self, chance: &mut Rng, item_count: u64) -> u64 {
        match self {
            Drawing::Uniform => chance.u64(0..item_count),
            Drawing::Scrambled(zipfian, item_count) => fnv(zipfian.rank(chance.f64())) % *item_count,
            Drawing::Latest(zipfian) => {
                zipfian.grow(item_count);
                item_count - 1 - zipfian.rank(chance.f64())
            }
        }
    }
}

/// Which inserts are done: only what is acknowledged may be read.
struct Inserted {
    next: u64,
    /// All below are there.
    acknowledged: u64,
    /// Acknowledged above that; as many as are in flight.
    beyond: BTreeSet<u64>,
}

impl Inserted {
    fn new(item_count: u64) -> Inserted {
        Inserted { next: item_count, acknowledged: item_count, beyond: BTreeSet::new() }
    }

    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn acknowledge(&mut self, number: u64) {
        self.beyond.insert(number);
        while self.beyond.remove(&self.acknowledged) {
            self.acknowledged += 1;
        }
    }
}

/// YCSB's fnvhash64: FNV-1a over the eight bytes, least first, as a signed number without its sign.
fn fnv(number: u64) -> u64 {
    let hash = number
        .to_le_bytes()
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211));
    hash.cast_signed().unsigned_abs()
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const ITEM_COUNT: u64 = 10_000;

    fn source(workload: Workload, seed: u64) -> Source {
        Source::run(workload, workload.usual_distribution(), ITEM_COUNT, 10, seed)
    }

    #[test]
    fn kinds_are_as_frequent_as_the_workload_says() {
        let expected = [
            (Workload::A, Kind::Update, 0.5),
            (Workload::B, Kind::Update, 0.05),
            (Workload::C, Kind::Update, 0.0),
            (Workload::D, Kind::Insert, 0.05),
            (Workload::E, Kind::Insert, 0.05),
            (Workload::E, Kind::Scan, 0.95),
            (Workload::F, Kind::ReadModifyWrite, 0.5),
        ];
        for (workload, kind, share) in expected {
            let seed = 11;
            let mut source = source(workload, seed);
            let count = (0..20_000).filter(|_| source.next().unwrap().kind == kind).count();
            assert!((count as f64 / 20_000.0 - share).abs() < 0.01, "seed {seed}: {workload:?} {kind:?} {count}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_operations() {
        for workload in [Workload::A, Workload::B, Workload::C, Workload::D, Workload::E, Workload::F] {
            let draw = |seed| {
                let mut source = source(workload, seed);
                (0..1000).map(|_| source.next()).collect::<Vec<_>>()
            };
            assert_eq!(draw(3), draw(3));
            assert_ne!(draw(3), draw(4));
        }
    }

    #[test]
    fn a_load_inserts_each_item_once() {
        let mut source = Source::load(1000, 10, 1);
        let mut numbers: Vec<u64> = std::iter::from_fn(|| source.next()).map(|operation| operation.number).collect();
        assert!(!numbers.is_sorted());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_read_has_been_acknowledged() {
        let mut source = source(Workload::D, 5);
        let mut in_flight = Vec::new();
        for turn in 0..50_000 {
            let operation = source.next().unwrap();
            if operation.kind == Kind::Insert {
                in_flight.push(operation.number);
                // Acknowledged late, and the later first.
                if turn % 3 == 0 {
                    in_flight.drain(..).rev().for_each(|number| source.acknowledge(number));
                }
            } else {
                assert!(operation.number < ITEM_COUNT || !in_flight.contains(&operation.number));
                assert!(operation.number < source.item_count());
            }
        }
        assert!(source.item_count() > ITEM_COUNT + 2_000);
    }

    #[test]
    fn the_latest_and_the_zipfian_favour_what_they_should() {
        let mut latest = source(Workload::D, 1);
        let reads = std::iter::from_fn(|| latest.next()).filter(|operation| operation.kind == Kind::Read);
        let among_newest = reads.take(10_000).filter(|operation| operation.number >= ITEM_COUNT - 100).count();
        assert!((4_500..6_500).contains(&among_newest), "{among_newest}");
        let mut zipfian = source(Workload::C, 1);
        let mut counts: HashMap<u64, u32> = HashMap::new();
        (0..100_000).for_each(|_| *counts.entry(zipfian.next().unwrap().number).or_default() += 1);
        let (hottest, count) = counts.iter().max_by_key(|(_, count)| **count).unwrap();
        // Rank 0 has 1 / zeta(10^10, 0.99) = 1 / 26.469 of all draws, as in YCSB.
        assert_eq!(*hottest, fnv(0) % ITEM_COUNT);
        assert!((3_500..4_100).contains(count), "{count}");
        assert!(counts.keys().all(|number| *number < ITEM_COUNT));
    }

    #[test]
    fn the_hash_is_that_of_ycsb() {
        // Utils.fnvhash64 of 0 and 1.
        assert_eq!((fnv(0), fnv(1)), (6_284_781_860_667_377_211, 8_517_097_267_634_966_620));
    }
}
