//! Reads of the background that are under way while what earlier ones have brought is used: begun in order, taken in order.
//!
//! One for each file that a merge reads, one an emptying, one a move. Deliberately not here: what is read together.

use runtime::{OneShot, Runtime, ShareClass, one_shot};
use std::collections::VecDeque;

/// Each read has a plan, which says what it is for, and brings a result.
pub(crate) struct ReadPipeline<P, R> {
    runtime: Runtime,
    depth: usize,
    /// Oldest first.
    reads: VecDeque<(P, OneShot<R>)>,
}

impl<P, R: 'static> ReadPipeline<P, R> {
    /// For so many reads at a time.
    pub(crate) fn new(runtime: &Runtime, depth: usize) -> Self {
        Self { runtime: runtime.clone(), depth, reads: VecDeque::new() }
    }

    /// Whether another may begin before the oldest is taken.
    pub(crate) fn has_room(&self) -> bool {
        self.reads.len() < self.depth
    }

    /// What the reads are for that were not taken yet, oldest first.
    pub(crate) fn plans(&self) -> impl Iterator<Item = &P> {
        self.reads.iter().map(|(plan, _)| plan)
    }

    /// Begins a read.
    pub(crate) fn begin(&mut self, plan: P, read: impl Future<Output = R> + 'static) {
        let (sender, result) = one_shot();
        self.runtime.spawn(ShareClass::Background, async move { sender.send(read.await) });
        self.reads.push_back((plan, result));
    }

    /// Takes the oldest, when it has ended; `None` if none was begun.
    pub(crate) async fn next(&mut self) -> Option<(P, R)> {
        let (plan, result) = self.reads.pop_front()?;
        Some((plan, result.await.expect("a read comes to an end")))
    }

    /// Nobody wants what was begun.
    pub(crate) fn clear(&mut self) {
        self.reads.clear();
    }
}
