//! `TableDescription`: what CreateTable, DescribeTable and DeleteTable tell of a table, with every field that tools read back.

use model::TableDefinition;
use model::operation::TableDescription;
use model::table::{BillingMode, TableClass, TableStatus};

use crate::json::writer::Writer;

/// DynamoDB: developer guide: what every new on-demand table can take at once.
const WARM_READ_UNITS_ON_DEMAND: u64 = 12_000;
/// As [`WARM_READ_UNITS_ON_DEMAND`], for writes.
const WARM_WRITE_UNITS_ON_DEMAND: u64 = 4_000;

pub(super) fn write(table: &TableDescription, writer: &mut Writer<'_>) {
    let definition = &table.definition;
    writer.object(|writer| {
        write_keys(definition, writer);
        writer.known_name("\"TableName\":");
        writer.string(&definition.name);
        writer.known_name("\"TableStatus\":");
        writer.string(definition.status.token());
        writer.known_name("\"CreationDateTime\":");
        writer.epoch_seconds(definition.created_at_ms);
        write_throughput(definition, writer);
        writer.known_name("\"TableSizeBytes\":");
        writer.unsigned(table.table_size_bytes);
        writer.known_name("\"ItemCount\":");
        writer.unsigned(table.item_count);
        writer.known_name("\"TableArn\":");
        writer.string(&definition.arn());
        writer.known_name("\"TableId\":");
        writer.string(&definition.uuid);
        if definition.table_class == TableClass::StandardInfrequentAccess {
            writer.known_name("\"TableClassSummary\":");
            writer.object(|writer| {
                writer.known_name("\"TableClass\":");
                writer.string(definition.table_class.token());
            });
        }
        writer.known_name("\"DeletionProtectionEnabled\":");
        writer.boolean(definition.deletion_protection);
    });
}

fn write_keys(definition: &TableDefinition, writer: &mut Writer<'_>) {
    writer.known_name("\"AttributeDefinitions\":");
    writer.list(|writer| {
        for attribute in &definition.attribute_definitions {
            writer.object(|writer| {
                writer.known_name("\"AttributeName\":");
                writer.string(&attribute.name);
                writer.known_name("\"AttributeType\":");
                writer.string(attribute.key_type.token());
            });
        }
    });
    writer.known_name("\"KeySchema\":");
    writer.list(|writer| {
        let schema = &definition.key_schema;
        let partition_key = [(&schema.partition_key, "HASH")];
        for (attribute, role) in partition_key.into_iter().chain(schema.sort_key.as_ref().map(|key| (key, "RANGE"))) {
            writer.object(|writer| {
                writer.known_name("\"AttributeName\":");
                writer.string(&attribute.name);
                writer.known_name("\"KeyType\":");
                writer.string(role);
            });
        }
    });
}

/// An on-demand table has a summary of its billing mode and no throughput; a provisioned one the other way round.
fn write_throughput(definition: &TableDefinition, writer: &mut Writer<'_>) {
    let is_on_demand = definition.billing_mode == BillingMode::PayPerRequest;
    let throughput = definition.provisioned_throughput;
    writer.known_name("\"ProvisionedThroughput\":");
    writer.object(|writer| {
        writer.known_name("\"NumberOfDecreasesToday\":");
        writer.unsigned(0);
        writer.known_name("\"ReadCapacityUnits\":");
        writer.unsigned(throughput.read_capacity_units);
        writer.known_name("\"WriteCapacityUnits\":");
        writer.unsigned(throughput.write_capacity_units);
    });
    if is_on_demand {
        writer.known_name("\"BillingModeSummary\":");
        writer.object(|writer| {
            writer.known_name("\"BillingMode\":");
            writer.string(definition.billing_mode.token());
            if definition.status != TableStatus::Creating {
                writer.known_name("\"LastUpdateToPayPerRequestDateTime\":");
                writer.epoch_seconds(definition.created_at_ms);
            }
        });
    }
    let (read_units, write_units) = if is_on_demand {
        (WARM_READ_UNITS_ON_DEMAND, WARM_WRITE_UNITS_ON_DEMAND)
    } else {
        (throughput.read_capacity_units, throughput.write_capacity_units)
    };
    writer.known_name("\"WarmThroughput\":");
    writer.object(|writer| {
        writer.known_name("\"ReadUnitsPerSecond\":");
        writer.unsigned(read_units);
        writer.known_name("\"WriteUnitsPerSecond\":");
        writer.unsigned(write_units);
        writer.known_name("\"Status\":");
        writer.string(definition.status.token());
    });
}
