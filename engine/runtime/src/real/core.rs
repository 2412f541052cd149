//! One core of the real machine: its tasks, its clock, and what its driver and its users share.
//!
//! Lives on the core's thread, behind `Rc`; made when the worker starts and emptied by `shut_down` when it ends. Every
//! field is borrowed for the length of one step, and never while foreign code runs: wakers are collected first and
//! woken after, for waking or dropping one may run a task.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::OwnedFd;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use glommio::{Latency, Shares, TaskQueueHandle};
use io_uring::squeue::Entry;
use rustix::rand::GetRandomFlags;

use super::background_share::BackgroundShare;
use super::doorbell::Doorbell;
use super::freeing::Freeing;
use super::operations::{Operation, Operations, Payload};
use super::read_queue::QueuedReads;
use super::ring::{Completion, Ring, Tag};
use super::socket_table::SocketTable;
use super::stalls::TurnWatch;
use super::timers::{TimerId, Timers};
use super::workers::Node;
use crate::mesh::Arrival;
use crate::{Activity, CoreId, Instant, RuntimeOptions, ShareClass, Signal, StallFigures, StartError, StopReason};

/// How glommio splits the core's time when tasks of both classes can run: four parts to one. What those of the background get that yield is up to `BackgroundShare`.
const FOREGROUND_SHARES: usize = 1000;
const BACKGROUND_SHARES: usize = 250;
/// After so many polls of tasks without a turn of the driver, the driver and the other class get their chance. A task
/// that wakes itself instead of calling `yield_now` would keep both from it.
const POLLS_WITHOUT_TURN_MAX: u32 = 64;
/// The exit code of a process that stopped itself: EX_IOERR of sysexits.h.
const STOP_EXIT_CODE: i32 = 74;

/// One core.
pub(crate) struct Core {
    pub(super) id: CoreId,
    pub(super) node: Arc<Node>,
    pub(super) options: RuntimeOptions,
    /// Dropped before `sockets`, whose buffers it receives into.
    pub(super) ring: RefCell<Ring>,
    pub(super) operations: Rc<RefCell<Operations>>,
    pub(super) reads: RefCell<QueuedReads>,
    pub(super) sockets: RefCell<Option<SocketTable>>,
    pub(super) socket_signal: OnceCell<Signal>,
    pub(super) timers: RefCell<Timers>,
    /// The deadline that the kernel has been told.
    pub(super) armed_deadline: Cell<Option<Instant>>,
    pub(super) arrivals: RefCell<Vec<(Arc<Arrival>, Signal)>>,
    pub(super) doorbell: Arc<Doorbell>,
    /// Calls the driver.
    pub(super) driver_signal: Signal,
    /// Tasks that gave up their turn.
    pub(super) yielded: RefCell<Yielded>,
    pub(super) background_share: RefCell<BackgroundShare>,
    /// If stalls are looked for.
    pub(super) turns: Option<&'static TurnWatch>,
    /// The driver waits to be called: what runs now is a turn by itself.
    pub(super) is_driver_asleep: Cell<bool>,
    /// Kept between turns for their memory.
    pub(super) completions: Cell<Vec<Completion>>,
    pub(super) due: Cell<Vec<Waker>>,
    /// Descriptors that nobody has any more: the next turn has them closed.
    pub(super) closing: RefCell<Vec<OwnedFd>>,
    pub(super) freeing: RefCell<Freeing>,
    pub(super) polls_since_turn: Cell<u32>,
    /// The class of the task that is being polled.
    class: Cell<ShareClass>,
    foreground: TaskQueueHandle,
    background: TaskQueueHandle,
    /// Every task alive, so that they can be dropped when the core ends.
    tasks: RefCell<HashMap<u64, Rc<Task>>>,
    next_task: Cell<u64>,
    chance: Cell<u64>,
}

/// The tasks that called `yield_now` since the last turn.
#[derive(Default)]
pub(super) struct Yielded {
    /// All go on in the next turn.
    pub(super) foreground: Vec<Waker>,
    /// One goes on at a time, so that the foreground never waits for more than one slice of the background.
    pub(super) background: VecDeque<Waker>,
}

struct Task {
    spawned_at: &'static Location<'static>,
    future: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
}

impl Core {
    /// Makes the core of this thread, inside its glommio executor.
    pub(super) fn new(id: CoreId, node: Arc<Node>, options: RuntimeOptions) -> Result<Rc<Core>, StartError> {
        let doorbell = node.doorbells[id.as_usize()].clone();
        let mut ring = Ring::new(std::os::fd::AsFd::as_fd(&*doorbell))?;
        ring.free_kernel_workers(&node.available_cpus);
        ring.disable_doorbell();
        let executor = glommio::executor();
        // Neither class names a latency: that would shorten the preemption timer, see `driver`.
        let queue = |shares, name| executor.create_task_queue(Shares::Static(shares), Latency::NotImportant, name);
        let turns = node.turns.get(id.as_usize()).copied();
        if let Some(turns) = turns {
            turns.attach();
        }
        Ok(Rc::new(Core {
            id,
            node,
            options,
            ring: RefCell::new(ring),
            operations: Rc::default(),
            reads: RefCell::default(),
            sockets: RefCell::new(None),
            socket_signal: OnceCell::new(),
            timers: RefCell::default(),
            armed_deadline: Cell::new(None),
            arrivals: RefCell::default(),
            doorbell,
            driver_signal: Signal::new(),
            yielded: RefCell::default(),
            background_share: RefCell::default(),
            turns,
            is_driver_asleep: Cell::new(false),
            completions: Cell::default(),
            due: Cell::default(),
            closing: RefCell::default(),
            freeing: RefCell::default(),
            polls_since_turn: Cell::new(0),
            class: Cell::new(ShareClass::Foreground),
            foreground: queue(FOREGROUND_SHARES, "foreground"),
            background: queue(BACKGROUND_SHARES, "background"),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
            // The standard library's hasher keys are the kernel's random bytes.
            chance: Cell::new(RandomState::new().build_hasher().finish()),
        }))
    }

    pub(crate) fn id(&self) -> CoreId {
        self.id
    }

    pub(crate) fn core_count(&self) -> usize {
        self.node.doorbells.len()
    }

    pub(crate) fn now(&self) -> Instant {
        monotonic_now()
    }

    pub(crate) fn wall_clock_ms(&self) -> u64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        let milliseconds = time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000);
        u64::try_from(milliseconds).unwrap_or(0)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014), seeded by the kernel.
    pub(crate) fn chance(&self) -> u64 {
        let state = self.chance.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.chance.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn fill_secret(&self, mut out: &mut [u8]) {
        while !out.is_empty() {
            match rustix::rand::getrandom(&mut *out, GetRandomFlags::empty()) {
                Ok(filled) => out = &mut out[filled..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("the kernel gives no random bytes: {error}"),
            }
        }
    }

    #[track_caller]
    pub(crate) fn spawn(self: &Rc<Self>, class: ShareClass, future: Pin<Box<dyn Future<Output = ()>>>) {
        let number = self.next_task.get();
        self.next_task.set(number + 1);
        let task = Rc::new(Task { spawned_at: Location::caller(), future: RefCell::new(Some(future)) });
        self.tasks.borrow_mut().insert(number, task.clone());
        // Weak: the executor may keep the task longer than the core lives.
        let core = Rc::downgrade(self);
        let polled = poll_fn(move |context| poll_task(&core, (number, class), &task, context));
        let queue = match class {
            ShareClass::Foreground => self.foreground,
            ShareClass::Background => self.background,
        };
        let task = glommio::spawn_local_into(polled, queue).expect("the queue lives as long as the executor");
        task.detach();
    }

    pub(crate) fn set_background_percent(&self, percent: u32) {
        self.background_share.borrow_mut().set_percent(percent);
    }

    pub(crate) fn background_time(&self) -> Duration {
        self.background_share.borrow().used()
    }

    pub(crate) fn background_slice(&self) -> Duration {
        self.background_share.borrow().slice()
    }

    pub(crate) fn set_activity(&self, activity: &'static Activity) {
        if let Some(turns) = self.turns {
            turns.set_activity(activity);
        }
    }

    pub(crate) fn stall_figures(&self) -> StallFigures {
        self.turns.map(TurnWatch::figures).unwrap_or_default()
    }

    pub(crate) async fn sleep(self: &Rc<Self>, duration: Duration) {
        let id = self.timers.borrow_mut().new_id(self.now() + duration);
        Sleep { core: self.clone(), id }.await;
    }

    pub(crate) async fn yield_now(&self) {
        let mut has_yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            match self.class.get() {
                ShareClass::Foreground => self.yielded.borrow_mut().foreground.push(waker),
                ShareClass::Background => self.yielded.borrow_mut().background.push_back(waker),
            }
            self.call_driver();
            Poll::Pending
        })
        .await;
    }

    #[allow(clippy::unused_async, reason = "a simulated core never comes back from it, and has to be left to wait")]
    pub(crate) async fn stop(&self, reason: StopReason) -> ! {
        tracing::error!(core = self.id.0, %reason, "the node stops");
        eprintln!("stator stops: {reason}");
        std::process::exit(STOP_EXIT_CODE)
    }

    pub(crate) fn watch_arrival(&self, arrival: Arc<Arrival>, signal: Signal) {
        let mut arrivals = self.arrivals.borrow_mut();
        // Those whose notifiers are gone will never arrive again.
        arrivals.retain(|(known, _)| Arc::strong_count(known) > 1);
        arrivals.push((arrival, signal));
    }

    pub(crate) fn doorbell(&self) -> Arc<Doorbell> {
        self.doorbell.clone()
    }

    /// Has the driver take a turn soon.
    pub(super) fn call_driver(&self) {
        self.driver_signal.notify();
    }

    /// Submits an operation in the next turn; `payload` holds everything that `entry` points to.
    ///
    /// # Safety
    /// Every address in `entry` points into the heap memory of `payload`, and every descriptor is kept open by it.
    pub(super) unsafe fn submit(&self, entry: Entry, payload: Payload) -> Operation {
        let index = self.operations.borrow_mut().begin(payload);
        // SAFETY: the slot keeps the payload until the completion has been taken out of the ring.
        unsafe { self.ring.borrow_mut().push(entry, Tag::Operation(index)) };
        self.call_driver();
        Operation::new(self.operations.clone(), index)
    }

    /// Has the kernel's workers close a descriptor, in the next turn.
    pub(super) fn close_soon(&self, descriptor: OwnedFd) {
        self.closing.borrow_mut().push(descriptor);
        self.call_driver();
    }

    /// Drops all tasks, closes all sockets, and waits until the kernel holds nothing of this core.
    pub(super) fn shut_down(&self) {
        loop {
            // A task's drop may spawn another; none of them is polled again.
            let tasks: Vec<_> = self.tasks.borrow_mut().drain().collect();
            if tasks.is_empty() {
                break;
            }
            for (_, task) in tasks {
                let future = task.future.borrow_mut().take();
                drop(future);
            }
        }
        drop(self.freeing.take());
        self.closing.take();
        self.quiesce();
        self.arrivals.borrow_mut().clear();
        self.sockets.borrow_mut().take();
    }
}

impl Drop for Core {
    /// For a core that ends by a panic: the kernel must not write into memory that is given back.
    fn drop(&mut self) {
        self.quiesce();
    }
}

fn poll_task(
    core: &Weak<Core>,
    (number, class): (u64, ShareClass),
    task: &Task,
    context: &mut Context<'_>,
) -> Poll<()> {
    let Some(core) = core.upgrade() else { return Poll::Ready(()) };
    if let Some(turns) = core.turns {
        turns.enter_task(task.spawned_at);
    }
    core.class.set(class);
    let polls = core.polls_since_turn.get() + 1;
    core.polls_since_turn.set(polls);
    if polls > POLLS_WITHOUT_TURN_MAX {
        core.polls_since_turn.set(0);
        core.call_driver();
        leave_queue(context);
    }
    let outcome = match class {
        ShareClass::Foreground => poll_future(&core, number, task, context),
        ShareClass::Background => {
            let began_at = core.now();
            let outcome = poll_future(&core, number, task, context);
            core.background_share.borrow_mut().note_used(core.now().since(began_at));
            outcome
        }
    };
    if let Some(turns) = core.turns.filter(|_| core.is_driver_asleep.get()) {
        turns.end_turn(core.now());
    }
    outcome
}

fn poll_future(core: &Core, number: u64, task: &Task, context: &mut Context<'_>) -> Poll<()> {
    let mut place = task.future.borrow_mut();
    let Some(future) = place.as_mut() else { return Poll::Ready(()) };
    if future.as_mut().poll(context).is_pending() {
        return Poll::Pending;
    }
    let finished = place.take();
    drop(place);
    drop(finished);
    let removed = core.tasks.borrow_mut().remove(&number);
    drop(removed);
    Poll::Ready(())
}

/// Has glommio go on with the other queue after this poll.
pub(super) fn leave_queue(context: &mut Context<'_>) {
    let executor = glommio::executor();
    let leaving = pin!(executor.yield_task_queue_now());
    // The first poll marks the queue and wakes the task again, which is all that is wanted of it.
    let is_marked = leaving.poll(context).is_pending();
    debug_assert!(is_marked, "the queue is left at the end of this poll");
}

/// Monotonic time, the same on all cores.
pub(super) fn monotonic_now() -> Instant {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).expect("monotonic time is not negative");
    let nanoseconds = u64::try_from(time.tv_nsec).expect("nanoseconds are not negative");
    Instant(seconds * 1_000_000_000 + nanoseconds)
}

/// Waits for a deadline.
struct Sleep {
    core: Rc<Core>,
    id: TimerId,
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.core.now() >= self.id.deadline {
            return Poll::Ready(());
        }
        let replaced = self.core.timers.borrow_mut().set(self.id, context.waker());
        drop(replaced);
        // The driver tells the kernel, should this be the earliest deadline now.
        self.core.call_driver();
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let removed = self.core.timers.borrow_mut().remove(self.id);
        drop(removed);
    }
}
