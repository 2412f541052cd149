//! Answers leave in the order of their requests, whatever order they are ready in.
//!
//! ```text
//!   first_sequence
//!   | Waiting | Ready(bytes) | Waiting | Ready(bytes) |     an answer to the first goes straight out,
//!     ^ in the engine          ^ in the engine              and takes the ready ones behind it along
//! ```
//! One per connection. Invariant: the front slot, if any, is `Waiting`.

use std::collections::VecDeque;

use bytes::BytesMut;

use crate::limits::{PIPELINE_COUNT_MAX, PIPELINE_HELD_BYTES_MAX};

/// A request's place in its connection's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence(u64);

/// The answers of one connection that have not left yet.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    first_sequence: u64,
    slots: VecDeque<Slot>,
    held_bytes: usize,
}

#[derive(Debug)]
enum Slot {
    Waiting,
    Ready(BytesMut),
}

impl Pipeline {
    /// No further request may enter before an answer has left.
    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() >= PIPELINE_COUNT_MAX || self.held_bytes >= PIPELINE_HELD_BYTES_MAX
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Bytes of answers that wait for earlier ones.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The next place in the order.
    pub(crate) fn enter(&mut self) -> Sequence {
        self.slots.push_back(Slot::Waiting);
        Sequence(self.first_sequence + self.slots.len() as u64 - 1)
    }

    /// Writes the answer of `sequence`: into `out` when it is the next one to leave, else it is held until it is.
    /// Each sequence is answered once.
    pub(crate) fn answer(&mut self, sequence: Sequence, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
        let position = usize::try_from(sequence.0 - self.first_sequence).expect("within the pipeline");
        if position > 0 {
            let mut held = BytesMut::new();
            write(&mut held);
            self.held_bytes += held.len();
            let earlier = std::mem::replace(&mut self.slots[position], Slot::Ready(held));
            assert!(matches!(earlier, Slot::Waiting), "request {} of a connection is answered twice", sequence.0);
            return;
        }
        write(out);
        self.leave();
        while let Some(Slot::Ready(held)) = self.slots.front() {
            self.held_bytes -= held.len();
            out.extend_from_slice(held);
            self.leave();
        }
    }

    fn leave(&mut self) {
        self.slots.pop_front().expect("an answered request is in the pipeline");
        self.first_sequence += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_answers_leaves_in_the_order_of_requests() {
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 1, 3], [1, 3, 0, 2]];
        for order in orders {
            let mut pipeline = Pipeline::default();
            let mut out = BytesMut::new();
            let sequences: Vec<Sequence> = (0..4).map(|_| pipeline.enter()).collect();
            for request in order {
                let answer = request.to_string();
                pipeline.answer(sequences[request], &mut out, |out| out.extend_from_slice(answer.as_bytes()));
            }
            assert_eq!(&out[..], b"0123", "{order:?}");
            assert!(pipeline.is_empty() && pipeline.held_bytes == 0);
        }
    }

    #[test]
    fn it_fills_by_count_and_by_bytes() {
        let mut pipeline = Pipeline::default();
        let mut out = BytesMut::new();
        let first = pipeline.enter();
        for _ in 2..PIPELINE_COUNT_MAX {
            pipeline.enter();
        }
        assert!(!pipeline.is_full());
        let last = pipeline.enter();
        assert!(pipeline.is_full());
        pipeline.answer(first, &mut out, |_| {});
        assert!(!pipeline.is_full());
        pipeline.answer(last, &mut out, |out| out.resize(PIPELINE_HELD_BYTES_MAX, 0));
        assert!(pipeline.is_full());
    }
}
