//! Tells of stalls, on a thread of its own: reading the binary's line tables takes longer than any stall.
//!
//! It has the lowest priority there is, so that telling of a stall does not make the next one.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::sampling::StackCopy;
use super::unwinding::Stacks;
use crate::real::ring::io_start_error;
use crate::{StallListener, StallReport, StartError};

/// Stalls that wait to be told.
const WAITING_COUNT_MAX: usize = 8;
/// The lowest priority.
const NICENESS: i32 = 19;

/// A stall, its stack not yet unwound.
pub(super) struct Told {
    pub(super) report: StallReport,
    pub(super) copy: Option<StackCopy>,
}

/// The running reporter.
pub(super) struct Reporter {
    sender: SyncSender<Told>,
    thread: JoinHandle<()>,
}

impl Reporter {
    pub(super) fn start(listener: StallListener) -> Result<Reporter, StartError> {
        let (sender, receiver) = sync_channel(WAITING_COUNT_MAX);
        let thread = thread::Builder::new()
            .name("stator-reporter".to_owned())
            .spawn(move || tell_all(&receiver, &listener))
            .map_err(|error| io_start_error("start of the reporter of stalls", &error))?;
        Ok(Reporter { sender, thread })
    }

    /// False: too many wait already.
    pub(super) fn tell(&self, told: Told) -> bool {
        self.sender.try_send(told).is_ok()
    }

    /// Tells what waits and ends.
    pub(super) fn stop(self) {
        drop(self.sender);
        self.thread.join().expect("the reporter does not panic");
    }
}

fn tell_all(receiver: &Receiver<Told>, listener: &StallListener) {
    // On Linux a priority is a thread's. A kernel that refuses is no reason to stop.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let mut stacks = Stacks::of_this_process();
    while let Ok(Told { mut report, copy }) = receiver.recv() {
        report.stack = copy.map(|copy| stacks.name_functions(&copy)).unwrap_or_default();
        match listener {
            StallListener::Log => tracing::warn!(core = report.core.0, "{report}"),
            StallListener::Call(call) => call(&report),
        }
    }
}
