//! The capacity that an operation consumed, on the wire: one for an operation on one table, a list for a batch.

use flatbuffers::{ForwardsUOffset, Vector};
use model::Text;
use model::operation::{CapacityUnits, ConsumedCapacity, ItemisedCapacity};

use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::Payload;
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Writer};

/// Of one that is not itemised.
static TOTAL_SHAPE: Shape<2> = Shape::new([REFERENCE, LONG]);
static SHAPE: Shape<5> = Shape::new([REFERENCE, LONG, BYTE, LONG, REFERENCE]);
static INDEX_SHAPE: Shape<2> = Shape::new([REFERENCE, LONG]);

pub(super) fn encode(consumed: Option<&ConsumedCapacity>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(consumed) = consumed else { return };
    let child = match consumed.itemised {
        None => writer.child(table, field, &TOTAL_SHAPE),
        Some(_) => writer.child(table, field, &SHAPE),
    };
    write(consumed, child, writer);
}

pub(super) fn encode_list(list: Option<&[ConsumedCapacity]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(list) = list else { return };
    let vector = writer.vector(table, field, list.len());
    for (index, consumed) in list.iter().enumerate() {
        let element = match consumed.itemised {
            None => writer.element(vector, index, &TOTAL_SHAPE),
            Some(_) => writer.element(vector, index, &SHAPE),
        };
        write(consumed, element, writer);
    }
}

fn write(consumed: &ConsumedCapacity, table: Table, writer: &mut Writer<'_>) {
    writer.text(table, fbs::ConsumedCapacity::VT_TABLE_NAME, &consumed.table_name);
    writer.long(table, fbs::ConsumedCapacity::VT_HALF_UNITS, consumed.capacity_units.half_unit_count());
    let Some(itemised) = &consumed.itemised else { return };
    writer.flag(table, fbs::ConsumedCapacity::VT_IS_ITEMISED, true);
    writer.long(table, fbs::ConsumedCapacity::VT_TABLE_HALF_UNITS, itemised.table.half_unit_count());
    let indexes = &itemised.local_indexes;
    if !indexes.is_empty() {
        let vector = writer.vector(table, fbs::ConsumedCapacity::VT_LOCAL_INDEXES, indexes.len());
        for (index, (name, units)) in indexes.iter().enumerate() {
            let element = writer.element(vector, index, &INDEX_SHAPE);
            writer.text(element, fbs::IndexCapacity::VT_INDEX_NAME, name);
            writer.long(element, fbs::IndexCapacity::VT_HALF_UNITS, units.half_unit_count());
        }
    }
}

pub(super) fn decode<'a>(
    payload: Payload<'a>,
    consumed: Option<fbs::ConsumedCapacity<'a>>,
) -> Result<Option<ConsumedCapacity>, ProtocolError> {
    consumed.map(|consumed| read(payload, consumed)).transpose()
}

pub(super) fn decode_list<'a>(
    payload: Payload<'a>,
    list: Option<Vector<'a, ForwardsUOffset<fbs::ConsumedCapacity<'a>>>>,
) -> Result<Option<Vec<ConsumedCapacity>>, ProtocolError> {
    list.map(|list| payload.list(list, read)).transpose()
}

fn read<'a>(payload: Payload<'a>, consumed: fbs::ConsumedCapacity<'a>) -> Result<ConsumedCapacity, ProtocolError> {
    let itemised = consumed.is_itemised().then(|| {
        let indexes = consumed.local_indexes().map(|indexes| payload.list(indexes, read_index)).transpose()?;
        Ok(Box::new(ItemisedCapacity {
            table: CapacityUnits::from_half_unit_count(consumed.table_half_units()),
            local_indexes: indexes.unwrap_or_default(),
        }))
    });
    Ok(ConsumedCapacity {
        table_name: payload.text_required("table_name", consumed.table_name())?,
        capacity_units: CapacityUnits::from_half_unit_count(consumed.half_units()),
        itemised: itemised.transpose()?,
    })
}

fn read_index<'a>(payload: Payload<'a>, index: fbs::IndexCapacity<'a>) -> Result<(Text, CapacityUnits), ProtocolError> {
    let name = payload.text_required("index_name", index.index_name())?;
    Ok((name, CapacityUnits::from_half_unit_count(index.half_units())))
}
