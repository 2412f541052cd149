//! What a core notes of its turns: written by its thread, read by the detector.
//!
//! Each field stands for itself, so accesses are relaxed but where a comment says otherwise. One per core and process;
//! it lives for good, for a signal may find it at any time.

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::sampling::{self, StackSample};
use super::times::{Reading, ThreadClock, ThreadTimes};
use crate::real::core::monotonic_now;
use crate::{Activity, Instant, StallFigures};

/// The turns of one core.
pub(crate) struct TurnWatch {
    /// In nanoseconds; a turn that takes longer is a stall.
    threshold: u64,
    /// When the turn that goes on began, in nanoseconds; 0: the core sleeps.
    turn_since: AtomicU64,
    /// The turn that the detector has caught, by its beginning: its end is to be told.
    caught: AtomicU64,
    task: AtomicPtr<Location<'static>>,
    activity: AtomicPtr<Activity>,
    is_retired: AtomicBool,
    /// Known once the core's thread runs.
    clock: OnceLock<ThreadClock>,
    sample: StackSample,
    /// How a turn ended that was caught. Locked for nothing else.
    ended: Mutex<Option<EndedTurn>>,
    count: AtomicU64,
    off_cpu_count: AtomicU64,
    total: AtomicU64,
    longest: AtomicU64,
}

/// The end of a turn that was caught.
pub(super) struct EndedTurn {
    pub(super) since: u64,
    pub(super) end: Reading,
}

/// What the core's thread ran when it was interrupted.
#[derive(Clone, Copy, Default)]
pub(super) struct Doing {
    /// The turn, by its beginning.
    pub(super) turn: u64,
    pub(super) task: Option<&'static Location<'static>>,
    pub(super) activity: Option<&'static Activity>,
}

impl TurnWatch {
    pub(crate) fn new(threshold: Duration) -> TurnWatch {
        TurnWatch {
            threshold: u64::try_from(threshold.as_nanos()).unwrap_or(u64::MAX),
            turn_since: AtomicU64::new(0),
            caught: AtomicU64::new(0),
            task: AtomicPtr::new(ptr::null_mut()),
            activity: AtomicPtr::new(ptr::null_mut()),
            is_retired: AtomicBool::new(false),
            clock: OnceLock::new(),
            sample: StackSample::new(),
            ended: Mutex::new(None),
            count: AtomicU64::new(0),
            off_cpu_count: AtomicU64::new(0),
            total: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }

    /// The calling thread is the core's.
    pub(crate) fn attach(&'static self) {
        sampling::attach(self);
        assert!(self.clock.set(ThreadClock::of_caller()).is_ok(), "a core has one thread");
    }

    /// The core ends: it has no turns any more.
    pub(crate) fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
        self.turn_since.store(0, Ordering::Relaxed);
    }

    /// The driver takes a turn: the one before is over.
    pub(crate) fn begin_turn(&self, now: Instant) {
        self.end_turn(now);
        if !self.is_retired.load(Ordering::Relaxed) {
            // Release: pairs with the Acquire in `turn_since`, so that whoever sees this turn sees how the last one ended.
            self.turn_since.store(now.0, Ordering::Release);
        }
    }

    /// The core goes to sleep, or has slept all the time.
    pub(crate) fn end_turn(&self, now: Instant) {
        let since = self.turn_since.load(Ordering::Relaxed);
        if since == 0 {
            return;
        }
        self.turn_since.store(0, Ordering::Relaxed);
        let lasted = now.0.saturating_sub(since);
        if lasted > self.threshold {
            self.note_stall(since, lasted, now);
        }
    }

    /// A task is polled; a turn begins if none goes on.
    pub(crate) fn enter_task(&self, spawned_at: &'static Location<'static>) {
        self.activity.store(ptr::null_mut(), Ordering::Relaxed);
        self.task.store(ptr::from_ref(spawned_at).cast_mut(), Ordering::Relaxed);
        if self.turn_since.load(Ordering::Relaxed) == 0 {
            self.begin_turn(monotonic_now());
        }
    }

    pub(crate) fn set_activity(&self, activity: &'static Activity) {
        self.activity.store(ptr::from_ref(activity).cast_mut(), Ordering::Relaxed);
    }

    #[cold]
    fn note_stall(&self, since: u64, lasted: u64, now: Instant) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(lasted, Ordering::Relaxed);
        self.longest.fetch_max(lasted, Ordering::Relaxed);
        if self.caught.load(Ordering::Relaxed) == since {
            let times = self.clock().and_then(ThreadClock::read).unwrap_or_default();
            let ended = EndedTurn { since, end: Reading { at: now.0, times } };
            *self.ended.lock().expect("no holder of this lock panics") = Some(ended);
        }
    }

    pub(crate) fn figures(&self) -> StallFigures {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        StallFigures {
            count: read(&self.count),
            off_cpu_count: read(&self.off_cpu_count),
            total_us: read(&self.total) / 1000,
            longest_us: read(&self.longest) / 1000,
        }
    }

    /// When the turn that goes on began; 0: the core sleeps.
    pub(super) fn turn_since(&self) -> u64 {
        // Acquire: pairs with the Release in `begin_turn`.
        self.turn_since.load(Ordering::Acquire)
    }

    pub(super) fn clock(&self) -> Option<&ThreadClock> {
        self.clock.get()
    }

    pub(super) fn read_times(&self) -> Option<ThreadTimes> {
        self.clock()?.read()
    }

    pub(super) fn sample(&self) -> &StackSample {
        &self.sample
    }

    /// The detector has caught the turn that began at `since`: has its end told.
    pub(super) fn catch(&self, since: u64) {
        self.take_ended();
        self.caught.store(since, Ordering::Relaxed);
    }

    pub(super) fn take_ended(&self) -> Option<EndedTurn> {
        self.ended.lock().expect("no holder of this lock panics").take()
    }

    pub(super) fn note_off_cpu(&self) {
        self.off_cpu_count.fetch_add(1, Ordering::Relaxed);
    }

    /// For the signal's handler, on the core's thread.
    pub(super) fn doing(&self) -> Doing {
        // SAFETY: both are null or were made from references that are valid for good, by this very thread.
        let (task, activity) =
            unsafe { (self.task.load(Ordering::Relaxed).as_ref(), self.activity.load(Ordering::Relaxed).as_ref()) };
        Doing { turn: self.turn_since(), task, activity }
    }
}
