//! The watchdog: a thread that asks each core every tick whether it still turns, and ends the process if one does not.
//!
//! It counts its own ticks, not the clock's: while the whole machine is paused nobody is late. Its asking wakes a
//! sleeping core in two ways, which also heals a wake-up that was lost (see `driver`).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::core::monotonic_now;
use super::workers::Node;
use crate::{CoreId, Instant, Notifier, RuntimeOptions, StallResponse, StartError};

/// What the watchdog knows of one core. Written by both; each field stands for itself, so all accesses are relaxed.
#[derive(Default)]
pub(crate) struct CoreWatch {
    notifier: OnceLock<Notifier>,
    /// When the open question was asked, in nanoseconds; 0: none is open.
    asked_at: AtomicU64,
    longest_silence: AtomicU64,
    is_retired: AtomicBool,
}

impl CoreWatch {
    /// The core can be asked from now on.
    pub(super) fn listen(&self, notifier: Notifier) {
        assert!(self.notifier.set(notifier).is_ok(), "a core listens once");
    }

    /// The core turns.
    pub(super) fn answer(&self, now: Instant) {
        let asked_at = self.asked_at.swap(0, Ordering::Relaxed);
        if asked_at != 0 {
            self.longest_silence.fetch_max(now.0.saturating_sub(asked_at), Ordering::Relaxed);
        }
    }

    /// The core ends and need not answer any more.
    pub(super) fn retire(&self) {
        self.is_retired.store(true, Ordering::Relaxed);
    }

    /// The longest time between a question and its answer, an open question included.
    pub(super) fn longest_silence(&self) -> Duration {
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        let is_open = asked_at != 0 && !self.is_retired.load(Ordering::Relaxed);
        let open = if is_open { monotonic_now().0.saturating_sub(asked_at) } else { 0 };
        Duration::from_nanos(self.longest_silence.load(Ordering::Relaxed).max(open))
    }
}

/// The running watchdog.
pub(crate) struct Watchdog {
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watchdog {
    pub(super) fn start(node: Arc<Node>, options: &RuntimeOptions) -> Result<Watchdog, StartError> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let (stopping, options) = (is_stopping.clone(), options.clone());
        let thread = thread::Builder::new()
            .name("stator-watchdog".to_owned())
            .spawn(move || watch(&node, &options, &stopping))
            .map_err(|error| super::ring::io_start_error("start of the watchdog", &error))?;
        Ok(Watchdog { is_stopping, thread })
    }

    pub(super) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().expect("the watchdog does not panic");
    }
}

fn watch(node: &Node, options: &RuntimeOptions, is_stopping: &AtomicBool) {
    let mut silent_ticks = vec![0u32; node.watches.len()];
    loop {
        let wake_at = monotonic_now() + options.stall_tick;
        loop {
            if is_stopping.load(Ordering::Relaxed) {
                return;
            }
            let left = wake_at.since(monotonic_now());
            if left.is_zero() {
                break;
            }
            thread::park_timeout(left);
        }
        for (index, ticks) in silent_ticks.iter_mut().enumerate() {
            *ticks = ask(node, index, *ticks);
            if *ticks == options.stall_tick_count_max {
                respond(CoreId::from_usize(index), options);
            }
        }
    }
}

/// Asks core `index`; returns for how many ticks it has been silent.
fn ask(node: &Node, index: usize, silent_ticks: u32) -> u32 {
    let watch = &node.watches[index];
    let Some(notifier) = watch.notifier.get() else { return 0 };
    if watch.is_retired.load(Ordering::Relaxed) {
        return 0;
    }
    let is_silent = watch.asked_at.load(Ordering::Relaxed) != 0;
    if !is_silent {
        watch.asked_at.store(monotonic_now().0, Ordering::Relaxed);
    }
    notifier.notify();
    node.doorbells[index].ring_always();
    // The one possible error is a full counter, and then it rings already.
    let _ = rustix::io::write(&*node.heartbeats[index], &1u64.to_ne_bytes());
    if is_silent { silent_ticks.saturating_add(1) } else { 0 }
}

fn respond(core: CoreId, options: &RuntimeOptions) {
    let seconds = options.stall_tick.as_secs_f64() * f64::from(options.stall_tick_count_max);
    tracing::error!(core = core.0, seconds, "a core has not turned for too long");
    match &options.stall_response {
        StallResponse::Abort => {
            eprintln!("stator aborts: core {} has not turned for {seconds} s", core.0);
            std::process::abort();
        }
        StallResponse::Call(call) => call(core),
    }
}
