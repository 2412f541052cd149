//! The partition map: which core owns which hashes of a table, as the server tells it and the client uses it.
//!
//! Deliberately not here: asking again when it is stale (`net/client`), making it (`engine`).

use bytes::BytesMut;
use model::operation::Parameter;
use model::{KeyAttribute, KeyHash, KeySchema, KeyType, TableId, Text};

use crate::error::{EncodeError, ProtocolError};
use crate::frame::{Flags, Kind, RequestId};
use crate::generated as fbs;
use crate::limits::PARTITION_RANGES_COUNT_MAX;
use crate::payload::{Payload, Refusal, refuse_unknown_fields};
use crate::writer::{LONG, REFERENCE, Shape, Table, Writer};

/// One table's map.
///
/// Invariants of a decoded map: at least one range, the first starts at hash 0, the starts ascend strictly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMap {
    /// Grows with each change of the map of one table id.
    pub version: u64,
    /// The table that the name stands for now.
    pub table_id: TableId,
    /// What its keys are made of.
    pub key_schema: KeySchema,
    /// Which core owns what, by ascending first hash.
    pub ranges: Vec<PartitionRange>,
}

/// The hashes from `first_hash` to the next range's, and their owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionRange {
    /// The lowest hash in the range.
    pub first_hash: KeyHash,
    /// The core that owns the range.
    pub core: u16,
}

impl PartitionMap {
    /// The core that owns a key with this hash.
    pub fn owner(&self, hash: KeyHash) -> u16 {
        let after = self.ranges.partition_point(|range| range.first_hash.0 <= hash.0);
        self.ranges[after.saturating_sub(1)].core
    }
}

static KEY_ATTRIBUTE_SHAPE: Shape<2> = Shape::new([REFERENCE, REFERENCE]);

/// Writes the attribute of a key into `field` of `table`.
pub(crate) fn encode_key_attribute(attribute: &KeyAttribute, table: Table, field: u16, writer: &mut Writer<'_>) {
    let child = writer.child(table, field, &KEY_ATTRIBUTE_SHAPE);
    write_key_attribute(&attribute.name, attribute.key_type, child, writer);
}

/// Writes names and types of attributes as a vector into `field` of `table`.
pub(crate) fn encode_key_attributes<'a>(
    attributes: impl ExactSizeIterator<Item = (&'a str, KeyType)>,
    table: Table,
    field: u16,
    writer: &mut Writer<'_>,
) {
    let vector = writer.vector(table, field, attributes.len());
    for (index, (name, key_type)) in attributes.enumerate() {
        let element = writer.element(vector, index, &KEY_ATTRIBUTE_SHAPE);
        write_key_attribute(name, key_type, element, writer);
    }
}

/// Reads the attribute of a key.
pub(crate) fn decode_key_attribute(
    payload: Payload<'_>,
    attribute: fbs::KeyAttribute<'_>,
) -> Result<KeyAttribute, ProtocolError> {
    let name = attribute.name().ok_or_else(|| payload.missing("name"))?;
    let token = attribute.key_type().ok_or_else(|| payload.missing("key_type"))?;
    let key_type = token_value::<KeyType>(token).ok_or_else(|| payload.wrong("key_type"))?;
    Ok(KeyAttribute { name: name.into(), key_type })
}

/// The value that a token stands for, in replies, where only known ones make sense.
pub(crate) fn token_value<T: Parameter>(token: &str) -> Option<T> {
    T::CHOICES.iter().find(|(known, _)| *known == token).map(|(_, value)| *value)
}

pub(crate) fn encode_describe(request_id: RequestId, table_name: &str, out: &mut BytesMut) -> Result<(), EncodeError> {
    static SHAPE: Shape<1> = Shape::new([REFERENCE]);
    let mut writer = Writer::new(Kind::DESCRIBE_PARTITIONS, Flags::NONE, request_id, out);
    let table = writer.root(&SHAPE);
    writer.text(table, fbs::DescribePartitions::VT_TABLE_NAME, table_name);
    writer.finish()
}

pub(crate) fn decode_describe(payload: Payload<'_>) -> Result<Text, Refusal> {
    let request = payload.root::<fbs::DescribePartitions<'_>>()?;
    refuse_unknown_fields(request._tab, fbs::DescribePartitions::VT_TABLE_NAME)?;
    Ok(payload.text_required("table_name", request.table_name())?)
}

pub(crate) fn encode_map(request_id: RequestId, map: &PartitionMap, out: &mut BytesMut) -> Result<(), EncodeError> {
    static SHAPE: Shape<5> = Shape::new([LONG, LONG, REFERENCE, REFERENCE, REFERENCE]);
    let mut writer = Writer::new(Kind::PARTITION_MAP, Flags::NONE, request_id, out);
    let table = writer.root(&SHAPE);
    writer.long(table, fbs::PartitionMap::VT_VERSION, map.version);
    writer.long(table, fbs::PartitionMap::VT_TABLE_ID, map.table_id.0);
    encode_key_attribute(&map.key_schema.partition_key, table, fbs::PartitionMap::VT_PARTITION_KEY, &mut writer);
    if let Some(sort_key) = &map.key_schema.sort_key {
        encode_key_attribute(sort_key, table, fbs::PartitionMap::VT_SORT_KEY, &mut writer);
    }
    let ranges = map.ranges.iter().map(|range| fbs::PartitionRange::new(range.first_hash.0, range.core).0);
    writer.scalars(table, fbs::PartitionMap::VT_RANGES, 8, ranges);
    writer.finish()
}

pub(crate) fn decode_map(payload: Payload<'_>) -> Result<PartitionMap, ProtocolError> {
    let map = payload.root::<fbs::PartitionMap<'_>>()?;
    let partition_key = map.partition_key().ok_or_else(|| payload.missing("partition_key"))?;
    let ranges = map.ranges().ok_or_else(|| payload.missing("ranges"))?;
    if ranges.len() > PARTITION_RANGES_COUNT_MAX {
        return Err(payload.wrong("ranges"));
    }
    let ranges: Vec<PartitionRange> = ranges
        .iter()
        .map(|range| PartitionRange { first_hash: KeyHash(range.first_hash()), core: range.core() })
        .collect();
    let starts_at_zero = ranges.first().is_some_and(|range| range.first_hash.0 == 0);
    let ascends = ranges.windows(2).all(|pair| pair[0].first_hash.0 < pair[1].first_hash.0);
    if !starts_at_zero || !ascends {
        return Err(payload.wrong("ranges"));
    }
    Ok(PartitionMap {
        version: map.version(),
        table_id: TableId(map.table_id()),
        key_schema: KeySchema {
            partition_key: decode_key_attribute(payload, partition_key)?,
            sort_key: map.sort_key().map(|key| decode_key_attribute(payload, key)).transpose()?,
        },
        ranges,
    })
}

fn write_key_attribute(name: &str, key_type: KeyType, table: Table, writer: &mut Writer<'_>) {
    writer.text(table, fbs::KeyAttribute::VT_NAME, name);
    writer.text(table, fbs::KeyAttribute::VT_KEY_TYPE, key_type.token());
}
