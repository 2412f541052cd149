//! The server as the crash test sees it: writes, reads and pages, over either protocol.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use client::operations::{Attributes, BatchWriteItem, Page, Query, Scan, WriteRequest};
use client::{AttributeMap, Client, ClientOptions, KeySchema, KeyType, Text, Value};
use model::{ErrorKind, Item, KeyAttribute};
use serde_json::{Value as Json, json};

use super::http::HttpClient;
use super::item::{Key, PARTITION_KEY, SORT_KEY};
use super::json::{from_attributes, to_attributes};

/// The table under test.
const TABLE: &str = "crash";
const KEY_CONDITION: &str = "pk = :pk";
/// No answer for so long, and the connection counts as lost.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A server that has just said that it is ready may be asked so often whether a new table is active.
const ACTIVE_ATTEMPTS_COUNT_MAX: usize = 500;

/// One connection, or several, to the server.
pub(super) enum Store {
    Wire(Client),
    Http(HttpClient),
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) wire: SocketAddr,
}

/// Why a request has no good answer.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// The server has no room at the moment; nothing was done.
    Throttled,
    /// The server answers an error.
    Refused(String),
    /// There is no answer: whether a write was done is unknown.
    Lost(String),
}

/// One write: an item to put, or a key to delete.
pub(super) struct Write {
    pub(super) key: Key,
    pub(super) item: Option<AttributeMap>,
}

/// Which items to read page by page.
#[derive(Clone, Debug)]
pub(super) enum Range {
    /// One of several segments of the table.
    Scan { segment: u32, segment_count: u32 },
    /// The items of one partition key, so many a page.
    Query { partition_key: String, is_forward: bool, limit: u32 },
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Throttled => write!(formatter, "the server throttles"),
            Failure::Refused(text) => write!(formatter, "the server answers an error: {text}"),
            Failure::Lost(text) => write!(formatter, "no answer: {text}"),
        }
    }
}

impl Error for Failure {}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Failure {
        match error {
            client::Error::Service(error) => match error.kind {
                ErrorKind::Throttling
                | ErrorKind::ProvisionedThroughputExceeded
                | ErrorKind::RequestLimitExceeded
                | ErrorKind::LimitExceeded => Failure::Throttled,
                _ => Failure::Refused(error.to_string()),
            },
            client::Error::Encode(error) => Failure::Refused(error.to_string()),
            error => Failure::Lost(error.to_string()),
        }
    }
}

impl Store {
    pub(super) async fn connect(addresses: Addresses) -> Result<Client, Failure> {
        let options = ClientOptions { request_timeout: REQUEST_TIMEOUT, ..ClientOptions::default() };
        Ok(Client::connect_with(&addresses.wire.to_string(), options).await?)
    }

    pub(super) async fn wire(addresses: Addresses) -> Result<Store, Failure> {
        Ok(Store::Wire(Store::connect(addresses).await?))
    }

    pub(super) async fn http(addresses: Addresses) -> Result<Store, Failure> {
        Ok(Store::Http(HttpClient::connect(addresses.http, REQUEST_TIMEOUT).await?))
    }

    /// Creates the table and waits until it is active.
    pub(super) async fn create_table(&mut self) -> Result<(), Failure> {
        let attribute = |name: &str, key_type| KeyAttribute { name: name.to_owned(), key_type };
        let key_schema = KeySchema {
            partition_key: attribute(PARTITION_KEY, KeyType::String),
            sort_key: Some(attribute(SORT_KEY, KeyType::Number)),
        };
        let Store::Wire(client) = self else { unreachable!("tables are made over the wire") };
        client.create(TABLE, &key_schema).await?;
        for _ in 0..ACTIVE_ATTEMPTS_COUNT_MAX {
            if client.get(TABLE, &Key { writer: 0, slot: 0 }.attributes()).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(Failure::Refused("the table does not become active".to_owned()))
    }

    /// Carries out writes of distinct keys: one by PutItem or DeleteItem, several by BatchWriteItem. The keys that were
    /// not processed.
    pub(super) async fn write(&mut self, writes: Vec<Write>) -> Result<Vec<Key>, Failure> {
        match (self, &writes[..]) {
            (Store::Wire(client), [Write { item: Some(item), .. }]) => client.put(TABLE, item).await?,
            (Store::Wire(client), [Write { key, item: None }]) => client.delete(TABLE, &key.attributes()).await?,
            (Store::Wire(client), _) => return write_batch_over_wire(client, &writes).await,
            (Store::Http(client), [Write { item: Some(item), .. }]) => {
                client.call("PutItem", &json!({ "TableName": TABLE, "Item": from_attributes(item) })).await?;
            }
            (Store::Http(client), [Write { key, item: None }]) => {
                let key = from_attributes(&key.attributes());
                client.call("DeleteItem", &json!({ "TableName": TABLE, "Key": key })).await?;
            }
            (Store::Http(client), _) => return write_batch_over_http(client, &writes).await,
        }
        Ok(Vec::new())
    }

    /// The item under a key.
    pub(super) async fn read(&mut self, key: Key) -> Result<Option<AttributeMap>, Failure> {
        match self {
            Store::Wire(client) => Ok(client.get(TABLE, &key.attributes()).await?),
            Store::Http(client) => {
                let key = from_attributes(&key.attributes());
                let body = json!({ "TableName": TABLE, "Key": key, "ConsistentRead": true });
                let reply = client.call("GetItem", &body).await?;
                reply.get("Item").map(attributes).transpose()
            }
        }
    }

    /// All items of a range, page by page.
    pub(super) async fn read_range(&mut self, range: &Range) -> Result<Vec<AttributeMap>, Failure> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let (page, last) = match self {
                Store::Wire(client) => page_over_wire(client, range, start).await?,
                Store::Http(client) => page_over_http(client, range, start).await?,
            };
            items.extend(page);
            match last {
                None => return Ok(items),
                last => start = last,
            }
        }
    }
}

async fn write_batch_over_wire(client: &Client, writes: &[Write]) -> Result<Vec<Key>, Failure> {
    let request = |write: &Write| match &write.item {
        Some(item) => WriteRequest::Put(encoded(item)),
        None => WriteRequest::Delete(encoded(&write.key.attributes())),
    };
    let requests = writes.iter().map(request).collect();
    let batch = BatchWriteItem { request_items: Some(vec![(Text::from(TABLE), requests)]), ..Default::default() };
    let reply = client.batch_write_item(batch).await?;
    let key = |request: WriteRequest| match request {
        WriteRequest::Put(Attributes::Valid(item)) | WriteRequest::Delete(Attributes::Valid(item)) => {
            Key::of(&item.to_value_map())
        }
        _ => None,
    };
    let keys: Option<_> = reply.unprocessed_items.into_iter().flat_map(|(_, requests)| requests).map(key).collect();
    keys.ok_or_else(unreadable)
}

async fn write_batch_over_http(client: &mut HttpClient, writes: &[Write]) -> Result<Vec<Key>, Failure> {
    let request = |write: &Write| match &write.item {
        Some(item) => json!({ "PutRequest": { "Item": from_attributes(item) } }),
        None => json!({ "DeleteRequest": { "Key": from_attributes(&write.key.attributes()) } }),
    };
    let requests: Vec<Json> = writes.iter().map(request).collect();
    let reply = client.call("BatchWriteItem", &json!({ "RequestItems": { TABLE: requests } })).await?;
    let key = |request: &Json| {
        let attributes = request["PutRequest"].get("Item").or_else(|| request["DeleteRequest"].get("Key"))?;
        Key::of(&to_attributes(attributes)?)
    };
    let unprocessed = reply["UnprocessedItems"][TABLE].as_array();
    let keys: Option<_> = unprocessed.into_iter().flatten().map(key).collect();
    keys.ok_or_else(unreadable)
}

type PageRead = (Vec<AttributeMap>, Option<AttributeMap>);

async fn page_over_wire(client: &Client, range: &Range, start: Option<AttributeMap>) -> Result<PageRead, Failure> {
    let table_name = Some(Text::from(TABLE));
    let exclusive_start_key = start.as_ref().map_or(Attributes::Absent, encoded);
    let page: Page = match range {
        Range::Scan { segment, segment_count } => {
            let (segment, total_segments) = (Some(i64::from(*segment)), Some(i64::from(*segment_count)));
            let consistent_read = true;
            let scan =
                Scan { table_name, exclusive_start_key, segment, total_segments, consistent_read, ..Scan::default() };
            client.scan(scan).await?
        }
        Range::Query { partition_key, is_forward, limit } => {
            let values = AttributeMap::from([(":pk".to_owned(), Value::S(partition_key.clone()))]);
            let query = Query {
                table_name,
                key_condition_expression: Some(Text::from_static(KEY_CONDITION)),
                expression_attribute_values: encoded(&values),
                limit: Some(i64::from(*limit)),
                scan_index_forward: *is_forward,
                exclusive_start_key,
                consistent_read: true,
                ..Query::default()
            };
            client.query(query).await?
        }
    };
    let items = page.items.unwrap_or_default();
    Ok((items.iter().map(Item::to_value_map).collect(), page.last_evaluated_key.map(|key| key.to_value_map())))
}

async fn page_over_http(
    client: &mut HttpClient,
    range: &Range,
    start: Option<AttributeMap>,
) -> Result<PageRead, Failure> {
    let (operation, mut body) = match range {
        Range::Scan { segment, segment_count } => {
            ("Scan", json!({ "Segment": segment, "TotalSegments": segment_count }))
        }
        Range::Query { partition_key, is_forward, limit } => {
            let values = json!({ ":pk": { "S": partition_key } });
            let body = json!({
                "KeyConditionExpression": KEY_CONDITION,
                "ExpressionAttributeValues": values,
                "ScanIndexForward": is_forward,
                "Limit": limit,
            });
            ("Query", body)
        }
    };
    body["TableName"] = json!(TABLE);
    body["ConsistentRead"] = json!(true);
    if let Some(start) = &start {
        body["ExclusiveStartKey"] = from_attributes(start);
    }
    let reply = client.call(operation, &body).await?;
    let items = reply["Items"].as_array().ok_or_else(unreadable)?.iter().map(attributes).collect::<Result<_, _>>()?;
    Ok((items, reply.get("LastEvaluatedKey").map(attributes).transpose()?))
}

fn encoded(attributes: &AttributeMap) -> Attributes {
    Attributes::Valid(Item::from_value_map(attributes).expect("what the test makes can be encoded"))
}

fn attributes(json: &Json) -> Result<AttributeMap, Failure> {
    to_attributes(json).ok_or_else(unreadable)
}

fn unreadable() -> Failure {
    Failure::Refused("a reply that cannot be read".to_owned())
}
