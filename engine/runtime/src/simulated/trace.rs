//! The trace of a simulated machine: a running hash over every decision it took, and the fate of every operation.
//!
//! Two runs with the same seed and the same code give the same hash; the first difference (an iteration over a randomly
//! ordered map, an address used as a key, a real clock) changes it and everything after it. Owned by the world of one machine.

use std::path::Path;

use super::disk::{OperationId, Request};

/// What happened: the first word of each entry of the trace.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// A task was polled: task.
    Poll = 1,
    /// A task was spawned: task, core.
    Spawn = 2,
    /// The clock moved: nanoseconds.
    Clock = 3,
    /// A file operation was submitted: operation, its facts.
    Submit = 4,
    /// A file operation completed: operation, success.
    Complete = 5,
    /// The power was cut, or a process ended: node, cause.
    Down = 6,
    /// A node came up: node, generation.
    Up = 7,
    /// A batch crossed the mesh: from, to.
    Mesh = 8,
}

/// The running hash. The value depends on every word given so far and on their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    hash: u64,
}

impl Trace {
    pub(super) fn new(seed: u64) -> Trace {
        let mut trace = Trace { hash: 0xCBF2_9CE4_8422_2325 };
        trace.fold(seed);
        trace
    }

    /// The hash so far.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    /// Adds an entry of the trace.
    pub(super) fn step(&mut self, step: Step, first: u64, second: u64) {
        self.fold(step as u64);
        self.fold(first);
        self.fold(second);
    }

    /// Adds the bytes of a write, of a read or of a path.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.fold(u64::from_le_bytes(word.try_into().expect("chunks of exactly eight bytes")));
        }
        for &byte in words.remainder() {
            self.fold(u64::from(byte));
        }
    }

    /// Adds all that a file operation asks for.
    pub(super) fn request(&mut self, operation: OperationId, request: &Request) {
        self.step(Step::Submit, operation.0, request.operation() as u64);
        match request {
            Request::Read { inode, offset, len } => {
                self.step(Step::Submit, inode.0, *offset);
                self.fold(*len as u64);
            }
            Request::Write { inode, offset, bytes, is_durable } => {
                self.step(Step::Submit, inode.0, *offset);
                self.fold(u64::from(*is_durable));
                self.bytes(bytes);
            }
            Request::Sync { inode } => self.fold(inode.0),
            Request::Allocate { inode, len_bytes } => self.step(Step::Submit, inode.0, *len_bytes),
            Request::Names(change) => change.paths().into_iter().for_each(|path| self.path(path)),
            Request::SyncDirectory { path } => self.path(path),
        }
    }

    fn path(&mut self, path: &Path) {
        self.bytes(path.as_os_str().as_encoded_bytes());
    }

    fn fold(&mut self, word: u64) {
        let mixed = (self.hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.hash = mixed ^ (mixed >> 32);
    }
}
