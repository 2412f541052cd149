//! The atomics that the memtable stands on: std's in the database, loom's in its models.
//!
//! Every other file of this room takes atomics, `Arc` and the orders of publication from here and from nowhere
//! else, so the code that loom explores is the code that runs. Under `--cfg loom` two things are added:
//!
//! - A [`Witness`] lies beside plain memory. Who writes or reads that memory tells the witness, and loom fails
//!   the model when a read is not ordered after the write. In the database it is empty and costs nothing.
//! - The orders can be weakened, one at a time, by the environment variable `MEMTABLE_WEAKEN`, so that each
//!   model can be shown to fail without the order that it is there for. The database knows no such variable.
//!
//! Not here: any structure.

#[cfg(not(loom))]
pub(crate) use machine::*;
#[cfg(loom)]
pub(crate) use model::*;

#[cfg(not(loom))]
mod machine {
    pub(crate) use std::sync::Arc;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

    /// Vouches for plain memory under loom; nothing at all here.
    pub(crate) struct Witness;

    impl Witness {
        #[inline(always)]
        pub(crate) fn new() -> Self {
            Witness
        }

        #[inline(always)]
        pub(crate) fn wrote(&self) {}

        #[inline(always)]
        pub(crate) fn reads(&self) {}
    }

    /// The order of the store that makes a node reachable.
    #[inline(always)]
    pub(crate) fn link_order() -> Ordering {
        Ordering::Release
    }

    /// The order of the load that follows a link to a node.
    #[inline(always)]
    pub(crate) fn follow_order() -> Ordering {
        Ordering::Acquire
    }

    /// The order of the exchange that publishes a set: Release for the new set, Acquire for the one replaced.
    #[inline(always)]
    pub(crate) fn publish_order() -> Ordering {
        Ordering::AcqRel
    }

    /// Whether a replaced set waits for its readers before it is dropped.
    #[inline(always)]
    pub(crate) fn waits_for_readers() -> bool {
        true
    }
}

#[cfg(loom)]
mod model {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
    use std::sync::LazyLock;

    /// Vouches for plain memory: loom fails the model when `reads` is not ordered after `wrote`.
    pub(crate) struct Witness(loom::cell::UnsafeCell<()>);

    impl Witness {
        #[track_caller]
        pub(crate) fn new() -> Self {
            Witness(loom::cell::UnsafeCell::new(()))
        }

        #[track_caller]
        pub(crate) fn wrote(&self) {
            self.0.with_mut(|_| ());
        }

        #[track_caller]
        pub(crate) fn reads(&self) {
            self.0.with(|_| ());
        }
    }

    static WEAKENED: LazyLock<String> = LazyLock::new(|| std::env::var("MEMTABLE_WEAKEN").unwrap_or_default());

    fn unless_weakened(name: &str, order: Ordering) -> Ordering {
        if *WEAKENED == name { Ordering::Relaxed } else { order }
    }

    pub(crate) fn link_order() -> Ordering {
        unless_weakened("link", Ordering::Release)
    }

    pub(crate) fn follow_order() -> Ordering {
        unless_weakened("follow", Ordering::Acquire)
    }

    pub(crate) fn publish_order() -> Ordering {
        unless_weakened("publish", Ordering::AcqRel)
    }

    pub(crate) fn waits_for_readers() -> bool {
        *WEAKENED != "retire"
    }
}
