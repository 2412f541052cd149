//! Records of the journal, counted by the segment that they lie in: what a run names, what is dead, what was copied.

use journal::{Journal, Location, RecordSum, SegmentId};
use std::collections::BTreeMap;

/// See the front page. No segment has a count of 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordSums(BTreeMap<SegmentId, RecordSum>);

impl RecordSums {
    /// Adds records of a segment, of which there is one at least.
    pub(crate) fn add(&mut self, segment: SegmentId, sum: RecordSum) {
        let known = self.0.entry(segment).or_default();
        known.count += sum.count;
        known.payload_bytes += sum.payload_bytes;
    }

    /// Adds a record.
    pub(crate) fn add_record(&mut self, location: Location) {
        self.add(location.segment, RecordSum::of_one(location.len));
    }

    /// Adds all others.
    pub(crate) fn add_all(&mut self, others: &RecordSums) {
        others.iter().for_each(|(segment, sum)| self.add(segment, sum));
    }

    /// Takes others away, which are among these.
    pub(crate) fn subtract(&mut self, others: &RecordSums) {
        for (segment, sum) in others.iter() {
            let known = self.0.get_mut(&segment).expect("what is taken away is there");
            known.count -= sum.count;
            known.payload_bytes -= sum.payload_bytes;
        }
        self.0.retain(|_, sum| sum.count > 0);
    }

    /// Leaves the segments away of which `is_wanted` is not so.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(SegmentId) -> bool) {
        self.0.retain(|segment, _| is_wanted(*segment));
    }

    /// The records of a segment, if there are any.
    pub(crate) fn get(&self, segment: SegmentId) -> Option<RecordSum> {
        self.0.get(&segment).copied()
    }

    /// The segments, ascending, each with its records.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (SegmentId, RecordSum)> {
        self.0.iter().map(|(segment, sum)| (*segment, *sum))
    }

    /// How many segments there are.
    pub(crate) fn segment_count(&self) -> usize {
        self.0.len()
    }

    /// All records.
    pub(crate) fn total(&self) -> RecordSum {
        self.0.values().fold(RecordSum::default(), |all, sum| RecordSum {
            count: all.count + sum.count,
            payload_bytes: all.payload_bytes + sum.payload_bytes,
        })
    }

    /// Tells the journal that they are dead.
    pub(crate) fn release_to(&self, journal: &Journal) {
        self.iter().for_each(|(segment, sum)| journal.release_sum(segment, sum));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_can_be_taken_away() {
        let location = |segment, len| Location { segment: SegmentId(segment), offset: 0, len };
        let (mut sums, mut others) = (RecordSums::default(), RecordSums::default());
        for (segment, len) in [(1, 10), (1, 20), (3, 5), (7, 8)] {
            sums.add_record(location(segment, len));
        }
        others.add_record(location(1, 10));
        others.add_record(location(3, 5));
        sums.subtract(&others);
        let of_one = RecordSum::of_one;
        assert!(sums.iter().eq([(SegmentId(1), of_one(20)), (SegmentId(7), of_one(8))]));
        sums.add_all(&others);
        assert_eq!((sums.segment_count(), sums.total().count, sums.total().payload_bytes), (3, 4, 43));
        sums.retain(|segment| segment.0 > 1);
        assert_eq!((sums.get(SegmentId(1)), sums.get(SegmentId(3))), (None, Some(of_one(5))));
    }
}
