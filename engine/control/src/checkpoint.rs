//! The whole catalog as records of group 0, in parts, as FORMAT.md lays them out: with it, older entries need not be read. Pure.

use crate::{Catalog, CatalogChange};
use model::TableId;
use model::table::PartitionId;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 24;
/// Bytes after which a part ends. One table more may make it longer.
const PART_BYTES: usize = 32 << 10;

/// One record of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckpointPart {
    /// From 0.
    pub(crate) number: u16,
    /// Parts of the checkpoint.
    pub(crate) count: u16,
    pub(crate) last_table: TableId,
    pub(crate) last_partition: PartitionId,
    /// Each creates a table as it is now.
    pub(crate) tables: Vec<CatalogChange>,
}

/// The payloads of all parts, in order.
pub(crate) fn encode(catalog: &Catalog) -> Vec<Vec<u8>> {
    let mut parts = vec![vec![0; HEADER_BYTES]];
    for table in catalog.tables() {
        let create = CatalogChange::Create {
            definition: Box::new(table.definition.clone()),
            first_partition: table.partitions.first().expect("a table has a partition").partition,
            cores: table.partitions.iter().map(|placement| placement.core).collect(),
        };
        let create = create.encode();
        if parts.last().is_some_and(|part| part.len() >= PART_BYTES) {
            parts.push(vec![0; HEADER_BYTES]);
        }
        let part = parts.last_mut().expect("there is a first one");
        part.extend(u32::try_from(create.len()).expect("a definition is short").to_le_bytes());
        part.extend(create);
    }
    let count = u16::try_from(parts.len()).expect("there are fewer tables than 65,536");
    let (last_table, last_partition) = catalog.last_ids();
    for (number, part) in (0_u16..).zip(&mut parts) {
        part[0] = VERSION;
        part[2..4].copy_from_slice(&number.to_le_bytes());
        part[4..6].copy_from_slice(&count.to_le_bytes());
        part[8..16].copy_from_slice(&last_table.0.to_le_bytes());
        part[16..24].copy_from_slice(&last_partition.0.to_le_bytes());
    }
    parts
}

impl CheckpointPart {
    /// Reads the payload of a record; `None` if it is none of ours.
    pub(crate) fn decode(payload: &[u8]) -> Option<CheckpointPart> {
        let (header, mut rest) = payload.split_first_chunk::<HEADER_BYTES>()?;
        let [version, zero, n0, n1, c0, c1, zero_0, zero_1, ref ids @ ..] = *header;
        let (number, count) = (u16::from_le_bytes([n0, n1]), u16::from_le_bytes([c0, c1]));
        if version != VERSION || [zero, zero_0, zero_1] != [0; 3] || number >= count {
            return None;
        }
        let (table, partition) = ids.split_at(8);
        let last_table = TableId(u64::from_le_bytes(table.try_into().ok()?));
        let last_partition = PartitionId(u64::from_le_bytes(partition.try_into().ok()?));
        let mut tables = Vec::new();
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk()?;
            let (create, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let create = CatalogChange::decode(create).ok()?;
            if !matches!(create, CatalogChange::Create { .. }) {
                return None;
            }
            tables.push(create);
            rest = behind;
        }
        Some(CheckpointPart { number, count, last_table, last_partition, tables })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{KeyAttribute, KeySchema, KeyType, TableDefinition};
    use runtime::CoreId;

    fn catalog(table_count: u64) -> Catalog {
        let mut catalog = Catalog::default();
        for number in 1..=table_count {
            let partition_key = KeyAttribute { name: "pk".repeat(50), key_type: KeyType::String };
            let schema = KeySchema { partition_key, sort_key: None };
            let definition =
                TableDefinition { id: TableId(number), ..TableDefinition::new(&format!("t{number:05}"), schema) };
            let (definition, first_partition) = (Box::new(definition), PartitionId(number * 2));
            let cores = vec![CoreId(0), CoreId(1)];
            catalog.apply(CatalogChange::Create { definition, first_partition, cores }).unwrap();
        }
        // The last ids are of a table that is gone.
        if table_count > 0 {
            catalog.apply(CatalogChange::Delete(TableId(table_count))).unwrap();
        }
        catalog
    }

    fn check(table_count: u64, expected_part_count: std::ops::Range<usize>) {
        let catalog = catalog(table_count);
        let payloads = encode(&catalog);
        assert!(expected_part_count.contains(&payloads.len()), "{} parts", payloads.len());
        let parts: Vec<CheckpointPart> = payloads.iter().map(|part| CheckpointPart::decode(part).unwrap()).collect();
        for (number, part) in parts.iter().enumerate() {
            assert_eq!((usize::from(part.number), usize::from(part.count)), (number, parts.len()));
        }
        let read = Catalog::of_checkpoint(&parts).unwrap();
        assert!(read.tables().eq(catalog.tables()));
        assert_eq!(read.last_ids(), catalog.last_ids());
    }

    #[test]
    fn catalogs_come_back_whole_however_many_parts_they_take() {
        check(0, 1..2);
        check(1, 1..2);
        check(40, 1..2);
        check(2000, 5..60);
    }

    #[test]
    fn truncations_and_other_bytes_are_refused() {
        let payload = encode(&catalog(3)).remove(0);
        let whole = CheckpointPart::decode(&payload).unwrap();
        for length in 0..payload.len() {
            assert_ne!(CheckpointPart::decode(&payload[..length]), Some(whole.clone()), "cut at {length}");
        }
        for (at, value) in [(0, 2), (1, 1), (2, 9), (4, 0), (7, 1), (24, 0xFF)] {
            let mut bytes = payload.clone();
            bytes[at] = value;
            assert_eq!(CheckpointPart::decode(&bytes), None, "{value} at {at}");
        }
    }
}
