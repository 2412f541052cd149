//! How much a core takes in and writes in one turn, over all of its connections: then its driver and its other tasks have
//! their turn, and the watchdog its answer.
//!
//! One a core, new with each turn. What is left over is gone on with in the next turn, which follows at once.

/// Messages that are taken in: some 20 ms of decoding and submitting.
const REQUEST_COUNT_MAX: usize = 4_096;
/// Bytes that the replies to requests taken in may come to.
const EXPECTED_BYTES_MAX: usize = 64 << 20;
/// Bytes of HTTP bodies that are looked at, as they are unpacked, refused requests' among them: some 50 ms.
const EXAMINED_BYTES_MAX: usize = 16 << 20;
/// Bytes of replies that are written, before they are packed: some 100 ms where they are.
const WRITTEN_BYTES_MAX: usize = 4 << 20;

/// What a turn has done so far.
#[derive(Debug, Default)]
pub(crate) struct TurnBudget {
    taken_count: usize,
    expected_bytes: usize,
    examined_bytes: usize,
    written_bytes: usize,
}

impl TurnBudget {
    /// A message is taken in, whose reply may come to `expected_bytes`.
    pub(crate) fn note_taken(&mut self, expected_bytes: usize) {
        self.taken_count += 1;
        self.expected_bytes += expected_bytes;
    }

    /// So many bytes of bodies were looked at.
    pub(crate) fn note_examined(&mut self, bytes: usize) {
        self.examined_bytes += bytes;
    }

    /// A reply of so many bytes is written.
    pub(crate) fn note_written(&mut self, bytes: usize) {
        self.written_bytes += bytes;
    }

    /// Messages taken in during this turn.
    pub(crate) fn taken_count(&self) -> usize {
        self.taken_count
    }

    /// Nothing more is to be taken in during this turn.
    pub(crate) fn is_intake_over(&self) -> bool {
        self.taken_count >= REQUEST_COUNT_MAX
            || self.expected_bytes >= EXPECTED_BYTES_MAX
            || self.examined_bytes >= EXAMINED_BYTES_MAX
    }

    /// No further reply is to be written during this turn.
    pub(crate) fn is_writing_over(&self) -> bool {
        self.written_bytes >= WRITTEN_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_by_count_and_by_bytes() {
        let mut budget = TurnBudget::default();
        (1..REQUEST_COUNT_MAX).for_each(|_| budget.note_taken(0));
        assert!(!budget.is_intake_over());
        budget.note_taken(0);
        assert!(budget.is_intake_over() && !budget.is_writing_over());
        let mut budget = TurnBudget::default();
        budget.note_taken(EXPECTED_BYTES_MAX - 1);
        budget.note_written(WRITTEN_BYTES_MAX - 1);
        assert!(!budget.is_intake_over() && !budget.is_writing_over());
        budget.note_taken(1);
        budget.note_written(1);
        assert!(budget.is_intake_over() && budget.is_writing_over());
        let mut budget = TurnBudget::default();
        budget.note_examined(EXAMINED_BYTES_MAX - 1);
        assert!(!budget.is_intake_over());
        budget.note_examined(1);
        assert!(budget.is_intake_over() && !budget.is_writing_over());
    }
}
