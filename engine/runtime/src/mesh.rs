//! Batches between cores: from each core to each core one bounded queue, and a signal when something arrives.
//!
//! In the way of a request this is the step from the core that a client reached to the core that owns the key. One
//! [`MeshPorts`] is made before the cores start and cloned into each; each core then joins once and owns its [`Mesh`].
//!
//! The queues are the standard library's bounded channels (lock-free, in order per sender); arrival is a flag and, only
//! if the receiving core sleeps, one write to its eventfd. Deliberately not here: what a batch holds, and what to do
//! when a queue is full, which is the sender's decision.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};

use crate::CoreId;
use crate::real::Doorbell;

/// Notifies a `Signal` of one core from any thread. Many notifications may arrive as one; none is lost.
#[derive(Clone)]
pub struct Notifier {
    arrival: Arc<Arrival>,
    /// Wakes the core should it sleep. `None` in simulation, whose scheduler looks at every arrival itself.
    doorbell: Option<Arc<Doorbell>>,
}

/// The flag that a core looks at in each turn, and once more before it sleeps.
#[derive(Default)]
pub(crate) struct Arrival {
    is_pending: AtomicBool,
}

impl Arrival {
    /// Takes the flag. Acquire: pairs with the Release in `Notifier::notify`, so what was sent before is seen after.
    pub(crate) fn take(&self) -> bool {
        self.is_pending.load(Ordering::Relaxed) && self.is_pending.swap(false, Ordering::AcqRel)
    }
}

impl Notifier {
    pub(crate) fn new(arrival: Arc<Arrival>, doorbell: Option<Arc<Doorbell>>) -> Notifier {
        Notifier { arrival, doorbell }
    }

    /// Notifies. What this thread did before is visible to the task that the signal wakes.
    pub fn notify(&self) {
        // Release: pairs with the Acquire in `Arrival::take`. If the flag was set already, its taker comes later still.
        if !self.arrival.is_pending.swap(true, Ordering::AcqRel)
            && let Some(doorbell) = &self.doorbell
        {
            doorbell.ring();
        }
    }
}

/// The ends of a mesh, before the cores have taken theirs. Made once per node, cloned to each core.
pub struct MeshPorts<M> {
    shared: Arc<Shared<M>>,
}

struct Shared<M> {
    /// Indexed by the receiving core.
    inboxes: Vec<InboxPort<M>>,
}

struct InboxPort<M> {
    /// Indexed by the sending core.
    senders: Vec<SyncSender<M>>,
    /// Taken by the core when it joins.
    receivers: Mutex<Option<Vec<Receiver<M>>>>,
    /// Set by the core when it joins.
    notifier: OnceLock<Notifier>,
}

impl<M> Clone for MeshPorts<M> {
    fn clone(&self) -> Self {
        MeshPorts { shared: self.shared.clone() }
    }
}

impl<M: Send + 'static> MeshPorts<M> {
    /// A mesh of `core_count` cores, in which each ordered pair of cores holds at most `batch_count_max` batches.
    pub fn new(core_count: usize, batch_count_max: usize) -> MeshPorts<M> {
        assert!(core_count > 0 && batch_count_max > 0, "{core_count} cores, {batch_count_max} batches");
        let inbox = |_| {
            let (senders, receivers) = (0..core_count).map(|_| sync_channel(batch_count_max)).unzip();
            InboxPort { senders, receivers: Mutex::new(Some(receivers)), notifier: OnceLock::new() }
        };
        MeshPorts { shared: Arc::new(Shared { inboxes: (0..core_count).map(inbox).collect() }) }
    }

    /// Takes the end of `core`; its arrivals go to `notifier`, which is notified once at the start for what came before.
    pub(crate) fn join(&self, core: CoreId, notifier: Notifier) -> Mesh<M> {
        let port = &self.shared.inboxes[core.as_usize()];
        let receivers = port.receivers.lock().expect("no holder of this lock panics").take();
        let receivers = receivers.expect("a core joins a mesh once");
        assert!(port.notifier.set(notifier.clone()).is_ok(), "a core joins a mesh once");
        notifier.notify();
        Mesh { core, ports: self.clone(), receivers, next_sender: Cell::new(0) }
    }
}

/// One core's end of a mesh. Lives on that core.
pub struct Mesh<M> {
    core: CoreId,
    ports: MeshPorts<M>,
    /// Indexed by the sending core.
    receivers: Vec<Receiver<M>>,
    /// Where the next look begins, so that no sender is served before all others for ever.
    next_sender: Cell<usize>,
}

impl<M: Send + 'static> Mesh<M> {
    /// Sends a batch to `to`, which may be this core. Batches from one core to another arrive in order.
    /// Full, or that core has ended: the batch comes back; send it again later, or refuse what is in it.
    pub fn send(&self, to: CoreId, batch: M) -> Result<(), M> {
        let port = &self.ports.shared.inboxes[to.as_usize()];
        match port.senders[self.core.as_usize()].try_send(batch) {
            Ok(()) => {
                // A core that has not joined yet finds the batch when it does.
                if let Some(notifier) = port.notifier.get() {
                    notifier.notify();
                }
                Ok(())
            }
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => Err(batch),
        }
    }

    /// The next batch that has arrived, and its sender; the senders take turns.
    pub fn try_receive(&self) -> Option<(CoreId, M)> {
        let core_count = self.receivers.len();
        for step in 0..core_count {
            let sender = (self.next_sender.get() + step) % core_count;
            match self.receivers[sender].try_recv() {
                Ok(batch) => {
                    self.next_sender.set((sender + 1) % core_count);
                    return Some((CoreId::from_usize(sender), batch));
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
        }
        None
    }

    /// How many cores the mesh joins.
    pub fn core_count(&self) -> usize {
        self.receivers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(batch_count_max: usize) -> (Mesh<u32>, Mesh<u32>, Arc<Arrival>) {
        let ports = MeshPorts::new(2, batch_count_max);
        let arrival = Arc::new(Arrival::default());
        let first = ports.join(CoreId(0), Notifier::new(Arc::default(), None));
        let second = ports.join(CoreId(1), Notifier::new(arrival.clone(), None));
        (first, second, arrival)
    }

    #[test]
    fn keeps_order_per_sender_and_takes_turns() {
        let (first, second, _) = pair(8);
        for value in 0..3 {
            first.send(CoreId(1), value).unwrap();
            second.send(CoreId(1), 10 + value).unwrap();
        }
        let received: Vec<_> = std::iter::from_fn(|| second.try_receive()).collect();
        let expected = [(0, 0), (1, 10), (0, 1), (1, 11), (0, 2), (1, 12)];
        assert_eq!(received, expected.map(|(core, value)| (CoreId(core), value)));
    }

    #[test]
    fn is_bounded_and_gives_the_batch_back() {
        let (first, second, arrival) = pair(2);
        assert!(arrival.take(), "joining notifies for what came before");
        assert_eq!(first.send(CoreId(1), 1), Ok(()));
        assert_eq!(first.send(CoreId(1), 2), Ok(()));
        assert_eq!(first.send(CoreId(1), 3), Err(3));
        assert!(arrival.take());
        assert!(!arrival.take());
        assert_eq!(second.try_receive(), Some((CoreId(0), 1)));
        assert_eq!(first.send(CoreId(1), 3), Ok(()));
        assert!(arrival.take());
    }
}
