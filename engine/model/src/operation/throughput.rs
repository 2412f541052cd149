//! Throughput as CreateTable and UpdateTable take it: provisioned, the bounds of on-demand use, and what is kept warm.
//!
//! In the way of a request: part of `validate()`, then of the definition that the request makes. Deliberately not here:
//! what an operation costs (`capacity.rs`).

use super::constraint::Constraints;
use crate::Error;
use crate::table::{BillingMode, OnDemandThroughput, ProvisionedThroughput, WarmThroughput};

/// The largest provisioned throughput, in units a second.
// DynamoDB: observed: larger values are out of bounds.
const CAPACITY_UNITS_MAX: i64 = 1_000_000_000_000;
/// What stands for "no bound" among the bounds of on-demand use.
// DynamoDB: API reference, "OnDemandThroughput".
const UNBOUNDED: i64 = -1;

/// `ProvisionedThroughput`, as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThroughputParameter {
    /// Units a second.
    pub read_capacity_units: Option<i64>,
    /// Units a second.
    pub write_capacity_units: Option<i64>,
}

/// `OnDemandThroughput`, as given. -1 stands for no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnDemandThroughputParameter {
    /// Units a second at most.
    pub max_read_request_units: Option<i64>,
    /// Units a second at most.
    pub max_write_request_units: Option<i64>,
}

/// `WarmThroughput`, as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmThroughputParameter {
    /// Units a second.
    pub read_units_per_second: Option<i64>,
    /// Units a second.
    pub write_units_per_second: Option<i64>,
}

impl ThroughputParameter {
    /// Constrains the members of `path`.
    pub(crate) fn constrain(&self, constraints: &mut Constraints, path: &str) {
        for (member, units) in
            [("writeCapacityUnits", self.write_capacity_units), ("readCapacityUnits", self.read_capacity_units)]
        {
            let path = format!("{path}.{member}");
            constraints.not_null(&path, units.is_some());
            if let Some(units) = units {
                constraints.value_within(&path, units, 1, i64::MAX);
            }
        }
    }

    /// Refuses what is beyond all bounds; `whose` is empty, or names the index.
    pub(crate) fn check_bounds(&self, whose: &str) -> Result<(), Error> {
        for (name, units) in
            [("ReadCapacityUnits", self.read_capacity_units), ("WriteCapacityUnits", self.write_capacity_units)]
        {
            if let Some(units) = units.filter(|units| *units > CAPACITY_UNITS_MAX) {
                return Err(Error::validation(format!("Given value {units} for {name} is out of bounds{whose}")));
            }
        }
        Ok(())
    }

    /// The throughput; 0 where none is given.
    pub(crate) fn throughput(&self) -> ProvisionedThroughput {
        ProvisionedThroughput {
            read_capacity_units: units(self.read_capacity_units).unwrap_or(0),
            write_capacity_units: units(self.write_capacity_units).unwrap_or(0),
        }
    }
}

impl OnDemandThroughputParameter {
    /// Refuses what is neither a bound nor -1.
    // The words are ours: DynamoDB's are not known.
    pub(crate) fn check(&self) -> Result<(), Error> {
        for (name, units) in [
            ("MaxReadRequestUnits", self.max_read_request_units),
            ("MaxWriteRequestUnits", self.max_write_request_units),
        ] {
            if units.is_some_and(|units| units != UNBOUNDED && !(1..=CAPACITY_UNITS_MAX).contains(&units)) {
                return Err(Error::invalid_parameter(format_args!(
                    "{name} must be -1 or from 1 to {CAPACITY_UNITS_MAX}"
                )));
            }
        }
        Ok(())
    }

    /// The bounds: what is given in place of what there is.
    pub(crate) fn merge(&self, current: OnDemandThroughput) -> OnDemandThroughput {
        let merged = |given: Option<i64>, current| if given.is_some() { units(given) } else { current };
        OnDemandThroughput {
            max_read_request_units: merged(self.max_read_request_units, current.max_read_request_units),
            max_write_request_units: merged(self.max_write_request_units, current.max_write_request_units),
        }
    }
}

impl WarmThroughputParameter {
    /// Constrains the members.
    pub(crate) fn constrain(&self, constraints: &mut Constraints) {
        for (path, units) in [
            ("warmThroughput.readUnitsPerSecond", self.read_units_per_second),
            ("warmThroughput.writeUnitsPerSecond", self.write_units_per_second),
        ] {
            if let Some(units) = units {
                constraints.value_within(path, units, 1, i64::MAX);
            }
        }
    }

    /// What is asked for, where it is not less than what the table takes already.
    // DynamoDB: observed (2025): warm throughput never shrinks.
    pub(crate) fn grown_from(&self, current: WarmThroughput) -> Result<WarmThroughput, Error> {
        let asked = WarmThroughput {
            read_units_per_second: units(self.read_units_per_second).unwrap_or(current.read_units_per_second),
            write_units_per_second: units(self.write_units_per_second).unwrap_or(current.write_units_per_second),
        };
        for (name, asked, current) in [
            ("ReadUnitsPerSecond", asked.read_units_per_second, current.read_units_per_second),
            ("WriteUnitsPerSecond", asked.write_units_per_second, current.write_units_per_second),
        ] {
            if asked < current {
                return Err(Error::invalid_parameter(format_args!(
                    "Requested {name} for WarmThroughput for table is lower than current WarmThroughput, \
                     decreasing WarmThroughput is not supported"
                )));
            }
        }
        Ok(asked)
    }
}

/// Checks that throughput and billing mode fit together, of a table or, when `index` is named, of one of its indexes.
// DynamoDB: observed.
pub(crate) fn check_billing(
    billing_mode: BillingMode,
    throughput: Option<&ThroughputParameter>,
    index: Option<&str>,
) -> Result<(), Error> {
    let whose = index.map(|name| format!(" for index {name}")).unwrap_or_default();
    match (billing_mode, throughput) {
        (BillingMode::PayPerRequest, None) => Ok(()),
        (BillingMode::PayPerRequest, Some(_)) if index.is_some() => Err(Error::invalid_parameter(format_args!(
            "ProvisionedThroughput should not be specified for index: {} when BillingMode is PAY_PER_REQUEST",
            index.unwrap_or_default()
        ))),
        (BillingMode::PayPerRequest, Some(_)) => Err(Error::invalid_parameter(
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
        )),
        (BillingMode::Provisioned, None) if index.is_some() => Err(Error::invalid_parameter(format_args!(
            "ProvisionedThroughput must be specified for index: {}",
            index.unwrap_or_default()
        ))),
        (BillingMode::Provisioned, None) => Err(Error::invalid_parameter(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        )),
        (BillingMode::Provisioned, Some(throughput)) => throughput.check_bounds(&whose),
    }
}

/// Checks the bounds of on-demand use; only tables by request have any.
pub(crate) fn check_on_demand(
    billing_mode: BillingMode,
    bounds: Option<&OnDemandThroughputParameter>,
) -> Result<(), Error> {
    let Some(bounds) = bounds else {
        return Ok(());
    };
    if billing_mode == BillingMode::Provisioned {
        return Err(Error::invalid_parameter(
            "Neither MaxReadRequestUnits nor MaxWriteRequestUnits can be specified when BillingMode is PROVISIONED",
        ));
    }
    bounds.check()
}

fn units(given: Option<i64>) -> Option<u64> {
    given.and_then(|units| u64::try_from(units).ok())
}
