//! Cleaning: which segments of the journal are emptied next, and what that costs. Pure.
//!
//! ```text
//! more space used than live items may take -> Round: a few victims -> each partition reads its runs that name records in them, and moves those that are
//! live -> the victims are dead, and used again
//! ```
//!
//! A round takes space for copies before it gives any, so it is a small one. What it costs is the records that are moved, and the files that are read to
//! find them: what was written of late is named by the newest runs alone, and most of it is superseded soon; what has lain for long costs a pass
//! over the large runs. So the cheapest round is looked for among those of each reach. Deliberately not here: when, and the work itself (`rounds.rs`).

use journal::{SegmentId, SegmentUsage};
use model::table::PartitionId;
use partition::{Cleaning, LiveBytes, Partition};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

/// Bytes of the journal at which segments are emptied: per hundred that items have as they are counted ...
const COUNTED_PERCENT: u64 = 125;
/// ... but between so many and so many per hundred that their records take. What compression saves makes cleaning cheap first: at 160 it has become so cheap
/// that more would be a waste of space ...
const STORED_PERCENT: [u64; 2] = [128, 160];
/// ... unless the log and so many segments besides are more.
const SLACK_SEGMENT_COUNT: u64 = 5;
/// A round brings at least so many segments ...
const ROUND_SEGMENT_COUNT: u64 = 2;
/// ... or one part in so many of what lives, where that is more.
const ROUND_SHARE: u64 = 160;
/// A round that would bring less than one part in so many of that is not worth it.
const ROUND_PART_MIN: u64 = 4;
/// Live bytes per hundred used ones up to which a segment is worth emptying.
const VICTIM_PERCENT: u64 = 85;
/// Bytes of files that may be read for one that is moved: nothing is written for them, and most of their entries are only passed over.
const READ_SHARE: u64 = 4;
/// Superseded items per hundred live ones that make it worth looking for dead space.
const SUPERSEDED_PERCENT: u64 = 10;

/// What the partitions of the worker do one after the other: move what they have in some segments, or merge all their runs.
pub(crate) struct Round {
    pub(crate) cleaning: Cleaning,
    pub(crate) forecast: Forecast,
    pub(crate) partitions: VecDeque<PartitionId>,
    /// One of them is at it.
    pub(crate) is_merging: bool,
}

/// What comes of a round.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Forecast {
    /// Bytes of the journal that can be used again.
    reclaimed_bytes: u64,
    /// Bytes of records that are moved.
    moved_bytes: u64,
    /// Bytes of files that are read to find them.
    read_bytes: u64,
}

/// The space of the journal.
#[derive(Clone, Copy)]
pub(crate) struct Space {
    /// What items need.
    pub(crate) live: LiveBytes,
    /// Bytes of segments in use.
    pub(crate) used_bytes: u64,
    /// Of these, segments of the log.
    pub(crate) log_segment_count: u64,
    pub(crate) segment_bytes: u64,
    /// Bytes that copies may take on a full disk; `None`: it is not full.
    pub(crate) copies_room_bytes: Option<u64>,
}

/// A segment that can be emptied.
#[derive(Clone, Copy)]
struct Candidate {
    segment: SegmentId,
    /// Bytes that would be moved.
    left_bytes: u64,
    used_bytes: u64,
    /// Bytes of files that are read for it.
    pass_bytes: u64,
}

/// Victims, and what comes of them.
#[derive(Default)]
struct Choice {
    victims: BTreeSet<SegmentId>,
    forecast: Forecast,
}

impl Choice {
    fn add(&mut self, candidate: &Candidate) {
        self.victims.insert(candidate.segment);
        self.forecast.reclaimed_bytes += candidate.used_bytes - candidate.left_bytes;
        self.forecast.moved_bytes += candidate.left_bytes;
        self.forecast.read_bytes = self.forecast.read_bytes.max(candidate.pass_bytes);
    }
}

impl Forecast {
    /// What is moved and a share of what is read, for a thousand bytes that can be used again.
    fn cost(&self) -> u64 {
        (self.moved_bytes + self.read_bytes / READ_SHARE) * 1_000 / self.reclaimed_bytes.max(1)
    }
}

impl Space {
    /// More than this has segments emptied.
    fn bytes_max(self) -> u64 {
        let LiveBytes { counted, stored } = self.live;
        let slack_bytes = (SLACK_SEGMENT_COUNT + self.log_segment_count) * self.segment_bytes;
        let [least, most] = STORED_PERCENT.map(|percent| stored * percent / 100);
        (counted * COUNTED_PERCENT / 100).clamp(least, most).max(stored + slack_bytes)
    }

    /// How much more is used than that, in thousandths of it.
    pub(crate) fn behind(self) -> u64 {
        (self.used_bytes * 1_000 / self.bytes_max().max(1)).saturating_sub(1_000)
    }

    /// Bytes of records, as they lie, that may be moved on a full disk: fewer than there is room for where records are compressed, for the code of the last
    /// segment may do less for them. `None`: it is not full.
    fn movable_bytes_max(self) -> Option<u64> {
        let LiveBytes { counted, stored } = self.live;
        let room = u128::from(self.copies_room_bytes?);
        let stored = u128::from(stored.max(1));
        // Items that lie in files whole are counted too: what they add says nothing of records.
        let plain = u128::from(counted).clamp(stored, stored * u128::from(STORED_PERCENT[1]) / 100);
        Some(u64::try_from(room * stored / plain).expect("no more than the room"))
    }

    /// Whether segments are to be emptied.
    pub(crate) fn is_too_much(self) -> bool {
        self.used_bytes > self.bytes_max()
    }

    /// Bytes that a round is to bring.
    fn goal_bytes(self) -> u64 {
        (self.live.stored / ROUND_SHARE).max(ROUND_SEGMENT_COUNT * self.segment_bytes)
    }
}

/// The next round, if one is worth it. Of what is live in `spoiled` segments something cannot be read or not be found, so they cannot be emptied.
pub(crate) fn plan<'p>(
    space: Space,
    (usage, spoiled): (&[SegmentUsage], &BTreeSet<SegmentId>),
    partitions: impl Iterator<Item = &'p Partition> + Clone,
) -> Option<Round> {
    let mut candidates = candidates(usage, &pass_bytes(partitions.clone()));
    candidates.retain(|candidate| !spoiled.contains(&candidate.segment));
    let goal_bytes = space.goal_bytes();
    let Choice { victims, forecast } = choose(candidates, goal_bytes, space.movable_bytes_max());
    let is_worth_it = forecast.reclaimed_bytes >= goal_bytes / ROUND_PART_MIN;
    let is_superseded = |partition: &&Partition| {
        let superseded_count = partition.superseded_count();
        superseded_count > 0 && superseded_count * 100 >= partition.statistics().item_count * SUPERSEDED_PERCENT
    };
    let cleaning = if is_worth_it { Cleaning::Empty(Rc::new(victims)) } else { Cleaning::Thorough };
    let mut partitions: Vec<_> = partitions.filter(|partition| partition.has_files()).collect();
    partitions.retain(|partition| is_worth_it || is_superseded(partition));
    // In an order that the map's does not decide.
    partitions.sort_by_key(|partition| (std::cmp::Reverse(partition.superseded_count()), partition.id()));
    let partitions: VecDeque<_> = partitions.into_iter().map(Partition::id).collect();
    (!partitions.is_empty()).then_some(Round { cleaning, forecast, partitions, is_merging: false })
}

/// Bytes of files that are read to empty each segment that can be.
fn pass_bytes<'p>(partitions: impl Iterator<Item = &'p Partition>) -> HashMap<SegmentId, u64> {
    let mut all: HashMap<SegmentId, u64> = HashMap::new();
    for (segment, bytes) in partitions.flat_map(Partition::cleaning_passes) {
        *all.entry(segment).or_default() += bytes;
    }
    all
}

/// The segments before the log of which not too much would have to be moved; those with the least to move first.
fn candidates(usage: &[SegmentUsage], pass_bytes: &HashMap<SegmentId, u64>) -> Vec<Candidate> {
    let before_log = usage.iter().filter(|usage| !usage.is_visited);
    let candidates = before_log.filter_map(|usage| {
        Some(Candidate {
            segment: usage.segment,
            // What is superseded need not be moved: the same pass that would come to it leaves it behind.
            left_bytes: usage.live_bytes - usage.superseded_bytes,
            used_bytes: usage.used_bytes,
            // What no file names, no round can move.
            pass_bytes: *pass_bytes.get(&usage.segment)?,
        })
    });
    let is_worth_it = |candidate: &Candidate| candidate.left_bytes * 100 <= candidate.used_bytes * VICTIM_PERCENT;
    let mut candidates: Vec<_> = candidates.filter(is_worth_it).collect();
    candidates.sort_by_key(|candidate| (candidate.left_bytes * 1_000 / candidate.used_bytes, candidate.segment));
    candidates
}

/// Of the choices that read no more than some amount of files, the one that costs least for what it brings. A choice is the candidates with the least to move
/// that bring `goal_bytes` together, or more where that many have to be read; but no more than there is room for copies of.
fn choose(candidates: Vec<Candidate>, goal_bytes: u64, movable_bytes_max: Option<u64>) -> Choice {
    let magnitude = |candidate: &Candidate| candidate.pass_bytes.max(1).ilog2();
    let reaches: BTreeSet<u32> = candidates.iter().map(magnitude).collect();
    let choices = reaches.into_iter().map(|reach| {
        let within = || candidates.iter().filter(|candidate| magnitude(candidate) <= reach);
        // A long pass has to be worth it.
        let longest_bytes = within().map(|candidate| candidate.pass_bytes).max().unwrap_or(0);
        let reach_goal_bytes = goal_bytes.max(longest_bytes / READ_SHARE);
        let mut choice = Choice::default();
        for candidate in within() {
            let moved_bytes = choice.forecast.moved_bytes + candidate.left_bytes;
            let has_room = movable_bytes_max.is_none_or(|most| moved_bytes <= most);
            if choice.forecast.reclaimed_bytes >= reach_goal_bytes || !has_room {
                break;
            }
            choice.add(candidate);
        }
        choice
    });
    let enough = choices.filter(|choice| choice.forecast.reclaimed_bytes >= goal_bytes / ROUND_PART_MIN);
    enough.min_by_key(|choice| choice.forecast.cost()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(segment: u32, (live_bytes, superseded_bytes): (u64, u64), is_visited: bool) -> SegmentUsage {
        SegmentUsage { segment: SegmentId(segment), live_bytes, superseded_bytes, used_bytes: 1_000, is_visited }
    }

    /// The choice among segments for whose emptying files of so many bytes are read.
    fn chosen(all: &[SegmentUsage], passes: &[(u32, u64)], goal_bytes: u64) -> (Vec<u32>, u64) {
        let passes = passes.iter().map(|(segment, bytes)| (SegmentId(*segment), *bytes)).collect();
        let choice = choose(candidates(all, &passes), goal_bytes, None);
        (choice.victims.iter().map(|segment| segment.0).collect(), choice.forecast.reclaimed_bytes)
    }

    #[test]
    fn what_compression_saves_goes_to_cleaning_first() {
        let bytes_max = |counted, stored| {
            let live = LiveBytes { counted, stored };
            Space { live, used_bytes: 0, log_segment_count: 2, segment_bytes: 10, copies_room_bytes: None }.bytes_max()
        };
        assert_eq!(bytes_max(1_000, 1_000), 1_280, "nothing");
        assert_eq!(bytes_max(1_000, 1_100), 1_408, "of many small values");
        assert_eq!(bytes_max(1_000, 850), 1_250);
        assert_eq!(bytes_max(1_000, 500), 800);
        assert_eq!(bytes_max(1_000, 0), 70, "all lies in files");
    }

    #[test]
    fn the_segments_with_the_least_to_move_are_emptied_first_and_no_more_than_bring_the_goal() {
        let all = [
            usage(1, (900, 0), false),
            usage(2, (900, 400), false),
            usage(3, (700, 0), false),
            usage(4, (100, 0), true),
            usage(5, (800, 790), false),
        ];
        let all_of = |goal_bytes| chosen(&all, &[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)], goal_bytes);
        assert_eq!(all_of(1), (vec![5], 990), "nearly all of it is superseded");
        assert_eq!(all_of(991), (vec![2, 5], 1_490));
        assert_eq!(all_of(1_790), (vec![2, 3, 5], 1_790), "not one that is full, nor the log's");
        assert_eq!(all_of(1_790 * ROUND_PART_MIN + 4), (vec![], 0), "too little for such a goal");
        let but_the_best = [(1, 1), (2, 1), (3, 1)];
        assert_eq!(chosen(&all, &but_the_best, 1), (vec![2], 500), "not one that no file names");
    }

    #[test]
    fn on_a_full_disk_no_more_is_moved_than_there_is_room_for() {
        let all = [usage(1, (300, 0), false), usage(2, (400, 0), false), usage(3, (500, 0), false)];
        let passes = (1..=3).map(|segment| (SegmentId(segment), 1)).collect();
        let all = candidates(&all, &passes);
        let chosen = |room| choose(all.clone(), 1_500, Some(room)).victims.len();
        assert_eq!([0, 299, 300, 699, 700, 9_000].map(chosen), [0, 0, 1, 1, 2, 3]);
    }

    /// A segment without a code stores what it takes in as it is.
    #[test]
    fn on_a_full_disk_copies_may_take_more_than_what_they_are_made_of() {
        let live = |counted, stored| LiveBytes { counted, stored };
        let space = |live, copies_room_bytes| Space {
            live,
            used_bytes: 0,
            log_segment_count: 1,
            segment_bytes: 1_000,
            copies_room_bytes,
        };
        assert_eq!(space(live(1_250, 1_000), Some(8_000)).movable_bytes_max(), Some(6_400));
        assert_eq!(
            space(live(90_000, 1_000), Some(8_000)).movable_bytes_max(),
            Some(5_000),
            "most of it lies in files"
        );
        assert_eq!(space(live(900, 1_000), Some(8_000)).movable_bytes_max(), Some(8_000));
        assert_eq!(space(live(u64::MAX, u64::MAX), Some(u64::MAX)).movable_bytes_max(), Some(u64::MAX));
        assert_eq!(space(live(0, 0), Some(8_000)).movable_bytes_max(), Some(8_000));
        assert_eq!(space(live(2_000, 1_000), None).movable_bytes_max(), None);
    }

    #[test]
    fn a_pass_over_all_files_is_made_only_if_it_saves_as_much_as_it_costs() {
        let all = [usage(1, (300, 0), false), usage(2, (300, 0), false), usage(3, (600, 0), false)];
        let passes = |deep| [(1, deep), (2, deep), (3, 20)];
        let all_of = |deep, goal_bytes| chosen(&all, &passes(deep), goal_bytes);
        assert_eq!(all_of(40, 1_400), (vec![1, 2], 1_400), "the pass costs next to nothing");
        assert_eq!(all_of(9_000, 1_400), (vec![3], 400), "it costs more than moving the rest of a fuller one");
        assert_eq!(all_of(9_000, 2_000), (vec![1, 2, 3], 1_800), "only this brings enough");
    }
}
