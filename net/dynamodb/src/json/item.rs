//! Items on their way out: from the encoding straight into JSON text.

use model::{ItemRef, ValueRef};

use super::writer::Writer;

/// Writes an item's attributes as an object.
pub(crate) fn write_item(item: ItemRef<'_>, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        for (name, value) in item.attributes() {
            writer.name(name);
            write_value(value, writer);
        }
    });
}

/// Writes a value with its type: `{"S":"..."}`. Nesting is bounded by the encoding, so recursion is.
fn write_value(value: ValueRef<'_>, writer: &mut Writer<'_>) {
    writer.object(|writer| match value {
        ValueRef::S(text) => {
            writer.known_name("\"S\":");
            writer.string(text);
        }
        ValueRef::N(number) => {
            writer.known_name("\"N\":");
            writer.number(number);
        }
        ValueRef::B(bytes) => {
            writer.known_name("\"B\":");
            writer.binary(bytes);
        }
        ValueRef::Bool(value) => {
            writer.known_name("\"BOOL\":");
            writer.boolean(value);
        }
        ValueRef::Null => {
            writer.known_name("\"NULL\":");
            writer.boolean(true);
        }
        ValueRef::M(map) => {
            writer.known_name("\"M\":");
            write_item(map, writer);
        }
        ValueRef::L(list) => {
            writer.known_name("\"L\":");
            writer.list(|writer| list.iter().for_each(|element| write_value(element, writer)));
        }
        ValueRef::Ss(set) => {
            writer.known_name("\"SS\":");
            write_members(set.iter(), writer);
        }
        ValueRef::Ns(set) => {
            writer.known_name("\"NS\":");
            write_members(set.iter(), writer);
        }
        ValueRef::Bs(set) => {
            writer.known_name("\"BS\":");
            write_members(set.iter(), writer);
        }
    });
}

fn write_members<'a>(members: impl Iterator<Item = ValueRef<'a>>, writer: &mut Writer<'_>) {
    writer.list(|writer| {
        for member in members {
            match member {
                ValueRef::S(text) => writer.string(text),
                ValueRef::N(number) => writer.number(number),
                ValueRef::B(bytes) => writer.binary(bytes),
                other => unreachable!("a set has no member like {other:?}"),
            }
        }
    });
}
