//! BatchGetItem and BatchWriteItem: their tables, counts and keys.

use super::*;

#[test]
fn batch_get_item() {
    let check = |tables: Vec<(&str, KeysAndAttributes)>, expected: &str| {
        let request_items = Some(tables.into_iter().map(|(name, wanted)| (Text::from(name), wanted)).collect());
        check(Request::BatchGetItem(BatchGetItem { request_items, ..BatchGetItem::default() }), expected);
    };
    let keys = |range: std::ops::Range<usize>| KeysAndAttributes {
        keys: Some(range.map(|index| key(&index.to_string())).collect()),
        ..KeysAndAttributes::default()
    };
    let required = "The requestItems parameter is required for BatchGetItem";
    super::check(Request::BatchGetItem(BatchGetItem::default()), required);
    check(vec![], required);
    check(vec![("table", keys(0..100))], "");
    check(
        vec![("table", keys(0..101))],
        "1 validation error detected: Value at 'RequestItems.table.member.Keys' failed to satisfy constraint: Member \
         must have length less than or equal to 100",
    );
    check(vec![("table", keys(0..60)), ("other", keys(0..60))], "Too many items requested for the BatchGetItem call");
    check(
        vec![("table", KeysAndAttributes::default()), ("other", keys(0..0))],
        "2 validation errors detected: Value null at 'requestItems.table.member.keys' failed to satisfy constraint: \
         Member must not be null; Value '[]' at 'requestItems.other.member.keys' failed to satisfy constraint: Member \
         must have length greater than or equal to 1",
    );
    check(
        vec![("a!", keys(0..1))],
        "1 validation error detected: Value '{a!=...}' at 'requestItems' failed to satisfy constraint: Map keys must \
         satisfy constraint: [Member must have length less than or equal to 255, Member must have length greater than \
         or equal to 3, Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+]",
    );
    let twice = KeysAndAttributes { keys: Some(vec![key("a"), key("b"), key("a")]), ..keys(0..0) };
    check(vec![("table", twice)], "Provided list of item keys contains duplicates");
    check(vec![("table", KeysAndAttributes { keys: Some(vec![invalid(NO_TYPE)]), ..keys(0..0) })], NO_TYPE);
}

#[test]
fn batch_write_item() {
    let check = |tables: Vec<(&str, Vec<WriteRequest>)>, expected: &str| {
        let request_items = Some(tables.into_iter().map(|(name, writes)| (Text::from(name), writes)).collect());
        check(Request::BatchWriteItem(BatchWriteItem { request_items, ..BatchWriteItem::default() }), expected);
    };
    let puts = |count: usize| (0..count).map(|index| WriteRequest::Put(key(&index.to_string()))).collect::<Vec<_>>();
    let required = "The requestItems parameter is required for BatchWriteItem";
    super::check(Request::BatchWriteItem(BatchWriteItem::default()), required);
    check(vec![], required);
    check(vec![("table", puts(25))], "");
    let length = |shown: &str| {
        format!(
            "1 validation error detected: Value '{{table=[{shown}]}}' at 'requestItems' failed to satisfy constraint: \
             Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have \
             length greater than or equal to 1]"
        )
    };
    check(vec![("table", puts(26))], &length("..."));
    check(vec![("table", puts(0))], &length(""));
    check(vec![("table", puts(13)), ("other", puts(13))], "Too many items requested for the BatchWriteItem call");
    check(
        vec![("table", vec![WriteRequest::Put(key("a")), WriteRequest::Delete(Attributes::Absent)])],
        "1 validation error detected: Value null at 'requestItems.table.member.2.member.deleteRequest.key' failed to \
         satisfy constraint: Member must not be null",
    );
    for write in [WriteRequest::Neither, WriteRequest::Both] {
        check(
            vec![("table", vec![write])],
            "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
             datatypes",
        );
    }
    check(vec![("table", vec![WriteRequest::Put(invalid(EMPTY_SET))])], EMPTY_SET);
    check(vec![("table", vec![WriteRequest::Delete(invalid(NO_TYPE))])], NO_TYPE);
    let oversized = WriteRequest::Put(attributes(&[("pk", string(&"x".repeat(409_600)))]));
    check(vec![("table", vec![oversized])], "Item size has exceeded the maximum allowed size");
}

#[test]
fn batch_keys_are_encoded_and_distinct() {
    let schema = schema(None);
    let encode = |write: WriteRequest| {
        let mut encoded = Vec::new();
        write.encode_key(&schema, &mut encoded).map(|_| encoded).map_err(|error| error.message.into_owned())
    };
    let put = encode(WriteRequest::Put(attributes(&[("pk", string("a")), ("other", number("1"))]))).unwrap();
    let delete = encode(WriteRequest::Delete(key("a"))).unwrap();
    assert_eq!(put, delete);
    let other = encode(WriteRequest::Delete(key("b"))).unwrap();
    assert_eq!(check_distinct_keys(&mut [&put, &other]), Ok(()));
    let duplicate = check_distinct_keys(&mut [&put, &other, &delete]).unwrap_err();
    assert_eq!(duplicate.message, "Provided list of item keys contains duplicates");
    let mismatch = Err("The provided key element does not match the schema".to_owned());
    assert_eq!(encode(WriteRequest::Put(attributes(&[("pk", number("1"))]))), mismatch);
    assert_eq!(encode(WriteRequest::Put(attributes(&[("other", string("a"))]))), mismatch);
    assert_eq!(encode(WriteRequest::Delete(attributes(&[("pk", string("a")), ("x", string("a"))]))), mismatch);
}
