//! The operations: which ones there are, and for each how its JSON becomes the model's request and its reply JSON.
//!
//! Between [`crate::json`] and the model. One file per operation, named as in the model. What an operation means is the
//! model's and the engine's; parameters that are known to DynamoDB and not built here are noted by name in the request,
//! which the model refuses in its turn; members unknown to DynamoDB are read over, as DynamoDB does.

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
pub(crate) mod error;
mod get_item;
mod item_collection;
mod list_tables;
mod list_tags_of_resource;
mod page;
mod put_item;
mod query;
mod scan;
mod table_description;
mod tag_resource;
mod untag_resource;
mod update_item;
mod update_table;
mod update_time_to_live;

use bytes::Bytes;
use model::operation::{Reply, Request};
use model::{Error, ItemEncoder};

use crate::json;
use crate::json::writer::Writer;

/// What an `X-Amz-Target` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// An operation that is built.
    Built(Operation),
    /// An operation of DynamoDB that is not built yet.
    NotBuilt(&'static str),
    /// Nothing that DynamoDB knows.
    Unknown,
}

/// The operations that are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateTable,
    DescribeTable,
    ListTables,
    DeleteTable,
    PutItem,
    GetItem,
    DeleteItem,
    UpdateItem,
    Query,
    Scan,
    BatchGetItem,
    BatchWriteItem,
    DescribeEndpoints,
    DescribeTimeToLive,
    DescribeContinuousBackups,
    ListTagsOfResource,
    UpdateTable,
    UpdateTimeToLive,
    TagResource,
    UntagResource,
    DescribeLimits,
}

impl Target {
    /// The target of a header's value.
    pub(crate) fn parse(value: &[u8]) -> Target {
        if let Some(name) = value.strip_prefix(b"DynamoDB_20120810.") {
            return Target::of_database(name);
        }
        let name = value.strip_prefix(b"DynamoDBStreams_20120810.").unwrap_or_default();
        Target::not_built(&STREAM_OPERATIONS, name)
    }

    fn of_database(name: &[u8]) -> Target {
        Target::Built(match name {
            b"GetItem" => Operation::GetItem,
            b"PutItem" => Operation::PutItem,
            b"Query" => Operation::Query,
            b"UpdateItem" => Operation::UpdateItem,
            b"DeleteItem" => Operation::DeleteItem,
            b"BatchGetItem" => Operation::BatchGetItem,
            b"BatchWriteItem" => Operation::BatchWriteItem,
            b"Scan" => Operation::Scan,
            b"CreateTable" => Operation::CreateTable,
            b"DescribeTable" => Operation::DescribeTable,
            b"ListTables" => Operation::ListTables,
            b"DeleteTable" => Operation::DeleteTable,
            b"DescribeEndpoints" => Operation::DescribeEndpoints,
            b"DescribeTimeToLive" => Operation::DescribeTimeToLive,
            b"DescribeContinuousBackups" => Operation::DescribeContinuousBackups,
            b"ListTagsOfResource" => Operation::ListTagsOfResource,
            b"UpdateTable" => Operation::UpdateTable,
            b"UpdateTimeToLive" => Operation::UpdateTimeToLive,
            b"TagResource" => Operation::TagResource,
            b"UntagResource" => Operation::UntagResource,
            b"DescribeLimits" => Operation::DescribeLimits,
            _ => return Target::not_built(&OPERATIONS_NOT_BUILT, name),
        })
    }

    fn not_built(names: &[&'static str], name: &[u8]) -> Target {
        let found = names.iter().find(|known| known.as_bytes() == name);
        found.map_or(Target::Unknown, |name| Target::NotBuilt(name))
    }
}

/// DynamoDB's operations that are refused by name (botocore 1.44.5).
const OPERATIONS_NOT_BUILT: [&str; 41] = [
    "BatchExecuteStatement",
    "CancelBulkOperation",
    "CreateBackup",
    "CreateGlobalTable",
    "DeleteBackup",
    "DeleteResourcePolicy",
    "DescribeBackup",
    "DescribeBulkOperation",
    "DescribeContributorInsights",
    "DescribeExport",
    "DescribeGlobalTable",
    "DescribeGlobalTableSettings",
    "DescribeImport",
    "DescribeKinesisStreamingDestination",
    "DescribeTableReplicaAutoScaling",
    "DisableKinesisStreamingDestination",
    "EnableKinesisStreamingDestination",
    "ExecuteStatement",
    "ExecuteTransaction",
    "ExportTableToPointInTime",
    "GetResourcePolicy",
    "ImportTable",
    "ListBackups",
    "ListBulkOperations",
    "ListContributorInsights",
    "ListExports",
    "ListGlobalTables",
    "ListImports",
    "PutResourcePolicy",
    "RestoreTableFromBackup",
    "RestoreTableToPointInTime",
    "SearchVectors",
    "StartBulkPutItems",
    "TransactGetItems",
    "TransactWriteItems",
    "UpdateContinuousBackups",
    "UpdateContributorInsights",
    "UpdateGlobalTable",
    "UpdateGlobalTableSettings",
    "UpdateKinesisStreamingDestination",
    "UpdateTableReplicaAutoScaling",
];

/// The operations of DynamoDB Streams, all refused by name (botocore 1.44.5).
const STREAM_OPERATIONS: [&str; 4] = ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"];

/// Reads a body as the request of `operation`.
///
/// # Errors
/// `SerializationException`, see [`json::read`].
pub(crate) fn decode(
    operation: Operation,
    body: &Bytes,
    encoder: &mut ItemEncoder,
    scratch: &mut Vec<u8>,
) -> Result<Request, Error> {
    Ok(match operation {
        Operation::CreateTable => Request::CreateTable(Box::new(json::read(body, encoder, scratch)?)),
        Operation::DescribeTable => Request::DescribeTable(json::read(body, encoder, scratch)?),
        Operation::ListTables => Request::ListTables(json::read(body, encoder, scratch)?),
        Operation::DeleteTable => Request::DeleteTable(json::read(body, encoder, scratch)?),
        Operation::PutItem => Request::PutItem(json::read(body, encoder, scratch)?),
        Operation::GetItem => Request::GetItem(json::read(body, encoder, scratch)?),
        Operation::DeleteItem => Request::DeleteItem(json::read(body, encoder, scratch)?),
        Operation::UpdateItem => Request::UpdateItem(Box::new(json::read(body, encoder, scratch)?)),
        Operation::Query => Request::Query(Box::new(json::read(body, encoder, scratch)?)),
        Operation::Scan => Request::Scan(Box::new(json::read(body, encoder, scratch)?)),
        Operation::BatchGetItem => Request::BatchGetItem(json::read(body, encoder, scratch)?),
        Operation::BatchWriteItem => Request::BatchWriteItem(json::read(body, encoder, scratch)?),
        Operation::DescribeEndpoints => Request::DescribeEndpoints(json::read(body, encoder, scratch)?),
        Operation::DescribeTimeToLive => Request::DescribeTimeToLive(json::read(body, encoder, scratch)?),
        Operation::DescribeContinuousBackups => Request::DescribeContinuousBackups(json::read(body, encoder, scratch)?),
        Operation::ListTagsOfResource => Request::ListTagsOfResource(json::read(body, encoder, scratch)?),
        Operation::UpdateTable => Request::UpdateTable(Box::new(json::read(body, encoder, scratch)?)),
        Operation::UpdateTimeToLive => Request::UpdateTimeToLive(json::read(body, encoder, scratch)?),
        Operation::TagResource => Request::TagResource(json::read(body, encoder, scratch)?),
        Operation::UntagResource => Request::UntagResource(json::read(body, encoder, scratch)?),
        Operation::DescribeLimits => Request::DescribeLimits(json::read(body, encoder, scratch)?),
    })
}

/// Writes a reply's body.
pub(crate) fn write_reply(reply: &Reply, writer: &mut Writer<'_>) {
    match reply {
        Reply::CreateTable(reply) => create_table::write(reply, writer),
        Reply::DescribeTable(reply) => describe_table::write(reply, writer),
        Reply::ListTables(reply) => list_tables::write(reply, writer),
        Reply::DeleteTable(reply) => delete_table::write(reply, writer),
        Reply::PutItem(reply) => put_item::write(reply, writer),
        Reply::GetItem(reply) => get_item::write(reply, writer),
        Reply::DeleteItem(reply) => delete_item::write(reply, writer),
        Reply::UpdateItem(reply) => update_item::write(reply, writer),
        Reply::Query(reply) => page::write(reply, writer),
        Reply::Scan(reply) => page::write(reply, writer),
        Reply::BatchGetItem(reply) => batch_get_item::write(reply, writer),
        Reply::BatchWriteItem(reply) => batch_write_item::write(reply, writer),
        Reply::DescribeEndpoints(reply) => describe_endpoints::write(reply, writer),
        Reply::DescribeTimeToLive(reply) => describe_time_to_live::write(reply, writer),
        Reply::DescribeContinuousBackups(reply) => describe_continuous_backups::write(reply, writer),
        Reply::ListTagsOfResource(reply) => list_tags_of_resource::write(reply, writer),
        Reply::UpdateTable(reply) => update_table::write(reply, writer),
        Reply::UpdateTimeToLive(reply) => update_time_to_live::write(reply, writer),
        Reply::DescribeLimits(reply) => describe_limits::write(reply, writer),
        // DynamoDB: observed: these have no body at all.
        Reply::TagResource(_) | Reply::UntagResource(_) => {}
    }
}
