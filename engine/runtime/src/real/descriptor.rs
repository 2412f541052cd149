//! The descriptor of a file, closed by the kernel's workers.
//!
//! Whoever closes the last descriptor of a file that was removed waits until its blocks are free: ten milliseconds for a segment of a journal. So a core
//! does not close by itself: its driver has it done (`driver.rs`), in the core's next turn. Deliberately not here: sockets, which close at once.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::{Rc, Weak};

use super::core::Core;

/// The descriptor of a file of this core. What is in flight on it holds it as well.
pub(crate) struct FileDescriptor {
    /// There until it is dropped.
    descriptor: Option<OwnedFd>,
    core: Weak<Core>,
}

impl FileDescriptor {
    pub(super) fn new(descriptor: OwnedFd, core: &Rc<Core>) -> FileDescriptor {
        FileDescriptor { descriptor: Some(descriptor), core: Rc::downgrade(core) }
    }
}

impl AsRawFd for FileDescriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_ref().expect("there until it is dropped").as_raw_fd()
    }
}

impl Drop for FileDescriptor {
    fn drop(&mut self) {
        // Without a core it is closed here and now.
        if let Some(core) = self.core.upgrade() {
            core.close_soon(self.descriptor.take().expect("dropped once"));
        }
    }
}
