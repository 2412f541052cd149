//! `ConsumedCapacity` in replies: one for an operation on one table, a list for a batch.

use model::operation::{CapacityUnits, ConsumedCapacity};

use crate::json::writer::Writer;

/// The member of a reply about one table, when it was asked for.
pub(super) fn write_member(consumed: Option<&ConsumedCapacity>, writer: &mut Writer<'_>) {
    if let Some(consumed) = consumed {
        writer.known_name("\"ConsumedCapacity\":");
        write(consumed, writer);
    }
}

/// The member of a reply about several tables, when it was asked for.
pub(super) fn write_list_member(consumed: Option<&[ConsumedCapacity]>, writer: &mut Writer<'_>) {
    if let Some(consumed) = consumed {
        writer.known_name("\"ConsumedCapacity\":");
        writer.list(|writer| consumed.iter().for_each(|table| write(table, writer)));
    }
}

fn write(consumed: &ConsumedCapacity, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TableName\":");
        writer.string(&consumed.table_name);
        write_units(consumed.capacity_units, writer);
        let Some(itemised) = &consumed.itemised else { return };
        writer.known_name("\"Table\":");
        writer.object(|writer| write_units(itemised.table, writer));
        if !itemised.local_indexes.is_empty() {
            writer.known_name("\"LocalSecondaryIndexes\":");
            writer.object(|writer| {
                for (index_name, units) in &itemised.local_indexes {
                    writer.name(index_name);
                    writer.object(|writer| write_units(*units, writer));
                }
            });
        }
    });
}

fn write_units(units: CapacityUnits, writer: &mut Writer<'_>) {
    writer.known_name("\"CapacityUnits\":");
    writer.halves(units.half_unit_count());
}
