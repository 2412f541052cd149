//! What a power cut does to the writes that are on their way to the medium.
//!
//! A real disk may hold back, reorder and tear what it has not been told to flush. Here each of these is drawn from the
//! seed, or asked for by a test. Pure: the disk gives the list of writes and applies what comes back.

use super::chance::Chance;
use super::contents::{PAGE_BYTES, SECTOR_BYTES, UnsettledWrite};

/// What becomes of the writes that no sync covered and of those in flight, when the power is cut.
/// What was acknowledged as durable always survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CutFate {
    /// One of the others, or a fate for each write apart, from the seed.
    #[default]
    Drawn,
    /// None of them is there.
    Lost,
    /// All of them are there.
    Whole,
    /// Each is there in part: some of its sectors of 512 bytes.
    TornSectors,
    /// Each is there in part: some of its pages of 4 KiB.
    TornPages,
    /// The later ones are there, the earlier ones are not.
    Reordered,
    /// A disk that keeps order: the first ones are there, one is torn, the later ones are not.
    Ordered,
}

/// Decides for each of `writes` (oldest first) which of its sectors reach the medium.
pub(super) fn decide_sectors(fate: CutFate, writes: &[&UnsettledWrite], chance: &mut Chance) -> Vec<Vec<bool>> {
    // Each write apart is as likely as all the moods of the whole disk together.
    let fate = match fate {
        CutFate::Drawn if chance.coin() => CutFate::Drawn,
        CutFate::Drawn => draw_mood(chance),
        asked => asked,
    };
    let boundary = if writes.len() < 2 { chance.index(2) } else { 1 + chance.index(writes.len() - 1) };
    let decide_one = |(position, write): (usize, &&UnsettledWrite)| {
        let own_fate = match fate {
            CutFate::Drawn => draw_own_fate(chance),
            CutFate::Reordered if position < boundary => CutFate::Lost,
            CutFate::Reordered => CutFate::Whole,
            CutFate::Ordered if position + 1 < boundary => CutFate::Whole,
            CutFate::Ordered if position + 1 == boundary => CutFate::TornSectors,
            CutFate::Ordered => CutFate::Lost,
            same_for_all => same_for_all,
        };
        keep_sectors(own_fate, write, chance)
    };
    writes.iter().enumerate().map(decide_one).collect()
}

/// How long a file is after a cut that came between an allocation and its sync: not longer, as long as asked, or between.
pub(super) fn draw_len_bytes(durable_bytes: u64, live_bytes: u64, chance: &mut Chance) -> u64 {
    match chance.below(3) {
        0 => durable_bytes,
        1 => live_bytes,
        _ => chance.between(durable_bytes, live_bytes) / PAGE_BYTES as u64 * PAGE_BYTES as u64,
    }
}

/// Some of the sectors of a write, never all and never none where there are two or more of `unit_bytes`.
/// A write of one unit is there or not.
pub(super) fn tear(write: &UnsettledWrite, unit_bytes: usize, chance: &mut Chance) -> Vec<bool> {
    let unit_of = |sector: usize| {
        let start = write.offset + (sector * SECTOR_BYTES) as u64;
        usize::try_from(start / unit_bytes as u64 - write.offset / unit_bytes as u64)
            .expect("a write has fewer units than bytes")
    };
    let unit_count = write.sector_count().checked_sub(1).map_or(0, |last| unit_of(last) + 1);
    let units = tear_units(unit_count, chance);
    (0..write.sector_count()).map(|sector| units[unit_of(sector)]).collect()
}

fn tear_units(unit_count: usize, chance: &mut Chance) -> Vec<bool> {
    if unit_count < 2 {
        let is_kept = chance.coin();
        return vec![is_kept; unit_count];
    }
    let boundary = 1 + chance.index(unit_count - 1);
    match chance.below(3) {
        0 => (0..unit_count).map(|unit| unit < boundary).collect(),
        1 => (0..unit_count).map(|unit| unit >= boundary).collect(),
        _ => {
            let mut units: Vec<bool> = (0..unit_count).map(|_| chance.coin()).collect();
            let first = units[0];
            if units.iter().all(|&unit| unit == first) {
                units[boundary] = !first;
            }
            units
        }
    }
}

fn keep_sectors(fate: CutFate, write: &UnsettledWrite, chance: &mut Chance) -> Vec<bool> {
    match fate {
        CutFate::Whole => vec![true; write.sector_count()],
        CutFate::TornSectors => tear(write, SECTOR_BYTES, chance),
        CutFate::TornPages => tear(write, PAGE_BYTES, chance),
        CutFate::Lost | CutFate::Drawn | CutFate::Reordered | CutFate::Ordered => {
            vec![false; write.sector_count()]
        }
    }
}

fn draw_mood(chance: &mut Chance) -> CutFate {
    match chance.below(6) {
        0 => CutFate::Lost,
        1 => CutFate::Whole,
        2 => CutFate::TornSectors,
        3 => CutFate::TornPages,
        4 => CutFate::Reordered,
        _ => CutFate::Ordered,
    }
}

fn draw_own_fate(chance: &mut Chance) -> CutFate {
    match chance.below(4) {
        0 => CutFate::Lost,
        1 => CutFate::Whole,
        2 => CutFate::TornSectors,
        _ => CutFate::TornPages,
    }
}
