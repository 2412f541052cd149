//! Seeded messages of every kind for the tests. Each test file uses its own part of them.

#![allow(dead_code, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // A test stops at what it did not expect; its numbers are small.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, BytesMut};
use fastrand::Rng;
use model::operation::*;
use model::table::{
    BillingMode, IndexProjection, LocalIndex, OnDemandThroughput, ProvisionedThroughput, TableClass, TableHistory,
    TableStatus, Tag, TimeToLiveChange, WarmThroughput,
};
use model::{
    ErrorDetail, Item, KeyAttribute, KeySchema, KeyType, Number, TableDefinition, TableId, Text, ThrottlingReason,
    Value,
};
use wire::{CoreEndpoint, Hello, Kind, VERSION, Welcome, client};

/// How many kinds of requests, and of replies, there are.
pub const KIND_COUNT: usize = 21;

/// The first bytes of a client that speaks these versions.
pub fn hello_bytes(version_min: u16, version_max: u16) -> BytesMut {
    let mut out = BytesMut::new();
    let hello = Hello { version_min, version_max, features: 0, client_name: "test".to_owned() };
    client::encode_hello(&hello, &mut out).unwrap();
    out
}

/// What a server says to one that it takes.
pub fn welcome() -> Welcome {
    let endpoint =
        |core: u16| CoreEndpoint { core, port: 8001 + core, address: if core == 0 { "" } else { "::1" }.to_owned() };
    Welcome {
        version: VERSION,
        core: 1,
        features: 0,
        frame_bytes_max: 1 << 20,
        in_flight_max: 7,
        idle_ms_max: 1000,
        server_name: "stator".to_owned(),
        cores: (0..3).map(endpoint).collect(),
    }
}

/// A frame that may be of any kind, and hold anything.
pub fn frame(kind: Kind, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.put_u32_le(payload.len() as u32);
    frame.put_u16_le(kind.0);
    frame.put_u16_le(flags);
    frame.put_u64_le(42);
    frame.extend_from_slice(payload);
    frame
}

/// A random request of the kind `kind`.
pub fn request(kind: usize, random: &mut Rng) -> Request {
    match kind {
        0 => Request::GetItem(GetItem {
            table_name: maybe(random, text),
            key: attributes(random),
            consistent_read: random.bool(),
            return_consumed_capacity: choice(random),
            selection: maybe(random, selection),
        }),
        1 => Request::PutItem(PutItem {
            table_name: maybe(random, text),
            item: attributes(random),
            return_values: choice(random),
            return_consumed_capacity: choice(random),
            return_item_collection_metrics: choice(random),
            conditional: maybe(random, |random| Box::new(conditional(random))),
        }),
        2 => Request::DeleteItem(DeleteItem {
            table_name: maybe(random, text),
            key: attributes(random),
            return_values: choice(random),
            return_consumed_capacity: choice(random),
            return_item_collection_metrics: choice(random),
            conditional: maybe(random, |random| Box::new(conditional(random))),
        }),
        3 => Request::Query(Box::new(query(random))),
        4 => Request::Scan(Box::new(scan(random))),
        5 => Request::BatchGetItem(BatchGetItem {
            request_items: maybe(random, table_keys),
            return_consumed_capacity: choice(random),
        }),
        6 => Request::BatchWriteItem(BatchWriteItem {
            request_items: maybe(random, table_writes),
            return_consumed_capacity: choice(random),
            return_item_collection_metrics: choice(random),
        }),
        7 => Request::CreateTable(Box::new(create_table(random))),
        8 => Request::DescribeTable(DescribeTable { table_name: maybe(random, text) }),
        9 => Request::ListTables(ListTables {
            exclusive_start_table_name: maybe(random, text),
            limit: maybe(random, |random| random.i64(..)),
        }),
        10 => Request::DeleteTable(DeleteTable { table_name: maybe(random, text) }),
        11 => Request::DescribeTimeToLive(DescribeTimeToLive { table_name: maybe(random, text) }),
        12 => Request::DescribeContinuousBackups(DescribeContinuousBackups { table_name: maybe(random, text) }),
        13 => Request::ListTagsOfResource(ListTagsOfResource {
            resource_arn: maybe(random, text),
            next_token: maybe(random, text),
        }),
        14 => Request::DescribeEndpoints(DescribeEndpoints::default()),
        15 => Request::UpdateTable(Box::new(update_table(random))),
        16 => Request::UpdateTimeToLive(UpdateTimeToLive {
            table_name: maybe(random, text),
            time_to_live_specification: maybe(random, |random| TimeToLiveSpecification {
                enabled: maybe(random, Rng::bool),
                attribute_name: maybe(random, text),
            }),
        }),
        17 => Request::TagResource(TagResource {
            resource_arn: maybe(random, text),
            tags: maybe(random, |random| many(random, tag)),
        }),
        18 => Request::UntagResource(UntagResource {
            resource_arn: maybe(random, text),
            tag_keys: maybe(random, |random| many(random, text)),
        }),
        19 => Request::DescribeLimits(DescribeLimits),
        _ => Request::UpdateItem(Box::new(update_item(random))),
    }
}

/// A random reply of the kind `kind`.
pub fn reply(kind: usize, random: &mut Rng) -> Reply {
    match kind {
        0 => Reply::GetItem(GetItemReply { item: maybe(random, item), consumed: maybe(random, consumed) }),
        1 => Reply::PutItem(PutItemReply {
            attributes: maybe(random, item),
            consumed: maybe(random, consumed),
            item_collection_metrics: maybe(random, |random| Box::new(metrics(random))),
        }),
        2 => Reply::DeleteItem(DeleteItemReply {
            attributes: maybe(random, item),
            consumed: maybe(random, consumed),
            item_collection_metrics: maybe(random, |random| Box::new(metrics(random))),
        }),
        3 => Reply::Query(Box::new(page(random))),
        4 => Reply::Scan(Box::new(page(random))),
        5 => Reply::BatchGetItem(BatchGetItemReply {
            responses: many(random, |random| (text(random), many(random, item))),
            unprocessed_keys: table_keys(random),
            consumed: maybe(random, |random| many(random, consumed)),
        }),
        6 => Reply::BatchWriteItem(BatchWriteItemReply {
            unprocessed_items: table_writes(random),
            consumed: maybe(random, |random| many(random, consumed)),
            item_collection_metrics: maybe(random, |random| {
                many(random, |random| (text(random), many(random, metrics)))
            }),
        }),
        7 => Reply::CreateTable(Box::new(CreateTableReply { table: description(random) })),
        8 => Reply::DescribeTable(Box::new(DescribeTableReply { table: description(random) })),
        9 => Reply::ListTables(ListTablesReply {
            table_names: many(random, text),
            last_evaluated_table_name: maybe(random, text),
        }),
        10 => Reply::DeleteTable(Box::new(DeleteTableReply { table: description(random) })),
        11 => Reply::DescribeTimeToLive(DescribeTimeToLiveReply {
            status: TimeToLiveStatus::ALL[random.usize(0..4)],
            attribute_name: maybe(random, text),
        }),
        12 => Reply::DescribeContinuousBackups(DescribeContinuousBackupsReply),
        13 => Reply::ListTagsOfResource(ListTagsOfResourceReply {
            tags: many(random, |random| (text(random), text(random))),
        }),
        14 => Reply::DescribeEndpoints(DescribeEndpointsReply {
            endpoints: many(random, |random| Endpoint { address: text(random), cache_period_minutes: random.u32(..) }),
        }),
        15 => Reply::UpdateTable(Box::new(UpdateTableReply { table: description(random) })),
        16 => Reply::UpdateTimeToLive(UpdateTimeToLiveReply { enabled: random.bool(), attribute_name: text(random) }),
        17 => Reply::TagResource(TagResourceReply),
        18 => Reply::UntagResource(UntagResourceReply),
        19 => Reply::DescribeLimits(DescribeLimitsReply {
            account_max_read_capacity_units: random.u64(..),
            account_max_write_capacity_units: random.u64(..),
            table_max_read_capacity_units: random.u64(..),
            table_max_write_capacity_units: random.u64(..),
        }),
        _ => Reply::UpdateItem(Box::new(UpdateItemReply {
            attributes: maybe(random, item),
            consumed: maybe(random, consumed),
            item_collection_metrics: maybe(random, |random| Box::new(metrics(random))),
        })),
    }
}

/// A random key schema.
pub fn key_schema(random: &mut Rng) -> KeySchema {
    KeySchema { partition_key: key_attribute(random), sort_key: maybe(random, key_attribute) }
}

/// A random item.
pub fn item(random: &mut Rng) -> Item {
    let map: BTreeMap<String, Value> = (0..random.usize(0..6)).map(|_| (name(random), value(random, 0))).collect();
    Item::from_value_map(&map).expect("the sample is a legal item")
}

fn query(random: &mut Rng) -> Query {
    Query {
        table_name: maybe(random, text),
        key_condition_expression: maybe(random, text),
        expression_attribute_names: maybe(random, names),
        expression_attribute_values: attributes(random),
        limit: maybe(random, |random| random.i64(..)),
        scan_index_forward: random.bool(),
        exclusive_start_key: attributes(random),
        select: choice(random),
        consistent_read: random.bool(),
        return_consumed_capacity: choice(random),
        key_conditions: maybe(random, conditions),
        index_name: maybe(random, text),
        filter_expression: maybe(random, text),
        projection_expression: maybe(random, text),
        attributes_to_get: maybe(random, |random| many(random, text)),
        query_filter: maybe(random, conditions),
        conditional_operator: choice(random),
    }
}

fn scan(random: &mut Rng) -> Scan {
    Scan {
        table_name: maybe(random, text),
        limit: maybe(random, |random| random.i64(..)),
        segment: maybe(random, |random| random.i64(..)),
        total_segments: maybe(random, |random| random.i64(..)),
        exclusive_start_key: attributes(random),
        select: choice(random),
        consistent_read: random.bool(),
        return_consumed_capacity: choice(random),
        expression_attribute_names: maybe(random, names),
        expression_attribute_values: attributes(random),
        index_name: maybe(random, text),
        filter_expression: maybe(random, text),
        projection_expression: maybe(random, text),
        attributes_to_get: maybe(random, |random| many(random, text)),
        scan_filter: maybe(random, conditions),
        conditional_operator: choice(random),
    }
}

fn update_item(random: &mut Rng) -> UpdateItem {
    UpdateItem {
        table_name: maybe(random, text),
        key: attributes(random),
        update_expression: maybe(random, text),
        attribute_updates: maybe(random, |random| {
            many(random, |random| {
                (text(random), AttributeUpdate { action: choice(random), value: single_value(random) })
            })
        }),
        return_values: choice(random),
        return_consumed_capacity: choice(random),
        return_item_collection_metrics: choice(random),
        conditional: if random.bool() { conditional(random) } else { ConditionalWrite::default() },
    }
}

fn conditional(random: &mut Rng) -> ConditionalWrite {
    ConditionalWrite {
        condition_expression: maybe(random, text),
        expression_attribute_names: maybe(random, names),
        expression_attribute_values: attributes(random),
        expected: maybe(random, |random| many(random, |random| (text(random), expected(random)))),
        conditional_operator: choice(random),
        return_values_on_condition_check_failure: choice(random),
    }
}

fn expected(random: &mut Rng) -> ExpectedAttribute {
    ExpectedAttribute {
        exists: maybe(random, Rng::bool),
        value: single_value(random),
        comparison_operator: choice(random),
        attribute_value_list: maybe(random, |random| many(random, single_value)),
    }
}

fn conditions(random: &mut Rng) -> Vec<(Text, LegacyCondition)> {
    many(random, |random| {
        let condition = LegacyCondition {
            comparison_operator: choice(random),
            attribute_value_list: maybe(random, |random| many(random, single_value)),
        };
        (text(random), condition)
    })
}

fn selection(random: &mut Rng) -> Box<AttributeSelection> {
    Box::new(AttributeSelection {
        projection_expression: maybe(random, text),
        expression_attribute_names: maybe(random, names),
        attributes_to_get: maybe(random, |random| many(random, text)),
    })
}

fn names(random: &mut Rng) -> Vec<(Text, Text)> {
    many(random, |random| (text(random), text(random)))
}

fn single_value(random: &mut Rng) -> Attributes {
    if random.u8(0..4) == 0 {
        return Attributes::Absent;
    }
    let map = BTreeMap::from([(SINGLE_VALUE_NAME.to_owned(), value(random, 0))]);
    Attributes::Valid(Item::from_value_map(&map).expect("the sample is a legal item"))
}

fn metrics(random: &mut Rng) -> ItemCollectionMetrics {
    ItemCollectionMetrics {
        item_collection_key: item(random),
        size_estimate_range_gb: [random.u32(..), random.u32(..)],
    }
}

/// A random detail of an error.
pub fn detail(random: &mut Rng) -> ErrorDetail {
    let text = |random: &mut Rng| Cow::Owned(string(random));
    match random.bool() {
        true => ErrorDetail::Item(item(random)),
        false => ErrorDetail::ThrottlingReasons(many(random, |random| ThrottlingReason {
            reason: text(random),
            resource: text(random),
        })),
    }
}

fn create_table(random: &mut Rng) -> CreateTable {
    CreateTable {
        table_name: maybe(random, text),
        attribute_definitions: maybe(random, |random| many(random, attribute_definition)),
        key_schema: maybe(random, |random| many(random, element)),
        local_secondary_indexes: maybe(random, |random| many(random, index)),
        global_secondary_indexes: maybe(random, |random| many(random, index)),
        billing_mode: choice(random),
        provisioned_throughput: maybe(random, throughput),
        on_demand_throughput: maybe(random, on_demand),
        warm_throughput: maybe(random, warm),
        tags: maybe(random, |random| many(random, tag)),
        table_class: choice(random),
        deletion_protection_enabled: maybe(random, Rng::bool),
        sse_specification: maybe(random, encryption),
        refused: None,
    }
}

fn update_table(random: &mut Rng) -> UpdateTable {
    UpdateTable {
        table_name: maybe(random, text),
        attribute_definitions: maybe(random, |random| many(random, attribute_definition)),
        billing_mode: choice(random),
        provisioned_throughput: maybe(random, throughput),
        on_demand_throughput: maybe(random, on_demand),
        warm_throughput: maybe(random, warm),
        table_class: choice(random),
        deletion_protection_enabled: maybe(random, Rng::bool),
        sse_specification: maybe(random, encryption),
        refused: None,
    }
}

fn encryption(random: &mut Rng) -> EncryptionParameter {
    EncryptionParameter {
        enabled: maybe(random, Rng::bool),
        sse_type: choice(random),
        kms_master_key_id: maybe(random, text),
    }
}

fn attribute_definition(random: &mut Rng) -> AttributeDefinitionParameter {
    AttributeDefinitionParameter { attribute_name: maybe(random, text), attribute_type: choice(random) }
}

fn element(random: &mut Rng) -> KeySchemaElement {
    KeySchemaElement { attribute_name: maybe(random, text), key_type: choice(random) }
}

fn index(random: &mut Rng) -> IndexParameter {
    IndexParameter {
        index_name: maybe(random, text),
        key_schema: maybe(random, |random| many(random, element)),
        projection: maybe(random, |random| ProjectionParameter {
            projection_type: choice(random),
            non_key_attributes: maybe(random, |random| many(random, text)),
        }),
        provisioned_throughput: maybe(random, throughput),
    }
}

fn throughput(random: &mut Rng) -> ThroughputParameter {
    ThroughputParameter {
        read_capacity_units: maybe(random, |random| random.i64(..)),
        write_capacity_units: maybe(random, |random| random.i64(..)),
    }
}

fn on_demand(random: &mut Rng) -> OnDemandThroughputParameter {
    OnDemandThroughputParameter {
        max_read_request_units: maybe(random, |random| random.i64(..)),
        max_write_request_units: maybe(random, |random| random.i64(..)),
    }
}

fn warm(random: &mut Rng) -> WarmThroughputParameter {
    WarmThroughputParameter {
        read_units_per_second: maybe(random, |random| random.i64(..)),
        write_units_per_second: maybe(random, |random| random.i64(..)),
    }
}

fn tag(random: &mut Rng) -> TagParameter {
    TagParameter { key: maybe(random, text), value: maybe(random, text) }
}

fn page(random: &mut Rng) -> Page {
    Page {
        items: maybe(random, |random| many(random, item)),
        count: random.u64(..),
        scanned_count: random.u64(..),
        last_evaluated_key: maybe(random, item),
        consumed: maybe(random, consumed),
    }
}

fn table_keys(random: &mut Rng) -> Vec<(Text, KeysAndAttributes)> {
    many(random, |random| {
        let keys = KeysAndAttributes {
            keys: maybe(random, |random| many(random, attributes)),
            consistent_read: random.bool(),
            selection: maybe(random, selection),
        };
        (text(random), keys)
    })
}

fn table_writes(random: &mut Rng) -> Vec<(Text, Vec<WriteRequest>)> {
    let write = |random: &mut Rng| match random.u8(0..8) {
        0 => WriteRequest::Neither,
        1 => WriteRequest::Both,
        2..5 => WriteRequest::Delete(attributes(random)),
        _ => WriteRequest::Put(attributes(random)),
    };
    many(random, |random| (text(random), many(random, write)))
}

fn description(random: &mut Rng) -> TableDescription {
    let definition = TableDefinition {
        id: TableId(random.u64(..)),
        uuid: string(random),
        attribute_definitions: many(random, |random| model::table::AttributeDefinition {
            name: string(random),
            key_type: key_type(random),
        }),
        billing_mode: if random.bool() { BillingMode::Provisioned } else { BillingMode::PayPerRequest },
        provisioned_throughput: ProvisionedThroughput {
            read_capacity_units: random.u64(..),
            write_capacity_units: random.u64(..),
        },
        table_class: if random.bool() { TableClass::Standard } else { TableClass::StandardInfrequentAccess },
        deletion_protection: random.bool(),
        tags: many(random, |random| Tag { key: string(random), value: string(random) }),
        created_at_ms: random.u64(..),
        status: [TableStatus::Creating, TableStatus::Active, TableStatus::Updating, TableStatus::Deleting]
            [random.usize(0..4)],
        local_indexes: many(random, local_index),
        on_demand_throughput: OnDemandThroughput {
            max_read_request_units: maybe(random, |random| random.u64(..)),
            max_write_request_units: maybe(random, |random| random.u64(..)),
        },
        warm_throughput: maybe(random, |random| WarmThroughput {
            read_units_per_second: random.u64(..),
            write_units_per_second: random.u64(..),
        }),
        time_to_live: maybe(random, string),
        encryption_key: maybe(random, string),
        history: history(random),
        ..TableDefinition::new(&string(random), key_schema(random))
    };
    let size = |random: &mut Rng| IndexSize { item_count: random.u64(..), size_bytes: random.u64(..) };
    let local_indexes = definition.local_indexes.iter().map(|_| size(random)).collect();
    TableDescription { definition, item_count: random.u64(..), table_size_bytes: random.u64(..), local_indexes }
}

fn local_index(random: &mut Rng) -> LocalIndex {
    LocalIndex {
        name: string(random),
        sort_key: key_attribute(random),
        projection: match random.u8(0..3) {
            0 => IndexProjection::All,
            1 => IndexProjection::KeysOnly,
            _ => IndexProjection::Include(many(random, string)),
        },
    }
}

fn history(random: &mut Rng) -> TableHistory {
    let time = |random: &mut Rng| maybe(random, |random| random.u64(..));
    TableHistory {
        on_demand_since_ms: time(random),
        throughput_increased_at_ms: time(random),
        throughput_decreased_at_ms: time(random),
        throughput_decrease_count: random.u64(..),
        table_class_changed_at_ms: time(random),
        time_to_live: maybe(random, |random| TimeToLiveChange {
            changed_at_ms: random.u64(..),
            attribute_name: string(random),
        }),
        updated_at_ms: time(random),
    }
}

fn consumed(random: &mut Rng) -> ConsumedCapacity {
    ConsumedCapacity {
        table_name: text(random),
        capacity_units: CapacityUnits::from_half_unit_count(random.u64(..)),
        itemised: maybe(random, |random| {
            let units = |random: &mut Rng| CapacityUnits::from_half_unit_count(random.u64(..));
            let local_indexes = many(random, |random| (text(random), units(random)));
            Box::new(ItemisedCapacity { table: units(random), local_indexes })
        }),
    }
}

fn attributes(random: &mut Rng) -> Attributes {
    if random.u8(0..4) == 0 { Attributes::Absent } else { Attributes::Valid(item(random)) }
}

fn choice<T: Parameter>(random: &mut Rng) -> Choice<T> {
    match random.u8(0..4) {
        0 => Choice::Known(T::CHOICES[random.usize(0..T::CHOICES.len())].1),
        1 => Choice::Unknown(format!("{}?", string(random))),
        _ => Choice::Absent,
    }
}

fn value(random: &mut Rng, depth: usize) -> Value {
    match random.u8(0..if depth < 3 { 10 } else { 8 }) {
        0 => Value::S(string(random)),
        1 => Value::N(number(random)),
        2 => Value::B(bytes(random)),
        3 => Value::Bool(random.bool()),
        4 => Value::Null,
        5 => Value::Ss((0..3).map(|_| string(random)).collect::<BTreeSet<_>>().into_iter().collect()),
        6 => Value::Ns((0..3).map(|_| number(random)).collect::<BTreeSet<_>>().into_iter().collect()),
        7 => Value::Bs((0..3).map(|_| bytes(random)).collect::<BTreeSet<_>>().into_iter().collect()),
        8 => Value::L((0..random.usize(0..4)).map(|_| value(random, depth + 1)).collect()),
        _ => Value::M((0..random.usize(0..4)).map(|_| (name(random), value(random, depth + 1))).collect()),
    }
}

fn number(random: &mut Rng) -> Number {
    Number::parse(&random.i64(..).to_string()).expect("an integer is a number")
}

fn bytes(random: &mut Rng) -> Vec<u8> {
    (0..random.usize(0..20)).map(|_| random.u8(..)).collect()
}

fn string(random: &mut Rng) -> String {
    (0..random.usize(0..12)).map(|_| random.char('a'..='ÿ')).collect()
}

fn name(random: &mut Rng) -> String {
    format!("{}{}", random.alphabetic(), string(random))
}

fn text(random: &mut Rng) -> Text {
    Text::from(string(random))
}

fn key_attribute(random: &mut Rng) -> KeyAttribute {
    KeyAttribute { name: string(random), key_type: key_type(random) }
}

fn key_type(random: &mut Rng) -> KeyType {
    [KeyType::String, KeyType::Number, KeyType::Binary][random.usize(0..3)]
}

fn maybe<T>(random: &mut Rng, sample: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    if random.bool() { Some(sample(random)) } else { None }
}

fn many<T>(random: &mut Rng, sample: impl Fn(&mut Rng) -> T) -> Vec<T> {
    (0..random.usize(0..5)).map(|_| sample(random)).collect()
}
