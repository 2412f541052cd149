//! The driver: the one task of a core that talks to the kernel, and the argument why a core cannot hang.
//!
//! Each turn submits what has come up, lets the kernel make completions, hands them on, and wakes whoever waits: one
//! system call. With nothing left to do it goes to sleep: it tells the kernel the next deadline, lets the doorbell ring,
//! looks once more, and waits; glommio then parks the thread. Nothing polls while idle: only while files are being read for
//! requests a core looks for the outcomes for a moment before it sleeps.
//!
//! # Why no wake-up is lost
//!
//! glommio 0.12 can park a thread that has tasks to run: if a completion is in its latency ring when
//! `run_task_queues` first looks, that is taken for "nothing to run", and the thread sleeps until the next event.
//! What can be in that ring is shut out, and should that fail, it heals:
//!
//! 1. The preemption timer: armed for a day (`workers::PREEMPT_TIMER`). Tasks yield by themselves, to the driver.
//! 2. glommio's own timers, its sockets, its channels and wakers used from other threads: not used. Time comes from the
//!    second ring, other cores and threads ring the doorbell.
//! 3. Its notifier's eventfd: rung for nothing of ours; and glommio does not sleep without having it armed again.
//! 4. The bell's poll is armed in glommio's main ring whenever the bell task waits, and it waits unless it is runnable.
//! 5. The watchdog rings every second, at two descriptors that two different tasks wait for: a wake-up lost in spite of
//!    all this heals within that second, for any event brings glommio back to its queues. If it does not heal, the
//!    watchdog ends the process.
//!
//! A task that computes for long without `yield_now` holds up its core; that too is seen by the watchdog.

use std::future::poll_fn;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use glommio::io::PollableFd;
use io_uring::squeue::Flags;
use io_uring::types::{TimeoutFlags, Timespec};
use io_uring::{opcode, types};

use super::core::{Core, leave_queue};
use super::doorbell::Doorbell;
use super::operations::{Aftermath, Payload};
use super::ring::{Completion, Tag};
use crate::{Instant, ShareClass};

/// How long the foreground goes on before the background gets a chance.
const FOREGROUND_SLICE: Duration = Duration::from_micros(250);

/// How long a core looks for the outcomes of reads before it sleeps: a fast disk has them sooner than a thread that sleeps is awake again ...
const POLL_TIME: Duration = Duration::from_micros(100);
/// ... and how often between two looks at the clock.
const POLL_LOOK_COUNT: u32 = 32;

/// Starts the driver and the two tasks that wake it.
pub(super) fn spawn(core: &Rc<Core>, heartbeat: Arc<OwnedFd>) {
    let driver = core.clone();
    core.spawn(ShareClass::Foreground, Box::pin(async move { drive(&driver).await }));
    let bell = core.clone();
    core.spawn(ShareClass::Foreground, Box::pin(async move { attend_bell(&bell).await }));
    let heart = core.clone();
    core.spawn(ShareClass::Foreground, Box::pin(async move { attend_heartbeat(&heart, heartbeat).await }));
}

async fn drive(core: &Rc<Core>) {
    let mut slice_start = core.now();
    loop {
        let now = core.now();
        if let Some(turns) = core.turns {
            turns.begin_turn(now);
        }
        if core.take_turn(now) {
            let is_slice_over = now.since(slice_start) >= FOREGROUND_SLICE;
            if is_slice_over {
                slice_start = now;
            }
            go_behind_the_others(is_slice_over).await;
        } else if !core.poll_reads() && core.can_sleep(now) {
            core.is_driver_asleep.set(true);
            core.driver_signal.wait().await;
            core.is_driver_asleep.set(false);
            core.wake_up();
            slice_start = core.now();
        }
    }
}

/// Lets the tasks that were woken before run first; with `is_slice_over`, those of the other class too.
async fn go_behind_the_others(is_slice_over: bool) {
    let mut is_behind = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        if is_slice_over {
            leave_queue(context);
        } else {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await;
}

/// Waits for the doorbell and calls the driver.
async fn attend_bell(core: &Rc<Core>) {
    struct Bell(Arc<Doorbell>);
    impl std::os::fd::AsRawFd for Bell {
        fn as_raw_fd(&self) -> std::os::fd::RawFd {
            self.0.as_raw_fd()
        }
    }
    let bell = PollableFd::new(Bell(core.doorbell.clone())).expect("made inside the executor");
    loop {
        bell.readable().await.expect("an eventfd can be polled");
        core.doorbell.silence();
        core.call_driver();
    }
}

/// Waits for the watchdog's other descriptor: a second way in, should the first ever be lost.
async fn attend_heartbeat(core: &Rc<Core>, heartbeat: Arc<OwnedFd>) {
    let heart = PollableFd::new(heartbeat).expect("made inside the executor");
    loop {
        heart.readable().await.expect("an eventfd can be polled");
        let mut count = [0u8; 8];
        // The one possible error is that it has been read already.
        let _ = rustix::io::read(heart.get_ref(), &mut count);
        core.call_driver();
    }
}

impl Core {
    /// Submits, takes completions, wakes. False: there was nothing to do.
    fn take_turn(&self, now: Instant) -> bool {
        self.polls_since_turn.set(0);
        let mut due = self.due.take();
        let mut has_worked = self.advance_clocks(now, &mut due);
        self.submit_closes();
        let mut completions = self.completions.take();
        {
            let mut ring = self.ring.borrow_mut();
            if let Some(sockets) = self.sockets.borrow_mut().as_mut() {
                sockets.submit(&mut ring);
            }
            // Once a turn: the kernel makes about 20 completions in a call, and handing those on at once keeps both ends
            // of the connections busy. Calling until it has no more was 12 % slower with 128 connections.
            if ring.needs_enter() {
                ring.enter(0);
                has_worked = true;
            }
            ring.take_completions(&mut completions);
        }
        has_worked |= !completions.is_empty();
        self.handle_completions(&mut completions, &mut due);
        self.completions.set(completions);
        has_worked |= self.take_arrivals();
        has_worked |= self.take_yielded(now, has_worked, &mut due);
        if self.sockets.borrow().as_ref().is_some_and(|sockets| sockets.event_count() > 0)
            && let Some(signal) = self.socket_signal.get()
        {
            signal.notify();
        }
        due.drain(..).for_each(std::task::Waker::wake);
        self.due.set(due);
        has_worked
    }

    fn advance_clocks(&self, now: Instant, due: &mut Vec<std::task::Waker>) -> bool {
        self.timers.borrow_mut().take_due(now, due);
        if let Some(sockets) = self.sockets.borrow_mut().as_mut() {
            sockets.advance_clock(now, &mut self.ring.borrow_mut());
        }
        !due.is_empty()
    }

    fn submit_closes(&self) {
        if self.closing.borrow().is_empty() {
            return;
        }
        for descriptor in self.closing.take() {
            // Not in the call itself, where the core would wait for it.
            let entry = opcode::Close::new(types::Fd(descriptor.as_raw_fd())).build().flags(Flags::ASYNC);
            let payload = Payload { closing: Some(descriptor), ..Payload::default() };
            // SAFETY: the entry holds no address, and nobody but the payload has its descriptor. Nobody waits for it.
            drop(unsafe { self.submit(entry, payload) });
        }
    }

    fn handle_completions(&self, completions: &mut Vec<Completion>, due: &mut Vec<std::task::Waker>) {
        for completion in completions.drain(..) {
            match completion.tag {
                Tag::Read(index) => self.complete_read(index, completion.result),
                Tag::Operation(index) => {
                    let Aftermath { waker, .. } = self.operations.borrow_mut().complete(index, completion.result);
                    due.extend(waker);
                }
                Tag::Accept(_) | Tag::Receive(_) | Tag::Send(_) => self.handle_of_sockets(completion),
                Tag::Forgotten => {}
            }
        }
    }

    fn handle_of_sockets(&self, completion: Completion) {
        let mut ring = self.ring.borrow_mut();
        let mut sockets = self.sockets.borrow_mut();
        match (completion.tag, sockets.as_mut()) {
            (Tag::Accept(index), Some(sockets)) => sockets.handle_accept(index, completion, &mut ring),
            (Tag::Receive(index), Some(sockets)) => sockets.handle_receive(index, completion, &mut ring),
            (Tag::Send(index), Some(sockets)) => sockets.handle_send(index, completion, &mut ring),
            (tag, _) => panic!("{tag:?} completed without sockets"),
        }
    }

    fn take_arrivals(&self) -> bool {
        let mut has_arrived = false;
        for (arrival, signal) in self.arrivals.borrow().iter() {
            if arrival.take() {
                signal.notify();
                has_arrived = true;
            }
        }
        has_arrived
    }

    /// Tasks of the foreground go on; and one of the background, if that has not had its share yet or there was nothing else to do.
    fn take_yielded(&self, now: Instant, has_worked: bool, due: &mut Vec<std::task::Waker>) -> bool {
        let mut yielded = self.yielded.borrow_mut();
        let before = due.len();
        due.append(&mut yielded.foreground);
        let is_idle = !has_worked && due.is_empty();
        let mut share = self.background_share.borrow_mut();
        if share.may_go_on(now, is_idle)
            && let Some(next) = yielded.background.pop_front()
        {
            share.note_told(now);
            due.push(next);
        }
        if !yielded.background.is_empty() {
            self.call_driver();
        }
        due.len() > before
    }

    /// Looks for outcomes for a moment, if files are being read. True: something has come up, take another turn.
    fn poll_reads(&self) -> bool {
        if self.reads.borrow().in_flight_count() == 0 {
            return false;
        }
        let since = self.now();
        if let Some(turns) = self.turns {
            // What follows holds nobody up.
            turns.end_turn(since);
        }
        while self.now().since(since) < POLL_TIME {
            if self.has_outcomes() || self.take_arrivals() {
                return true;
            }
        }
        false
    }

    fn has_outcomes(&self) -> bool {
        let mut ring = self.ring.borrow_mut();
        (0..POLL_LOOK_COUNT).any(|_| {
            std::hint::spin_loop();
            ring.needs_enter() || ring.has_completions()
        })
    }

    /// Prepares for sleep. False: something has come up, take another turn.
    fn can_sleep(&self, now: Instant) -> bool {
        if self.driver_signal.take() {
            return false;
        }
        if self.arm_deadline(now) {
            return false;
        }
        self.doorbell.fall_asleep();
        let mut ring = self.ring.borrow_mut();
        ring.enable_doorbell();
        let needs_submit = self.sockets.borrow().as_ref().is_some_and(|sockets| sockets.needs_submit());
        let has_work = ring.needs_enter() || ring.has_completions() || needs_submit;
        drop(ring);
        if has_work || self.take_arrivals() {
            self.wake_up();
            return false;
        }
        true
    }

    fn wake_up(&self) {
        self.doorbell.wake_up();
        self.ring.borrow_mut().disable_doorbell();
    }

    /// Tells the kernel the next deadline, if it has not been told an earlier one that is still to come. True: the
    /// entry has to be submitted, or the deadline has passed.
    fn arm_deadline(&self, now: Instant) -> bool {
        let sockets = self.sockets.borrow().as_ref().and_then(|sockets| sockets.next_deadline());
        let timers = self.timers.borrow().next_deadline();
        let Some(deadline) = sockets.into_iter().chain(timers).min() else { return false };
        if self.armed_deadline.get().is_some_and(|armed| armed <= deadline && armed > now) {
            return false;
        }
        self.armed_deadline.set(Some(deadline));
        let timespec = Box::new(Timespec::from(Duration::from_nanos(deadline.0)));
        let entry = opcode::Timeout::new(&raw const *timespec).flags(TimeoutFlags::ABS).build();
        let payload = Payload { timespec: Some(timespec), ..Payload::default() };
        // SAFETY: the only address is that of `timespec`, which the payload owns. Dropping the operation at once is
        // fine: the completion wakes the driver, and that is all it is for.
        drop(unsafe { self.submit(entry, payload) });
        true
    }

    /// Closes all sockets and waits until the kernel holds nothing of this core.
    pub(super) fn quiesce(&self) {
        let mut ring = self.ring.borrow_mut();
        let mut sockets = self.sockets.borrow_mut();
        ring.push_cancel(types::CancelBuilder::any());
        let mut completions = Vec::new();
        loop {
            if let Some(sockets) = sockets.as_mut() {
                sockets.close_all(&mut ring);
            }
            let operation_count = self.operations.borrow().in_flight_count() + self.reads.borrow().in_flight_count();
            let socket_count = sockets.as_ref().map_or(0, |sockets| sockets.in_flight_count());
            if operation_count + socket_count == 0 && !ring.needs_enter() {
                return;
            }
            ring.enter(u32::from(operation_count + socket_count > 0));
            ring.take_completions(&mut completions);
            for completion in completions.drain(..) {
                match (completion.tag, sockets.as_mut()) {
                    (Tag::Read(index), _) => self.abandon_read(index),
                    (Tag::Operation(index), _) => {
                        // The tasks are gone, so nothing is woken.
                        drop(self.operations.borrow_mut().complete(index, completion.result));
                    }
                    (Tag::Accept(index), Some(sockets)) => sockets.handle_accept(index, completion, &mut ring),
                    (Tag::Receive(index), Some(sockets)) => sockets.handle_receive(index, completion, &mut ring),
                    (Tag::Send(index), Some(sockets)) => sockets.handle_send(index, completion, &mut ring),
                    _ => {}
                }
            }
        }
    }
}
