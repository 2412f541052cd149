//! `ThroughputBucket`: how much of its throughput a table may use now, as a bucket that fills at the table's rate.
//!
//! One for reads and one for writes of each table with a rate, or of each share of it, on the core that admits its
//! requests; dropped with the table. Time is an argument. Amounts are exact: a thousandth of half a unit is what half a
//! unit a second brings in a millisecond. What a request costs is not here (`operation/capacity.rs`).

use crate::operation::CapacityUnits;

/// For how long unused throughput is kept.
// DynamoDB: developer guide, "Burst capacity": up to five minutes (300 seconds) of unused throughput.
const BURST_SECONDS: i64 = 300;
/// Grains in half a unit.
const GRAINS: i64 = 1000;
/// The highest rate that is told apart, in half units a second: the burst of it still fits.
const RATE_MAX: i64 = i64::MAX / (BURST_SECONDS * GRAINS);

/// A bucket of capacity units.
///
/// Invariants:
/// 1. `balance` is at most `BURST_SECONDS` of the rate.
/// 2. `balance` is right as of `filled_at_ms`; time that goes backwards brings nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThroughputBucket {
    /// Half units a second, which is also grains a millisecond.
    rate: i64,
    /// Grains; below zero after a request that cost more than there was.
    balance: i64,
    filled_at_ms: u64,
}

impl ThroughputBucket {
    /// A full bucket that takes in `per_second`.
    // Ours: it starts full, as if the table had been there unused.
    pub fn new(per_second: CapacityUnits, now_ms: u64) -> ThroughputBucket {
        let rate = bounded_rate(per_second);
        ThroughputBucket { rate, balance: burst(rate), filled_at_ms: now_ms }
    }

    /// Changes the rate from now on. What is in the bucket stays, as far as it has room.
    pub fn set_rate(&mut self, per_second: CapacityUnits, now_ms: u64) {
        self.fill(now_ms);
        self.rate = bounded_rate(per_second);
        self.balance = self.balance.min(burst(self.rate));
    }

    /// Whether a request may enter, whatever it costs.
    // DynamoDB: ATC 2022 paper: a request is admitted while tokens are left; observed: one that costs more than is left
    // is served, and the next ones wait until it is paid for.
    pub fn admits(&mut self, now_ms: u64) -> bool {
        self.fill(now_ms);
        self.balance > 0
    }

    /// Pays for a request that was admitted.
    pub fn take(&mut self, units: CapacityUnits) {
        let half_units = i64::try_from(units.half_unit_count()).unwrap_or(i64::MAX);
        self.balance = self.balance.saturating_sub(half_units.saturating_mul(GRAINS));
    }

    /// Gives back what was taken for a request that did less than was thought.
    pub fn give_back(&mut self, units: CapacityUnits) {
        let half_units = i64::try_from(units.half_unit_count()).unwrap_or(i64::MAX);
        let balance = self.balance.saturating_add(half_units.saturating_mul(GRAINS));
        self.balance = balance.min(burst(self.rate));
    }

    fn fill(&mut self, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.filled_at_ms);
        let grains = i64::try_from(elapsed_ms).unwrap_or(i64::MAX).saturating_mul(self.rate);
        self.balance = self.balance.saturating_add(grains).min(burst(self.rate));
        self.filled_at_ms = self.filled_at_ms.max(now_ms);
    }
}

fn bounded_rate(per_second: CapacityUnits) -> i64 {
    i64::try_from(per_second.half_unit_count()).unwrap_or(RATE_MAX).min(RATE_MAX)
}

/// The grains of a full bucket.
const fn burst(rate: i64) -> i64 {
    rate * GRAINS * BURST_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(half_unit_count: u64) -> CapacityUnits {
        CapacityUnits::from_half_unit_count(half_unit_count)
    }

    /// How many requests of `cost` are admitted at one instant.
    fn admitted_count(bucket: &mut ThroughputBucket, cost: CapacityUnits, now_ms: u64) -> u64 {
        let mut count = 0;
        while bucket.admits(now_ms) {
            bucket.take(cost);
            count += 1;
        }
        count
    }

    #[test]
    fn a_full_bucket_holds_five_minutes() {
        let mut bucket = ThroughputBucket::new(units(2), 7);
        assert_eq!(admitted_count(&mut bucket, units(2), 7), 300);
        assert_eq!(admitted_count(&mut bucket, units(2), 1_006), 1);
        // A second brings one unit, an hour no more than five minutes' worth.
        assert_eq!(admitted_count(&mut bucket, units(1), 2_007), 2);
        assert_eq!(admitted_count(&mut bucket, units(2), 3_602_007), 300);
    }

    #[test]
    fn halves_are_exact() {
        let mut bucket = ThroughputBucket::new(units(1), 0);
        bucket.take(units(300));
        assert!(!bucket.admits(0));
        assert!(bucket.admits(1), "a millisecond brings something");
        bucket.take(units(1));
        assert!(!bucket.admits(1_000));
        assert!(bucket.admits(1_001));
    }

    #[test]
    fn a_debt_is_paid_before_the_next_request() {
        let mut bucket = ThroughputBucket::new(units(20), 0);
        bucket.take(units(6_000));
        bucket.take(units(100));
        assert!(!bucket.admits(5_000), "five seconds of debt end now");
        assert!(bucket.admits(5_001));
        bucket.give_back(units(1 << 40));
        assert_eq!(admitted_count(&mut bucket, units(20), 5_001), 300);
    }

    #[test]
    fn the_rate_may_change() {
        let mut bucket = ThroughputBucket::new(units(20), 0);
        bucket.set_rate(units(2), 0);
        assert_eq!(admitted_count(&mut bucket, units(2), 0), 300);
        bucket.set_rate(units(200), 1_000);
        assert_eq!(admitted_count(&mut bucket, units(2), 1_000), 1);
        assert_eq!(admitted_count(&mut bucket, units(2), 2_000), 100);
        bucket.set_rate(CapacityUnits::ZERO, 2_000);
        assert!(!bucket.admits(u64::MAX), "no rate, no throughput");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut bucket = ThroughputBucket::new(units(u64::MAX), 5);
        assert!(bucket.admits(0), "time does not go backwards");
        for _ in 0..3 {
            bucket.take(units(u64::MAX));
        }
        assert!(!bucket.admits(5) && !bucket.admits(u64::MAX), "a debt beyond all time");
    }
}
