//! What this turn has to say to other cores: one batch a core, sent when the turn ends.

use crate::message::{Batch, Message};
use runtime::{CoreId, Mesh};

/// Messages by core. One a worker.
#[derive(Debug)]
pub(crate) struct Outbox {
    batches: Vec<Batch>,
}

impl Outbox {
    pub(crate) fn new(core_count: usize) -> Self {
        Self { batches: (0..core_count).map(|_| Batch::new()).collect() }
    }

    pub(crate) fn push(&mut self, to: CoreId, message: Message) {
        self.batches[usize::from(to.0)].push(message);
    }

    /// Messages that wait for a core that does not keep up.
    pub(crate) fn len(&self) -> usize {
        self.batches.iter().map(Vec::len).sum()
    }

    /// Sends every batch. What a full mesh does not take stays for the next turn; returns whether all is sent.
    pub(crate) fn send(&mut self, mesh: &Mesh<Batch>) -> bool {
        let mut is_sent = true;
        for (core, batch) in (0..).zip(&mut self.batches) {
            if batch.is_empty() {
                continue;
            }
            if let Err(refused) = mesh.send(CoreId(core), std::mem::take(batch)) {
                *batch = refused;
                is_sent = false;
            }
        }
        is_sent
    }
}
