//! The checkpoint of a partition: which files hold what its log has made up to an index, so that this need not be read again. Pure; the bytes are in
//! FORMAT.md.

use crate::Statistics;
use crate::effect::SetId;
use journal::SegmentId;
use model::operation::IndexSize;
use sstable::TableRecord;

const VERSION: u8 = 2;
const FLAG_DUE_TIMES_COMPLETE: u8 = 1;

/// What a checkpoint says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// As of its index.
    pub statistics: Statistics,
    /// The attribute by which items expire, if they do.
    pub due_attribute: Option<String>,
    /// Whether every item has been looked at for that.
    pub is_due_complete: bool,
    /// The runs of each set that has any: newest first, each with its files in the order of their keys.
    pub sets: Vec<(SetId, Vec<RunRecord>)>,
}

/// What a checkpoint says of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// In the order of their keys.
    pub files: Vec<TableRecord>,
    /// Segments in which its files name records that are not there any more: each of their keys is in a newer run. Ascending.
    pub emptied: Vec<SegmentId>,
}

impl Checkpoint {
    /// The payload of its record.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let count = |count: usize| u16::try_from(count).expect("a partition has fewer files than 65,536");
        let mut out = vec![VERSION, if self.is_due_complete { FLAG_DUE_TIMES_COMPLETE } else { 0 }];
        out.extend_from_slice(&count(self.sets.len()).to_le_bytes());
        let due = self.due_attribute.as_deref().unwrap_or_default();
        out.extend_from_slice(&count(due.len()).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        for number in [self.statistics.item_count, self.statistics.size_bytes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for size in &self.statistics.local_indexes {
            out.extend_from_slice(&size.item_count.to_le_bytes());
            out.extend_from_slice(&size.size_bytes.to_le_bytes());
        }
        out.extend_from_slice(due.as_bytes());
        for (set, runs) in &self.sets {
            out.extend_from_slice(&[set.code(), 0]);
            out.extend_from_slice(&count(runs.len()).to_le_bytes());
            for RunRecord { files, emptied } in runs {
                let emptied_count = u32::try_from(emptied.len()).expect("segments are counted in 32 bits");
                out.extend_from_slice(&count(files.len()).to_le_bytes());
                out.extend_from_slice(&emptied_count.to_le_bytes());
                files.iter().for_each(|file| file.encode(&mut out));
                emptied.iter().for_each(|segment| out.extend_from_slice(&segment.0.to_le_bytes()));
            }
        }
        out
    }

    /// Reads a payload; `None` if it is none.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let [version, flags] = *take(&mut rest)?;
        if version != VERSION || flags & !FLAG_DUE_TIMES_COMPLETE != 0 {
            return None;
        }
        let set_count = take_u16(&mut rest)?;
        let due_bytes = take_u16(&mut rest)?;
        let _: &[u8; 2] = take(&mut rest)?;
        let mut statistics =
            Statistics { item_count: take_u64(&mut rest)?, size_bytes: take_u64(&mut rest)?, ..Statistics::default() };
        for size in &mut statistics.local_indexes {
            *size = IndexSize { item_count: take_u64(&mut rest)?, size_bytes: take_u64(&mut rest)? };
        }
        let (due, behind) = rest.split_at_checked(usize::from(due_bytes))?;
        rest = behind;
        let due = String::from_utf8(due.to_vec()).ok()?;
        let mut sets = Vec::new();
        for _ in 0..set_count {
            let [code, _] = *take(&mut rest)?;
            let mut runs = Vec::new();
            for _ in 0..take_u16(&mut rest)? {
                runs.push(take_run(&mut rest)?);
            }
            sets.push((SetId::of_code(code)?, runs));
        }
        let due_attribute = (!due.is_empty()).then_some(due);
        let is_due_complete = flags & FLAG_DUE_TIMES_COMPLETE != 0;
        rest.is_empty().then_some(Self { statistics, due_attribute, is_due_complete, sets })
    }
}

fn take_run(rest: &mut &[u8]) -> Option<RunRecord> {
    let file_count = take_u16(rest)?;
    let emptied_count = take_u32(rest)?;
    let files = (0..file_count).map(|_| TableRecord::decode(rest));
    let files = files.collect::<Option<Vec<_>>>().filter(|files| !files.is_empty())?;
    let emptied = (0..emptied_count).map(|_| take_u32(rest).map(SegmentId)).collect::<Option<Vec<_>>>()?;
    Some(RunRecord { files, emptied })
}

fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Option<&'b [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(taken)
}

fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    take(bytes).map(|bytes| u16::from_le_bytes(*bytes))
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    take(bytes).map(|bytes| u32::from_le_bytes(*bytes))
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sstable::FileId;

    #[test]
    fn what_is_encoded_is_decoded_and_no_truncation_passes() {
        let file = |id: u64, first: &[u8], last: &[u8]| TableRecord {
            file: FileId(id),
            units: 9,
            footer_checksum: id + 1,
            entry_count: 3,
            tombstone_count: 1,
            least_version: 4,
            greatest_version: 9,
            first_key: first.to_vec(),
            last_key: last.to_vec(),
        };
        let run =
            |files, emptied: &[u32]| RunRecord { files, emptied: emptied.iter().copied().map(SegmentId).collect() };
        let mut statistics = Statistics { item_count: 4, size_bytes: 5, ..Statistics::default() };
        statistics.local_indexes[4] = IndexSize { item_count: 1, size_bytes: u64::MAX };
        let checkpoint = Checkpoint {
            statistics,
            due_attribute: Some("when".to_owned()),
            is_due_complete: true,
            sets: vec![
                (
                    SetId::Items,
                    vec![
                        run(vec![file(1, b"a", b"b"), file(2, b"c", &[9; 3000])], &[]),
                        run(vec![file(3, b"", b"z")], &[7, 1 << 30]),
                    ],
                ),
                (SetId::LocalIndex(3), vec![run(vec![file(4, b"k", b"k")], &[])]),
            ],
        };
        let payload = checkpoint.encode();
        assert_eq!(Checkpoint::decode(&payload), Some(checkpoint));
        for length in 0..payload.len() {
            assert_eq!(Checkpoint::decode(&payload[..length]), None, "cut at {length}");
        }
        assert_eq!(Checkpoint::decode(&Checkpoint::default().encode()), Some(Checkpoint::default()));
    }
}
