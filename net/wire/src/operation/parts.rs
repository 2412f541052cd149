//! What several operations write in the same way: items, lists of items, choices, capacity. Their reading is in `payload`.

use model::Item;
use model::operation::{Attributes, Choice, ConsumedCapacity, Parameter};

use crate::error::EncodeError;
use crate::generated as fbs;
use crate::writer::{BYTE, LONG, REFERENCE, Shape, Table, Vector, Writer};

static ITEM_LIST_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static CONSUMED_SHAPE: Shape<3> = Shape::new([REFERENCE, LONG, BYTE]);

/// Refuses a request that was given a parameter which the protocol does not carry.
pub(super) fn refuse(refused: Option<&'static str>) -> Result<(), EncodeError> {
    refused.map_or(Ok(()), |name| Err(EncodeError::NotCarried(name)))
}

/// Refuses expression names and values where there is no expression to use them.
pub(super) fn refuse_placeholders(has_names: bool, has_values: bool) -> Result<(), EncodeError> {
    refuse(has_names.then_some("ExpressionAttributeNames"))?;
    refuse(has_values.then_some("ExpressionAttributeValues"))
}

/// A map of attributes.
pub(super) fn attributes(
    attributes: &Attributes,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    let encoded = encoded(attributes)?;
    writer.bytes_option(table, field, encoded);
    Ok(())
}

/// A list of maps of attributes; those that were not given are empty slices.
pub(super) fn attributes_list<'a>(
    list: impl ExactSizeIterator<Item = &'a Attributes> + Clone,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) -> Result<(), EncodeError> {
    list.clone().try_for_each(|attributes| encoded(attributes).map(|_| ()))?;
    let slices = list.map(|attributes| attributes.item().map_or(&[][..], |item| item.bytes()));
    slice_list(slices, table, field, writer);
    Ok(())
}

/// An item that may be absent.
pub(super) fn item(item: Option<&Item>, table: Table, field: u16, writer: &mut Writer<'_>) {
    writer.bytes_option(table, field, item.map(|item| &item.bytes()[..]));
}

/// A list of items.
pub(super) fn items(items: &[Item], table: Table, field: u16, writer: &mut Writer<'_>) {
    slice_list(items.iter().map(|item| &item.bytes()[..]), table, field, writer);
}

/// A list of texts.
pub(super) fn texts<'a>(
    texts: impl ExactSizeIterator<Item = &'a str>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let vector = writer.vector(table, field, texts.len());
    for (index, text) in texts.enumerate() {
        writer.text_element(vector, index, text);
    }
}

/// A parameter that is one of a few tokens.
pub(super) fn choice<T: Parameter>(choice: &Choice<T>, table: Table, field: u16, writer: &mut Writer<'_>) {
    match choice {
        Choice::Absent => {}
        Choice::Known(value) => writer.text(table, field, value.token()),
        Choice::Unknown(token) => writer.text(table, field, token),
    }
}

/// The capacity that an operation consumed.
pub(super) fn consumed(consumed: Option<&ConsumedCapacity>, table: Table, field: u16, writer: &mut Writer<'_>) {
    if let Some(consumed) = consumed {
        let child = writer.child(table, field, &CONSUMED_SHAPE);
        write_consumed(consumed, child, writer);
    }
}

/// The capacities that a batch consumed, by table.
pub(super) fn consumed_list(list: Option<&[ConsumedCapacity]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(list) = list else { return };
    let vector: Vector = writer.vector(table, field, list.len());
    for (index, consumed) in list.iter().enumerate() {
        let element = writer.element(vector, index, &CONSUMED_SHAPE);
        write_consumed(consumed, element, writer);
    }
}

fn write_consumed(consumed: &ConsumedCapacity, table: Table, writer: &mut Writer<'_>) {
    writer.text(table, fbs::ConsumedCapacity::VT_TABLE_NAME, &consumed.table_name);
    writer.long(table, fbs::ConsumedCapacity::VT_HALF_UNITS, consumed.capacity_units.half_unit_count());
    writer.flag(table, fbs::ConsumedCapacity::VT_IS_ITEMISED, consumed.is_itemised);
}

fn slice_list<'a>(
    slices: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let list = writer.child(table, field, &ITEM_LIST_SHAPE);
    writer.concatenation(list, fbs::ItemList::VT_BYTES, slices.clone());
    let mut end = 0_usize;
    let ends = slices.map(move |slice| {
        end += slice.len();
        // Past 4 GiB the frame is refused for its size.
        u32::try_from(end).unwrap_or(u32::MAX).to_le_bytes()
    });
    writer.scalars(list, fbs::ItemList::VT_ENDS, 4, ends);
}

fn encoded(attributes: &Attributes) -> Result<Option<&[u8]>, EncodeError> {
    match attributes {
        Attributes::Absent => Ok(None),
        Attributes::Valid(item) => Ok(Some(item.bytes())),
        Attributes::Invalid(invalid) => Err(EncodeError::Invalid(invalid.error.clone())),
    }
}
