//! Threads beside the cores: those that others ask for by name, and the one that hears the process's signals.

use std::sync::mpsc::{TryRecvError, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::ring::io_start_error;
use crate::{Notifier, Signal, StartError};

fn spawn_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(|| {
        roam();
        work();
    });
    spawned.map(drop).map_err(|error| io_start_error("start of a thread", &error))
}

/// Lets this thread run wherever the process may: one that a core has started would have that core's CPU alone, and keep the core from turning.
fn roam() {
    let process = rustix::process::getpid();
    if let Ok(cpus) = rustix::thread::sched_getaffinity(Some(process)) {
        // Refused: it is where it was, which is a matter of speed alone.
        let _ = rustix::thread::sched_setaffinity(None, &cpus);
    }
}

/// Does `work` on a thread of its own and waits for what it gives.
pub(crate) async fn call_on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
    (notifier, signal): (&Notifier, &Signal),
) -> Result<T, StartError> {
    let (sender, receiver) = sync_channel(1);
    let at_end = NotifyAtEnd(notifier.clone());
    spawn_thread(name, move || {
        // Dropped last, also if `work` panics: by then the channel says how it ended.
        let _at_end = at_end;
        let sender = sender;
        // Whoever asked may be gone.
        let _ = sender.send(work());
    })?;
    loop {
        match receiver.try_recv() {
            Ok(done) => return Ok(done),
            Err(TryRecvError::Empty) => signal.wait().await,
            Err(TryRecvError::Disconnected) => panic!("the work of thread {name} panicked"),
        }
    }
}

struct NotifyAtEnd(Notifier);

impl Drop for NotifyAtEnd {
    fn drop(&mut self) {
        self.0.notify();
    }
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
