//! What a value of the wrong JSON type is told, place by place.

mod door;

use door::{call, serialization};

/// JSON of each type, by the token that DynamoDB calls it.
const WRONG: [(&str, &str); 9] = [
    (r#""23""#, "STRING"),
    ("true", "TRUE"),
    ("false", "FALSE"),
    ("23", "NUMBER"),
    ("-2147483648", "NUMBER"),
    ("2147483648", "NUMBER"),
    ("34.56", "DECIMAL"),
    ("[]", "LIST"),
    ("{}", "OBJECT"),
];

const CAST: &str = "class sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl cannot be cast to class java.lang.Class (sun.reflect.generics.reflectiveObjects.ParameterizedTypeImpl and java.lang.Class are in module java.base of loader 'bootstrap')";
const NO_STRUCTURE: &str = "Start of structure or map found where not expected";

/// The kinds of places, as their texts differ.
#[derive(Clone, Copy, Debug)]
enum Place {
    Text,
    Boolean,
    Integer(&'static str),
    Blob,
    List,
    GenericList,
    Map(&'static str),
    GenericMap,
    Structure(&'static str),
    Element(&'static str),
}

/// The text for a JSON type in a place; none where it fits.
fn text(place: Place, token: &str) -> Option<String> {
    let scalar = |java: &str| match token {
        "LIST" => format!("Unrecognized collection type class java.lang.{java}"),
        "OBJECT" => NO_STRUCTURE.to_owned(),
        _ => format!("{token}_VALUE cannot be converted to {java}"),
    };
    let class = |java: &str| format!("Unrecognized collection type class com.amazonaws.dynamodb.v20120810.{java}");
    let map = |java: &str| {
        let class =
            if java.contains('.') { java.to_owned() } else { format!("com.amazonaws.dynamodb.v20120810.{java}") };
        format!("Unrecognized collection type java.util.Map<java.lang.String, {class}>")
    };
    Some(match (place, token) {
        (Place::Text, "STRING") | (Place::Boolean, "TRUE" | "FALSE") | (Place::Integer(_), "NUMBER" | "DECIMAL") => {
            return None;
        }
        (Place::List | Place::GenericList, "LIST") => return None,
        (Place::Map(_) | Place::GenericMap | Place::Structure(_) | Place::Element(_), "OBJECT") => return None,
        (Place::Text, _) => scalar("String"),
        (Place::Boolean, "STRING") => "Unexpected token received from parser".to_owned(),
        (Place::Boolean, _) => scalar("Boolean"),
        (Place::Integer(java), _) => scalar(java),
        (Place::Blob, "STRING") => "Base64 encoded length is expected a multiple of 4 bytes but found: 2".to_owned(),
        (Place::Blob, "LIST") => "Unrecognized collection type class java.nio.ByteBuffer".to_owned(),
        (Place::Blob | Place::List | Place::GenericList, "OBJECT") => NO_STRUCTURE.to_owned(),
        (Place::Blob, _) => "only base-64-encoded strings are convertible to bytes".to_owned(),
        (Place::Map(java), "LIST") => map(java),
        (Place::GenericMap, "LIST") => map("AttributeValue"),
        (Place::Structure(java) | Place::Element(java), "LIST") => class(java),
        (Place::List | Place::Map(_) | Place::Structure(_), _) => "Unexpected field type".to_owned(),
        (Place::GenericList | Place::GenericMap, _) => CAST.to_owned(),
        (Place::Element(_), _) => "Unexpected value type in payload".to_owned(),
    })
}

/// Puts each JSON type into the `@` of a body. A null is as good as nothing everywhere.
fn check(operation: &str, body: &str, place: Place) {
    for (json, token) in WRONG {
        let body = body.replace('@', json);
        match (call(operation, &body), text(place, token)) {
            (Err(got), Some(expect)) => assert_eq!(got, serialization(&expect), "{operation} {body}"),
            (Ok(_), None) => {}
            (got, expect) => panic!("{operation} {body}: {got:?}, not {expect:?}"),
        }
    }
    let body = body.replace('@', "null");
    assert!(call(operation, &body).is_ok(), "{operation} {body}");
}

/// An attribute value in the `@` of a body, with all that it may hold.
fn check_value(operation: &str, body: &str) {
    check(operation, body, Place::Element("AttributeValue"));
    check_typed(operation, body);
}

/// All that an attribute value in the `@` of a body may hold.
fn check_typed(operation: &str, body: &str) {
    let within = |member: &str| body.replace('@', member);
    for (name, place) in [
        ("S", Place::Text),
        ("N", Place::Text),
        ("B", Place::Blob),
        ("BOOL", Place::Boolean),
        ("NULL", Place::Boolean),
        ("SS", Place::List),
        ("NS", Place::List),
        ("BS", Place::List),
        ("L", Place::List),
        ("M", Place::Map("AttributeValue")),
    ] {
        check(operation, &within(&format!(r#"{{"{name}":@}}"#)), place);
        // Also where the value is no longer written, for a fault before it.
        check(operation, &within(&format!(r#"{{"N":"x","{name}":@}}"#)), place);
    }
    for (name, place) in
        [("SS", Place::Text), ("NS", Place::Text), ("BS", Place::Blob), ("L", Place::Element("AttributeValue"))]
    {
        check(operation, &within(&format!(r#"{{"{name}":[@]}}"#)), place);
    }
    check(operation, &within(r#"{"L":[{"BS":[@]}]}"#), Place::Blob);
    check(operation, &within(r#"{"M":{"a":@}}"#), Place::Element("AttributeValue"));
    check(operation, &within(r#"{"M":{"a":{"L":[{"N":@}]}}}"#), Place::Text);
}

#[test]
fn items_and_keys() {
    for (operation, member) in [
        ("PutItem", "Item"),
        ("GetItem", "Key"),
        ("DeleteItem", "Key"),
        ("UpdateItem", "Key"),
        ("PutItem", "ExpressionAttributeValues"),
        ("DeleteItem", "ExpressionAttributeValues"),
        ("UpdateItem", "ExpressionAttributeValues"),
        ("Query", "ExclusiveStartKey"),
        ("Query", "ExpressionAttributeValues"),
        ("Scan", "ExclusiveStartKey"),
        ("Scan", "ExpressionAttributeValues"),
    ] {
        check(operation, &format!(r#"{{"{member}":@}}"#), Place::Map("AttributeValue"));
        check_value(operation, &format!(r#"{{"{member}":{{"a":@}}}}"#));
    }
}

#[test]
fn single_parameters() {
    for (operation, texts) in [
        ("PutItem", &["TableName", "ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"][..]),
        ("PutItem", &["ConditionExpression", "ConditionalOperator", "ReturnValuesOnConditionCheckFailure"]),
        ("DeleteItem", &["TableName", "ReturnValues", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"]),
        ("DeleteItem", &["ConditionExpression", "ConditionalOperator", "ReturnValuesOnConditionCheckFailure"]),
        ("UpdateItem", &["TableName", "UpdateExpression", "ReturnValues", "ReturnConsumedCapacity"]),
        ("UpdateItem", &["ConditionExpression", "ConditionalOperator", "ReturnValuesOnConditionCheckFailure"]),
        ("UpdateItem", &["ReturnItemCollectionMetrics"]),
        ("GetItem", &["TableName", "ReturnConsumedCapacity", "ProjectionExpression"]),
        ("Query", &["TableName", "IndexName", "Select", "KeyConditionExpression", "FilterExpression"]),
        ("Query", &["ProjectionExpression", "ConditionalOperator", "ReturnConsumedCapacity"]),
        ("Scan", &["TableName", "IndexName", "Select", "FilterExpression", "ProjectionExpression"]),
        ("Scan", &["ConditionalOperator", "ReturnConsumedCapacity"]),
        ("BatchGetItem", &["ReturnConsumedCapacity"]),
        ("BatchWriteItem", &["ReturnConsumedCapacity", "ReturnItemCollectionMetrics"]),
        ("CreateTable", &["TableName", "BillingMode", "TableClass", "ResourcePolicy", "GlobalTableSourceArn"]),
        ("CreateTable", &["GlobalTableSettingsReplicationMode"]),
        ("DescribeTable", &["TableName"]),
        ("DeleteTable", &["TableName"]),
        ("ListTables", &["ExclusiveStartTableName"]),
        ("DescribeTimeToLive", &["TableName"]),
        ("DescribeContinuousBackups", &["TableName"]),
        ("ListTagsOfResource", &["ResourceArn", "NextToken"]),
        ("TagResource", &["ResourceArn"]),
        ("UntagResource", &["ResourceArn"]),
        ("UpdateTimeToLive", &["TableName"]),
        ("UpdateTable", &["TableName", "BillingMode", "TableClass", "MultiRegionConsistency"]),
    ] {
        for name in texts {
            check(operation, &format!(r#"{{"{name}":@}}"#), Place::Text);
        }
    }
    for (operation, name) in [
        ("GetItem", "ConsistentRead"),
        ("Query", "ConsistentRead"),
        ("Query", "ScanIndexForward"),
        ("Scan", "ConsistentRead"),
        ("CreateTable", "DeletionProtectionEnabled"),
        ("UpdateTable", "DeletionProtectionEnabled"),
        ("UpdateTable", "DisassociationProtectionEnabled"),
    ] {
        check(operation, &format!(r#"{{"{name}":@}}"#), Place::Boolean);
    }
    for (operation, name) in
        [("Query", "Limit"), ("Scan", "Limit"), ("Scan", "Segment"), ("Scan", "TotalSegments"), ("ListTables", "Limit")]
    {
        check(operation, &format!(r#"{{"{name}":@}}"#), Place::Integer("Integer"));
    }
}

#[test]
fn parameters_that_hold_others() {
    for operation in ["PutItem", "UpdateItem", "DeleteItem", "GetItem", "Query", "Scan"] {
        check(operation, r#"{"ExpressionAttributeNames":@}"#, Place::Map("java.lang.String"));
        check(operation, r##"{"ExpressionAttributeNames":{"#a":@}}"##, Place::Text);
    }
    for (operation, name) in [
        ("CreateTable", "LocalSecondaryIndexes"),
        ("CreateTable", "GlobalSecondaryIndexes"),
        ("CreateTable", "VectorIndexes"),
        ("CreateTable", "AttributeDefinitions"),
        ("CreateTable", "KeySchema"),
        ("CreateTable", "Tags"),
        ("UpdateTable", "AttributeDefinitions"),
        ("UpdateTable", "GlobalSecondaryIndexUpdates"),
        ("TagResource", "Tags"),
        ("UntagResource", "TagKeys"),
    ] {
        check(operation, &format!(r#"{{"{name}":@}}"#), Place::List);
    }
}

#[test]
fn parameters_from_before_expressions() {
    for (operation, name, java) in [
        ("PutItem", "Expected", "ExpectedAttributeValue"),
        ("DeleteItem", "Expected", "ExpectedAttributeValue"),
        ("UpdateItem", "Expected", "ExpectedAttributeValue"),
        ("UpdateItem", "AttributeUpdates", "AttributeValueUpdate"),
        ("Query", "KeyConditions", "Condition"),
        ("Query", "QueryFilter", "Condition"),
        ("Scan", "ScanFilter", "Condition"),
    ] {
        check(operation, &format!(r#"{{"{name}":@}}"#), Place::Map(java));
        check(operation, &format!(r#"{{"{name}":{{"a":@}}}}"#), Place::Element(java));
        let within = |member: &str| format!(r#"{{"{name}":{{"a":{member}}}}}"#);
        let members: &[(&str, Place)] = match java {
            "Condition" => &[("ComparisonOperator", Place::Text), ("AttributeValueList", Place::List)],
            "AttributeValueUpdate" => &[("Action", Place::Text), ("Value", Place::Structure("AttributeValue"))],
            _ => &[
                ("Exists", Place::Boolean),
                ("Value", Place::Structure("AttributeValue")),
                ("ComparisonOperator", Place::Text),
                ("AttributeValueList", Place::List),
            ],
        };
        for (member, place) in members {
            check(operation, &within(&format!(r#"{{"{member}":@}}"#)), *place);
        }
        if java == "AttributeValueUpdate" {
            check_typed(operation, &within(r#"{"Value":@}"#));
        } else {
            check_value(operation, &within(r#"{"AttributeValueList":[@]}"#));
        }
    }
    for operation in ["GetItem", "Query", "Scan"] {
        check(operation, r#"{"AttributesToGet":@}"#, Place::List);
        check(operation, r#"{"AttributesToGet":["a",@]}"#, Place::Text);
    }
}

#[test]
fn table_definitions() {
    for (list, java, members) in [
        ("AttributeDefinitions", "AttributeDefinition", ["AttributeName", "AttributeType"]),
        ("KeySchema", "KeySchemaElement", ["AttributeName", "KeyType"]),
        ("Tags", "Tag", ["Key", "Value"]),
    ] {
        check("CreateTable", &format!(r#"{{"{list}":[@]}}"#), Place::Element(java));
        for member in members {
            check("CreateTable", &format!(r#"{{"{list}":[{{"{member}":@}}]}}"#), Place::Text);
        }
    }
    for name in
        ["ProvisionedThroughput", "StreamSpecification", "SSESpecification", "WarmThroughput", "OnDemandThroughput"]
    {
        check("CreateTable", &format!(r#"{{"{name}":@}}"#), Place::Structure(name));
    }
    for (list, java) in
        [("LocalSecondaryIndexes", "LocalSecondaryIndex"), ("GlobalSecondaryIndexes", "GlobalSecondaryIndex")]
    {
        let member = |member: &str| format!(r#"{{"{list}":[{{"{member}":@}}]}}"#);
        check("CreateTable", &format!(r#"{{"{list}":[@]}}"#), Place::Element(java));
        check("CreateTable", &member("IndexName"), Place::Text);
        check("CreateTable", &member("KeySchema"), Place::List);
        check("CreateTable", &member("Projection"), Place::Structure("Projection"));
        check("CreateTable", &format!(r#"{{"{list}":[{{"Projection":{{"ProjectionType":@}}}}]}}"#), Place::Text);
        check("CreateTable", &format!(r#"{{"{list}":[{{"Projection":{{"NonKeyAttributes":@}}}}]}}"#), Place::List);
    }
    for name in ["ReadCapacityUnits", "WriteCapacityUnits"] {
        check("CreateTable", &format!(r#"{{"ProvisionedThroughput":{{"{name}":@}}}}"#), Place::Integer("Long"));
    }
    check("CreateTable", r#"{"StreamSpecification":{"StreamEnabled":@}}"#, Place::Boolean);
    check("CreateTable", r#"{"SSESpecification":{"Enabled":@}}"#, Place::Boolean);
    check("CreateTable", r#"{"SSESpecification":{"KMSMasterKeyId":@}}"#, Place::Text);
    let specification = "TimeToLiveSpecification";
    check("UpdateTimeToLive", r#"{"TimeToLiveSpecification":@}"#, Place::Structure(specification));
    check("UpdateTimeToLive", r#"{"TimeToLiveSpecification":{"Enabled":@}}"#, Place::Boolean);
    check("UpdateTimeToLive", r#"{"TimeToLiveSpecification":{"AttributeName":@}}"#, Place::Text);
    for name in ["ProvisionedThroughput", "StreamSpecification", "SSESpecification", "WarmThroughput"] {
        check("UpdateTable", &format!(r#"{{"{name}":@}}"#), Place::Structure(name));
    }
}

#[test]
fn batches() {
    check("BatchGetItem", r#"{"RequestItems":@}"#, Place::Map("KeysAndAttributes"));
    check("BatchGetItem", r#"{"RequestItems":{"abc":@}}"#, Place::Element("KeysAndAttributes"));
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"Keys":@}}}"#, Place::List);
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"Keys":[@]}}}"#, Place::GenericMap);
    check_value("BatchGetItem", r#"{"RequestItems":{"abc":{"Keys":[{"a":@}]}}}"#);
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"ConsistentRead":@}}}"#, Place::Boolean);
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"AttributesToGet":@}}}"#, Place::List);
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"AttributesToGet":[@]}}}"#, Place::Text);
    let names = r#"{"RequestItems":{"abc":{"ExpressionAttributeNames":@}}}"#;
    check("BatchGetItem", names, Place::Map("java.lang.String"));
    check("BatchGetItem", &names.replace('@', r##"{"#a":@}"##), Place::Text);
    check("BatchGetItem", r#"{"RequestItems":{"abc":{"ProjectionExpression":@}}}"#, Place::Text);
    let writes = "java.util.List<com.amazonaws.dynamodb.v20120810.WriteRequest>";
    check("BatchWriteItem", r#"{"RequestItems":@}"#, Place::Map(writes));
    check("BatchWriteItem", r#"{"RequestItems":{"abc":@}}"#, Place::GenericList);
    check("BatchWriteItem", r#"{"RequestItems":{"abc":[@]}}"#, Place::Element("WriteRequest"));
    for (request, inner) in [("PutRequest", "Item"), ("DeleteRequest", "Key")] {
        check(
            "BatchWriteItem",
            &format!(r#"{{"RequestItems":{{"abc":[{{"{request}":@}}]}}}}"#),
            Place::Structure(request),
        );
        let body = format!(r#"{{"RequestItems":{{"abc":[{{"{request}":{{"{inner}":@}}}}]}}}}"#);
        check("BatchWriteItem", &body, Place::Map("AttributeValue"));
        check_value("BatchWriteItem", &body.replace('@', r#"{"a":@}"#));
    }
}

#[test]
fn a_wrong_type_before_bad_json_is_bad_json() {
    let wrong = r#"{"TableName":1,"Item":{}}"#;
    assert_eq!(call("PutItem", wrong), Err(serialization("NUMBER_VALUE cannot be converted to String")));
    for length in 1..wrong.len() {
        assert_eq!(call("PutItem", &wrong[..length]), Err(serialization("")), "{}", &wrong[..length]);
    }
    assert_eq!(call("PutItem", format!("{wrong}x")), Err(serialization("")));
}

#[test]
fn base64_is_part_of_the_type() {
    for (text, message) in [
        ("23456", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("=+/=", "Invalid last non-pad Base64 character dectected"),
        ("+/+=", "Invalid last non-pad Base64 character dectected"),
    ] {
        for value in [format!(r#"{{"B":"{text}"}}"#), format!(r#"{{"BS":["AAAA","{text}"]}}"#)] {
            let body = format!(r#"{{"Item":{{"a":{value}}}}}"#);
            assert_eq!(call("PutItem", &body), Err(serialization(message)), "{body}");
        }
    }
}

#[test]
fn bodies_that_are_no_structure() {
    for body in ["1", r#""x""#, "[]", "true"] {
        assert_eq!(call("ListTables", body), Err(serialization("Unexpected value type in payload")), "{body}");
    }
}
