//! CreateTable: every reason to refuse a table, in DynamoDB's words.

use super::*;
use crate::table::{IndexProjection, ProvisionedThroughput, TableStatus, Tag, WarmThroughput};
use std::time::{Duration, Instant};

fn definition(name: &str, attribute_type: &str) -> AttributeDefinitionParameter {
    AttributeDefinitionParameter {
        attribute_name: Some(Text::from(name)),
        attribute_type: Choice::from_token(attribute_type),
    }
}

fn element(name: &str, key_type: &str) -> KeySchemaElement {
    KeySchemaElement { attribute_name: Some(Text::from(name)), key_type: Choice::from_token(key_type) }
}

/// `definitions` as "name type", `keys` as "name role", both separated by commas.
fn with(definitions: &str, keys: &str) -> CreateTable {
    let pairs = |list: &str| -> Vec<(String, String)> {
        let entries = list.split(", ").filter(|entry| !entry.is_empty());
        entries.map(|entry| entry.split_once(' ').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    };
    CreateTable {
        table_name: Some(Text::from("table")),
        attribute_definitions: Some(pairs(definitions).iter().map(|(name, kind)| definition(name, kind)).collect()),
        key_schema: Some(pairs(keys).iter().map(|(name, role)| element(name, role)).collect()),
        billing_mode: Choice::Known(BillingMode::PayPerRequest),
        ..CreateTable::default()
    }
}

fn table() -> CreateTable {
    with("a S, b N", "a HASH, b RANGE")
}

#[track_caller]
fn check(request: &CreateTable, expected: &str) {
    let message = request.validate().err().map(|error| error.message.into_owned()).unwrap_or_default();
    assert_eq!(message, expected);
}

#[test]
fn good_tables_pass() {
    check(&table(), "");
    check(&with("a B", "a HASH"), "");
    let schema = table().key_schema().unwrap();
    assert_eq!((schema.partition_key.name.as_str(), schema.partition_key.key_type), ("a", KeyType::String));
    assert_eq!(schema.sort_key.unwrap().key_type, KeyType::Number);
    let throughput = ThroughputParameter { read_capacity_units: Some(1), write_capacity_units: Some(5) };
    let provisioned = CreateTable { billing_mode: Choice::Absent, provisioned_throughput: Some(throughput), ..table() };
    check(&provisioned, "");
    let tag = TagParameter { key: Some(Text::from("k")), value: Some(Text::from("")) };
    check(&CreateTable { tags: Some(vec![tag]), ..table() }, "");
}

#[test]
fn a_request_becomes_a_definition() {
    let identity = TableIdentity { id: TableId(7), uuid: "u".to_owned(), created_at_ms: 5 };
    let throughput = ThroughputParameter { read_capacity_units: Some(3), write_capacity_units: Some(4) };
    let request = CreateTable {
        billing_mode: Choice::Absent,
        provisioned_throughput: Some(throughput),
        table_class: Choice::Known(TableClass::StandardInfrequentAccess),
        deletion_protection_enabled: Some(true),
        tags: Some(vec![TagParameter { key: Some(Text::from("k")), value: Some(Text::from("v")) }]),
        ..table()
    };
    let definition = request.definition(identity.clone()).unwrap();
    assert_eq!((definition.id, definition.name.as_str(), definition.created_at_ms), (TableId(7), "table", 5));
    assert_eq!(definition.attribute_definitions.len(), 2);
    assert_eq!((definition.billing_mode, definition.status), (BillingMode::Provisioned, TableStatus::Creating));
    let units = definition.provisioned_throughput;
    assert_eq!((units.read_capacity_units, units.write_capacity_units), (3, 4));
    assert_eq!(definition.table_class, TableClass::StandardInfrequentAccess);
    assert!(definition.deletion_protection);
    assert_eq!(definition.tags, [Tag { key: "k".to_owned(), value: "v".to_owned() }]);
    let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/Users";
    let by_arn = CreateTable { table_name: Some(Text::from(arn)), ..table() }.definition(identity).unwrap();
    assert_eq!((by_arn.name.as_str(), by_arn.provisioned_throughput), ("Users", ProvisionedThroughput::default()));
}

#[test]
fn members_are_constrained() {
    check(
        &CreateTable { table_name: None, key_schema: None, ..table() },
        "The parameter 'TableName' is required but was not present in the request",
    );
    check(
        &CreateTable { attribute_definitions: None, key_schema: None, ..table() },
        "2 validation errors detected: Value null at 'attributeDefinitions' failed to satisfy constraint: Member must \
         not be null; Value null at 'keySchema' failed to satisfy constraint: Member must not be null",
    );
    check(
        &with("a S", "a INVALID"),
        "1 validation error detected: Value 'INVALID' at 'keySchema.1.member.keyType' failed to satisfy constraint: \
         Member must satisfy enum value set: [HASH, RANGE]",
    );
    check(
        &with("a SS", "a HASH"),
        "1 validation error detected: Value 'SS' at 'attributeDefinitions.1.member.attributeType' failed to satisfy \
         constraint: Member must satisfy enum value set: [B, N, S]",
    );
    check(
        &CreateTable { attribute_definitions: Some(vec![AttributeDefinitionParameter::default()]), ..table() },
        "2 validation errors detected: Value null at 'attributeDefinitions.1.member.attributeName' failed to satisfy \
         constraint: Member must not be null; Value null at 'attributeDefinitions.1.member.attributeType' failed to \
         satisfy constraint: Member must not be null",
    );
    check(
        &with("a S", ""),
        "1 validation error detected: Value '[]' at 'keySchema' failed to satisfy constraint: Member must have length \
         greater than or equal to 1",
    );
    check(
        &with("a S, b S, c S", "a HASH, b RANGE, c RANGE"),
        "1 validation error detected: Value '[KeySchemaElement(attributeName=a, keyType=HASH), \
         KeySchemaElement(attributeName=b, keyType=RANGE), KeySchemaElement(attributeName=c, keyType=RANGE)]' at \
         'keySchema' failed to satisfy constraint: Member must have length less than or equal to 2",
    );
    let throughput = ThroughputParameter { read_capacity_units: Some(0), write_capacity_units: None };
    check(
        &CreateTable { billing_mode: Choice::from_token("x"), provisioned_throughput: Some(throughput), ..table() },
        "3 validation errors detected: Value 'x' at 'billingMode' failed to satisfy constraint: Member must satisfy \
         enum value set: [PROVISIONED, PAY_PER_REQUEST]; Value null at 'provisionedThroughput.writeCapacityUnits' \
         failed to satisfy constraint: Member must not be null; Value '0' at \
         'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value greater than \
         or equal to 1",
    );
    check(
        &CreateTable { table_class: Choice::from_token("x"), ..table() },
        "Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, \
         STANDARD_INFREQUENT_ACCESS].",
    );
}

#[test]
fn billing_and_throughput_fit_together() {
    let throughput =
        |read, write| Some(ThroughputParameter { read_capacity_units: Some(read), write_capacity_units: Some(write) });
    check(
        &CreateTable { provisioned_throughput: throughput(1, 1), ..table() },
        "One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified \
         when BillingMode is PAY_PER_REQUEST",
    );
    check(
        &CreateTable { billing_mode: Choice::Absent, ..table() },
        "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified \
         when BillingMode is PROVISIONED",
    );
    let provisioned = |read, write| CreateTable {
        billing_mode: Choice::Absent,
        provisioned_throughput: throughput(read, write),
        ..table()
    };
    check(&provisioned(1_000_000_000_001, 1), "Given value 1000000000001 for ReadCapacityUnits is out of bounds");
    check(&provisioned(1, 1_000_000_000_001), "Given value 1000000000001 for WriteCapacityUnits is out of bounds");
}

#[test]
fn keys_are_defined_and_in_order() {
    let undefined = "Invalid KeySchema: Some index key attribute have no definition";
    let same_name = "Both the Hash Key and the Range Key element in the KeySchema have the same name";
    let not_hash = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type";
    let not_exact = "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly \
                     match number of attributes defined in AttributeDefinitions";
    for (definitions, keys, expected) in [
        ("b S", "a HASH, a HASH", undefined),
        ("b S", "a HASH, b RANGE", undefined),
        ("a S", "a HASH, a RANGE", undefined),
        (
            "b S",
            "a HASH",
            "One or more parameter values were invalid: Some index key attributes are not defined in \
             AttributeDefinitions. Keys: [a], AttributeDefinitions: [b]",
        ),
        ("a S, b S", "a HASH, a RANGE", same_name),
        ("a S, b S", "a RANGE, b HASH", not_hash),
        ("a S, b S", "a RANGE, b RANGE", not_hash),
        ("a S, b S", "a HASH, b HASH", "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"),
        ("a S, c S, b S", "a HASH, b RANGE", not_exact),
        ("a S, b S", "a HASH", not_exact),
    ] {
        check(&with(definitions, keys), expected);
    }
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    check(
        &CreateTable { refused: Some("StreamSpecification"), ..table() },
        "Stator does not support the parameter StreamSpecification of CreateTable yet",
    );
    check(
        &CreateTable {
            global_secondary_indexes: Some(vec![index("by-b", "b HASH", "ALL")]),
            ..with("a S, b S", "a HASH")
        },
        "Stator does not support the parameter GlobalSecondaryIndexes of CreateTable yet",
    );
}

fn index(name: &str, keys: &str, projection_type: &str) -> IndexParameter {
    IndexParameter {
        index_name: Some(Text::from(name)),
        key_schema: with("", keys).key_schema,
        projection: Some(ProjectionParameter {
            projection_type: Choice::from_token(projection_type),
            non_key_attributes: None,
        }),
        provisioned_throughput: None,
    }
}

fn including(name: &str, keys: &str, names: &[&str]) -> IndexParameter {
    let names = names.iter().map(|name| Text::from(*name)).collect();
    let mut index = index(name, keys, "INCLUDE");
    index.projection.as_mut().unwrap().non_key_attributes = Some(names);
    index
}

fn with_local(definitions: &str, keys: &str, indexes: Vec<IndexParameter>) -> CreateTable {
    CreateTable { local_secondary_indexes: Some(indexes), ..with(definitions, keys) }
}

#[test]
fn local_indexes_become_part_of_the_definition() {
    let request = with_local(
        "a S, b N, c B",
        "a HASH, b RANGE",
        vec![index("by-c", "a HASH, c RANGE", "KEYS_ONLY"), including("again", "a HASH, b RANGE", &["x", "y"])],
    );
    check(&request, "");
    let identity = TableIdentity { id: TableId(7), uuid: "u".to_owned(), created_at_ms: 5 };
    let definition = request.definition(identity).unwrap();
    let by_c = definition.local_index("by-c").unwrap();
    assert_eq!((by_c.sort_key.name.as_str(), by_c.sort_key.key_type), ("c", KeyType::Binary));
    assert_eq!(by_c.projection, IndexProjection::KeysOnly);
    let again = definition.local_index("again").unwrap();
    assert_eq!(again.projection, IndexProjection::Include(vec!["x".to_owned(), "y".to_owned()]));
}

#[test]
fn local_indexes_have_the_partition_key_of_the_table_and_a_sort_key() {
    let invalid = |detail: &str| format!("One or more parameter values were invalid: {detail}");
    let all = |keys: &str| vec![index("idx", keys, "ALL")];
    let (definitions, keys) = ("a S, b N, c B", "a HASH, b RANGE");
    check(&with_local(definitions, keys, vec![]), &invalid("List of LocalSecondaryIndexes is empty"));
    check(
        &with_local("a S, c B", "a HASH", all("a HASH, c RANGE")),
        &invalid("Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"),
    );
    check(
        &with_local(definitions, keys, all("a HASH")),
        &invalid("Index KeySchema does not have a range key for index: idx"),
    );
    check(
        &with_local(definitions, keys, all("b HASH, c RANGE")),
        &invalid(
            "Index KeySchema does not have the same leading hash key as table KeySchema for index: idx. index hash \
             key: b, table hash key: a",
        ),
    );
    check(
        &with_local(definitions, keys, all("a HASH, x RANGE")),
        &invalid(
            "Some index key attributes are not defined in AttributeDefinitions. Keys: [a, x], AttributeDefinitions: \
             [a, b, c]",
        ),
    );
    check(
        &with_local(definitions, keys, all("c RANGE, a HASH")),
        "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
    );
    check(
        &with_local("a S, b N, c B, d S", keys, all("a HASH, c RANGE")),
        &invalid("Some AttributeDefinitions are not used. AttributeDefinitions: [a, b, c, d], keys used: [a, b, c]"),
    );
    check(
        &with_local("a S, b N, c B, b S", keys, all("a HASH, c RANGE")),
        &invalid("Duplicate AttributeName in AttributeDefinitions: b"),
    );
}

#[test]
fn indexes_are_few_and_have_different_names() {
    let (definitions, keys) = ("a S, b N, c B", "a HASH, b RANGE");
    let numbered =
        |count: usize| (0..count).map(|number| index(&format!("idx{number}"), "a HASH, c RANGE", "ALL")).collect();
    check(&with_local(definitions, keys, numbered(5)), "");
    check(
        &with_local(definitions, keys, numbered(6)),
        "One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds per-table limit of 5",
    );
    let twice = vec![index("idx", "a HASH, c RANGE", "ALL"), index("idx", "a HASH, c RANGE", "ALL")];
    let duplicate = "One or more parameter values were invalid: Duplicate index name: idx";
    check(&with_local(definitions, keys, twice.clone()), duplicate);
    check(&CreateTable { global_secondary_indexes: Some(twice), ..with(definitions, keys) }, duplicate);
    check(
        &CreateTable {
            global_secondary_indexes: Some((0..21).map(|n| index(&format!("g{n:02}"), "c HASH", "ALL")).collect()),
            ..with(definitions, keys)
        },
        "One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table limit of 20",
    );
}

/// As many elements as the decoder of a request keeps of a list.
const KEPT_ELEMENT_COUNT_MAX: usize = 65_536;
/// Plenty on a busy machine for work that grows with the request, and far too little for work that grows with its square.
const DECIDED_WITHIN: Duration = Duration::from_secs(4);

/// A request could keep a core for seconds: each of its names was compared with all names before it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "no simulation: how long it takes on this machine is what is checked")]
fn check_soon(request: &CreateTable, expected: &str) {
    let begin = Instant::now();
    check(request, expected);
    assert!(begin.elapsed() < DECIDED_WITHIN, "{:?}", begin.elapsed());
}

#[test]
fn many_definitions_are_refused_in_little_time() {
    let names = (0..KEPT_ELEMENT_COUNT_MAX).map(|number| format!("attribute{number:05}"));
    let definitions: Vec<_> = names.map(|name| definition(&name, "S")).collect();
    let request = CreateTable {
        attribute_definitions: Some(definitions),
        ..with("", "attribute65534 HASH, attribute65535 RANGE")
    };
    check_soon(
        &request,
        "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of \
         attributes defined in AttributeDefinitions",
    );
    let mut twice = request;
    let definitions = twice.attribute_definitions.as_mut().unwrap();
    definitions[KEPT_ELEMENT_COUNT_MAX - 1] = definition("attribute65530", "N");
    definitions[KEPT_ELEMENT_COUNT_MAX - 2] = definition("attribute65532", "S");
    twice.key_schema = Some(vec![element("attribute00000", "HASH")]);
    check_soon(
        &twice,
        "One or more parameter values were invalid: Duplicate AttributeName in AttributeDefinitions: attribute65532",
    );
}

#[test]
fn many_indexes_are_refused_in_little_time() {
    let attribute_definitions: Vec<_> =
        (0..KEPT_ELEMENT_COUNT_MAX).map(|number| definition(&format!("attribute{number:05}"), "S")).collect();
    let keys = "attribute65534 HASH, attribute65535 RANGE";
    let indexes: Vec<_> =
        (0..KEPT_ELEMENT_COUNT_MAX).map(|number| index(&format!("index{number:05}"), keys, "ALL")).collect();
    let table = CreateTable { attribute_definitions: Some(attribute_definitions), ..with("", keys) };
    check_soon(
        &CreateTable { local_secondary_indexes: Some(indexes.clone()), ..table.clone() },
        "One or more parameter values were invalid: Number of LocalSecondaryIndexes exceeds per-table limit of 5",
    );
    check_soon(
        &CreateTable { global_secondary_indexes: Some(indexes), ..table },
        "One or more parameter values were invalid: GlobalSecondaryIndex count exceeds the per-table limit of 20",
    );
}

#[test]
fn global_indexes_have_throughput_when_the_table_has() {
    let throughput =
        |read| Some(ThroughputParameter { read_capacity_units: Some(read), write_capacity_units: Some(1) });
    let global = |index_throughput, table_throughput: Option<_>| CreateTable {
        billing_mode: table_throughput.map_or(Choice::Known(BillingMode::PayPerRequest), |_| Choice::Absent),
        provisioned_throughput: table_throughput,
        global_secondary_indexes: Some(vec![IndexParameter {
            provisioned_throughput: index_throughput,
            ..index("idx", "b HASH", "ALL")
        }]),
        ..table()
    };
    check(
        &global(throughput(1), None),
        "One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: idx when \
         BillingMode is PAY_PER_REQUEST",
    );
    check(
        &global(None, throughput(1)),
        "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: idx",
    );
    check(
        &global(throughput(1_000_000_000_001), throughput(1)),
        "Given value 1000000000001 for ReadCapacityUnits is out of bounds for index idx",
    );
}

#[test]
fn projections_name_attributes_when_they_include_some() {
    let (definitions, keys, index_keys) = ("a S, b N, c B", "a HASH, b RANGE", "a HASH, c RANGE");
    let one = |index: IndexParameter| with_local(definitions, keys, vec![index]);
    let invalid = |detail: &str| format!("One or more parameter values were invalid: {detail}");
    check(
        &one(index("idx", index_keys, "INCLUDE")),
        &invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"),
    );
    for token in ["ALL", "KEYS_ONLY"] {
        let mut index = including("idx", index_keys, &["x"]);
        index.projection.as_mut().unwrap().projection_type = Choice::from_token(token);
        check(&one(index), &invalid(&format!("ProjectionType is {token}, but NonKeyAttributes is specified")));
    }
    let empty = IndexParameter { projection: Some(ProjectionParameter::default()), ..index("idx", index_keys, "") };
    check(&one(empty), &invalid("Unknown ProjectionType: null"));
    check(
        &one(index("idx", index_keys, "SOME")),
        "1 validation error detected: Value 'SOME' at 'localSecondaryIndexes.1.member.projection.projectionType' \
         failed to satisfy constraint: Member must satisfy enum value set: [ALL, INCLUDE, KEYS_ONLY]",
    );
    check(
        &one(including("idx", index_keys, &[])),
        "1 validation error detected: Value '[]' at 'localSecondaryIndexes.1.member.projection.nonKeyAttributes' \
         failed to satisfy constraint: Member must have length greater than or equal to 1",
    );
    let names: Vec<String> = (0..21).map(|number| format!("n{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    check(&one(including("idx", index_keys, &names[..20])), "");
    check(
        &one(including("idx", index_keys, &names)),
        &format!(
            "1 validation error detected: Value '[{}]' at \
             'localSecondaryIndexes.1.member.projection.nonKeyAttributes' failed to satisfy constraint: Member must \
             have length less than or equal to 20",
            names.join(", ")
        ),
    );
    check(
        &one(including("idx", index_keys, &[""])),
        "1 validation error detected: Value '[]' at 'localSecondaryIndexes.1.member.projection.nonKeyAttributes' \
         failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal \
         to 255, Member must have length greater than or equal to 1]",
    );
    let five = (0..5).map(|number| including(&format!("idx{number}"), index_keys, &names[..20])).collect();
    check(&with_local(definitions, keys, five), "");
    let mut six: Vec<IndexParameter> =
        (0..5).map(|number| including(&format!("idx{number}"), index_keys, &names[..20])).collect();
    let global = Some(vec![including("global", "c HASH", &["x"])]);
    check(
        &CreateTable { global_secondary_indexes: global, ..with_local(definitions, keys, std::mem::take(&mut six)) },
        &invalid("Number of NonKeyAttributes over all indexes exceeds per-table limit of 100"),
    );
}

#[test]
fn members_of_indexes_are_constrained() {
    let request = with_local("a S, b S", "a HASH, b RANGE", vec![IndexParameter::default()]);
    check(
        &request,
        "3 validation errors detected: Value null at 'localSecondaryIndexes.1.member.projection' failed to satisfy \
         constraint: Member must not be null; Value null at 'localSecondaryIndexes.1.member.indexName' failed to \
         satisfy constraint: Member must not be null; Value null at 'localSecondaryIndexes.1.member.keySchema' failed \
         to satisfy constraint: Member must not be null",
    );
    check(
        &with_local("a S, b S", "a HASH, b RANGE", vec![index("x;", "a HASH", "ALL")]),
        "2 validation errors detected: Value 'x;' at 'localSecondaryIndexes.1.member.indexName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value 'x;' at \
         'localSecondaryIndexes.1.member.indexName' failed to satisfy constraint: Member must have length greater \
         than or equal to 3",
    );
}

#[test]
fn on_demand_bounds_and_warm_throughput_are_checked_and_kept() {
    let bounds = |read, write| {
        Some(OnDemandThroughputParameter { max_read_request_units: read, max_write_request_units: write })
    };
    let warm =
        |read, write| Some(WarmThroughputParameter { read_units_per_second: read, write_units_per_second: write });
    let request = CreateTable {
        on_demand_throughput: bounds(Some(10), Some(-1)),
        warm_throughput: warm(Some(13_000), None),
        ..table()
    };
    check(&request, "");
    let identity = TableIdentity { id: TableId(7), uuid: "u".to_owned(), created_at_ms: 5 };
    let definition = request.definition(identity).unwrap();
    assert_eq!(definition.on_demand_throughput.max_read_request_units, Some(10));
    assert_eq!(definition.on_demand_throughput.max_write_request_units, None);
    assert_eq!(
        definition.warm_throughput_in_force(),
        WarmThroughput { read_units_per_second: 13_000, write_units_per_second: 4_000 }
    );
    check(
        &CreateTable { on_demand_throughput: bounds(Some(0), None), ..table() },
        "One or more parameter values were invalid: MaxReadRequestUnits must be -1 or from 1 to 1000000000000",
    );
    let throughput = ThroughputParameter { read_capacity_units: Some(1), write_capacity_units: Some(1) };
    check(
        &CreateTable {
            billing_mode: Choice::Absent,
            provisioned_throughput: Some(throughput),
            on_demand_throughput: bounds(Some(1), None),
            ..table()
        },
        "One or more parameter values were invalid: Neither MaxReadRequestUnits nor MaxWriteRequestUnits can be \
         specified when BillingMode is PROVISIONED",
    );
    check(
        &CreateTable { warm_throughput: warm(None, Some(3_999)), ..table() },
        "One or more parameter values were invalid: Requested WriteUnitsPerSecond for WarmThroughput for table is \
         lower than current WarmThroughput, decreasing WarmThroughput is not supported",
    );
    check(
        &CreateTable { warm_throughput: warm(Some(0), None), ..table() },
        "1 validation error detected: Value '0' at 'warmThroughput.readUnitsPerSecond' failed to satisfy constraint: \
         Member must have value greater than or equal to 1",
    );
}

#[test]
fn tags_are_few_distinct_and_not_reserved() {
    let tag = |key: &str| TagParameter { key: Some(Text::from(key)), value: Some(Text::from("v")) };
    let tags = |keys: Vec<String>| CreateTable { tags: Some(keys.iter().map(|key| tag(key)).collect()), ..table() };
    let numbered = |count: usize| tags((0..count).map(|index| format!("k{index}")).collect());
    check(&numbered(50), "");
    check(&numbered(51), "One or more parameter values were invalid: Too many tags: 51, the limit is 50");
    check(
        &tags(vec!["a".into(), "b".into(), "a".into()]),
        "One or more parameter values were invalid: Duplicate tag key: a",
    );
    check(
        &tags(vec!["aws:x".into()]),
        "One or more parameter values were invalid: Tag keys starting with aws: are reserved: aws:x",
    );
    check(
        &CreateTable { tags: Some(vec![TagParameter { key: Some(Text::from("")), value: None }]), ..table() },
        "2 validation errors detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have \
         length greater than or equal to 1; Value null at 'tags.1.member.value' failed to satisfy constraint: Member \
         must not be null",
    );
}
