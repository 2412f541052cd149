//! Reads of a simulated core that are taken together: each is a task, and the world draws which of them is done first.

use std::rc::Rc;

use super::file::File;
use super::worker::Core;
use crate::ShareClass;
use crate::read_queue::{Outcomes, ReadBuffer};

/// One end of the reads of a core.
pub(crate) struct ReadQueue {
    core: Rc<Core>,
    outcomes: Rc<Outcomes>,
}

impl ReadQueue {
    pub(crate) fn new(core: Rc<Core>, outcomes: Rc<Outcomes>) -> ReadQueue {
        ReadQueue { core, outcomes }
    }

    pub(crate) fn begin(&self, file: &Rc<File>, (offset, len_bytes): (u64, usize), token: u64) {
        let (file, outcomes) = (Rc::clone(file), Rc::clone(&self.outcomes));
        let read = async move { outcomes.add(token, file.read_at(offset, len_bytes).await.map(ReadBuffer::Own)) };
        self.core.spawn(ShareClass::Foreground, Box::pin(read));
    }
}
