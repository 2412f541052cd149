//! What several operations write in the same way: items, lists of items, texts, choices. Their reading is in `payload`.

use model::operation::{Attributes, Choice, Parameter};
use model::{Item, Text};

use crate::error::EncodeError;
use crate::generated as fbs;
use crate::writer::{REFERENCE, Shape, Table, Writer};

static ITEM_LIST_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);
static NAME_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

/// Refuses a request that was given a parameter which the protocol does not carry.
pub(super) fn refuse(refused: Option<&'static str>) -> Result<(), EncodeError> {
    refused.map_or(Ok(()), |name| Err(EncodeError::NotCarried(name)))
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

/// A list of texts that may be absent.
pub(super) fn texts_option(texts: Option<&[Text]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    if let Some(list) = texts {
        self::texts(list.iter().map(|text| &text[..]), table, field, writer);
    }
}

/// Placeholders and the names they stand for, which may be absent.
pub(super) fn names(names: Option<&[(Text, Text)]>, table: Table, field: u16, writer: &mut Writer<'_>) {
    let Some(names) = names else { return };
    let vector = writer.vector(table, field, names.len());
    for (index, (placeholder, name)) in names.iter().enumerate() {
        let element = writer.element(vector, index, &NAME_SHAPE);
        writer.text(element, fbs::AttributeName::VT_PLACEHOLDER, placeholder);
        writer.text(element, fbs::AttributeName::VT_NAME, name);
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
