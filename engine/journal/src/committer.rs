//! The two tasks of a journal: the committer, and the one that prepares segments.
//!
//! Group commit without a timer: while one flush runs the next batch fills. One flush is in flight at a time: recovery rests on
//! that (`FORMAT.md`, "Writing"). Preparing runs in the background class, so that no append waits for a file to be made.

use crate::directory::{Filling, NewSpare};
use crate::journal::Shared;
use crate::state::{CommitStep, PrepareStep};
use runtime::{ShareClass, StopReason};
use std::rc::Rc;
use std::time::Duration;

/// How long to wait before a segment is tried again that could not be prepared.
const PREPARE_RETRY_MS: u64 = 1000;
/// A log that uses up a segment in less than this time gets its next one reserved instead of zeroed: zeros would double all that is written, and nobody
/// waits for such a log's single flushes. For others a flush into reserved space costs too much, for it has to note in the file system what is written.
const FAST_SEGMENT: Duration = Duration::from_secs(4);

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
                let now = shared.runtime.now();
                let age = last_created.replace(now).map(|last| now.since(last));
                let is_fast = age.is_some_and(|age| age < FAST_SEGMENT);
                create(&shared, number, if is_fast { Filling::Reserved } else { Filling::Zeros }).await;
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
