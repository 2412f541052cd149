//! Each operation: the model's replies to JSON.

mod door;

use auth::Verifier;
use door::{Door, item, key, post};
use model::operation::*;
use model::table::{
    AttributeDefinition, BillingMode, IndexProjection, LocalIndex, ProvisionedThroughput, TableClass, TableHistory,
    TableStatus, WarmThroughput,
};
use model::*;

fn text(text: &'static str) -> Option<Text> {
    Some(Text::from_static(text))
}

fn check_reply(reply: Reply, expect: &str) {
    assert_eq!(body(Ok(&reply)), expect);
}

fn body(outcome: Result<&Reply, &Error>) -> String {
    let mut door = Door::new(Verifier::open());
    let call = door.receive(&post("ListTables", "{}")).pop().expect("a call");
    door.connection.answer(call.ticket, outcome, &mut door.codec, &mut door.out);
    door.answers()[0].text().to_owned()
}

#[test]
fn errors_with_what_they_tell_besides() {
    let check = |error: &Error, expect: &str| assert_eq!(body(Err(error)), expect);
    let failed = Error::new(ErrorKind::ConditionalCheckFailed, "The conditional request failed");
    check(
        &failed,
        concat!(
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","#,
            r#""message":"The conditional request failed"}"#
        ),
    );
    check(
        &failed.with_detail(ErrorDetail::Item(key("x"))),
        concat!(
            r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","#,
            r#""message":"The conditional request failed","Item":{"pk":{"S":"x"}}}"#
        ),
    );
    let reasons = ErrorDetail::ThrottlingReasons(vec![ThrottlingReason {
        reason: "TableReadProvisionedThroughputExceeded".into(),
        resource: "arn:x".into(),
    }]);
    let json = r#"[{"reason":"TableReadProvisionedThroughputExceeded","resource":"arn:x"}]"#;
    for (kind, member) in [
        (ErrorKind::ProvisionedThroughputExceeded, "ThrottlingReasons"),
        (ErrorKind::RequestLimitExceeded, "ThrottlingReasons"),
        (ErrorKind::Throttling, "throttlingReasons"),
    ] {
        let (namespace, name) = (kind.namespace(), kind.exception_name());
        check(
            &Error::new(kind, "no").with_detail(reasons.clone()),
            &format!(r#"{{"__type":"{namespace}#{name}","message":"no","{member}":{json}}}"#),
        );
    }
}

fn consumed() -> ConsumedCapacity {
    ConsumedCapacity {
        table_name: Text::from_static("abc"),
        capacity_units: CapacityUnits::from_half_unit_count(3),
        itemised: None,
    }
}

fn itemised(local_indexes: &[(&'static str, u64)]) -> ConsumedCapacity {
    let units = CapacityUnits::from_half_unit_count;
    let index = |(name, half_units): &(&'static str, u64)| (Text::from_static(name), units(*half_units));
    let local_indexes = local_indexes.iter().map(index).collect();
    ConsumedCapacity { itemised: Some(Box::new(ItemisedCapacity { table: units(2), local_indexes })), ..consumed() }
}

fn metrics(partition_key: &str, size_estimate_range_gb: [u32; 2]) -> ItemCollectionMetrics {
    ItemCollectionMetrics { item_collection_key: key(partition_key), size_estimate_range_gb }
}

#[test]
fn replies_about_items() {
    let all = item(
        r#"{"s":{"S":"a\"\\\n\u0001é"},"n":{"N":"-1.50e2"},"f":{"N":"0.0010"},"b":{"B":"AQI="},"t":{"BOOL":true},"0":{"NULL":true},
            "m":{"M":{"x":{"L":[{"S":""},{"M":{}}]}}},"ss":{"SS":["b","a"]},"ns":{"NS":["10","9.5"]},"bs":{"BS":["AQ=="]}}"#,
    );
    let json = concat!(
        r#"{"0":{"NULL":true},"b":{"B":"AQI="},"bs":{"BS":["AQ=="]},"f":{"N":"0.001"},"m":{"M":{"x":{"L":[{"S":""},{"M":{}}]}}},"#,
        r#""n":{"N":"-150"},"ns":{"NS":["9.5","10"]},"s":{"S":"a\"\\\n\u0001é"},"ss":{"SS":["a","b"]},"t":{"BOOL":true}}"#
    );
    check_reply(Reply::GetItem(GetItemReply::default()), "{}");
    check_reply(
        Reply::GetItem(GetItemReply { item: Some(all.clone()), consumed: None }),
        &format!(r#"{{"Item":{json}}}"#),
    );
    let total = r#"{"TableName":"abc","CapacityUnits":1.5}"#;
    check_reply(
        Reply::PutItem(PutItemReply {
            attributes: Some(key("x")),
            consumed: Some(consumed()),
            item_collection_metrics: None,
        }),
        &format!(r#"{{"Attributes":{{"pk":{{"S":"x"}}}},"ConsumedCapacity":{total}}}"#),
    );
    check_reply(
        Reply::DeleteItem(DeleteItemReply { consumed: Some(itemised(&[])), ..DeleteItemReply::default() }),
        r#"{"ConsumedCapacity":{"TableName":"abc","CapacityUnits":1.5,"Table":{"CapacityUnits":1.0}}}"#,
    );
    check_reply(Reply::UpdateItem(Box::default()), "{}");
    check_reply(
        Reply::UpdateItem(Box::new(UpdateItemReply {
            attributes: Some(key("x")),
            consumed: Some(itemised(&[("i", 1), ("j", 0)])),
            item_collection_metrics: Some(Box::new(metrics("y", [0, 1]))),
        })),
        concat!(
            r#"{"Attributes":{"pk":{"S":"x"}},"ConsumedCapacity":{"TableName":"abc","CapacityUnits":1.5,"#,
            r#""Table":{"CapacityUnits":1.0},"#,
            r#""LocalSecondaryIndexes":{"i":{"CapacityUnits":0.5},"j":{"CapacityUnits":0.0}}},"#,
            r#""ItemCollectionMetrics":{"ItemCollectionKey":{"pk":{"S":"y"}},"SizeEstimateRangeGB":[0.0,1.0]}}"#
        ),
    );
    let measured = Some(Box::new(metrics("y", [9, 10])));
    let json = r#"{"ItemCollectionMetrics":{"ItemCollectionKey":{"pk":{"S":"y"}},"SizeEstimateRangeGB":[9.0,10.0]}}"#;
    let put = PutItemReply { item_collection_metrics: measured.clone(), ..PutItemReply::default() };
    check_reply(Reply::PutItem(put), json);
    let delete = DeleteItemReply { item_collection_metrics: measured, ..DeleteItemReply::default() };
    check_reply(Reply::DeleteItem(delete), json);
    let page = Page {
        items: Some(vec![key("x"), Item::EMPTY]),
        count: 2,
        scanned_count: 3,
        last_evaluated_key: Some(key("y")),
        consumed: Some(consumed()),
    };
    let expect = format!(
        r#"{{"Items":[{{"pk":{{"S":"x"}}}},{{}}],"Count":2,"ScannedCount":3,"LastEvaluatedKey":{{"pk":{{"S":"y"}}}},"ConsumedCapacity":{total}}}"#
    );
    check_reply(Reply::Query(Box::new(page.clone())), &expect);
    check_reply(Reply::Scan(Box::new(page)), &expect);
    check_reply(Reply::Scan(Box::default()), r#"{"Count":0,"ScannedCount":0}"#);
}

#[test]
fn replies_to_batches() {
    let keys = KeysAndAttributes {
        keys: Some(vec![Attributes::Valid(key("y"))]),
        consistent_read: true,
        selection: Some(Box::new(AttributeSelection {
            projection_expression: text("a, #b"),
            expression_attribute_names: Some(vec![(Text::from("#b"), Text::from("c\""))]),
            attributes_to_get: None,
        })),
    };
    let legacy = KeysAndAttributes {
        keys: Some(Vec::new()),
        consistent_read: false,
        selection: Some(Box::new(AttributeSelection {
            attributes_to_get: Some(vec![Text::from("a"), Text::from("b")]),
            ..AttributeSelection::default()
        })),
    };
    check_reply(
        Reply::BatchGetItem(BatchGetItemReply {
            responses: vec![(Text::from_static("abc"), vec![key("x")]), (Text::from_static("def"), vec![])],
            unprocessed_keys: vec![(Text::from_static("abc"), keys), (Text::from_static("def"), legacy)],
            consumed: Some(vec![consumed()]),
        }),
        concat!(
            r#"{"Responses":{"abc":[{"pk":{"S":"x"}}],"def":[]},"#,
            r#""UnprocessedKeys":{"abc":{"Keys":[{"pk":{"S":"y"}}],"ConsistentRead":true,"#,
            r##""ProjectionExpression":"a, #b","ExpressionAttributeNames":{"#b":"c\""}},"##,
            r#""def":{"Keys":[],"AttributesToGet":["a","b"]}},"#,
            r#""ConsumedCapacity":[{"TableName":"abc","CapacityUnits":1.5}]}"#
        ),
    );
    let writes =
        vec![WriteRequest::Put(Attributes::Valid(key("x"))), WriteRequest::Delete(Attributes::Valid(key("y")))];
    check_reply(
        Reply::BatchWriteItem(BatchWriteItemReply {
            unprocessed_items: vec![(Text::from_static("abc"), writes)],
            consumed: None,
            item_collection_metrics: None,
        }),
        r#"{"UnprocessedItems":{"abc":[{"PutRequest":{"Item":{"pk":{"S":"x"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"y"}}}}]}}"#,
    );
    let collections =
        vec![(Text::from("abc"), vec![metrics("x", [0, 1]), metrics("y", [1, 2])]), (Text::from("def"), vec![])];
    check_reply(
        Reply::BatchWriteItem(BatchWriteItemReply {
            item_collection_metrics: Some(collections),
            ..BatchWriteItemReply::default()
        }),
        concat!(
            r#"{"UnprocessedItems":{},"ItemCollectionMetrics":{"abc":["#,
            r#"{"ItemCollectionKey":{"pk":{"S":"x"}},"SizeEstimateRangeGB":[0.0,1.0]},"#,
            r#"{"ItemCollectionKey":{"pk":{"S":"y"}},"SizeEstimateRangeGB":[1.0,2.0]}],"def":[]}}"#
        ),
    );
    check_reply(Reply::BatchWriteItem(BatchWriteItemReply::default()), r#"{"UnprocessedItems":{}}"#);
    check_reply(Reply::BatchGetItem(BatchGetItemReply::default()), r#"{"Responses":{},"UnprocessedKeys":{}}"#);
}

#[test]
fn replies_that_tools_read_back() {
    check_reply(
        Reply::ListTables(ListTablesReply {
            table_names: vec!["abc".into(), "def".into()],
            last_evaluated_table_name: text("def"),
        }),
        r#"{"TableNames":["abc","def"],"LastEvaluatedTableName":"def"}"#,
    );
    check_reply(
        Reply::DescribeEndpoints(DescribeEndpointsReply {
            endpoints: vec![Endpoint { address: "127.0.0.1:8000".into(), cache_period_minutes: 1440 }],
        }),
        r#"{"Endpoints":[{"Address":"127.0.0.1:8000","CachePeriodInMinutes":1440}]}"#,
    );
    check_reply(
        Reply::DescribeTimeToLive(DescribeTimeToLiveReply::default()),
        r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}"#,
    );
    check_reply(
        Reply::DescribeContinuousBackups(DescribeContinuousBackupsReply),
        r#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}"#,
    );
    check_reply(
        Reply::ListTagsOfResource(ListTagsOfResourceReply { tags: vec![("a".into(), "b".into())] }),
        r#"{"Tags":[{"Key":"a","Value":"b"}]}"#,
    );
    let enabled = DescribeTimeToLiveReply { status: TimeToLiveStatus::Enabling, attribute_name: text("x") };
    check_reply(
        Reply::DescribeTimeToLive(enabled),
        r#"{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLING","AttributeName":"x"}}"#,
    );
    check_reply(
        Reply::UpdateTimeToLive(UpdateTimeToLiveReply { enabled: true, attribute_name: "x".into() }),
        r#"{"TimeToLiveSpecification":{"Enabled":true,"AttributeName":"x"}}"#,
    );
    check_reply(Reply::TagResource(TagResourceReply), "");
    check_reply(Reply::UntagResource(UntagResourceReply), "");
    check_reply(
        Reply::DescribeLimits(DescribeLimitsReply::DEFAULT),
        concat!(
            r#"{"AccountMaxReadCapacityUnits":80000,"AccountMaxWriteCapacityUnits":80000,"#,
            r#""TableMaxReadCapacityUnits":40000,"TableMaxWriteCapacityUnits":40000}"#
        ),
    );
}

fn definition(billing_mode: BillingMode) -> TableDefinition {
    let throughput = match billing_mode {
        BillingMode::Provisioned => ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 6 },
        BillingMode::PayPerRequest => ProvisionedThroughput::default(),
    };
    let attribute = |name: &str, key_type| AttributeDefinition { name: name.to_owned(), key_type };
    let key = |name: &str, key_type| KeyAttribute { name: name.to_owned(), key_type };
    let schema = KeySchema { partition_key: key("pk", KeyType::String), sort_key: Some(key("sk", KeyType::Number)) };
    TableDefinition {
        id: TableId(7),
        uuid: "00000000-0000-4000-8000-000000000007".to_owned(),
        attribute_definitions: vec![attribute("sk", KeyType::Number), attribute("pk", KeyType::String)],
        billing_mode,
        provisioned_throughput: throughput,
        created_at_ms: 1_700_000_000_042,
        status: TableStatus::Active,
        ..TableDefinition::new("abc", schema)
    }
}

#[test]
fn replies_about_tables() {
    let table =
        |definition| TableDescription { item_count: 3, table_size_bytes: 99, ..TableDescription::of_empty(definition) };
    let keys = concat!(
        r#""AttributeDefinitions":[{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"pk","AttributeType":"S"}],"#,
        r#""KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],"CreationDateTime":1700000000.042,"#,
    );
    let size = concat!(
        r#""TableSizeBytes":99,"ItemCount":3,"TableArn":"arn:aws:dynamodb:us-east-1:123456789012:table/abc","#,
        r#""TableId":"00000000-0000-4000-8000-000000000007","#,
    );
    check_reply(
        Reply::DescribeTable(Box::new(DescribeTableReply { table: table(definition(BillingMode::Provisioned)) })),
        &format!(
            concat!(
                r#"{{"Table":{{{keys}"TableName":"abc","TableStatus":"ACTIVE","#,
                r#""ProvisionedThroughput":{{"NumberOfDecreasesToday":0,"ReadCapacityUnits":5,"WriteCapacityUnits":6}},"#,
                r#""WarmThroughput":{{"ReadUnitsPerSecond":5,"WriteUnitsPerSecond":6,"Status":"ACTIVE"}},"#,
                r#"{size}"DeletionProtectionEnabled":false}}}}"#
            ),
            keys = keys,
            size = size
        ),
    );
    let mut on_demand = definition(BillingMode::PayPerRequest);
    on_demand.history.on_demand_since_ms = Some(1_700_000_000_042);
    on_demand.table_class = TableClass::StandardInfrequentAccess;
    on_demand.deletion_protection = true;
    let expect = |keys: &str, status: &str, since: &str| {
        format!(
            concat!(
                r#"{{"TableDescription":{{{keys}"TableName":"abc","TableStatus":"{status}","#,
                r#""ProvisionedThroughput":{{"NumberOfDecreasesToday":0,"ReadCapacityUnits":0,"WriteCapacityUnits":0}},"#,
                r#""BillingModeSummary":{{"BillingMode":"PAY_PER_REQUEST"{since}}},"#,
                r#""WarmThroughput":{{"ReadUnitsPerSecond":12000,"WriteUnitsPerSecond":4000,"Status":"{status}"}},"#,
                r#"{size}"TableClassSummary":{{"TableClass":"STANDARD_INFREQUENT_ACCESS"}},"DeletionProtectionEnabled":true}}}}"#
            ),
            keys = keys,
            size = size,
            status = status,
            since = since
        )
    };
    on_demand.status = TableStatus::Creating;
    check_reply(
        Reply::CreateTable(Box::new(CreateTableReply { table: table(on_demand.clone()) })),
        &expect(keys, "CREATING", ""),
    );
    on_demand.status = TableStatus::Deleting;
    check_reply(
        Reply::DeleteTable(Box::new(DeleteTableReply { table: table(on_demand) })),
        &expect("", "DELETING", r#","LastUpdateToPayPerRequestDateTime":1700000000.042"#),
    );
}

#[test]
fn replies_about_tables_tell_indexes_bounds_and_changes() {
    let mut definition = definition(BillingMode::Provisioned);
    let sort_key = KeyAttribute { name: "n".to_owned(), key_type: KeyType::Number };
    let index = |projection| LocalIndex { name: "idx".to_owned(), sort_key: sort_key.clone(), projection };
    definition.local_indexes =
        vec![index(IndexProjection::All), index(IndexProjection::Include(vec!["x".to_owned(), "y".to_owned()]))];
    definition.on_demand_throughput.max_write_request_units = Some(8);
    definition.warm_throughput = Some(WarmThroughput { read_units_per_second: 9, write_units_per_second: 1 });
    definition.history = TableHistory {
        on_demand_since_ms: Some(1_000),
        throughput_increased_at_ms: Some(2_000),
        throughput_decreased_at_ms: Some(3_000),
        throughput_decrease_count: 2,
        table_class_changed_at_ms: Some(4_000),
        ..TableHistory::default()
    };
    definition.status = TableStatus::Updating;
    definition.encryption_key = Some("k".to_owned());
    let sizes = vec![IndexSize { item_count: 1, size_bytes: 2 }, IndexSize { item_count: 3, size_bytes: 4 }];
    let table = TableDescription { local_indexes: sizes, ..TableDescription::of_empty(definition) };
    let reply = Reply::UpdateTable(Box::new(UpdateTableReply { table }));
    let index = |projection: &str, size: u8, count: u8| {
        format!(
            concat!(
                r#"{{"IndexName":"idx","KeySchema":[{{"AttributeName":"pk","KeyType":"HASH"}},"#,
                r#"{{"AttributeName":"n","KeyType":"RANGE"}}],"Projection":{{{}}},"IndexSizeBytes":{},"ItemCount":{},"#,
                r#""IndexArn":"arn:aws:dynamodb:us-east-1:123456789012:table/abc/index/idx"}}"#
            ),
            projection, size, count
        )
    };
    let body = body(Ok(&reply));
    for part in [
        r#""TableStatus":"UPDATING""#.to_owned(),
        format!(
            r#""LocalSecondaryIndexes":[{},{}]"#,
            index(r#""ProjectionType":"ALL""#, 2, 1),
            index(r#""ProjectionType":"INCLUDE","NonKeyAttributes":["x","y"]"#, 4, 3)
        ),
        concat!(
            r#""ProvisionedThroughput":{"LastIncreaseDateTime":2.000,"LastDecreaseDateTime":3.000,"#,
            r#""NumberOfDecreasesToday":2,"ReadCapacityUnits":5,"WriteCapacityUnits":6}"#
        )
        .to_owned(),
        r#""BillingModeSummary":{"BillingMode":"PROVISIONED","LastUpdateToPayPerRequestDateTime":1.000}"#.to_owned(),
        r#""WarmThroughput":{"ReadUnitsPerSecond":9,"WriteUnitsPerSecond":6,"Status":"UPDATING"}"#.to_owned(),
        r#""OnDemandThroughput":{"MaxWriteRequestUnits":8}"#.to_owned(),
        r#""TableClassSummary":{"TableClass":"STANDARD","LastUpdateDateTime":4.000}"#.to_owned(),
        concat!(
            r#""SSEDescription":{"Status":"ENABLED","SSEType":"KMS","#,
            r#""KMSMasterKeyArn":"arn:aws:kms:us-east-1:123456789012:key/k"}"#
        )
        .to_owned(),
    ] {
        assert!(body.contains(&part), "{part} in {body}");
    }
}
