//! Background work of a worker: merging memtables, and giving back the space of deleted partitions.
//!
//! Each piece of work is a task of the background class that takes a step and yields; what it has
//! made comes back to the worker in the turn after. Requests never wait for it.

use journal::{Journal, Location};
use model::table::PartitionId;
use partition::{MergeWork, Partition};
use runtime::{Runtime, ShareClass, Signal};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Keys that one step of a merge looks at: about half a millisecond.
const STEP_KEY_COUNT: usize = 256;
/// Records given back in one step.
const RELEASE_STEP_COUNT: usize = 8_192;
/// How long a turn waits that another core's full inbox made necessary.
const RETRY_DELAY: Duration = Duration::from_millis(1);

/// The background work of one worker.
pub(crate) struct Merging {
    signal: Signal,
    finished: Rc<RefCell<Vec<(PartitionId, MergeWork)>>>,
}

impl Merging {
    pub(crate) fn new(signal: &Signal) -> Self {
        Self { signal: signal.clone(), finished: Rc::default() }
    }

    /// Begins the merges that are due.
    pub(crate) fn look_at(&self, runtime: &Runtime, partition: &mut Partition) {
        while let Some(mut work) = partition.take_merge_work() {
            let (id, finished, signal) = (partition.id(), Rc::clone(&self.finished), self.signal.clone());
            let runtime_of_task = runtime.clone();
            runtime.spawn(ShareClass::Background, async move {
                while !work.step(STEP_KEY_COUNT) {
                    runtime_of_task.yield_now().await;
                }
                finished.borrow_mut().push((id, work));
                signal.notify();
            });
        }
    }

    /// Puts finished merges into their partitions. The merge of a partition that is gone is forgotten: whoever closed
    /// the partition gives back all of its space.
    pub(crate) fn finish(
        &self,
        runtime: &Runtime,
        journal: &Journal,
        partitions: &mut HashMap<PartitionId, Partition>,
    ) {
        for (id, mut work) in self.finished.borrow_mut().drain(..) {
            if let Some(partition) = partitions.get_mut(&id) {
                let superseded = work.take_superseded();
                partition.finish_merge(work);
                release_later(runtime, journal, superseded);
            }
        }
    }

    /// Gives back the space that `work` finds, in the background: all that a partition held which is no more.
    pub(crate) fn release(&self, runtime: &Runtime, journal: &Journal, mut work: MergeWork) {
        let (runtime_of_task, journal) = (runtime.clone(), journal.clone());
        runtime.spawn(ShareClass::Background, async move {
            let mut is_complete = false;
            while !is_complete {
                is_complete = work.step(STEP_KEY_COUNT);
                work.take_superseded().into_iter().for_each(|location| journal.release(location));
                runtime_of_task.yield_now().await;
            }
        });
    }

    /// Makes sure that another turn comes soon.
    pub(crate) fn wake_later(&self, runtime: &Runtime, signal: &Signal) {
        let (runtime_of_task, signal) = (runtime.clone(), signal.clone());
        runtime.spawn(ShareClass::Foreground, async move {
            runtime_of_task.sleep(RETRY_DELAY).await;
            signal.notify();
        });
    }
}

/// Gives back the space of superseded records, in pieces.
fn release_later(runtime: &Runtime, journal: &Journal, superseded: Vec<Location>) {
    let (runtime_of_task, journal) = (runtime.clone(), journal.clone());
    runtime.spawn(ShareClass::Background, async move {
        for piece in superseded.chunks(RELEASE_STEP_COUNT) {
            piece.iter().for_each(|location| journal.release(*location));
            runtime_of_task.yield_now().await;
        }
    });
}
