//! GetItem on the wire. Hot: without a projection neither side allocates for it.

use model::operation::{GetItem, GetItemReply};

use super::{attribute_selection, capacity, parts};
use crate::error::{EncodeError, ProtocolError};
use crate::generated as fbs;
use crate::payload::{Payload, Refusal, choice, unknown_fields};
use crate::writer::{BYTE, REFERENCE, Shape, Writer};

/// Of a request without a selection.
static PLAIN_SHAPE: Shape<4> = Shape::new([REFERENCE, REFERENCE, BYTE, REFERENCE]);
static SHAPE: Shape<5> = Shape::new([REFERENCE, REFERENCE, BYTE, REFERENCE, REFERENCE]);
/// Of a reply that tells no capacity.
static PLAIN_REPLY_SHAPE: Shape<1> = Shape::new([REFERENCE]);
static REPLY_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

pub(crate) fn encode(request: &GetItem, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    let table = match request.selection {
        None => writer.root(&PLAIN_SHAPE),
        Some(_) => writer.root(&SHAPE),
    };
    writer.text_option(table, fbs::GetItem::VT_TABLE_NAME, request.table_name.as_deref());
    parts::attributes(&request.key, table, fbs::GetItem::VT_KEY, writer)?;
    writer.flag(table, fbs::GetItem::VT_CONSISTENT_READ, request.consistent_read);
    parts::choice(&request.return_consumed_capacity, table, fbs::GetItem::VT_RETURN_CONSUMED_CAPACITY, writer);
    if let Some(selection) = &request.selection {
        attribute_selection::encode(selection, table, fbs::GetItem::VT_SELECTION, writer);
    }
    Ok(())
}

/// The plain form that load generators send: a table, an encoded key, nothing else.
pub(crate) fn encode_plain(table_name: &str, key: &[u8], consistent_read: bool, writer: &mut Writer<'_>) {
    let table = writer.root(&PLAIN_SHAPE);
    writer.text(table, fbs::GetItem::VT_TABLE_NAME, table_name);
    writer.bytes(table, fbs::GetItem::VT_KEY, key);
    writer.flag(table, fbs::GetItem::VT_CONSISTENT_READ, consistent_read);
}

pub(crate) fn decode(payload: Payload<'_>) -> Result<GetItem, Refusal> {
    let request = payload.reader()?;
    if request.has_fields_past(fbs::GetItem::VT_SELECTION) {
        return Err(unknown_fields());
    }
    let token = |field| payload.intact(request.text(field));
    let selection = if request.has(fbs::GetItem::VT_SELECTION) {
        let selection = payload.root::<fbs::GetItem<'_>>()?.selection();
        selection.map(|selection| attribute_selection::decode(payload, selection)).transpose()?
    } else {
        None
    };
    Ok(GetItem {
        table_name: payload.text_in(request, fbs::GetItem::VT_TABLE_NAME)?,
        key: payload.attributes(payload.intact(request.bytes(fbs::GetItem::VT_KEY))?),
        consistent_read: payload.intact(request.flag(fbs::GetItem::VT_CONSISTENT_READ))?,
        return_consumed_capacity: choice(token(fbs::GetItem::VT_RETURN_CONSUMED_CAPACITY)?),
        selection,
    })
}

pub(crate) fn encode_reply(reply: &GetItemReply, writer: &mut Writer<'_>) {
    let table = match reply.consumed {
        None => writer.root(&PLAIN_REPLY_SHAPE),
        Some(_) => writer.root(&REPLY_SHAPE),
    };
    parts::item(reply.item.as_ref(), table, fbs::GetItemReply::VT_ITEM, writer);
    capacity::encode(reply.consumed.as_ref(), table, fbs::GetItemReply::VT_CONSUMED, writer);
}

pub(crate) fn decode_reply(payload: Payload<'_>) -> Result<GetItemReply, ProtocolError> {
    let reply = payload.reader()?;
    let item = payload.item(payload.intact(reply.bytes(fbs::GetItemReply::VT_ITEM))?)?;
    if !reply.has_fields_past(fbs::GetItemReply::VT_ITEM) {
        return Ok(GetItemReply { item, consumed: None });
    }
    let consumed = payload.root::<fbs::GetItemReply<'_>>()?.consumed();
    Ok(GetItemReply { item, consumed: capacity::decode(payload, consumed)? })
}
