//! Tables: definitions come back from bytes, ranges cover every hash once, ARNs and ids look as they should.

use super::*;
use crate::key::{KeyAttribute, KeyHash};

fn definition() -> TableDefinition {
    TableDefinition {
        id: TableId(7),
        uuid: uuid_text(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
        name: "Music".to_owned(),
        key_schema: KeySchema {
            partition_key: KeyAttribute { name: "artist".to_owned(), key_type: KeyType::String },
            sort_key: Some(KeyAttribute { name: "year".to_owned(), key_type: KeyType::Number }),
        },
        attribute_definitions: vec![
            AttributeDefinition { name: "year".to_owned(), key_type: KeyType::Number },
            AttributeDefinition { name: "artist".to_owned(), key_type: KeyType::String },
        ],
        billing_mode: BillingMode::Provisioned,
        provisioned_throughput: ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 6 },
        table_class: TableClass::StandardInfrequentAccess,
        deletion_protection: true,
        tags: vec![Tag { key: "owner".to_owned(), value: "é".to_owned() }],
        created_at_ms: 1_700_000_000_123,
        status: TableStatus::Active,
    }
}

fn encoded(definition: &TableDefinition) -> Vec<u8> {
    let mut bytes = Vec::new();
    definition.encode(&mut bytes);
    bytes
}

#[test]
fn definitions_come_back() {
    let full = definition();
    assert_eq!(TableDefinition::decode(&encoded(&full)), Ok(full.clone()));
    let mut plain = full;
    plain.key_schema.sort_key = None;
    plain.key_schema.partition_key.key_type = KeyType::Binary;
    plain.attribute_definitions.pop();
    plain.billing_mode = BillingMode::PayPerRequest;
    plain.table_class = TableClass::Standard;
    plain.deletion_protection = false;
    plain.tags.clear();
    for status in [TableStatus::Creating, TableStatus::Deleting] {
        plain.status = status;
        assert_eq!(TableDefinition::decode(&encoded(&plain)), Ok(plain.clone()));
    }
}

#[test]
fn damaged_definitions_are_refused_or_valid_but_never_panic() {
    let bytes = encoded(&definition());
    for length in 0..bytes.len() {
        assert_eq!(TableDefinition::decode(&bytes[..length]), Err(DefinitionError::Malformed), "{length}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(TableDefinition::decode(&longer), Err(DefinitionError::Malformed));
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(definition) = TableDefinition::decode(&flipped) {
                assert_eq!(encoded(&definition), flipped, "byte {at} bit {bit}");
            }
        }
    }
    let mut later = bytes;
    later[0] = 2;
    assert_eq!(TableDefinition::decode(&later), Err(DefinitionError::UnknownVersion));
}

#[test]
fn an_even_split_covers_every_hash_once() {
    for count in (1..70).chain([127, 128, 1000, 4097]) {
        let ranges: Vec<HashRange> = HashRange::split_evenly(count).collect();
        assert_eq!(ranges.len(), count);
        assert_eq!(ranges[0].first(), KeyHash(0));
        assert_eq!(ranges[count - 1].last(), KeyHash(u64::MAX));
        let sizes = ranges.iter().map(|range| range.last().0 - range.first().0);
        assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1, "{count}");
        for (position, range) in ranges.iter().enumerate() {
            if let Some(next) = ranges.get(position + 1) {
                assert_eq!(range.last().0 + 1, next.first().0);
                assert_eq!(range.encoded_key_bounds().1, Some(next.encoded_key_bounds().0));
            } else {
                assert_eq!(range.encoded_key_bounds().1, None);
            }
            for hash in [range.first(), range.last()] {
                assert!(range.contains(hash));
                assert_eq!(HashRange::position_in_even_split(hash, count), position, "{count} {hash:?}");
            }
        }
    }
    assert_eq!(HashRange::split_evenly(1).next(), Some(HashRange::FULL));
    assert_eq!(HashRange::new(KeyHash(2), KeyHash(1)), None);
}

#[test]
fn arns_and_uuids() {
    assert_eq!(definition().arn(), "arn:aws:dynamodb:us-east-1:000000000000:table/Music");
    assert_eq!(uuid_text(0), "00000000-0000-4000-8000-000000000000");
    assert_eq!(uuid_text(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}
