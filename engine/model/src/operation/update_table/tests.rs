//! UpdateTable: every reason to refuse a change, and what a change makes of a definition.

use super::*;
use crate::operation::EncryptionType;
use crate::table::WarmThroughput;
use crate::{KeyAttribute, KeySchema, KeyType};

const NOW_MS: u64 = 1_700_000_000_000;

fn on_demand() -> TableDefinition {
    let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
    let mut definition = TableDefinition::new("table", KeySchema { partition_key, sort_key: None });
    definition.status = TableStatus::Active;
    definition.history.on_demand_since_ms = Some(1);
    definition
}

fn provisioned(read: u64, write: u64) -> TableDefinition {
    let throughput = ProvisionedThroughput { read_capacity_units: read, write_capacity_units: write };
    let history = TableHistory::default();
    let billing_mode = BillingMode::Provisioned;
    TableDefinition { billing_mode, provisioned_throughput: throughput, history, ..on_demand() }
}

fn update() -> UpdateTable {
    UpdateTable { table_name: Some(Text::from("table")), ..UpdateTable::default() }
}

fn units(read: i64, write: i64) -> Option<ThroughputParameter> {
    Some(ThroughputParameter { read_capacity_units: Some(read), write_capacity_units: Some(write) })
}

fn bounds(read: i64) -> Option<OnDemandThroughputParameter> {
    Some(OnDemandThroughputParameter { max_read_request_units: Some(read), max_write_request_units: None })
}

fn warm(read: i64) -> Option<WarmThroughputParameter> {
    Some(WarmThroughputParameter { read_units_per_second: Some(read), write_units_per_second: None })
}

#[track_caller]
fn apply(request: &UpdateTable, current: &TableDefinition) -> TableDefinition {
    request.validate().unwrap();
    request.apply(current, NOW_MS).unwrap()
}

#[track_caller]
fn check_invalid(request: &UpdateTable, expected: &str) {
    let message = request.validate().err().map(|error| error.message.into_owned()).unwrap_or_default();
    assert_eq!(message, expected);
}

#[track_caller]
fn check_refused(request: &UpdateTable, current: &TableDefinition, expected: &str) {
    request.validate().unwrap();
    let error = request.apply(current, NOW_MS).unwrap_err();
    assert!(error.message.starts_with(expected), "{}", error.message);
}

#[test]
fn throughput_is_raised_and_lowered() {
    let raised = apply(&UpdateTable { provisioned_throughput: units(7, 5), ..update() }, &provisioned(5, 5));
    assert_eq!(raised.provisioned_throughput.read_capacity_units, 7);
    assert_eq!(raised.history.throughput_increased_at_ms, Some(NOW_MS));
    assert_eq!(raised.history.throughput_decreased_at_ms, None);
    let both = apply(&UpdateTable { provisioned_throughput: units(1, 9), ..update() }, &raised);
    assert_eq!((both.history.throughput_decreased_at_ms, both.history.throughput_decrease_count), (Some(NOW_MS), 1));
    assert_eq!((both.status, both.history.updated_at_ms), (TableStatus::Active, Some(NOW_MS)));
    let reply = UpdateTable::told(&raised, &both, NOW_MS);
    assert_eq!(reply.status, TableStatus::Updating);
    assert_eq!(reply.provisioned_throughput, raised.provisioned_throughput);
    assert_eq!(reply.history.throughput_decrease_count, 0);
}

#[test]
fn what_changes_nothing_is_refused() {
    let same = UpdateTable {
        provisioned_throughput: units(5, 6),
        billing_mode: Choice::Known(BillingMode::Provisioned),
        ..update()
    };
    check_refused(
        &same,
        &provisioned(5, 6),
        "The provisioned throughput for the table will not change. The requested value equals the current value. \
         Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. Current \
         WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6. Refer to",
    );
    check_invalid(
        &update(),
        "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or \
         SSESpecification or ReplicaUpdates is required",
    );
}

#[test]
fn the_billing_mode_is_switched_both_ways() {
    let to_on_demand = UpdateTable { billing_mode: Choice::Known(BillingMode::PayPerRequest), ..update() };
    let before = provisioned(5, 6);
    let next = apply(&UpdateTable { on_demand_throughput: bounds(9), ..to_on_demand.clone() }, &before);
    assert_eq!((next.billing_mode, next.provisioned_throughput), (BillingMode::PayPerRequest, Default::default()));
    assert_eq!(next.history.on_demand_since_ms, Some(NOW_MS));
    assert_eq!(next.on_demand_throughput.max_read_request_units, Some(9));
    let reply = UpdateTable::told(&before, &next, NOW_MS);
    assert_eq!((reply.billing_mode, reply.history.on_demand_since_ms), (BillingMode::PayPerRequest, None));
    assert_eq!(apply(&to_on_demand, &on_demand()).history.on_demand_since_ms, Some(1));
    let back = UpdateTable {
        billing_mode: Choice::Known(BillingMode::Provisioned),
        provisioned_throughput: units(3, 4),
        ..update()
    };
    let back = apply(&back, &next);
    assert_eq!((back.billing_mode, back.provisioned_throughput.write_capacity_units), (BillingMode::Provisioned, 4));
    assert_eq!(back.on_demand_throughput, OnDemandThroughput::default());
    assert_eq!((back.history.on_demand_since_ms, back.history.throughput_increased_at_ms), (Some(NOW_MS), None));
}

#[test]
fn throughput_fits_the_billing_mode() {
    let invalid = |detail: &str| format!("One or more parameter values were invalid: {detail}");
    let neither = invalid(
        "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
    );
    let throughput = UpdateTable { provisioned_throughput: units(5, 5), ..update() };
    check_refused(&throughput, &on_demand(), &neither);
    check_invalid(
        &UpdateTable { billing_mode: Choice::Known(BillingMode::PayPerRequest), ..throughput.clone() },
        &neither,
    );
    check_invalid(
        &UpdateTable { billing_mode: Choice::Known(BillingMode::Provisioned), ..update() },
        &invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED"),
    );
    check_refused(
        &UpdateTable { on_demand_throughput: bounds(5), ..update() },
        &provisioned(5, 5),
        &invalid(
            "Neither MaxReadRequestUnits nor MaxWriteRequestUnits can be specified when BillingMode is PROVISIONED",
        ),
    );
    check_invalid(
        &UpdateTable { provisioned_throughput: units(0, 5), ..update() },
        "1 validation error detected: Value '0' at 'provisionedThroughput.readCapacityUnits' failed to satisfy \
         constraint: Member must have value greater than or equal to 1",
    );
    check_invalid(
        &UpdateTable { provisioned_throughput: units(1, 1_000_000_000_001), ..update() },
        "Given value 1000000000001 for WriteCapacityUnits is out of bounds",
    );
}

#[test]
fn bounds_warmth_class_and_protection_change_one_at_a_time() {
    let bounded = apply(&UpdateTable { on_demand_throughput: bounds(5), ..update() }, &on_demand());
    assert_eq!(bounded.on_demand_throughput.max_read_request_units, Some(5));
    let unbounded = apply(&UpdateTable { on_demand_throughput: bounds(-1), ..update() }, &bounded);
    assert_eq!(unbounded.on_demand_throughput, OnDemandThroughput::default());
    let warmed = apply(&UpdateTable { warm_throughput: warm(15_000), ..update() }, &on_demand());
    let expected = WarmThroughput { read_units_per_second: 15_000, write_units_per_second: 4_000 };
    assert_eq!(warmed.warm_throughput_in_force(), expected);
    check_refused(
        &UpdateTable { warm_throughput: warm(14_999), ..update() },
        &warmed,
        "One or more parameter values were invalid: Requested ReadUnitsPerSecond for WarmThroughput for table is lower",
    );
    let class = UpdateTable { table_class: Choice::Known(TableClass::StandardInfrequentAccess), ..update() };
    let changed = apply(&class, &on_demand());
    assert_eq!(changed.history.table_class_changed_at_ms, Some(NOW_MS));
    let again = class.apply(&changed, NOW_MS + 1).unwrap();
    assert_eq!(again.history.table_class_changed_at_ms, Some(NOW_MS));
    let protected = UpdateTable { deletion_protection_enabled: Some(true), ..update() };
    assert!(apply(&protected, &on_demand()).deletion_protection);
    check_invalid(
        &UpdateTable { deletion_protection_enabled: Some(false), ..class },
        "One or more parameter values were invalid: Only one of throughput, WarmThroughput, TableClass, \
         DeletionProtectionEnabled and SSESpecification can be changed by one UpdateTable",
    );
    let by_request = UpdateTable {
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        deletion_protection_enabled: Some(true),
        ..update()
    };
    assert_eq!(by_request.validate(), Ok(()), "both are changed at once");
    let encryption = EncryptionParameter { enabled: Some(true), ..EncryptionParameter::default() };
    let encrypted = UpdateTable { sse_specification: Some(encryption.clone()), ..update() };
    assert_eq!(encrypted.validate(), Ok(()));
    let by_database = EncryptionParameter { sse_type: Choice::Known(EncryptionType::Aes256), ..encryption };
    check_invalid(
        &UpdateTable { sse_specification: Some(by_database), ..update() },
        "Stator does not support the parameter SSESpecification.SSEType of UpdateTable yet",
    );
    check_invalid(
        &UpdateTable { refused: Some("ReplicaUpdates"), ..update() },
        "Stator does not support the parameter ReplicaUpdates of UpdateTable yet",
    );
}
