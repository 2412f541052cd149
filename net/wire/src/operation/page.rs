//! A page of items on the wire: the reply to Query and to Scan.

use model::operation::Page;

use super::{capacity, parts};
use crate::error::ProtocolError;
use crate::generated as fbs;
use crate::payload::Payload;
use crate::writer::{LONG, REFERENCE, Shape, Writer};

static SHAPE: Shape<5> = Shape::new([REFERENCE, LONG, LONG, REFERENCE, REFERENCE]);

pub(crate) fn encode_reply(page: &Page, writer: &mut Writer<'_>) {
    let table = writer.root(&SHAPE);
    if let Some(items) = &page.items {
        parts::items(items, table, fbs::Page::VT_ITEMS, writer);
    }
    writer.long(table, fbs::Page::VT_COUNT, page.count);
    writer.long(table, fbs::Page::VT_SCANNED_COUNT, page.scanned_count);
    parts::item(page.last_evaluated_key.as_ref(), table, fbs::Page::VT_LAST_EVALUATED_KEY, writer);
    capacity::encode(page.consumed.as_ref(), table, fbs::Page::VT_CONSUMED, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<Page, ProtocolError> {
    let page = payload.root::<fbs::Page<'_>>()?;
    Ok(Page {
        items: page.items().map(|items| payload.items(items)).transpose()?,
        count: page.count(),
        scanned_count: page.scanned_count(),
        last_evaluated_key: payload.item(page.last_evaluated_key().map(|key| key.bytes()))?,
        consumed: capacity::decode(payload, page.consumed())?,
    })
}
