//! How a sleeping core is woken: one eventfd, rung by the kernel for completions and by other threads for arrivals.
//!
//! One per core, shared with every thread that may ring it. A core that is awake is not rung: it looks by itself.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering, fence};

use rustix::event::{EventfdFlags, eventfd};

/// The bell of one core.
pub(crate) struct Doorbell {
    /// Set by the core before it looks for work a last time and sleeps; cleared by whoever wakes it.
    is_asleep: AtomicBool,
    descriptor: OwnedFd,
}

impl Doorbell {
    pub(crate) fn new() -> rustix::io::Result<Doorbell> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Doorbell { is_asleep: AtomicBool::new(false), descriptor })
    }

    /// Wakes the core if it sleeps. Called after the flag that it will look at has been set.
    pub(crate) fn ring(&self) {
        // SeqCst: either this sees the core asleep, or the core sees the caller's flag; pairs with `fall_asleep`.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed) {
            self.ring_always();
        }
    }

    /// Wakes the core, asleep or not.
    pub(crate) fn ring_always(&self) {
        // The one possible error is a full counter, and then the bell rings already.
        let _ = rustix::io::write(&self.descriptor, &1u64.to_ne_bytes());
    }

    /// The core is about to sleep: from here on it is rung. It looks for work once more after this.
    pub(crate) fn fall_asleep(&self) {
        self.is_asleep.store(true, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
    }

    /// The core is awake: ringing is needless from here on.
    pub(crate) fn wake_up(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }

    /// Stops the ringing, so that the next wait waits.
    pub(crate) fn silence(&self) {
        let mut count = [0u8; 8];
        // The one possible error is that nobody rang.
        let _ = rustix::io::read(&self.descriptor, &mut count);
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl std::os::fd::AsRawFd for Doorbell {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.descriptor.as_raw_fd()
    }
}
