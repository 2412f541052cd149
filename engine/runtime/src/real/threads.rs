//! Threads beside the cores: those that others ask for by name, and the one that hears the process's signals.

use std::sync::{Mutex, OnceLock};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ring::io_start_error;
use crate::{Notifier, StartError};

pub(crate) fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| io_start_error("start of a thread", &error))
}

/// Who wants to know, and whether it has happened. One per process, as signals are.
#[derive(Default)]
struct Termination {
    is_requested: bool,
    notifiers: Vec<Notifier>,
}

/// Notifies once the process has been asked to end; at once if it has been already.
pub(crate) fn watch_termination(notifier: Notifier) {
    static TERMINATION: OnceLock<Mutex<Termination>> = OnceLock::new();
    let mut is_first = false;
    let termination = TERMINATION.get_or_init(|| {
        is_first = true;
        Mutex::default()
    });
    if is_first {
        let mut signals = Signals::new([SIGTERM, SIGINT]).expect("SIGTERM and SIGINT can be handled");
        let listen = move || {
            for _ in signals.forever() {
                let mut termination = termination.lock().expect("no holder of this lock panics");
                termination.is_requested = true;
                termination.notifiers.iter().for_each(Notifier::notify);
            }
        };
        spawn_thread("stator-signals", listen).expect("a thread for signals can be started");
    }
    let mut termination = termination.lock().expect("no holder of this lock panics");
    if termination.is_requested {
        notifier.notify();
    }
    termination.notifiers.push(notifier);
}
