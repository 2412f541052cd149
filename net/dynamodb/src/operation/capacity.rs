//! `ConsumedCapacity` in replies: one for an operation on one table, a list for a batch.

use model::operation::ConsumedCapacity;

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
    let half_count = consumed.capacity_units.half_unit_count();
    writer.object(|writer| {
        writer.known_name("\"TableName\":");
        writer.string(&consumed.table_name);
        writer.known_name("\"CapacityUnits\":");
        writer.halves(half_count);
        if consumed.is_itemised {
            writer.known_name("\"Table\":");
            writer.object(|writer| {
                writer.known_name("\"CapacityUnits\":");
                writer.halves(half_count);
            });
        }
    });
}
