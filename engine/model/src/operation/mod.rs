//! Operations: what a caller can ask for and what it gets. One file per operation: request, reply, `validate()`.
//!
//! In the way of a request: the protocols (`net/wire`, `net/dynamodb`) turn bytes into a `Request`; `validate()`
//! then checks all that needs no table, with DynamoDB's own answers in DynamoDB's order; the owner does the rest.
//! Deliberately not here: any protocol, any table's data.

mod attribute_selection;
mod attributes;
mod batch;
mod batch_get_item;
mod batch_write_item;
mod capacity;
mod conditional_write;
mod constraint;
mod create_table;
mod delete_item;
mod delete_table;
mod describe_continuous_backups;
mod describe_endpoints;
mod describe_limits;
mod describe_table;
mod describe_time_to_live;
mod encryption;
mod evaluator;
mod expression_texts;
mod get_item;
mod item_collection;
mod key_paths;
mod legacy;
mod legacy_condition;
mod legacy_update;
mod list_tables;
mod list_tags_of_resource;
mod page;
mod page_reader;
mod parameter;
mod parameter_style;
mod projected_entry;
mod put_item;
mod query;
mod read_parameters;
mod refusal;
mod resource_arn;
mod scan;
mod start_key;
mod table_name;
mod tag_resource;
mod tags;
#[cfg(test)]
mod tests;
mod throughput;
mod untag_resource;
mod update_item;
mod update_table;
mod update_time_to_live;
mod write_effect;

pub use attribute_selection::AttributeSelection;
pub use attributes::{Attributes, InvalidAttribute};
pub use batch::check_distinct_keys;
pub use batch_get_item::{BatchGetItem, BatchGetItemReply, KeysAndAttributes};
pub use batch_write_item::{BatchWriteItem, BatchWriteItemReply, WriteRequest};
pub use capacity::{CapacityUnits, ConsumedCapacity, ItemisedCapacity, UnitsByIndex, answer_by_table};
pub use conditional_write::ConditionalWrite;
pub(crate) use constraint::echo;
pub use create_table::{
    AttributeDefinitionParameter, CreateTable, CreateTableReply, IndexParameter, KeySchemaElement, ProjectionParameter,
    ProjectionType, TableIdentity,
};
pub use delete_item::{DeleteItem, DeleteItemReply};
pub use delete_table::{DeleteTable, DeleteTableReply};
pub use describe_continuous_backups::{DescribeContinuousBackups, DescribeContinuousBackupsReply};
pub use describe_endpoints::{DescribeEndpoints, DescribeEndpointsReply, Endpoint};
pub use describe_limits::{DescribeLimits, DescribeLimitsReply};
pub use describe_table::{DescribeTable, DescribeTableReply, IndexSize, TableDescription};
pub use describe_time_to_live::{DescribeTimeToLive, DescribeTimeToLiveReply, TimeToLiveStatus};
pub use encryption::{EncryptionParameter, EncryptionType};
pub use evaluator::Evaluator;
pub use get_item::{GetItem, GetItemReply};
pub use item_collection::ItemCollectionMetrics;
pub use legacy::{
    AttributeAction, AttributeUpdate, ComparisonOperator, ConditionalOperator, ExpectedAttribute, LegacyCondition,
    SINGLE_VALUE_NAME,
};
pub use list_tables::{ListTables, ListTablesReply};
pub use list_tags_of_resource::{ListTagsOfResource, ListTagsOfResourceReply};
pub use page::{Page, PageBuilder};
pub use page_reader::PageReader;
pub use parameter::{
    Choice, KeyRole, Parameter, ReturnConsumedCapacity, ReturnItemCollectionMetrics, ReturnValues,
    ReturnValuesOnConditionCheckFailure, Select,
};
pub use put_item::{PutItem, PutItemReply};
pub use query::{Query, QueryRange, QueryReply};
pub use resource_arn::resource_not_found;
pub use scan::{Scan, ScanRange, ScanReply};
pub use table_name::resolve_table_name;
pub use tag_resource::{TagResource, TagResourceReply};
pub use tags::TagParameter;
pub use throughput::{OnDemandThroughputParameter, ThroughputParameter, WarmThroughputParameter};
pub use untag_resource::{UntagResource, UntagResourceReply};
pub use update_item::{UpdateItem, UpdateItemReply, UpdatedItem};
pub use update_table::{UpdateTable, UpdateTableReply};
pub use update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLive, UpdateTimeToLiveReply};
pub use write_effect::{WriteEffect, check_index_entries, collection_share_bytes, index_entry_bytes, write_units};

use crate::Error;

/// What a caller asks for. The large and the rare ones are boxed; single-item operations allocate nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// See [`CreateTable`].
    CreateTable(Box<CreateTable>),
    /// See [`DescribeTable`].
    DescribeTable(DescribeTable),
    /// See [`ListTables`].
    ListTables(ListTables),
    /// See [`DeleteTable`].
    DeleteTable(DeleteTable),
    /// See [`PutItem`].
    PutItem(PutItem),
    /// See [`GetItem`].
    GetItem(GetItem),
    /// See [`DeleteItem`].
    DeleteItem(DeleteItem),
    /// See [`UpdateItem`].
    UpdateItem(Box<UpdateItem>),
    /// See [`Query`].
    Query(Box<Query>),
    /// See [`Scan`].
    Scan(Box<Scan>),
    /// See [`BatchGetItem`].
    BatchGetItem(BatchGetItem),
    /// See [`BatchWriteItem`].
    BatchWriteItem(BatchWriteItem),
    /// See [`DescribeEndpoints`].
    DescribeEndpoints(DescribeEndpoints),
    /// See [`DescribeTimeToLive`].
    DescribeTimeToLive(DescribeTimeToLive),
    /// See [`DescribeContinuousBackups`].
    DescribeContinuousBackups(DescribeContinuousBackups),
    /// See [`ListTagsOfResource`].
    ListTagsOfResource(ListTagsOfResource),
    /// See [`UpdateTable`].
    UpdateTable(Box<UpdateTable>),
    /// See [`UpdateTimeToLive`].
    UpdateTimeToLive(UpdateTimeToLive),
    /// See [`TagResource`].
    TagResource(TagResource),
    /// See [`UntagResource`].
    UntagResource(UntagResource),
    /// See [`DescribeLimits`].
    DescribeLimits(DescribeLimits),
}

// A request is moved through inboxes in batches.
const _: () = assert!(size_of::<Request>() <= 184);

impl Request {
    /// The operation's name, as in `X-Amz-Target`.
    pub fn name(&self) -> &'static str {
        match self {
            Request::CreateTable(_) => "CreateTable",
            Request::DescribeTable(_) => "DescribeTable",
            Request::ListTables(_) => "ListTables",
            Request::DeleteTable(_) => "DeleteTable",
            Request::PutItem(_) => "PutItem",
            Request::GetItem(_) => "GetItem",
            Request::DeleteItem(_) => "DeleteItem",
            Request::UpdateItem(_) => "UpdateItem",
            Request::Query(_) => "Query",
            Request::Scan(_) => "Scan",
            Request::BatchGetItem(_) => "BatchGetItem",
            Request::BatchWriteItem(_) => "BatchWriteItem",
            Request::DescribeEndpoints(_) => "DescribeEndpoints",
            Request::DescribeTimeToLive(_) => "DescribeTimeToLive",
            Request::DescribeContinuousBackups(_) => "DescribeContinuousBackups",
            Request::ListTagsOfResource(_) => "ListTagsOfResource",
            Request::UpdateTable(_) => "UpdateTable",
            Request::UpdateTimeToLive(_) => "UpdateTimeToLive",
            Request::TagResource(_) => "TagResource",
            Request::UntagResource(_) => "UntagResource",
            Request::DescribeLimits(_) => "DescribeLimits",
        }
    }
}

impl Request {
    /// Checks all that needs no table, with DynamoDB's own answers in DynamoDB's order.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        match self {
            Request::CreateTable(request) => request.validate(),
            Request::DescribeTable(request) => request.validate(),
            Request::ListTables(request) => request.validate(),
            Request::DeleteTable(request) => request.validate(),
            Request::PutItem(request) => request.validate(evaluator),
            Request::GetItem(request) => request.validate(evaluator),
            Request::DeleteItem(request) => request.validate(evaluator),
            Request::UpdateItem(request) => request.validate(evaluator),
            Request::Query(request) => request.validate(evaluator),
            Request::Scan(request) => request.validate(evaluator),
            Request::BatchGetItem(request) => request.validate(evaluator),
            Request::BatchWriteItem(request) => request.validate(),
            Request::DescribeEndpoints(DescribeEndpoints { .. }) => Ok(()),
            Request::DescribeTimeToLive(request) => request.validate(),
            Request::DescribeContinuousBackups(request) => request.validate(),
            Request::ListTagsOfResource(request) => request.validate(),
            Request::UpdateTable(request) => request.validate(),
            Request::UpdateTimeToLive(request) => request.validate(),
            Request::TagResource(request) => request.validate(),
            Request::UntagResource(request) => request.validate(),
            Request::DescribeLimits(DescribeLimits) => Ok(()),
        }
    }

    /// The one table that a validated request is for, by its name (ARNs are resolved); none for the requests that
    /// are for several tables or for none.
    pub fn table_name(&self) -> Option<Result<&str, Error>> {
        let given = match self {
            Request::CreateTable(request) => &request.table_name,
            Request::DescribeTable(request) => &request.table_name,
            Request::DeleteTable(request) => &request.table_name,
            Request::PutItem(request) => &request.table_name,
            Request::GetItem(request) => &request.table_name,
            Request::DeleteItem(request) => &request.table_name,
            Request::UpdateItem(request) => &request.table_name,
            Request::Query(request) => &request.table_name,
            Request::Scan(request) => &request.table_name,
            Request::DescribeTimeToLive(request) => &request.table_name,
            Request::DescribeContinuousBackups(request) => &request.table_name,
            Request::UpdateTable(request) => &request.table_name,
            Request::UpdateTimeToLive(request) => &request.table_name,
            Request::ListTagsOfResource(request) => return Some(request.resolve()),
            Request::TagResource(request) => return Some(request.resolve()),
            Request::UntagResource(request) => return Some(request.resolve()),
            Request::ListTables(_)
            | Request::BatchGetItem(_)
            | Request::BatchWriteItem(_)
            | Request::DescribeEndpoints(_)
            | Request::DescribeLimits(_) => return None,
        };
        given.as_ref().map(|name| resolve_table_name(name))
    }
}

/// What a caller gets for the [`Request`] of the same name, when it succeeds.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// See [`CreateTableReply`].
    CreateTable(Box<CreateTableReply>),
    /// See [`DescribeTableReply`].
    DescribeTable(Box<DescribeTableReply>),
    /// See [`ListTablesReply`].
    ListTables(ListTablesReply),
    /// See [`DeleteTableReply`].
    DeleteTable(Box<DeleteTableReply>),
    /// See [`PutItemReply`].
    PutItem(PutItemReply),
    /// See [`GetItemReply`].
    GetItem(GetItemReply),
    /// See [`DeleteItemReply`].
    DeleteItem(DeleteItemReply),
    /// See [`UpdateItemReply`].
    UpdateItem(Box<UpdateItemReply>),
    /// See [`QueryReply`].
    Query(Box<QueryReply>),
    /// See [`ScanReply`].
    Scan(Box<ScanReply>),
    /// See [`BatchGetItemReply`].
    BatchGetItem(BatchGetItemReply),
    /// See [`BatchWriteItemReply`].
    BatchWriteItem(BatchWriteItemReply),
    /// See [`DescribeEndpointsReply`].
    DescribeEndpoints(DescribeEndpointsReply),
    /// See [`DescribeTimeToLiveReply`].
    DescribeTimeToLive(DescribeTimeToLiveReply),
    /// See [`DescribeContinuousBackupsReply`].
    DescribeContinuousBackups(DescribeContinuousBackupsReply),
    /// See [`ListTagsOfResourceReply`].
    ListTagsOfResource(ListTagsOfResourceReply),
    /// See [`UpdateTableReply`].
    UpdateTable(Box<UpdateTableReply>),
    /// See [`UpdateTimeToLiveReply`].
    UpdateTimeToLive(UpdateTimeToLiveReply),
    /// See [`TagResourceReply`].
    TagResource(TagResourceReply),
    /// See [`UntagResourceReply`].
    UntagResource(UntagResourceReply),
    /// See [`DescribeLimitsReply`].
    DescribeLimits(DescribeLimitsReply),
}

// A reply is moved through inboxes in batches.
const _: () = assert!(size_of::<Reply>() <= 112);
