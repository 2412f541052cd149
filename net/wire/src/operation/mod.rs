//! How each operation looks on the wire: one file per operation, both directions. The dispatch by kind is here.

mod attribute_selection;
mod batch_get_item;
mod batch_write_item;
mod capacity;
mod conditional_write;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_continuous_backups;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod describe_time_to_live;
mod failure;
pub(crate) mod get_item;
mod item_collection;
mod legacy;
mod list_tables;
mod list_tags_of_resource;
mod page;
mod parts;
pub(crate) mod put_item;
mod query;
mod scan;
mod table_description;
mod table_settings;
mod tag_resource;
mod untag_resource;
mod update_item;
mod update_table;
mod update_time_to_live;

pub(crate) use failure::{decode as decode_failure, encode as encode_failure};

use model::operation::{CreateTableReply, DeleteTableReply, DescribeTableReply, Reply, Request, UpdateTableReply};
use model::{Error, ErrorKind};

use crate::error::{EncodeError, ProtocolError};
use crate::frame::Kind;
use crate::payload::{Payload, Refusal};
use crate::writer::Writer;

/// The kind of a request's frame; its reply's is [`Kind::reply`] of it.
pub(crate) fn kind_of_request(request: &Request) -> Kind {
    match request {
        Request::GetItem(_) => Kind::GET_ITEM,
        Request::PutItem(_) => Kind::PUT_ITEM,
        Request::DeleteItem(_) => Kind::DELETE_ITEM,
        Request::UpdateItem(_) => Kind::UPDATE_ITEM,
        Request::Query(_) => Kind::QUERY,
        Request::Scan(_) => Kind::SCAN,
        Request::BatchGetItem(_) => Kind::BATCH_GET_ITEM,
        Request::BatchWriteItem(_) => Kind::BATCH_WRITE_ITEM,
        Request::CreateTable(_) => Kind::CREATE_TABLE,
        Request::DescribeTable(_) => Kind::DESCRIBE_TABLE,
        Request::ListTables(_) => Kind::LIST_TABLES,
        Request::DeleteTable(_) => Kind::DELETE_TABLE,
        Request::DescribeTimeToLive(_) => Kind::DESCRIBE_TIME_TO_LIVE,
        Request::DescribeContinuousBackups(_) => Kind::DESCRIBE_CONTINUOUS_BACKUPS,
        Request::ListTagsOfResource(_) => Kind::LIST_TAGS_OF_RESOURCE,
        Request::DescribeEndpoints(_) => Kind::DESCRIBE_ENDPOINTS,
        Request::UpdateTable(_) => Kind::UPDATE_TABLE,
        Request::UpdateTimeToLive(_) => Kind::UPDATE_TIME_TO_LIVE,
        Request::TagResource(_) => Kind::TAG_RESOURCE,
        Request::UntagResource(_) => Kind::UNTAG_RESOURCE,
        Request::DescribeLimits(_) => Kind::DESCRIBE_LIMITS,
    }
}

/// The kind of a reply's frame.
pub(crate) fn kind_of_reply(reply: &Reply) -> Kind {
    let request = match reply {
        Reply::GetItem(_) => Kind::GET_ITEM,
        Reply::PutItem(_) => Kind::PUT_ITEM,
        Reply::DeleteItem(_) => Kind::DELETE_ITEM,
        Reply::UpdateItem(_) => Kind::UPDATE_ITEM,
        Reply::Query(_) => Kind::QUERY,
        Reply::Scan(_) => Kind::SCAN,
        Reply::BatchGetItem(_) => Kind::BATCH_GET_ITEM,
        Reply::BatchWriteItem(_) => Kind::BATCH_WRITE_ITEM,
        Reply::CreateTable(_) => Kind::CREATE_TABLE,
        Reply::DescribeTable(_) => Kind::DESCRIBE_TABLE,
        Reply::ListTables(_) => Kind::LIST_TABLES,
        Reply::DeleteTable(_) => Kind::DELETE_TABLE,
        Reply::DescribeTimeToLive(_) => Kind::DESCRIBE_TIME_TO_LIVE,
        Reply::DescribeContinuousBackups(_) => Kind::DESCRIBE_CONTINUOUS_BACKUPS,
        Reply::ListTagsOfResource(_) => Kind::LIST_TAGS_OF_RESOURCE,
        Reply::DescribeEndpoints(_) => Kind::DESCRIBE_ENDPOINTS,
        Reply::UpdateTable(_) => Kind::UPDATE_TABLE,
        Reply::UpdateTimeToLive(_) => Kind::UPDATE_TIME_TO_LIVE,
        Reply::TagResource(_) => Kind::TAG_RESOURCE,
        Reply::UntagResource(_) => Kind::UNTAG_RESOURCE,
        Reply::DescribeLimits(_) => Kind::DESCRIBE_LIMITS,
    };
    request.reply()
}

/// Writes a request's payload.
pub(crate) fn encode_request(request: &Request, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    match request {
        Request::GetItem(request) => get_item::encode(request, writer)?,
        Request::PutItem(request) => put_item::encode(request, writer)?,
        Request::DeleteItem(request) => delete_item::encode(request, writer)?,
        Request::UpdateItem(request) => update_item::encode(request, writer)?,
        Request::Query(request) => query::encode(request, writer)?,
        Request::Scan(request) => scan::encode(request, writer)?,
        Request::BatchGetItem(request) => batch_get_item::encode(request, writer)?,
        Request::BatchWriteItem(request) => batch_write_item::encode(request, writer)?,
        Request::CreateTable(request) => create_table::encode(request, writer)?,
        Request::DescribeTable(request) => describe_table::encode(request, writer),
        Request::ListTables(request) => list_tables::encode(request, writer),
        Request::DeleteTable(request) => delete_table::encode(request, writer),
        Request::DescribeTimeToLive(request) => describe_time_to_live::encode(request, writer),
        Request::DescribeContinuousBackups(request) => describe_continuous_backups::encode(request, writer),
        Request::ListTagsOfResource(request) => list_tags_of_resource::encode(request, writer),
        Request::DescribeEndpoints(request) => describe_endpoints::encode(request, writer),
        Request::UpdateTable(request) => update_table::encode(request, writer)?,
        Request::UpdateTimeToLive(request) => update_time_to_live::encode(request, writer),
        Request::TagResource(request) => tag_resource::encode(request, writer),
        Request::UntagResource(request) => untag_resource::encode(request, writer),
        Request::DescribeLimits(request) => describe_limits::encode(request, writer),
    }
    Ok(())
}

/// Reads a request's payload. A kind without a name is that request's error.
pub(crate) fn decode_request(kind: Kind, payload: Payload<'_>) -> Result<Request, Refusal> {
    Ok(match kind {
        Kind::GET_ITEM => Request::GetItem(get_item::decode(payload)?),
        Kind::PUT_ITEM => Request::PutItem(put_item::decode(payload)?),
        Kind::DELETE_ITEM => Request::DeleteItem(delete_item::decode(payload)?),
        Kind::UPDATE_ITEM => Request::UpdateItem(Box::new(update_item::decode(payload)?)),
        Kind::QUERY => Request::Query(Box::new(query::decode(payload)?)),
        Kind::SCAN => Request::Scan(Box::new(scan::decode(payload)?)),
        Kind::BATCH_GET_ITEM => Request::BatchGetItem(batch_get_item::decode(payload)?),
        Kind::BATCH_WRITE_ITEM => Request::BatchWriteItem(batch_write_item::decode(payload)?),
        Kind::CREATE_TABLE => Request::CreateTable(Box::new(create_table::decode(payload)?)),
        Kind::DESCRIBE_TABLE => Request::DescribeTable(describe_table::decode(payload)?),
        Kind::LIST_TABLES => Request::ListTables(list_tables::decode(payload)?),
        Kind::DELETE_TABLE => Request::DeleteTable(delete_table::decode(payload)?),
        Kind::DESCRIBE_TIME_TO_LIVE => Request::DescribeTimeToLive(describe_time_to_live::decode(payload)?),
        Kind::DESCRIBE_CONTINUOUS_BACKUPS => {
            Request::DescribeContinuousBackups(describe_continuous_backups::decode(payload)?)
        }
        Kind::LIST_TAGS_OF_RESOURCE => Request::ListTagsOfResource(list_tags_of_resource::decode(payload)?),
        Kind::DESCRIBE_ENDPOINTS => Request::DescribeEndpoints(describe_endpoints::decode(payload)?),
        Kind::UPDATE_TABLE => Request::UpdateTable(Box::new(update_table::decode(payload)?)),
        Kind::UPDATE_TIME_TO_LIVE => Request::UpdateTimeToLive(update_time_to_live::decode(payload)?),
        Kind::TAG_RESOURCE => Request::TagResource(tag_resource::decode(payload)?),
        Kind::UNTAG_RESOURCE => Request::UntagResource(untag_resource::decode(payload)?),
        Kind::DESCRIBE_LIMITS => Request::DescribeLimits(describe_limits::decode(payload)?),
        Kind(number) => {
            let message = format!("The server does not know requests of kind {number:#06x}");
            return Err(Refusal::Request(Error::new(ErrorKind::UnknownOperation, message)));
        }
    })
}

/// Writes a reply's payload.
pub(crate) fn encode_reply(reply: &Reply, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
    match reply {
        Reply::GetItem(reply) => get_item::encode_reply(reply, writer),
        Reply::PutItem(reply) => put_item::encode_reply(reply, writer),
        Reply::DeleteItem(reply) => delete_item::encode_reply(reply, writer),
        Reply::UpdateItem(reply) => update_item::encode_reply(reply, writer),
        Reply::Query(reply) | Reply::Scan(reply) => page::encode_reply(reply, writer),
        Reply::BatchGetItem(reply) => batch_get_item::encode_reply(reply, writer)?,
        Reply::BatchWriteItem(reply) => batch_write_item::encode_reply(reply, writer)?,
        Reply::CreateTable(reply) => table_description::encode_reply(&reply.table, writer),
        Reply::DescribeTable(reply) => table_description::encode_reply(&reply.table, writer),
        Reply::DeleteTable(reply) => table_description::encode_reply(&reply.table, writer),
        Reply::ListTables(reply) => list_tables::encode_reply(reply, writer),
        Reply::DescribeTimeToLive(reply) => describe_time_to_live::encode_reply(reply, writer),
        Reply::DescribeContinuousBackups(reply) => describe_continuous_backups::encode_reply(reply, writer),
        Reply::ListTagsOfResource(reply) => list_tags_of_resource::encode_reply(reply, writer),
        Reply::DescribeEndpoints(reply) => describe_endpoints::encode_reply(reply, writer),
        Reply::UpdateTable(reply) => table_description::encode_reply(&reply.table, writer),
        Reply::UpdateTimeToLive(reply) => update_time_to_live::encode_reply(reply, writer),
        Reply::TagResource(reply) => tag_resource::encode_reply(reply, writer),
        Reply::UntagResource(reply) => untag_resource::encode_reply(reply, writer),
        Reply::DescribeLimits(reply) => describe_limits::encode_reply(reply, writer),
    }
    Ok(())
}

/// Reads a reply's payload; `None` for a kind that is no reply to an operation.
pub(crate) fn decode_reply(kind: Kind, payload: Payload<'_>) -> Result<Option<Reply>, ProtocolError> {
    let request = Kind(kind.0 & 0x7FFF);
    if kind != request.reply() {
        return Ok(None);
    }
    Ok(Some(match request {
        Kind::GET_ITEM => Reply::GetItem(get_item::decode_reply(payload)?),
        Kind::PUT_ITEM => Reply::PutItem(put_item::decode_reply(payload)?),
        Kind::DELETE_ITEM => Reply::DeleteItem(delete_item::decode_reply(payload)?),
        Kind::UPDATE_ITEM => Reply::UpdateItem(Box::new(update_item::decode_reply(payload)?)),
        Kind::QUERY => Reply::Query(Box::new(page::decode_reply(payload)?)),
        Kind::SCAN => Reply::Scan(Box::new(page::decode_reply(payload)?)),
        Kind::BATCH_GET_ITEM => Reply::BatchGetItem(batch_get_item::decode_reply(payload)?),
        Kind::BATCH_WRITE_ITEM => Reply::BatchWriteItem(batch_write_item::decode_reply(payload)?),
        Kind::CREATE_TABLE => {
            Reply::CreateTable(Box::new(CreateTableReply { table: table_description::decode_reply(payload)? }))
        }
        Kind::DESCRIBE_TABLE => {
            Reply::DescribeTable(Box::new(DescribeTableReply { table: table_description::decode_reply(payload)? }))
        }
        Kind::DELETE_TABLE => {
            Reply::DeleteTable(Box::new(DeleteTableReply { table: table_description::decode_reply(payload)? }))
        }
        Kind::LIST_TABLES => Reply::ListTables(list_tables::decode_reply(payload)?),
        Kind::DESCRIBE_TIME_TO_LIVE => Reply::DescribeTimeToLive(describe_time_to_live::decode_reply(payload)?),
        Kind::DESCRIBE_CONTINUOUS_BACKUPS => {
            Reply::DescribeContinuousBackups(describe_continuous_backups::decode_reply(payload)?)
        }
        Kind::LIST_TAGS_OF_RESOURCE => Reply::ListTagsOfResource(list_tags_of_resource::decode_reply(payload)?),
        Kind::DESCRIBE_ENDPOINTS => Reply::DescribeEndpoints(describe_endpoints::decode_reply(payload)?),
        Kind::UPDATE_TABLE => {
            Reply::UpdateTable(Box::new(UpdateTableReply { table: table_description::decode_reply(payload)? }))
        }
        Kind::UPDATE_TIME_TO_LIVE => Reply::UpdateTimeToLive(update_time_to_live::decode_reply(payload)?),
        Kind::TAG_RESOURCE => Reply::TagResource(tag_resource::decode_reply(payload)?),
        Kind::UNTAG_RESOURCE => Reply::UntagResource(untag_resource::decode_reply(payload)?),
        Kind::DESCRIBE_LIMITS => Reply::DescribeLimits(describe_limits::decode_reply(payload)?),
        _ => return Ok(None),
    }))
}
