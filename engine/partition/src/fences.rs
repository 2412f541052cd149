//! Where the index pages of a run begin, as numbers that lie side by side: which page a key is in is found with hardly a look at memory.
//!
//! A key's number is its first eight bytes, which are the hash of its partition key: so numbers are spread evenly, and the page is next to the place that is
//! guessed. Where a number is also that of a page's begin it does not tell, and the keys themselves have to be compared. One a run. Pure.

use sstable::{Spread, Table};
use std::rc::Rc;

/// How far from the guess a page is looked for before it is looked for everywhere.
const NEAR_COUNT: usize = 4;

/// See the front page. Clones are the same.
#[derive(Clone)]
pub(crate) struct Fences {
    /// The least number of each page, those of all files in order.
    begins: Rc<[u64]>,
    /// Of each file, which of these is its first page's.
    first_pages: Rc<[usize]>,
    spread: Spread,
}

/// Where a key is, as far as its number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before all pages.
    Before,
    /// In this page of this file, if anywhere.
    Page { file: usize, number: usize },
    /// The number does not tell.
    Untold,
}

impl Fences {
    /// Those of files in the order of their keys.
    pub(crate) fn of(files: &[Rc<Table>]) -> Self {
        Self::new(files.iter().map(|file| file.page_begins()))
    }

    fn new(files: impl Iterator<Item = impl Iterator<Item = u64>>) -> Self {
        let (mut begins, mut first_pages) = (Vec::new(), Vec::new());
        for file in files {
            first_pages.push(begins.len());
            begins.extend(file);
        }
        let ends = begins.first().zip(begins.last());
        let spread = ends.map_or_else(Spread::default, |(first, last)| Spread::of(*first, *last, begins.len()));
        Self { begins: begins.into(), first_pages: first_pages.into(), spread }
    }

    /// Where a key with this number is.
    pub(crate) fn place_of(&self, number: u64) -> Place {
        let Some(page) = self.after(number).checked_sub(1) else { return Place::Before };
        if self.begins[page] == number {
            return Place::Untold;
        }
        let file = self.first_pages.partition_point(|first| *first <= page) - 1;
        Place::Page { file, number: page - self.first_pages[file] }
    }

    /// How many pages begin with this number or a lesser one.
    fn after(&self, number: u64) -> usize {
        let count = self.begins.len();
        let guess = self.guess(number);
        let (low, high) = (guess.saturating_sub(NEAR_COUNT), count.min(guess + NEAR_COUNT));
        let is_above_low = low == 0 || self.begins[low - 1] <= number;
        let is_below_high = self.begins.get(high).is_none_or(|begin| *begin > number);
        let (low, high) = if is_above_low && is_below_high { (low, high) } else { (0, count) };
        low + self.begins[low..high].partition_point(|begin| *begin <= number)
    }

    fn guess(&self, number: u64) -> usize {
        self.spread.guess(number).min(self.begins.len())
    }

    /// Bytes of memory that they hold.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of_val(&*self.begins) + size_of_val(&*self.first_pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the number is by looking at all of them.
    fn place_among(files: &[Vec<u64>], number: u64) -> Place {
        let pages = files
            .iter()
            .enumerate()
            .flat_map(|(file, begins)| begins.iter().enumerate().map(move |(number, begin)| (*begin, file, number)));
        match pages.take_while(|(begin, ..)| *begin <= number).last() {
            None => Place::Before,
            Some((begin, ..)) if begin == number => Place::Untold,
            Some((_, file, number)) => Place::Page { file, number },
        }
    }

    #[test]
    fn a_number_is_found_whatever_they_are() {
        let mut random = fastrand::Rng::with_seed(8);
        for round in 0..400 {
            let count = random.usize(1..200);
            // Spread evenly, close together, or most of them the same.
            let mut number = || match round % 3 {
                0 => random.u64(..),
                1 => random.u64(..300),
                _ => 1 << random.u32(..64),
            };
            let mut begins: Vec<u64> = (0..count).map(|_| number()).collect();
            begins.sort_unstable();
            let near: Vec<u64> =
                begins.iter().flat_map(|begin| [begin.saturating_sub(1), *begin, begin.saturating_add(1)]).collect();
            let sought: Vec<u64> = (0..100).map(|_| number()).chain(near).chain([0, u64::MAX]).collect();
            let files: Vec<Vec<u64>> = begins.chunks(1 + round % 70).map(<[u64]>::to_vec).collect();
            let fences = Fences::new(files.iter().map(|file| file.iter().copied()));
            for number in sought {
                assert_eq!(fences.place_of(number), place_among(&files, number), "{number} in {files:?}");
            }
        }
    }

    #[test]
    fn where_numbers_are_spread_evenly_the_guess_is_near() {
        let mut random = fastrand::Rng::with_seed(9);
        let mut keys: Vec<u64> = (0..1_000_000).map(|_| random.u64(..)).collect();
        keys.sort_unstable();
        let fences = Fences::new([keys.iter().copied().step_by(4_000)].into_iter());
        for number in keys.iter().copied().step_by(997) {
            let (guess, after) = (fences.guess(number), fences.after(number));
            assert!(guess.abs_diff(after) < NEAR_COUNT, "{after} pages, guess {guess}");
        }
    }
}
