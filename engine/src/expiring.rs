//! Expiry in the background: from time to time the partitions whose items expire get a turn to delete some.
//!
//! One a worker. Once a second a round begins; it goes through the partitions a few a turn, with a pause between, until
//! none has more to delete: requests go first, whatever has come due. Deliberately not here: which items those are
//! (`partition`).

use crate::Engine;
use crate::admission::admit_removal;
use crate::loading::Work;
use model::table::PartitionId;
use partition::Partition;
use runtime::{Instant, Runtime, ShareClass, Signal};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Between two rounds.
const ROUND_DELAY: Duration = Duration::from_secs(1);
/// Between two turns of one round.
const TURN_DELAY: Duration = Duration::from_millis(1);
/// Partitions that get a turn at once.
const PARTITION_COUNT_MAX: usize = 8;
/// Items that a partition may delete in its turn.
const ITEM_COUNT_MAX: usize = 64;

/// The partitions of a worker whose items expire, and when they are looked at.
pub(crate) struct Expiring {
    partitions: BTreeSet<PartitionId>,
    /// Those that this round has still to look at.
    round: VecDeque<PartitionId>,
    /// When the next partitions have their turn; never, where no items expire.
    next_turn: Option<Instant>,
    signal: Signal,
}

impl Expiring {
    pub(crate) fn new(signal: &Signal) -> Self {
        Self { partitions: BTreeSet::new(), round: VecDeque::new(), next_turn: None, signal: signal.clone() }
    }

    /// The items of a partition may have begun to expire, or ceased to.
    pub(crate) fn look_at(&mut self, runtime: &Runtime, partition: &Partition) {
        if !partition.has_expiry() {
            self.partitions.remove(&partition.id());
            return;
        }
        self.partitions.insert(partition.id());
        self.look_again_at(runtime, partition.id());
    }

    /// The partition may have more to delete at once.
    fn look_again_at(&mut self, runtime: &Runtime, partition: PartitionId) {
        self.round.push_back(partition);
        self.wake_after(runtime, TURN_DELAY);
    }

    /// The partition is gone.
    pub(crate) fn forget(&mut self, partition: PartitionId) {
        self.partitions.remove(&partition);
    }

    /// The partitions whose turn it is now, if it is anybody's.
    fn take_turn(&mut self, now: Instant) -> Vec<PartitionId> {
        if self.next_turn.take_if(|at| *at <= now).is_none() {
            return Vec::new();
        }
        if self.round.is_empty() {
            self.round.extend(&self.partitions);
        }
        self.round.drain(..self.round.len().min(PARTITION_COUNT_MAX)).collect()
    }

    /// Sets the time of the next turn.
    fn rest(&mut self, runtime: &Runtime) {
        if !self.round.is_empty() {
            self.wake_after(runtime, TURN_DELAY);
        } else if !self.partitions.is_empty() {
            self.wake_after(runtime, ROUND_DELAY);
        }
    }

    /// The next turn is after this time at the latest.
    fn wake_after(&mut self, runtime: &Runtime, delay: Duration) {
        let at = runtime.now() + delay;
        if self.next_turn.is_some_and(|next_turn| next_turn <= at) {
            return;
        }
        self.next_turn = Some(at);
        let (runtime_of_task, signal) = (runtime.clone(), self.signal.clone());
        runtime.spawn(ShareClass::Foreground, async move {
            runtime_of_task.sleep(delay).await;
            signal.notify();
        });
    }
}

impl Engine {
    /// Lets some partitions delete items whose time is over, when it is time for that.
    pub(crate) fn expire_items(&mut self) {
        let partitions = self.expiring.take_turn(self.context.now);
        if partitions.is_empty() {
            return;
        }
        if admit_removal(&self.journal).is_ok() {
            for id in partitions {
                self.context.reads.begin();
                self.expire_items_of(id);
            }
        }
        self.expiring.rest(&self.runtime);
    }

    /// Lets one partition delete some, or parks that until what it needs was read.
    pub(crate) fn expire_items_of(&mut self, id: PartitionId) {
        let Some(owner) = self.partitions.get_mut(&id) else { return };
        let Ok(expired) = owner.expire(&mut self.context, ITEM_COUNT_MAX) else {
            self.park(Work::Expiry(id));
            return;
        };
        self.metrics.expired_count += expired.item_count as u64;
        if expired.item_count > 0 {
            self.collect_later(id);
        }
        if expired.may_be_more {
            self.expiring.look_again_at(&self.runtime, id);
        }
    }
}
