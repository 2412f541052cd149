//! The two tasks of a journal: the committer, and the one that prepares segments.
//!
//! Group commit without a timer: while one flush runs the next batch fills. One flush is in flight at a time: recovery rests on
//! that (`FORMAT.md`, "Writing"). Preparing runs in the background class, so that no append waits for a file to be made.

use crate::directory::{Filling, NewSpare};
use crate::flush_figures::FlushFigures;
use crate::journal::Shared;
use crate::state::{CommitStep, PrepareStep};
use runtime::{Instant, ShareClass, StopReason};
use std::rc::Rc;
use std::time::Duration;

/// How long to wait before a segment is tried again that could not be prepared.
const PREPARE_RETRY_MS: u64 = 1000;
/// A log that uses up a segment in less than this time, ...
const FAST_SEGMENT: Duration = Duration::from_secs(4);
/// ... by flushes of so many bytes in the mean, gets its next one reserved instead of zeroed: zeros would double all that is written. For others a flush into
/// reserved space costs too much: it has the file system write down what is written, a block of its own and a further wait, which takes half as long again.
const LARGE_FLUSH_BYTES: u64 = 16 << 10;

/// How long spares that are too many are kept: those that were not used meanwhile are removed.
const RETIRE_DELAY: Duration = Duration::from_secs(4);

/// Starts both tasks. They end when the journal is closed.
pub(crate) fn start(shared: &Rc<Shared>) {
    shared.runtime.spawn(ShareClass::Foreground, commit(shared.clone()));
    shared.runtime.spawn(ShareClass::Background, prepare(shared.clone()));
}

async fn commit(shared: Rc<Shared>) {
    loop {
        shared.take_announcement();
        let step = shared.state.borrow_mut().take_flush();
        match step {
            CommitStep::Wait => shared.work.wait().await,
            CommitStep::Closed => {
                shared.closed.notify();
                return;
            }
            CommitStep::Flush(mut flush) => {
                let (began, bytes) = (shared.runtime.now(), flush.buffer.len());
                let (buffer, result) = flush.file.write_durable_at(u64::from(flush.offset), flush.buffer).await;
                if let Err(error) = result {
                    // What the medium holds is unknown and may change: never again asked, never retried.
                    shared.runtime.stop(StopReason::FlushFailed(error)).await
                }
                shared.count_flush(&flush.file, bytes, began);
                flush.buffer = buffer;
                let wants_preparation = {
                    let mut state = shared.state.borrow_mut();
                    state.handle_flushed(flush);
                    state.wants_preparation()
                };
                shared.announce_durable();
                if wants_preparation {
                    shared.preparation.notify();
                }
            }
        }
    }
}

/// When a segment is created, and the flushes until then.
#[derive(Clone, Copy)]
struct Creation {
    at: Instant,
    flushes: FlushFigures,
}

impl Creation {
    /// How the segment is filled, by what came since the last one.
    fn filling(&self, last: Self) -> Filling {
        let is_fast = self.at.since(last.at) < FAST_SEGMENT;
        let count = self.flushes.count - last.flushes.count;
        let are_large = self.flushes.bytes - last.flushes.bytes >= count.max(1) * LARGE_FLUSH_BYTES;
        if is_fast && are_large { Filling::Reserved } else { Filling::Zeros }
    }
}

async fn prepare(shared: Rc<Shared>) {
    let mut last_created = None;
    loop {
        let step = shared.state.borrow_mut().next_preparation();
        match step {
            PrepareStep::Closed => return,
            PrepareStep::Wait => shared.preparation.wait().await,
            PrepareStep::Remove(file) => {
                shared.directories.discard_segment(&shared.runtime, &file).await;
            }
            PrepareStep::RetireLater => retire_later(&shared),
            PrepareStep::Create(number) => {
                let creation = Creation { at: shared.runtime.now(), flushes: shared.flush_figures.get() };
                let filling = last_created.replace(creation).map_or(Filling::Zeros, |last| creation.filling(last));
                create(&shared, number, filling).await;
            }
        }
    }
}

/// A log that is cleaned gets segments back several at a time, and needs them again one by one within seconds: to remove some at once, each of which keeps
/// the disk for a hundredth of a second, and to fill others with zeros for them would be a waste.
fn retire_later(shared: &Rc<Shared>) {
    let (runtime, journal) = (shared.runtime.clone(), Rc::downgrade(shared));
    shared.runtime.spawn(ShareClass::Background, async move {
        runtime.sleep(RETIRE_DELAY).await;
        if let Some(shared) = journal.upgrade() {
            shared.state.borrow_mut().retire_spares();
            shared.preparation.notify();
        }
    });
}

async fn create(shared: &Shared, number: u32, filling: Filling) {
    let spare = {
        let state = shared.state.borrow();
        NewSpare { journal_id: state.journal_id, core: state.core, number, filling }
    };
    let (spare, errors) = shared.directories.create_spare(&shared.runtime, spare).await;
    let is_prepared = spare.is_some();
    shared.handle_prepared(spare, errors);
    if is_prepared {
        // What was refused for want of it can go on: appends, or a mark.
        shared.announce_durable();
        shared.announce_work();
    } else {
        shared.runtime.sleep(Duration::from_millis(PREPARE_RETRY_MS)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_reserved_for_a_log_that_grows_fast_by_large_flushes_alone() {
        let at = |seconds: u64, count: u64, bytes: u64| Creation {
            at: Instant(seconds * 1_000_000_000),
            flushes: FlushFigures { count, bytes, ..FlushFigures::default() },
        };
        let last = at(1, 1_000, 64 << 20);
        let filling = |seconds: u64, flush_count: u64, flush_bytes: u64| {
            at(1 + seconds, 1_000 + flush_count, (64 << 20) + flush_count * flush_bytes).filling(last)
        };
        assert!(matches!(filling(3, 2_000, 16 << 10), Filling::Reserved));
        assert!(matches!(filling(3, 2_000, (16 << 10) - 1), Filling::Zeros), "single flushes count");
        assert!(matches!(filling(4, 2_000, 16 << 10), Filling::Zeros), "it grows slowly");
        assert!(matches!(filling(0, 0, 0), Filling::Zeros), "at the start nothing is known");
    }
}
