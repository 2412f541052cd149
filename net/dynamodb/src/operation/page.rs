//! A page of items: the reply of Query and of Scan.

use model::operation::Page;

use super::capacity;
use crate::json::item::write_item;
use crate::json::writer::Writer;

pub(super) fn write(page: &Page, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        if let Some(items) = &page.items {
            writer.known_name("\"Items\":");
            writer.list(|writer| items.iter().for_each(|item| write_item(item.as_ref(), writer)));
        }
        writer.known_name("\"Count\":");
        writer.unsigned(page.count);
        writer.known_name("\"ScannedCount\":");
        writer.unsigned(page.scanned_count);
        if let Some(key) = &page.last_evaluated_key {
            writer.known_name("\"LastEvaluatedKey\":");
            write_item(key.as_ref(), writer);
        }
        capacity::write_member(page.consumed.as_ref(), writer);
    });
}
