//! How long a journal's flushes take: what is counted since its opening.

use std::time::Duration;

/// A flush that takes longer is told: every write behind it has waited.
const SLOW: Duration = Duration::from_millis(20);

/// Flushes of a journal since its opening, marks included. A flush lasts from when it is handed to the disk until the core takes note that it is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushFigures {
    /// How many.
    pub count: u64,
    /// Bytes that they wrote, padding and headers included.
    pub bytes: u64,
    /// How long all of them took together.
    pub total: Duration,
    /// How long the longest took.
    pub longest: Duration,
}

/// How a flush compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Ordinary,
    Slow,
    /// Slow, and slower than any before.
    Slowest,
}

impl FlushFigures {
    /// Counts a flush that took so long.
    pub(crate) fn count(&mut self, bytes: u64, took: Duration) -> Pace {
        self.count += 1;
        self.bytes += bytes;
        self.total += took;
        let is_longest = took > self.longest;
        self.longest = self.longest.max(took);
        match (took > SLOW, is_longest) {
            (false, _) => Pace::Ordinary,
            (true, false) => Pace::Slow,
            (true, true) => Pace::Slowest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_flush_is_told_and_so_is_the_slowest() {
        let mut figures = FlushFigures::default();
        let millis = [1, 20, 90, 40, 90, 91];
        let told = millis.map(|millis| figures.count(4096, Duration::from_millis(millis)));
        use Pace::{Ordinary, Slow, Slowest};
        assert_eq!(told, [Ordinary, Ordinary, Slowest, Slow, Slow, Slowest]);
        let (total, longest) = (Duration::from_millis(332), Duration::from_millis(91));
        assert_eq!(figures, FlushFigures { count: 6, bytes: 6 * 4096, total, longest });
    }
}
