//! Moving: records that lie in segments which are to be emptied are copied to the end of the log.
//!
//! ```text
//! entries, in the order of their keys -> gathered -> stretches read in the order of their places -> records opened, copies appended
//!                                                 -> entries with their new places, in the order of their keys
//! ```
//!
//! A victim is read in long stretches, with what is dead in it: a read for each record takes ten times the CPU of all that is done with the record. The
//! more entries are gathered, the more of a stretch is needed. Deliberately not here: which segments, and which entries (`emptying.rs`).

use crate::pace::Slice;
use crate::read_pipeline::ReadPipeline;
use crate::record_sums::RecordSums;
use crate::storage::{RunWriter, Storage, StorageError};
use crate::table_set::{location_of, place_of};
use journal::{AppendRefused, Location, PADDING_COUNT_MAX, Placement, RecordCopy};
use sstable::{Content, Entry, JournalPlace};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What an entry takes beside its key: itself, and its place among all.
const ENTRY_BYTES: usize = size_of::<Gathered>() + size_of::<(u32, u32)>();
/// Bytes of a segment whose records are put in order at one time: of more that would be longer than a slice.
const PIECE_BYTES: u32 = 2 << 20;
/// Bytes of a stretch, unless its first record is longer ...
const STRETCH_BYTES_MAX: u32 = 128 << 10;
/// ... and bytes between two of its records.
const GAP_BYTES_MAX: u32 = 16 << 10;
/// Stretches that are read at one time: the next one is there when the records of the first are copied.
const STRETCH_COUNT: usize = 4;
/// How long a copy waits for its turn.
const TURN_DELAY: Duration = Duration::from_millis(1);

/// An entry whose record is to be moved.
struct Gathered {
    version: u64,
    /// Where its key ends among all keys; it begins where the one before it ends.
    key_end: u32,
    item_bytes: u32,
    place: JournalPlace,
}

/// Entries' numbers, in the order of the places of their records.
#[derive(Default)]
struct ByPlace {
    /// By segment and piece of it, in no order: offsets, and numbers.
    pieces: BTreeMap<(u32, u32), Vec<(u32, u32)>>,
    /// What is left of the first piece, the last place first.
    sorted: Vec<(u32, u32)>,
}

/// Records of one segment that are read together, by their entries' numbers, in the order of their places.
#[derive(Default)]
struct Together {
    numbers: Vec<usize>,
    locations: Vec<Location>,
}

/// See the front page. One a merge.
#[derive(Default)]
pub(crate) struct Moving {
    /// In the order of their keys ...
    entries: Vec<Gathered>,
    /// ... which stand here.
    keys: Vec<u8>,
    by_place: ByPlace,
    /// Copies that wait to fill up a flush, by their entries' numbers.
    waiting: VecDeque<(usize, Placement)>,
    copies: RecordSums,
}

impl Moving {
    /// Gathers an entry; its key is greater than those before it.
    pub(crate) fn gather(&mut self, key: &[u8], version: u64, (item_bytes, place): (u32, JournalPlace)) {
        self.by_place.add(place, u32::try_from(self.entries.len()).expect("a bounded number is gathered"));
        self.keys.extend_from_slice(key);
        let key_end = u32::try_from(self.keys.len()).expect("a bounded number of bytes is gathered");
        self.entries.push(Gathered { key_end, version, item_bytes, place });
    }

    /// Whether so many are gathered that they are to be moved first.
    pub(crate) fn is_full(&self, storage: &Storage) -> bool {
        self.keys.len() + self.entries.len() * ENTRY_BYTES >= storage.gathered_bytes_max
    }

    /// All copies that were made. Those that still wait are not made any more.
    pub(crate) fn into_copies(mut self) -> RecordSums {
        for (_, placement) in self.waiting.drain(..) {
            if let Some(Ok(copy)) = placement.take() {
                self.copies.add_record(copy);
            }
        }
        self.copies
    }

    /// Moves the records of what is gathered, and writes the entries.
    ///
    /// # Errors
    /// If something cannot be read or written. The copies that were made until then are known.
    pub(crate) async fn move_gathered(
        &mut self,
        storage: &Storage,
        writer: &mut RunWriter,
    ) -> Result<(), StorageError> {
        let mut slice = Slice::new(&storage.runtime);
        let mut reads = ReadPipeline::new(&storage.runtime, STRETCH_COUNT);
        loop {
            while reads.has_room()
                && let Some(together) = self.take_together()
            {
                let (journal, (first, last)) = (storage.journal.clone(), together.ends());
                reads.begin(together, async move { journal.read_stretch(first, last).await });
            }
            let Some((Together { numbers, locations }, stretch)) = reads.next().await else { break };
            let stretch = stretch.ok();
            for (number, location) in numbers.into_iter().zip(locations) {
                slice.step().await;
                let opened = stretch.as_ref().and_then(|stretch| storage.journal.open_copy(stretch, location).ok());
                let copy = match opened {
                    Some(copy) => copy,
                    // What cannot be read may lie between it and another.
                    None => read_alone(storage, location).await?,
                };
                slice.note_bytes(copy.stored_bytes());
                self.copy(storage, number, &copy).await?;
            }
        }
        self.place_all(storage).await?;
        let mut key_begin = 0;
        for Gathered { key_end, version, item_bytes, place } in self.entries.drain(..) {
            slice.step().await;
            let key = &self.keys[key_begin..key_end as usize];
            writer.push(key, Entry { version, content: Content::InJournal { item_bytes, place } }).await?;
            key_begin = key_end as usize;
        }
        self.keys.clear();
        Ok(())
    }

    /// Copies the record of an entry: fills up a flush with it, unless enough copies wait for that.
    async fn copy(&mut self, storage: &Storage, number: usize, copy: &RecordCopy) -> Result<(), StorageError> {
        match storage.journal.keep_as_padding(copy) {
            Some(placement) => self.waiting.push_back((number, placement)),
            None => {
                let placed = append(storage, copy).await?;
                self.note_copy(number, placed);
            }
        }
        // Of more than are kept the first is placed.
        if self.waiting.len() > PADDING_COUNT_MAX { self.place_first().await } else { Ok(()) }
    }

    /// Waits for no flush any more.
    async fn place_all(&mut self, storage: &Storage) -> Result<(), StorageError> {
        loop {
            match storage.journal.append_paddings() {
                Ok(()) => break,
                Err(refused) => wait_after(storage, refused).await?,
            }
        }
        while !self.waiting.is_empty() {
            self.place_first().await?;
        }
        Ok(())
    }

    async fn place_first(&mut self) -> Result<(), StorageError> {
        let Some((number, placement)) = self.waiting.pop_front() else { return Ok(()) };
        let copy = placement.await.unwrap_or(Err(AppendRefused::Closed)).map_err(StorageError::Append)?;
        self.note_copy(number, copy);
        Ok(())
    }

    fn note_copy(&mut self, number: usize, copy: Location) {
        self.copies.add_record(copy);
        self.entries[number].place = place_of(copy);
    }

    /// The next records that lie close together.
    fn take_together(&mut self) -> Option<Together> {
        let mut together = Together::default();
        while let Some(number) = self.by_place.first() {
            let location = location_of(self.entries[number].place);
            if !together.reaches(location) {
                break;
            }
            self.by_place.remove_first();
            together.numbers.push(number);
            together.locations.push(location);
        }
        (!together.numbers.is_empty()).then_some(together)
    }
}

impl ByPlace {
    fn add(&mut self, place: JournalPlace, number: u32) {
        let piece = self.pieces.entry((place.segment, place.offset / PIECE_BYTES)).or_default();
        piece.push((place.offset, number));
    }

    /// The number of the entry whose record lies first.
    fn first(&mut self) -> Option<usize> {
        if self.sorted.is_empty() {
            (_, self.sorted) = self.pieces.pop_first()?;
            self.sorted.sort_unstable_by_key(|place| std::cmp::Reverse(*place));
        }
        self.sorted.last().map(|(_, number)| *number as usize)
    }

    fn remove_first(&mut self) {
        self.sorted.pop();
    }
}

impl Together {
    /// The first record and the last.
    fn ends(&self) -> (Location, Location) {
        (self.locations[0], self.locations[self.locations.len() - 1])
    }

    /// Whether the record, which lies behind the others, is read with them.
    fn reaches(&self, location: Location) -> bool {
        let (Some(first), Some(last)) = (self.locations.first(), self.locations.last()) else { return true };
        first.segment == location.segment
            && location.offset.saturating_sub(last.offset + last.len) <= GAP_BYTES_MAX
            && location.offset + location.len - first.offset <= STRETCH_BYTES_MAX
    }
}

async fn read_alone(storage: &Storage, location: Location) -> Result<RecordCopy, StorageError> {
    storage.journal.read_copy(location).await.map_err(|error| StorageError::Record(location, error))
}

/// Appends a copy, as soon as that holds up no request.
async fn append(storage: &Storage, copy: &RecordCopy) -> Result<Location, StorageError> {
    let Storage { runtime, journal, pace, .. } = storage;
    while journal.waiting_bytes() > pace.waiting_bytes_max() {
        runtime.sleep(TURN_DELAY).await;
    }
    loop {
        match journal.append_copy(copy) {
            Ok(location) => return Ok(location),
            Err(refused) => wait_after(storage, refused).await?,
        }
    }
}

/// Waits for another try, if what stood in the way passes: a flush, or that the next segment is made.
async fn wait_after(Storage { runtime, journal, .. }: &Storage, refused: AppendRefused) -> Result<(), StorageError> {
    let is_next_coming = !journal.is_full() && !journal.is_failing() && !journal.is_out_of_files();
    match refused {
        AppendRefused::Busy => {}
        AppendRefused::NoSpace if is_next_coming => {}
        refused => return Err(StorageError::Append(refused)),
    }
    runtime.sleep(TURN_DELAY).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_lie_close_together_are_read_together() {
        let mut moving = Moving::default();
        // By key; their places are in another order.
        let places = [(7, 900_000), (3, 4_160), (7, 4_160), (3, 8_000), (3, 30_000), (7, 5_300)];
        for (number, (segment, offset)) in (0_u8..).zip(places) {
            moving.gather(&[number], 1, (10, JournalPlace { segment, offset, bytes: 1_000 }));
        }
        let taken: Vec<Vec<usize>> = std::iter::from_fn(|| Some(moving.take_together()?.numbers)).collect();
        assert_eq!(taken, [vec![1, 3], vec![4], vec![2, 5], vec![0]]);
    }

    #[test]
    fn a_stretch_is_of_a_bounded_length_unless_its_first_record_is_longer() {
        let mut moving = Moving::default();
        for number in 0..60_u32 {
            let place = JournalPlace { segment: 1, offset: 4_096 + number * 10_240, bytes: 10_000 };
            moving.gather(&number.to_be_bytes(), 1, (10, place));
        }
        moving.gather(&[255], 1, (10, JournalPlace { segment: 2, offset: 4_096, bytes: 400_000 }));
        let taken: Vec<usize> = std::iter::from_fn(|| Some(moving.take_together()?.numbers.len())).collect();
        assert_eq!(taken, [12, 12, 12, 12, 12, 1]);
    }
}
