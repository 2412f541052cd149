//! What a partition may use of its table's throughput: its share, by its share of the table's hashes.
//!
//! One a partition, on its core; full when the partition opens. In the way of a request the owner asks before it reads or
//! decides, and pays when it knows the price. Buckets fill by the clock that nobody sets. Tables without a bound have no buckets and pay nothing. Deliberately not
//! here: how a bucket fills, and what a request costs (`model`).

use model::operation::CapacityUnits;
use model::table::{BillingMode, HashRange};
use model::{Access, Error, TableDefinition, ThroughputBucket};
use runtime::Instant;

/// See the front page.
pub(crate) struct Throughput {
    range: HashRange,
    read: Option<ThroughputBucket>,
    write: Option<ThroughputBucket>,
}

impl Throughput {
    /// The share that `range` has.
    pub(crate) fn new(range: HashRange, definition: &TableDefinition) -> Self {
        let mut throughput = Self { range, read: None, write: None };
        throughput.set_rates(definition, Instant::default());
        throughput
    }

    /// The table's throughput is otherwise from now on.
    pub(crate) fn set_rates(&mut self, definition: &TableDefinition, now: Instant) {
        for access in [Access::Read, Access::Write] {
            let rate = rate(definition, access).map(|unit_count| share(unit_count, self.range));
            let bucket = self.bucket(access);
            match (bucket.as_mut(), rate) {
                (Some(bucket), Some(rate)) => bucket.set_rate(rate, milliseconds(now)),
                (None, Some(rate)) => *bucket = Some(ThroughputBucket::new(rate, milliseconds(now))),
                (_, None) => *bucket = None,
            }
        }
    }

    /// May a request enter?
    ///
    /// # Errors
    /// With the limit that was reached.
    pub(crate) fn admit(&mut self, access: Access, definition: &TableDefinition, now: Instant) -> Result<(), Error> {
        let Some(bucket) = self.bucket(access) else { return Ok(()) };
        if bucket.admits(milliseconds(now)) {
            return Ok(());
        }
        Err(match definition.billing_mode {
            BillingMode::Provisioned => Error::provisioned_throughput_exceeded(access, definition.arn()),
            BillingMode::PayPerRequest => Error::on_demand_throughput_exceeded(access, definition.arn()),
        })
    }

    /// Whether somebody has to pay.
    pub(crate) fn is_bounded(&self, access: Access) -> bool {
        match access {
            Access::Read => self.read.is_some(),
            Access::Write => self.write.is_some(),
        }
    }

    /// Pays for a request that was admitted.
    pub(crate) fn take(&mut self, access: Access, units: CapacityUnits) {
        if let Some(bucket) = self.bucket(access) {
            bucket.take(units);
        }
    }

    fn bucket(&mut self, access: Access) -> &mut Option<ThroughputBucket> {
        match access {
            Access::Read => &mut self.read,
            Access::Write => &mut self.write,
        }
    }
}

fn milliseconds(now: Instant) -> u64 {
    now.0 / 1_000_000
}

/// Units a second of the whole table; `None` where nothing is bounded.
fn rate(definition: &TableDefinition, access: Access) -> Option<u64> {
    let (provisioned, on_demand) = (definition.provisioned_throughput, definition.on_demand_throughput);
    match (definition.billing_mode, access) {
        (BillingMode::Provisioned, Access::Read) => Some(provisioned.read_capacity_units),
        (BillingMode::Provisioned, Access::Write) => Some(provisioned.write_capacity_units),
        (BillingMode::PayPerRequest, Access::Read) => on_demand.max_read_request_units,
        (BillingMode::PayPerRequest, Access::Write) => on_demand.max_write_request_units,
    }
}

/// The share of a range in so many units, rounded up to half a unit.
fn share(unit_count: u64, range: HashRange) -> CapacityUnits {
    let hash_count = u128::from(range.last().0 - range.first().0) + 1;
    // Up to 2^64 half units times 2^64 hashes.
    let half_units = u128::from(unit_count.saturating_mul(2)).saturating_mul(hash_count).div_ceil(1 << 64);
    CapacityUnits::from_half_unit_count(u64::try_from(half_units).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_share_what_the_table_has() {
        let check = |unit_count, range_count, expect: &[u64]| {
            let shares: Vec<u64> =
                HashRange::split_evenly(range_count).map(|range| share(unit_count, range).half_unit_count()).collect();
            assert_eq!(shares, expect);
        };
        check(5, 1, &[10]);
        check(5, 2, &[5, 5]);
        check(1, 4, &[1, 1, 1, 1]);
        check(10, 3, &[7, 7, 7]);
        check(u64::MAX, 1, &[u64::MAX]);
    }
}
