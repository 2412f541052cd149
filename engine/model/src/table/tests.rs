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
        local_indexes: vec![
            local_index("by-title", IndexProjection::Include(vec!["genre".to_owned(), "é".to_owned()])),
            local_index("all", IndexProjection::All),
            local_index("keys", IndexProjection::KeysOnly),
        ],
        billing_mode: BillingMode::Provisioned,
        provisioned_throughput: ProvisionedThroughput { read_capacity_units: 5, write_capacity_units: 6 },
        on_demand_throughput: OnDemandThroughput {
            max_read_request_units: Some(10),
            max_write_request_units: Some(20),
        },
        warm_throughput: Some(WarmThroughput { read_units_per_second: 30, write_units_per_second: 2 }),
        table_class: TableClass::StandardInfrequentAccess,
        deletion_protection: true,
        time_to_live: Some("expires".to_owned()),
        encryption_key: Some("0000".to_owned()),
        tags: vec![Tag { key: "owner".to_owned(), value: "é".to_owned() }],
        created_at_ms: 1_700_000_000_123,
        history: TableHistory {
            on_demand_since_ms: Some(1),
            throughput_increased_at_ms: Some(2),
            throughput_decreased_at_ms: Some(3),
            throughput_decrease_count: 4,
            table_class_changed_at_ms: Some(5),
            time_to_live: Some(TimeToLiveChange { changed_at_ms: 6, attribute_name: "expires".to_owned() }),
            updated_at_ms: Some(7),
        },
        status: TableStatus::Active,
    }
}

fn local_index(name: &str, projection: IndexProjection) -> LocalIndex {
    let sort_key = KeyAttribute { name: "title".to_owned(), key_type: KeyType::String };
    LocalIndex { name: name.to_owned(), sort_key, projection }
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
    plain.local_indexes.clear();
    plain.on_demand_throughput = OnDemandThroughput::default();
    plain.warm_throughput = None;
    plain.time_to_live = None;
    plain.encryption_key = None;
    plain.history = TableHistory::default();
    for status in [TableStatus::Creating, TableStatus::Updating, TableStatus::Deleting] {
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
fn indexes_are_found_by_name_and_share_the_partition_key() {
    let definition = definition();
    let index = definition.local_index("keys").unwrap();
    assert_eq!(definition.local_index("none"), None);
    assert_eq!(definition.index_arn("keys"), "arn:aws:dynamodb:us-east-1:123456789012:table/Music/index/keys");
    let schema = index.key_schema(&definition.key_schema);
    assert_eq!(schema.partition_key, definition.key_schema.partition_key);
    assert_eq!(schema.sort_key, Some(index.sort_key.clone()));
}

#[test]
fn warm_throughput_is_at_least_what_the_billing_mode_gives() {
    let mut definition = definition();
    let warm = |definition: &TableDefinition| {
        let warm = definition.warm_throughput_in_force();
        (warm.read_units_per_second, warm.write_units_per_second)
    };
    assert_eq!(warm(&definition), (30, 6));
    definition.warm_throughput = None;
    assert_eq!(warm(&definition), (5, 6));
    definition.billing_mode = BillingMode::PayPerRequest;
    assert_eq!(warm(&definition), (12_000, 4_000));
}

#[test]
fn decreases_are_counted_by_the_day() {
    const DAY_MS: u64 = 86_400_000;
    let mut history = TableHistory::default();
    assert_eq!(history.decrease_count_today(0), 0);
    history.note_decrease(5 * DAY_MS);
    history.note_decrease(6 * DAY_MS - 1);
    assert_eq!(history.decrease_count_today(5 * DAY_MS + 1), 2);
    assert_eq!(history.decrease_count_today(6 * DAY_MS), 0);
    history.note_decrease(6 * DAY_MS);
    assert_eq!(history.throughput_decrease_count, 1);
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
    assert_eq!(definition().arn(), "arn:aws:dynamodb:us-east-1:123456789012:table/Music");
    assert_eq!(uuid_text(0), "00000000-0000-4000-8000-000000000000");
    assert_eq!(uuid_text(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}
