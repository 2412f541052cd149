//! The operations as methods, and short forms of the most used ones with maps of values.

use std::collections::BTreeMap;

use model::operation::{
    AttributeDefinitionParameter, Attributes, BatchGetItem, BatchGetItemReply, BatchWriteItem, BatchWriteItemReply,
    Choice, CreateTable, CreateTableReply, DeleteItem, DeleteItemReply, DeleteTable, DeleteTableReply,
    DescribeContinuousBackups, DescribeContinuousBackupsReply, DescribeEndpoints, DescribeEndpointsReply,
    DescribeLimits, DescribeLimitsReply, DescribeTable, DescribeTableReply, DescribeTimeToLive,
    DescribeTimeToLiveReply, GetItem, GetItemReply, KeyRole, KeySchemaElement, ListTables, ListTablesReply,
    ListTagsOfResource, ListTagsOfResourceReply, PutItem, PutItemReply, Query, QueryReply, Scan, ScanReply,
    TagResource, TagResourceReply, UntagResource, UntagResourceReply, UpdateItem, UpdateItemReply, UpdateTable,
    UpdateTableReply, UpdateTimeToLive, UpdateTimeToLiveReply,
};
use model::operation::{Reply, Request};
use model::table::BillingMode;
use model::{Item, KeyAttribute, KeySchema, Text, Value};

use crate::call::Client;
use crate::error::Error;

/// An item or a key as a map from attribute names to values.
pub type AttributeMap = BTreeMap<String, Value>;

/// Defines one method per operation. `boxed` stands where the model boxes the request or the reply.
macro_rules! operations {
    ($($(#[$document:meta])* $method:ident($request:ident $($boxed:ident)?) -> $reply:ident $($reply_boxed:ident)?;)*) => {
        impl Client {
            $(
                $(#[$document])*
                ///
                /// # Errors
                /// DynamoDB's own, or why there is no answer.
                pub async fn $method(&self, request: $request) -> Result<$reply, Error> {
                    match self.call(Request::$request(operations!(@close request $($boxed)?))).await? {
                        Reply::$request(reply) => Ok(operations!(@open reply $($reply_boxed)?)),
                        _ => Err(Error::WrongReply),
                    }
                }
            )*
        }
    };
    (@close $request:ident) => { $request };
    (@close $request:ident boxed) => { Box::new($request) };
    (@open $reply:ident) => { $reply };
    (@open $reply:ident boxed) => { *$reply };
}

operations! {
    /// One item by its primary key.
    get_item(GetItem) -> GetItemReply;
    /// Writes a whole item.
    put_item(PutItem) -> PutItemReply;
    /// Removes one item.
    delete_item(DeleteItem) -> DeleteItemReply;
    /// Changes some attributes of one item, or makes it.
    update_item(UpdateItem boxed) -> UpdateItemReply boxed;
    /// Items of one partition key, in order; one page.
    query(Query boxed) -> QueryReply boxed;
    /// All items, in no particular order; one page.
    scan(Scan boxed) -> ScanReply boxed;
    /// Many items by their primary keys.
    batch_get_item(BatchGetItem) -> BatchGetItemReply;
    /// Many puts and deletes, each for itself.
    batch_write_item(BatchWriteItem) -> BatchWriteItemReply;
    /// A new table.
    create_table(CreateTable boxed) -> CreateTableReply boxed;
    /// What a table is.
    describe_table(DescribeTable) -> DescribeTableReply boxed;
    /// The names of the tables.
    list_tables(ListTables) -> ListTablesReply;
    /// Removes a table and all that is in it.
    delete_table(DeleteTable) -> DeleteTableReply boxed;
    /// Where the service is to be found.
    describe_endpoints(DescribeEndpoints) -> DescribeEndpointsReply;
    /// How a table's items expire.
    describe_time_to_live(DescribeTimeToLive) -> DescribeTimeToLiveReply;
    /// How a table is backed up.
    describe_continuous_backups(DescribeContinuousBackups) -> DescribeContinuousBackupsReply;
    /// A table's tags.
    list_tags_of_resource(ListTagsOfResource) -> ListTagsOfResourceReply;
    /// Changes how a table is billed, what it can take, its class or its protection.
    update_table(UpdateTable boxed) -> UpdateTableReply boxed;
    /// Lets a table's items expire, or no longer.
    update_time_to_live(UpdateTimeToLive) -> UpdateTimeToLiveReply;
    /// Sticks tags to a table.
    tag_resource(TagResource) -> TagResourceReply;
    /// Takes tags off a table.
    untag_resource(UntagResource) -> UntagResourceReply;
    /// How much throughput may be provisioned.
    describe_limits(DescribeLimits) -> DescribeLimitsReply;
}

impl Client {
    /// Writes an item.
    ///
    /// # Errors
    /// DynamoDB's own, or why there is no answer.
    pub async fn put(&self, table_name: &str, item: &AttributeMap) -> Result<(), Error> {
        let item = Attributes::Valid(Item::from_value_map(item)?);
        let request = PutItem { table_name: Some(Text::from(table_name)), item, ..PutItem::default() };
        self.put_item(request).await.map(|_| ())
    }

    /// Reads the newest state of an item; none if there is no such item.
    ///
    /// # Errors
    /// DynamoDB's own, or why there is no answer.
    pub async fn get(&self, table_name: &str, key: &AttributeMap) -> Result<Option<AttributeMap>, Error> {
        let key = Attributes::Valid(Item::from_value_map(key)?);
        let table_name = Some(Text::from(table_name));
        let request = GetItem { table_name, key, consistent_read: true, ..GetItem::default() };
        Ok(self.get_item(request).await?.item.map(|item| item.to_value_map()))
    }

    /// Removes an item; fine if there is no such item.
    ///
    /// # Errors
    /// DynamoDB's own, or why there is no answer.
    pub async fn delete(&self, table_name: &str, key: &AttributeMap) -> Result<(), Error> {
        let key = Attributes::Valid(Item::from_value_map(key)?);
        let request = DeleteItem { table_name: Some(Text::from(table_name)), key, ..DeleteItem::default() };
        self.delete_item(request).await.map(|_| ())
    }

    /// Creates an on-demand table with this key schema.
    ///
    /// # Errors
    /// DynamoDB's own, or why there is no answer.
    pub async fn create(&self, table_name: &str, key_schema: &KeySchema) -> Result<CreateTableReply, Error> {
        let keys = [(Some(&key_schema.partition_key), KeyRole::Hash), (key_schema.sort_key.as_ref(), KeyRole::Range)];
        let keys: Vec<(&KeyAttribute, KeyRole)> =
            keys.iter().filter_map(|(key, role)| Some(((*key)?, *role))).collect();
        let definition = |(key, _): &(&KeyAttribute, KeyRole)| AttributeDefinitionParameter {
            attribute_name: Some(Text::from(&key.name[..])),
            attribute_type: Choice::Known(key.key_type),
        };
        let element = |(key, role): &(&KeyAttribute, KeyRole)| KeySchemaElement {
            attribute_name: Some(Text::from(&key.name[..])),
            key_type: Choice::Known(*role),
        };
        let request = CreateTable {
            table_name: Some(Text::from(table_name)),
            attribute_definitions: Some(keys.iter().map(definition).collect()),
            key_schema: Some(keys.iter().map(element).collect()),
            billing_mode: Choice::Known(BillingMode::PayPerRequest),
            ..CreateTable::default()
        };
        self.create_table(request).await
    }
}
