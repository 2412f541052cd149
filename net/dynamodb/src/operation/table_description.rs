//! `TableDescription`: what CreateTable, DescribeTable, UpdateTable and DeleteTable tell of a table, with every field that tools read back.

use model::operation::{IndexSize, TableDescription};
use model::table::{BillingMode, LocalIndex, TableClass, TableStatus, key_arn};
use model::{KeySchema, TableDefinition};

use crate::json::writer::Writer;

pub(super) fn write(table: &TableDescription, writer: &mut Writer<'_>) {
    let definition = &table.definition;
    writer.object(|writer| {
        write_keys(definition, writer);
        writer.known_name("\"CreationDateTime\":");
        writer.epoch_seconds(definition.created_at_ms);
        write_what_stays(table, writer);
        write_local_indexes(table, writer);
    });
}

/// What DeleteTable tells of the table that goes.
// DynamoDB: observed: neither its keys and indexes nor when it was made.
pub(super) fn write_deleted(table: &TableDescription, writer: &mut Writer<'_>) {
    writer.object(|writer| write_what_stays(table, writer));
}

fn write_what_stays(table: &TableDescription, writer: &mut Writer<'_>) {
    let definition = &table.definition;
    writer.known_name("\"TableName\":");
    writer.string(&definition.name);
    writer.known_name("\"TableStatus\":");
    writer.string(definition.status.token());
    write_throughput(definition, writer);
    writer.known_name("\"TableSizeBytes\":");
    writer.unsigned(table.table_size_bytes);
    writer.known_name("\"ItemCount\":");
    writer.unsigned(table.item_count);
    writer.known_name("\"TableArn\":");
    writer.string(&definition.arn());
    writer.known_name("\"TableId\":");
    writer.string(&definition.uuid);
    write_table_class(definition, writer);
    writer.known_name("\"DeletionProtectionEnabled\":");
    writer.boolean(definition.deletion_protection);
    write_encryption(definition, writer);
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
    write_key_schema(&definition.key_schema, writer);
}

fn write_key_schema(schema: &KeySchema, writer: &mut Writer<'_>) {
    writer.known_name("\"KeySchema\":");
    writer.list(|writer| {
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

fn write_local_indexes(table: &TableDescription, writer: &mut Writer<'_>) {
    let definition = &table.definition;
    if definition.local_indexes.is_empty() {
        return;
    }
    writer.known_name("\"LocalSecondaryIndexes\":");
    writer.list(|writer| {
        for (index, size) in definition.local_indexes.iter().zip(&table.local_indexes) {
            writer.object(|writer| write_local_index(definition, index, *size, writer));
        }
    });
}

fn write_local_index(definition: &TableDefinition, index: &LocalIndex, size: IndexSize, writer: &mut Writer<'_>) {
    writer.known_name("\"IndexName\":");
    writer.string(&index.name);
    write_key_schema(&index.key_schema(&definition.key_schema), writer);
    writer.known_name("\"Projection\":");
    writer.object(|writer| {
        writer.known_name("\"ProjectionType\":");
        writer.string(index.projection.token());
        let names = index.projection.non_key_attributes();
        if !names.is_empty() {
            writer.known_name("\"NonKeyAttributes\":");
            writer.list(|writer| names.iter().for_each(|name| writer.string(name)));
        }
    });
    writer.known_name("\"IndexSizeBytes\":");
    writer.unsigned(size.size_bytes);
    writer.known_name("\"ItemCount\":");
    writer.unsigned(size.item_count);
    writer.known_name("\"IndexArn\":");
    writer.string(&definition.index_arn(&index.name));
}

// DynamoDB: observed: a table that has always had the standard class has no summary of it.
fn write_table_class(definition: &TableDefinition, writer: &mut Writer<'_>) {
    let changed_at_ms = definition.history.table_class_changed_at_ms;
    if definition.table_class == TableClass::Standard && changed_at_ms.is_none() {
        return;
    }
    writer.known_name("\"TableClassSummary\":");
    writer.object(|writer| {
        writer.known_name("\"TableClass\":");
        writer.string(definition.table_class.token());
        if let Some(changed_at_ms) = changed_at_ms {
            writer.known_name("\"LastUpdateDateTime\":");
            writer.epoch_seconds(changed_at_ms);
        }
    });
}

// DynamoDB: developer guide, "Encryption at rest": a table with the default key has no description of it.
fn write_encryption(definition: &TableDefinition, writer: &mut Writer<'_>) {
    let Some(key) = &definition.encryption_key else { return };
    writer.known_name("\"SSEDescription\":");
    writer.object(|writer| {
        writer.known_name("\"Status\":");
        writer.string("ENABLED");
        writer.known_name("\"SSEType\":");
        writer.string("KMS");
        writer.known_name("\"KMSMasterKeyArn\":");
        writer.string(&key_arn(key));
    });
}

/// A table that is or was billed by request has a summary of its billing mode; on demand, no throughput is provisioned.
fn write_throughput(definition: &TableDefinition, writer: &mut Writer<'_>) {
    let history = &definition.history;
    writer.known_name("\"ProvisionedThroughput\":");
    writer.object(|writer| {
        if let Some(increased_at_ms) = history.throughput_increased_at_ms {
            writer.known_name("\"LastIncreaseDateTime\":");
            writer.epoch_seconds(increased_at_ms);
        }
        if let Some(decreased_at_ms) = history.throughput_decreased_at_ms {
            writer.known_name("\"LastDecreaseDateTime\":");
            writer.epoch_seconds(decreased_at_ms);
        }
        writer.known_name("\"NumberOfDecreasesToday\":");
        writer.unsigned(history.throughput_decrease_count);
        writer.known_name("\"ReadCapacityUnits\":");
        writer.unsigned(definition.provisioned_throughput.read_capacity_units);
        writer.known_name("\"WriteCapacityUnits\":");
        writer.unsigned(definition.provisioned_throughput.write_capacity_units);
    });
    if definition.billing_mode == BillingMode::PayPerRequest || history.on_demand_since_ms.is_some() {
        writer.known_name("\"BillingModeSummary\":");
        writer.object(|writer| {
            writer.known_name("\"BillingMode\":");
            writer.string(definition.billing_mode.token());
            if let Some(since_ms) = history.on_demand_since_ms.filter(|_| definition.status != TableStatus::Creating) {
                writer.known_name("\"LastUpdateToPayPerRequestDateTime\":");
                writer.epoch_seconds(since_ms);
            }
        });
    }
    let warm = definition.warm_throughput_in_force();
    writer.known_name("\"WarmThroughput\":");
    writer.object(|writer| {
        writer.known_name("\"ReadUnitsPerSecond\":");
        writer.unsigned(warm.read_units_per_second);
        writer.known_name("\"WriteUnitsPerSecond\":");
        writer.unsigned(warm.write_units_per_second);
        writer.known_name("\"Status\":");
        writer.string(definition.status.token());
    });
    write_on_demand_bounds(definition, writer);
}

fn write_on_demand_bounds(definition: &TableDefinition, writer: &mut Writer<'_>) {
    let bounds = definition.on_demand_throughput;
    if !bounds.is_bounded() {
        return;
    }
    writer.known_name("\"OnDemandThroughput\":");
    writer.object(|writer| {
        if let Some(units) = bounds.max_read_request_units {
            writer.known_name("\"MaxReadRequestUnits\":");
            writer.unsigned(units);
        }
        if let Some(units) = bounds.max_write_request_units {
            writer.known_name("\"MaxWriteRequestUnits\":");
            writer.unsigned(units);
        }
    });
}
