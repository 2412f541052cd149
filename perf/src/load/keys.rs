//! Which key comes next: uniform, or zipfian as YCSB draws it.

use fastrand::Rng;

/// YCSB's default skew.
const ZIPFIAN_THETA: f64 = 0.99;
/// Terms of the zeta sum that are added one by one; the rest is an integral, off by less than 1e-9 of the sum.
const ZETA_EXACT_TERMS_MAX: u64 = 1 << 20;

/// How likely each key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Distribution {
    /// All keys alike.
    Uniform,
    /// A few keys often, most rarely: YCSB's scrambled zipfian, theta 0.99.
    Zipfian,
}

/// Draws keys in `0..key_count`.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// All alike.
    Uniform { key_count: u64 },
    /// By rank, scattered over the keys.
    Zipfian(Zipfian),
}

impl Keys {
    /// A source of keys below `key_count`, which is at least 1.
    pub(super) fn new(distribution: Distribution, key_count: u64) -> Keys {
        assert!(key_count > 0, "there is at least one key");
        match distribution {
            Distribution::Uniform => Keys::Uniform { key_count },
            Distribution::Zipfian => Keys::Zipfian(Zipfian::new(key_count)),
        }
    }

    /// The next key.
    pub(super) fn draw(&self, chance: &mut Rng) -> u64 {
        match self {
            Keys::Uniform { key_count } => chance.u64(0..*key_count),
            Keys::Zipfian(zipfian) => scatter(zipfian.rank(chance.f64()), zipfian.key_count),
        }
    }
}

/// Ranks with probability proportional to `1 / (rank + 1) ^ theta`.
///
/// Gray et al., "Quickly Generating Billion-Record Synthetic Databases" (1994), as in YCSB's ZipfianGenerator.
#[derive(Clone, Debug)]
pub(crate) struct Zipfian {
    key_count: u64,
    zeta: f64,
    eta: f64,
    alpha: f64,
}

// Counts of keys are far below 2^52.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
impl Zipfian {
    /// Ranks below `key_count`, which is at least 1.
    pub(crate) fn new(key_count: u64) -> Zipfian {
        let zeta = zeta(key_count);
        let alpha = 1.0 / (1.0 - ZIPFIAN_THETA);
        Zipfian { key_count, zeta, eta: eta(key_count, zeta), alpha }
    }

    /// There are more ranks now. Costs a term for each new one.
    pub(crate) fn grow(&mut self, key_count: u64) {
        if key_count > self.key_count {
            let new = self.key_count + 1..=key_count;
            self.zeta += new.map(|term| (term as f64).powf(-ZIPFIAN_THETA)).sum::<f64>();
            self.eta = eta(key_count, self.zeta);
            self.key_count = key_count;
        }
    }

    /// The rank for a uniform draw from [0, 1): 0 is the most likely.
    pub(crate) fn rank(&self, uniform: f64) -> u64 {
        let share = uniform * self.zeta;
        if share < 1.0 || self.key_count == 1 {
            return 0;
        }
        if share < zeta_of_two() || self.key_count == 2 {
            return 1;
        }
        let rank = self.key_count as f64 * (self.eta * uniform - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.key_count - 1)
    }
}

#[allow(clippy::cast_precision_loss)] // Far below 2^52.
fn eta(key_count: u64, zeta: f64) -> f64 {
    (1.0 - (2.0 / key_count as f64).powf(1.0 - ZIPFIAN_THETA)) / (1.0 - zeta_of_two() / zeta)
}

fn zeta_of_two() -> f64 {
    1.0 + 0.5_f64.powf(ZIPFIAN_THETA)
}

/// The sum of `1 / i ^ theta` for i from 1 to `count`.
#[allow(clippy::cast_precision_loss)]
fn zeta(count: u64) -> f64 {
    let exact_terms = count.min(ZETA_EXACT_TERMS_MAX);
    let exact: f64 = (1..=exact_terms).map(|term| (term as f64).powf(-ZIPFIAN_THETA)).sum();
    // Euler-Maclaurin: the terms after the last exact one.
    let power = 1.0 - ZIPFIAN_THETA;
    let (from, to) = (exact_terms as f64, count as f64);
    let integral = (to.powf(power) - from.powf(power)) / power;
    exact + integral + (to.powf(-ZIPFIAN_THETA) - from.powf(-ZIPFIAN_THETA)) / 2.0
}

/// Spreads ranks over the keys, so that the likely ones do not lie side by side. Each rank has a key of its own.
pub(crate) fn scatter(rank: u64, key_count: u64) -> u64 {
    // Knuth's multiplicative hash: a prime, and so without a common factor with any count of keys that is allowed.
    rank * 2_654_435_761 % key_count
}

#[cfg(test)]
#[allow(clippy::cast_precision_loss)]
mod tests {
    use super::*;

    #[test]
    fn zeta_with_an_integral_is_the_plain_sum() {
        for count in [1, 2, 10, ZETA_EXACT_TERMS_MAX, ZETA_EXACT_TERMS_MAX + 1, 3 * ZETA_EXACT_TERMS_MAX] {
            let plain: f64 = (1..=count).map(|term| (term as f64).powf(-ZIPFIAN_THETA)).sum();
            let error = (zeta(count) - plain).abs() / plain;
            assert!(error < 1e-9, "{count}: {error}");
        }
    }

    #[test]
    fn ranks_are_as_likely_as_the_law_says() {
        let seed = 7;
        let mut chance = Rng::with_seed(seed);
        let zipfian = Zipfian::new(1000);
        let mut counts = vec![0_u32; 1000];
        let draws = 1_000_000;
        for _ in 0..draws {
            counts[usize::try_from(zipfian.rank(chance.f64())).unwrap()] += 1;
        }
        // The first two ranks are exact, the others as good as Gray's approximation: compare them in decades.
        let expected = |ranks: std::ops::Range<usize>| -> f64 {
            ranks.map(|rank| ((rank + 1) as f64).powf(-ZIPFIAN_THETA) / zipfian.zeta).sum()
        };
        for (ranks, tolerance) in [(0..1, 0.02), (1..2, 0.02), (2..10, 0.12), (10..100, 0.06), (100..1000, 0.06)] {
            let drawn = f64::from(counts[ranks.clone()].iter().sum::<u32>()) / f64::from(draws);
            let law = expected(ranks.clone());
            assert!((drawn / law - 1.0).abs() < tolerance, "seed {seed}, ranks {ranks:?}: {drawn} and not {law}");
        }
    }

    #[test]
    fn what_has_grown_is_what_was_made_so() {
        let mut grown = Zipfian::new(1000);
        grown.grow(1001);
        grown.grow(5000);
        let made = Zipfian::new(5000);
        assert!((grown.zeta / made.zeta - 1.0).abs() < 1e-9 && (grown.eta / made.eta - 1.0).abs() < 1e-9);
        assert_eq!(grown.rank(0.999), made.rank(0.999));
    }

    #[test]
    fn scattering_loses_no_key() {
        for key_count in [1, 2, 10, 1000, 4096] {
            let mut keys: Vec<u64> = (0..key_count).map(|rank| scatter(rank, key_count)).collect();
            keys.sort_unstable();
            assert_eq!(keys, (0..key_count).collect::<Vec<_>>());
        }
        assert!(scatter(1_000_000_000 - 1, 1_000_000_000) < 1_000_000_000, "no overflow at the most keys");
    }

    #[test]
    fn keys_stay_in_range_and_repeat_with_the_seed() {
        for distribution in [Distribution::Uniform, Distribution::Zipfian] {
            for key_count in [1, 2, 3, 1000, 5_000_000] {
                let keys = Keys::new(distribution, key_count);
                let draw = |seed| {
                    let mut chance = Rng::with_seed(seed);
                    (0..1000).map(|_| keys.draw(&mut chance)).collect::<Vec<_>>()
                };
                assert!(draw(1).iter().all(|key| *key < key_count), "{distribution:?} {key_count}");
                assert_eq!(draw(1), draw(1));
                assert!(key_count == 1 || draw(1) != draw(2), "{distribution:?} {key_count}");
            }
        }
    }
}
