//! The memtables that a partition has at present, published by its owner to the other cores.
//!
//! ```text
//!   owner                                  other cores
//!   SetPublisher --publish--> [ current ] <--pin-- SetReader
//!                                  |
//!                                  v
//!                       [ Reader, Reader, ... ]   newest first
//! ```
//!
//! When the owner freezes a memtable or has flushed one it publishes a new set. A core that reads pins the epoch, which
//! costs a few nanoseconds and touches no counter that other cores touch, and looks at the set of that moment. A set
//! that was replaced is dropped when no core that was pinned then is still pinned; with the last set that names
//! a memtable, and the last handle, goes all of the memtable's memory at once.
//!
//! Not here: when to freeze or flush (`partition`).

use crate::memtable::Reader;
use crate::sync::{Arc, Witness, publish_order, waits_for_readers};
use crossbeam_epoch::{self as epoch, Atomic, Guard, Owned, Shared};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::Ordering;

/// What the owner and the other cores share.
///
/// Invariants: 1. `current` is never null. 2. A set is immutable once published. 3. A set is dropped only when
/// it is not current and no thread is pinned that was when it was replaced, or with `self`.
struct Published {
    current: Atomic<Set>,
}

impl Drop for Published {
    fn drop(&mut self) {
        // SAFETY: the last handle is gone, so nobody can load `current` any more, and nobody has it pinned: `Pinned`
        // borrows a handle. By invariant 1 it is a set, one that was never given to the epoch.
        drop(unsafe { std::mem::take(&mut self.current).into_owned() });
    }
}

/// A set as it was published: newest first.
struct Set {
    tables: Vec<Reader>,
    /// Vouches for `tables`.
    witness: Witness,
}

impl Set {
    fn new(tables: Vec<Reader>) -> Set {
        let witness = Witness::new();
        witness.wrote();
        Set { tables, witness }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.witness.wrote();
    }
}

/// The owner's end: one per partition, on the owning core.
pub struct SetPublisher {
    published: Arc<Published>,
}

impl SetPublisher {
    /// Publishes a first set, newest first.
    pub fn new(tables: Vec<Reader>) -> SetPublisher {
        SetPublisher { published: Arc::new(Published { current: Atomic::new(Set::new(tables)) }) }
    }

    /// An end for other cores.
    pub fn reader(&self) -> SetReader {
        SetReader { published: Arc::clone(&self.published) }
    }

    /// Replaces the set, newest first. Who has the old one pinned keeps seeing it; it is dropped after them.
    pub fn publish(&mut self, tables: Vec<Reader>) {
        let guard = epoch::pin();
        // AcqRel: the Release pairs with the Acquire in `SetReader::pin`: who sees the set sees what is in it. The
        // Acquire pairs with the Release of the publication before, whose set is dropped here.
        let old = self.published.current.swap(Owned::new(Set::new(tables)), publish_order(), &guard);
        self.retire(old, &guard);
    }

    /// Drops what was replaced and is no longer pinned by anyone. Each `publish` does a part of this; an owner that
    /// publishes seldom calls it now and then, for nothing else may come to do it.
    pub fn reclaim(&self) {
        epoch::pin().flush();
    }

    fn retire(&self, old: Shared<'_, Set>, guard: &Guard) {
        if !waits_for_readers() {
            // The weakened control of the loom model, which has to fail: as if the set were dropped at once.
            // SAFETY: the set is dropped below, not before.
            unsafe { old.deref() }.witness.wrote();
        }
        // SAFETY: invariants 1 and 3: the set is a live allocation that the swap made unreachable for whoever pins
        // from now on, and nobody else retires it, for there is one publisher. It may be dropped on any thread.
        unsafe { guard.defer_destroy(old) };
        guard.flush();
    }
}

/// An end for other cores. Cheap to clone.
#[derive(Clone)]
pub struct SetReader {
    published: Arc<Published>,
}

impl SetReader {
    /// The set of this moment. Hold it for one read, not longer: as long as any is held, on any core, nothing that is
    /// replaced is dropped.
    #[inline]
    pub fn pin(&self) -> Pinned<'_> {
        let guard = epoch::pin();
        // Acquire: pairs with the Release in `SetPublisher::publish`.
        let set = self.published.current.load(Ordering::Acquire, &guard).as_raw();
        Pinned { set, _guard: guard, _reader: PhantomData }
    }
}

/// A set of memtables, newest first, that stays whole while this lives. Does not leave its thread.
pub struct Pinned<'r> {
    set: *const Set,
    _guard: Guard,
    _reader: PhantomData<&'r SetReader>,
}

impl Deref for Pinned<'_> {
    type Target = [Reader];

    #[inline]
    fn deref(&self) -> &[Reader] {
        // SAFETY: loaded while `_guard` was pinned, which it still is: by invariant 3 of `Published` the set is not
        // dropped, by 1 it is not null, by 2 nobody writes it.
        let set = unsafe { &*self.set };
        set.witness.reads();
        &set.tables
    }
}
