//! What to do next: the whole data set once, or operations drawn at random.

use fastrand::Rng;

use super::driver::{Lanes, Operation};
use super::keys::Keys;
use super::record::NUMBER_MAX;

/// An operation without its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Intent {
    pub(super) operation: Operation,
    pub(super) key: u64,
    pub(super) version: u64,
}

/// Where operations come from.
pub(super) enum Source {
    /// Each key is put once, by lane; `next[lane]` is the lowest key that lane has not tried.
    Fill { key_count: u64, next: Vec<u64> },
    /// Gets and puts of drawn keys; `read_share` of them are gets.
    Random { keys: Keys, read_share: f64, chance: Rng, version: u64 },
}

impl Source {
    pub(super) fn fill(key_count: u64, lanes: &Lanes) -> Source {
        Source::Fill { key_count, next: vec![0; usize::from(lanes.count())] }
    }

    pub(super) fn random(keys: Keys, read_share: f64, seed: u64) -> Source {
        Source::Random { keys, read_share, chance: Rng::with_seed(seed), version: 0 }
    }

    /// The next operation for any lane. None when there is none left.
    pub(super) fn next(&mut self) -> Option<Intent> {
        match self {
            Source::Fill { key_count, next } => {
                let key = next[0];
                next[0] += 1;
                (key < *key_count).then_some(Intent { operation: Operation::Put, key, version: 0 })
            }
            Source::Random { keys, read_share, chance, version } => {
                let key = keys.draw(chance);
                // No need to draw where all are alike.
                let is_get = *read_share >= 1.0 || (*read_share > 0.0 && chance.f64() < *read_share);
                let operation = if is_get { Operation::Get } else { Operation::Put };
                *version = (*version + u64::from(!is_get)) % NUMBER_MAX;
                Some(Intent { operation, key, version: *version })
            }
        }
    }

    /// The next operation whose key takes this lane. None when there is none left for it.
    pub(super) fn next_in_lane(&mut self, lane: u16, lanes: &Lanes) -> Option<Intent> {
        if let Source::Fill { key_count, next } = self {
            let next = &mut next[usize::from(lane)];
            while *next < *key_count && lanes.lane(*next) != lane {
                *next += 1;
            }
            let key = *next;
            *next += 1;
            return (key < *key_count).then_some(Intent { operation: Operation::Put, key, version: 0 });
        }
        loop {
            let intent = self.next()?;
            if lanes.lane(intent.key) == lane {
                return Some(intent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Distribution;
    use super::*;

    fn two_lanes(key_count: u64) -> Lanes {
        Lanes::PerCore { lane_count: 2, lane_of_key: (0..key_count).map(|key| u16::from(key % 3 == 0)).collect() }
    }

    #[test]
    fn a_fill_puts_each_key_once() {
        for lanes in [Lanes::One, two_lanes(100)] {
            let mut source = Source::fill(100, &lanes);
            let mut keys: Vec<u64> = Vec::new();
            for lane in 0..lanes.count() {
                while let Some(intent) = source.next_in_lane(lane, &lanes) {
                    assert_eq!(intent.operation, Operation::Put);
                    assert_eq!(lanes.lane(intent.key), lane);
                    keys.push(intent.key);
                }
                assert_eq!(source.next_in_lane(lane, &lanes), None);
            }
            keys.sort_unstable();
            assert_eq!(keys, (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn random_operations_keep_to_the_lane_and_to_the_share() {
        let lanes = two_lanes(1000);
        for (read_share, gets) in [(0.0, 0..1), (0.5, 4_700..5_300), (0.95, 9_400..9_600), (1.0, 10_000..10_001)] {
            let mut source = Source::random(Keys::new(Distribution::Uniform, 1000), read_share, 5);
            let mut get_count = 0;
            for turn in 0..10_000_u16 {
                let intent = source.next_in_lane(turn % 2, &lanes).unwrap();
                assert_eq!(lanes.lane(intent.key), turn % 2);
                get_count += usize::from(intent.operation == Operation::Get);
            }
            assert!(gets.contains(&get_count), "{read_share}: {get_count}");
        }
    }
}
