//! Each operation: JSON to the model's request.

mod door;

use auth::Verifier;
use door::{Door, call, item, key, post};
use model::operation::*;
use model::table::{BillingMode, TableClass};
use model::*;

fn check(operation: &str, body: &str, expect: Request) {
    assert_eq!(call(operation, body), Ok(expect), "{operation} {body}");
}

fn text(text: &'static str) -> Option<Text> {
    Some(Text::from_static(text))
}

#[test]
fn single_item_requests() {
    check("GetItem", "{}", Request::GetItem(GetItem::default()));
    check(
        "GetItem",
        r##" { "TableName" : "abc", "Key":{"pk":{"S":"x"}}, "ConsistentRead":true, "ReturnConsumedCapacity":"TOTAL",
            "ExpressionAttributeNames":{"#a":"b"}, "Unheard":{"of":[1,2,{}]} } "##,
        Request::GetItem(GetItem {
            table_name: text("abc"),
            key: Attributes::Valid(key("x")),
            consistent_read: true,
            return_consumed_capacity: Choice::Known(ReturnConsumedCapacity::Total),
            selection: Some(Box::new(AttributeSelection {
                expression_attribute_names: Some(vec![(Text::from("#a"), Text::from("b"))]),
                ..AttributeSelection::default()
            })),
        }),
    );
    check(
        "GetItem",
        r#"{"AttributesToGet":["a"],"ProjectionExpression":"a","ConsistentRead":"no"}"#,
        Request::GetItem(GetItem {
            selection: Some(Box::new(AttributeSelection {
                projection_expression: text("a"),
                expression_attribute_names: None,
                attributes_to_get: Some(vec![Text::from("a")]),
            })),
            ..GetItem::default()
        }),
    );
    check(
        "PutItem",
        r#"{"TableName":"\u0061bc","Item":{"pk":{"S":"\u0078"}},"ReturnValues":"ALL_OLD","ReturnConsumedCapacity":"SOME",
            "ReturnItemCollectionMetrics":"SIZE","ExpressionAttributeValues":{},"ConditionExpression":"x"}"#,
        Request::PutItem(PutItem {
            table_name: text("abc"),
            item: Attributes::Valid(key("x")),
            return_values: Choice::Known(ReturnValues::AllOld),
            return_consumed_capacity: Choice::Unknown("SOME".to_owned()),
            return_item_collection_metrics: Choice::Known(ReturnItemCollectionMetrics::Size),
            conditional: Some(Box::new(ConditionalWrite {
                condition_expression: text("x"),
                expression_attribute_values: Attributes::Valid(Item::EMPTY),
                ..ConditionalWrite::default()
            })),
        }),
    );
    let expected = ExpectedAttribute { exists: Some(false), ..ExpectedAttribute::default() };
    check(
        "DeleteItem",
        r#"{"TableName":null,"Key":{},"Expected":{"a":{"Exists":false}},"ReturnValues":"NONE"}"#,
        Request::DeleteItem(DeleteItem {
            key: Attributes::Valid(Item::EMPTY),
            return_values: Choice::Known(ReturnValues::None),
            conditional: Some(Box::new(ConditionalWrite {
                expected: Some(vec![(Text::from("a"), expected)]),
                ..ConditionalWrite::default()
            })),
            ..DeleteItem::default()
        }),
    );
}

#[test]
fn what_is_not_given_takes_no_room() {
    let nulls = r#"{"ConditionExpression":null,"ExpressionAttributeNames":null,"ExpressionAttributeValues":null,
        "Expected":null,"ConditionalOperator":null,"ReturnValuesOnConditionCheckFailure":null,"Unheard":{}}"#;
    check("PutItem", nulls, Request::PutItem(PutItem::default()));
    check("DeleteItem", nulls, Request::DeleteItem(DeleteItem::default()));
    let nulls = r#"{"ProjectionExpression":null,"ExpressionAttributeNames":null,"AttributesToGet":null,"Unheard":1}"#;
    check("GetItem", nulls, Request::GetItem(GetItem::default()));
}

#[test]
fn reads_of_many_items() {
    check(
        "Query",
        r##"{"TableName":"abc","KeyConditionExpression":"#p = :v","ExpressionAttributeNames":{"#p":"pk","#p":"pq"},
            "ExpressionAttributeValues":{"pk":{"S":"x"}},"Limit":7.9,"ScanIndexForward":false,"Select":"COUNT"}"##,
        Request::Query(Box::new(Query {
            table_name: text("abc"),
            key_condition_expression: text("#p = :v"),
            expression_attribute_names: Some(vec![(Text::from_static("#p"), Text::from_static("pq"))]),
            expression_attribute_values: Attributes::Valid(key("x")),
            limit: Some(7),
            scan_index_forward: false,
            select: Choice::Known(Select::Count),
            ..Query::default()
        })),
    );
    check("Query", "{}", Request::Query(Box::default()));
    check(
        "Query",
        r#"{"FilterExpression":"a","IndexName":"b","ProjectionExpression":"c"}"#,
        Request::Query(Box::new(Query {
            filter_expression: text("a"),
            index_name: text("b"),
            projection_expression: text("c"),
            ..Query::default()
        })),
    );
    check(
        "Scan",
        r#"{"TableName":"abc","Segment":0,"TotalSegments":4,"Limit":-1,"ExclusiveStartKey":{"pk":{"S":"x"}}}"#,
        Request::Scan(Box::new(Scan {
            table_name: text("abc"),
            segment: Some(0),
            total_segments: Some(4),
            limit: Some(-1),
            exclusive_start_key: Attributes::Valid(key("x")),
            ..Scan::default()
        })),
    );
    check(
        "Scan",
        r##"{"FilterExpression":"a","IndexName":"b","ProjectionExpression":"c","ExpressionAttributeNames":{"#a":"b"},
            "ExpressionAttributeValues":{"pk":{"S":"x"}},"Limit":null}"##,
        Request::Scan(Box::new(Scan {
            filter_expression: text("a"),
            index_name: text("b"),
            projection_expression: text("c"),
            expression_attribute_names: Some(vec![(Text::from("#a"), Text::from("b"))]),
            expression_attribute_values: Attributes::Valid(key("x")),
            ..Scan::default()
        })),
    );
    check(
        "Scan",
        r#"{"Limit":99999999999999999999,"TotalSegments":-99999999999999999999}"#,
        Request::Scan(Box::new(Scan { limit: Some(i64::MAX), total_segments: Some(i64::MIN), ..Scan::default() })),
    );
}

#[test]
fn batch_requests() {
    check(
        "BatchGetItem",
        r#"{"RequestItems":{"abc":{"Keys":[{"pk":{"S":"old"}}]},"def":null,
            "abc":{"Keys":[{"pk":{"S":"x"}},{"pk":{}}],"ConsistentRead":true,"ProjectionExpression":"a"}}}"#,
        Request::BatchGetItem(BatchGetItem {
            request_items: Some(vec![
                (
                    Text::from_static("abc"),
                    KeysAndAttributes {
                        keys: Some(vec![
                            Attributes::Valid(key("x")),
                            Attributes::invalid(
                                Text::from_static("pk"),
                                Error::validation(
                                    "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
                                ),
                            ),
                        ]),
                        consistent_read: true,
                        selection: Some(Box::new(AttributeSelection {
                            projection_expression: text("a"),
                            ..AttributeSelection::default()
                        })),
                    },
                ),
                (Text::from_static("def"), KeysAndAttributes::default()),
            ]),
            ..BatchGetItem::default()
        }),
    );
    check(
        "BatchWriteItem",
        r#"{"RequestItems":{"abc":[{"PutRequest":{"Item":{"pk":{"S":"x"}}}},{"DeleteRequest":{"Key":{"pk":{"S":"y"}}}},
            {},null,{"PutRequest":{},"DeleteRequest":{}},{"PutRequest":{}}]}}"#,
        Request::BatchWriteItem(BatchWriteItem {
            request_items: Some(vec![(
                Text::from_static("abc"),
                vec![
                    WriteRequest::Put(Attributes::Valid(key("x"))),
                    WriteRequest::Delete(Attributes::Valid(key("y"))),
                    WriteRequest::Neither,
                    WriteRequest::Neither,
                    WriteRequest::Both,
                    WriteRequest::Put(Attributes::Absent),
                ],
            )]),
            ..BatchWriteItem::default()
        }),
    );
}

#[test]
fn a_new_table() {
    check(
        "CreateTable",
        r#"{"TableName":"abc","AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeType":"X"}],
            "KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},null],"BillingMode":"PROVISIONED",
            "ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6},"Tags":[{"Key":"k","Value":"v"}],
            "LocalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],
            "Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["x",null]}}],"GlobalSecondaryIndexes":[null],
            "OnDemandThroughput":{"MaxReadRequestUnits":7,"MaxWriteRequestUnits":-1},
            "WarmThroughput":{"ReadUnitsPerSecond":8,"WriteUnitsPerSecond":9},
            "TableClass":"STANDARD","DeletionProtectionEnabled":true,"StreamSpecification":{"StreamEnabled":false},
            "SSESpecification":{"Enabled":true,"SSEType":"KMS","KMSMasterKeyId":"key"}}"#,
        Request::CreateTable(Box::new(CreateTable {
            table_name: text("abc"),
            attribute_definitions: Some(vec![
                AttributeDefinitionParameter {
                    attribute_name: text("pk"),
                    attribute_type: Choice::Known(KeyType::String),
                },
                AttributeDefinitionParameter { attribute_name: None, attribute_type: Choice::Unknown("X".to_owned()) },
            ]),
            key_schema: Some(vec![
                KeySchemaElement { attribute_name: text("pk"), key_type: Choice::Known(KeyRole::Hash) },
                KeySchemaElement::default(),
            ]),
            billing_mode: Choice::Known(BillingMode::Provisioned),
            provisioned_throughput: Some(ThroughputParameter {
                read_capacity_units: Some(5),
                write_capacity_units: Some(6),
            }),
            local_secondary_indexes: Some(vec![IndexParameter {
                index_name: text("idx"),
                key_schema: Some(vec![KeySchemaElement {
                    attribute_name: text("pk"),
                    key_type: Choice::Known(KeyRole::Hash),
                }]),
                projection: Some(ProjectionParameter {
                    projection_type: Choice::Known(ProjectionType::Include),
                    non_key_attributes: Some(vec![Text::from("x"), Text::default()]),
                }),
                provisioned_throughput: None,
            }]),
            global_secondary_indexes: Some(vec![IndexParameter::default()]),
            on_demand_throughput: Some(OnDemandThroughputParameter {
                max_read_request_units: Some(7),
                max_write_request_units: Some(-1),
            }),
            warm_throughput: Some(WarmThroughputParameter {
                read_units_per_second: Some(8),
                write_units_per_second: Some(9),
            }),
            tags: Some(vec![TagParameter { key: text("k"), value: text("v") }]),
            table_class: Choice::Known(TableClass::Standard),
            deletion_protection_enabled: Some(true),
            sse_specification: Some(EncryptionParameter {
                enabled: Some(true),
                sse_type: Choice::Known(EncryptionType::Kms),
                kms_master_key_id: text("key"),
            }),
            refused: None,
        })),
    );
}

#[test]
fn table_requests() {
    for (body, refused) in [
        (r#"{"StreamSpecification":{"StreamEnabled":true}}"#, "StreamSpecification"),
        (r#"{"VectorIndexes":[]}"#, "VectorIndexes"),
        (r#"{"ResourcePolicy":"{}"}"#, "ResourcePolicy"),
    ] {
        let expect = CreateTable { refused: Some(refused), ..CreateTable::default() };
        check("CreateTable", body, Request::CreateTable(Box::new(expect)));
    }
    let table_name = text("abc");
    let body = r#"{"TableName":"abc"}"#;
    check("DescribeTable", body, Request::DescribeTable(DescribeTable { table_name: table_name.clone() }));
    check("DeleteTable", body, Request::DeleteTable(DeleteTable { table_name: table_name.clone() }));
    check(
        "DescribeTimeToLive",
        body,
        Request::DescribeTimeToLive(DescribeTimeToLive { table_name: table_name.clone() }),
    );
    check(
        "DescribeContinuousBackups",
        body,
        Request::DescribeContinuousBackups(DescribeContinuousBackups { table_name }),
    );
    check("DescribeEndpoints", body, Request::DescribeEndpoints(DescribeEndpoints { host: Some("localhost".into()) }));
    check(
        "ListTables",
        r#"{"ExclusiveStartTableName":"abc","Limit":3}"#,
        Request::ListTables(ListTables { exclusive_start_table_name: text("abc"), limit: Some(3) }),
    );
    check(
        "ListTagsOfResource",
        r#"{"ResourceArn":"arn:x","NextToken":"y"}"#,
        Request::ListTagsOfResource(ListTagsOfResource { resource_arn: text("arn:x"), next_token: text("y") }),
    );
}

#[test]
fn requests_that_change_tables() {
    check(
        "UpdateTable",
        r#"{"TableName":"abc","AttributeDefinitions":[{"AttributeName":"pk"}],"BillingMode":"PROVISIONED",
            "ProvisionedThroughput":{"ReadCapacityUnits":5},"OnDemandThroughput":{"MaxReadRequestUnits":-1},
            "WarmThroughput":{"ReadUnitsPerSecond":8},"TableClass":"STANDARD","DeletionProtectionEnabled":false,
            "SSESpecification":{"Enabled":false}}"#,
        Request::UpdateTable(Box::new(UpdateTable {
            table_name: text("abc"),
            attribute_definitions: Some(vec![AttributeDefinitionParameter {
                attribute_name: text("pk"),
                attribute_type: Choice::Absent,
            }]),
            billing_mode: Choice::Known(BillingMode::Provisioned),
            provisioned_throughput: Some(ThroughputParameter {
                read_capacity_units: Some(5),
                write_capacity_units: None,
            }),
            on_demand_throughput: Some(OnDemandThroughputParameter {
                max_read_request_units: Some(-1),
                max_write_request_units: None,
            }),
            warm_throughput: Some(WarmThroughputParameter {
                read_units_per_second: Some(8),
                write_units_per_second: None,
            }),
            table_class: Choice::Known(TableClass::Standard),
            deletion_protection_enabled: Some(false),
            sse_specification: Some(EncryptionParameter { enabled: Some(false), ..EncryptionParameter::default() }),
            refused: None,
        })),
    );
    for (body, refused) in [
        (r#"{"GlobalSecondaryIndexUpdates":[],"ReplicaUpdates":[]}"#, "GlobalSecondaryIndexUpdates"),
        (r#"{"StreamSpecification":{"StreamEnabled":false}}"#, "StreamSpecification"),
        (r#"{"DisassociationProtectionEnabled":false}"#, "DisassociationProtectionEnabled"),
        (r#"{"MultiRegionConsistency":"STRONG"}"#, "MultiRegionConsistency"),
    ] {
        let expect = UpdateTable { refused: Some(refused), ..UpdateTable::default() };
        check("UpdateTable", body, Request::UpdateTable(Box::new(expect)));
    }
    check(
        "UpdateTimeToLive",
        r#"{"TableName":"abc","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"x"}}"#,
        Request::UpdateTimeToLive(UpdateTimeToLive {
            table_name: text("abc"),
            time_to_live_specification: Some(TimeToLiveSpecification {
                enabled: Some(true),
                attribute_name: text("x"),
            }),
        }),
    );
    let tag = TagParameter { key: text("k"), value: None };
    check(
        "TagResource",
        r#"{"ResourceArn":"arn:x","Tags":[{"Key":"k"}]}"#,
        Request::TagResource(TagResource { resource_arn: text("arn:x"), tags: Some(vec![tag]) }),
    );
    check(
        "UntagResource",
        r#"{"ResourceArn":"arn:x","TagKeys":["k",null]}"#,
        Request::UntagResource(UntagResource {
            resource_arn: text("arn:x"),
            tag_keys: Some(vec![Text::from("k"), Text::default()]),
        }),
    );
    check("DescribeLimits", "{}", Request::DescribeLimits(DescribeLimits));
}

#[test]
fn long_texts_share_the_memory_of_the_request() {
    let mut door = Door::new(Verifier::open());
    let describe = |letter: &str| post("DescribeTable", format!(r#"{{"TableName":"{}"}}"#, letter.repeat(100)));
    let stream = [describe("a"), describe("b")].concat();
    let calls = door.receive(&stream);
    let address = |index: usize| match &calls[index].request {
        Request::DescribeTable(request) => request.table_name.as_ref().expect("a name").bytes().as_ptr().addr(),
        other => panic!("{other:?}"),
    };
    assert_eq!(address(1) - address(0), stream.len() / 2, "both lie where they were received");
}

#[test]
fn attribute_values_that_no_item_can_have() {
    let empty = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes";
    let many =
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes";
    let number = "The parameter cannot be converted to a numeric value";
    let deep = |levels: usize| [r#"{"L":["#.repeat(levels), r#"{"S":"x"}"#.into(), "]}".repeat(levels)].concat();
    let too_deep = "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit";
    for (value, expect) in [
        ("{}".to_owned(), empty),
        ("null".to_owned(), empty),
        (r#"{"X":"y"}"#.to_owned(), empty),
        (r#"{"S":null}"#.to_owned(), empty),
        (r#"{"L":[{"S":"a"},{}]}"#.to_owned(), empty),
        (r#"{"L":[null]}"#.to_owned(), empty),
        (r#"{"M":{"a":{"M":{"b":{}}}}}"#.to_owned(), empty),
        (r#"{"S":"a","N":"1"}"#.to_owned(), many),
        (r#"{"S":"a","S":"a"}"#.to_owned(), many),
        (r#"{"L":[],"M":{}}"#.to_owned(), many),
        (r#"{"N":"x","S":"a"}"#.to_owned(), "The parameter cannot be converted to a numeric value: x"),
        (r#"{"N":""}"#.to_owned(), number),
        (r#"{"NS":["1","x"]}"#.to_owned(), "The parameter cannot be converted to a numeric value: x"),
        (
            r#"{"N":"1e126"}"#.to_owned(),
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        (
            r#"{"NULL":false}"#.to_owned(),
            "One or more parameter values were invalid: Null attribute value types must have the value of true",
        ),
        (r#"{"SS":[]}"#.to_owned(), "One or more parameter values were invalid: An string set  may not be empty"),
        (
            r#"{"SS":["a","a"]}"#.to_owned(),
            "One or more parameter values were invalid: Input collection [a, a] contains duplicates.",
        ),
        (deep(32), too_deep),
        (deep(55), too_deep),
    ] {
        // Behind the fault everything is read for its types, and after a good attribute the fault is the bad one's.
        let body = format!(r#"{{"Item":{{"good":{{"S":"a"}},"bad":{value},"worse":{{}}}},"TableName":"abc"}}"#);
        let Ok(Request::PutItem(PutItem { item: Attributes::Invalid(invalid), table_name, .. })) =
            call("PutItem", &body)
        else {
            panic!("{body}");
        };
        assert_eq!(invalid.error, Error::validation(expect), "{value}");
        assert_eq!((&*invalid.attribute_name, table_name), ("bad", text("abc")), "{value}");
    }
    assert!(matches!(
        call("PutItem", format!(r#"{{"Item":{{"a":{}}}}}"#, deep(31))),
        Ok(Request::PutItem(PutItem { item: Attributes::Valid(_), .. }))
    ));
}

#[test]
fn an_attribute_that_comes_twice_counts_once() {
    assert_eq!(item(r#"{"pk":{"N":"1"},"a":{"S":"b"},"pk":{"S":"x"}}"#), item(r#"{"a":{"S":"b"},"pk":{"S":"x"}}"#));
    assert_eq!(item(r#"{"a":{"S":null,"N":"1.0"}}"#), item(r#"{"a":{"N":"1","X":[{}]}}"#));
    assert_eq!(item(r#"{"a":{"BOOL":"true"},"b":{"NULL":"1"}}"#), item(r#"{"a":{"BOOL":true},"b":{"NULL":true}}"#));
}
