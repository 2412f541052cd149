//! The handle of one core: what every other room sees of the machine.
//!
//! Lives on one core and is cloned freely there (two words). Each method says what it does on both backends; where
//! they differ, the difference is part of the contract.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::file::{DirectoryLockKind, FileKind};
use crate::memory::resident_bytes;
use crate::mesh::Arrival;
use crate::read_queue::{Outcomes, ReadQueueKind};
use crate::{
    Activity, CoreId, DirectoryEntry, DirectoryLock, File, FileError, FlushMethod, Instant, Mesh, MeshPorts, Notifier,
    ReadQueue, ShareClass, Signal, Sockets, StallFigures, StopReason, real, simulated,
};

/// How long a call on a thread takes in simulation.
const SIMULATED_CALL: Duration = Duration::from_millis(1);

/// One core of the machine, real or simulated.
#[derive(Clone)]
pub struct Runtime {
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Real(Rc<real::Core>),
    Simulated(Rc<simulated::Core>),
}

/// Calls the same method on whichever backend there is.
macro_rules! either {
    ($self:ident, $core:ident => $call:expr) => {
        match &$self.backend {
            Backend::Real($core) => $call,
            Backend::Simulated($core) => $call,
        }
    };
}

impl Runtime {
    pub(crate) fn from_real(core: Rc<real::Core>) -> Runtime {
        Runtime { backend: Backend::Real(core) }
    }

    pub(crate) fn from_simulated(core: Rc<simulated::Core>) -> Runtime {
        Runtime { backend: Backend::Simulated(core) }
    }

    /// Which core this is.
    pub fn core(&self) -> CoreId {
        either!(self, core => core.id())
    }

    /// How many cores the node has.
    pub fn core_count(&self) -> usize {
        either!(self, core => core.core_count())
    }

    /// Monotonic time. In simulation it moves only when the simulator moves it.
    pub fn now(&self) -> Instant {
        either!(self, core => core.now())
    }

    /// Bytes of memory that the process holds, all cores together. In simulation nobody knows.
    pub fn resident_bytes(&self) -> Option<u64> {
        match &self.backend {
            Backend::Real(_) => resident_bytes(),
            Backend::Simulated(_) => None,
        }
    }

    /// Milliseconds since 1970, as the machine's wall clock has it: may jump.
    pub fn wall_clock_ms(&self) -> u64 {
        either!(self, core => core.wall_clock_ms())
    }

    /// 64 random bits; in simulation, from the seed.
    pub fn chance(&self) -> u64 {
        either!(self, core => core.chance())
    }

    /// Fills `out` with bytes that nobody can guess, from the kernel; in simulation, from the seed, where they are no secret.
    pub fn fill_secret(&self, out: &mut [u8]) {
        either!(self, core => core.fill_secret(out));
    }

    /// Runs `future` on this core, beside the others of its class, until it ends or the core does.
    #[track_caller]
    pub fn spawn(&self, class: ShareClass, future: impl Future<Output = ()> + 'static) {
        either!(self, core => core.spawn(class, Box::pin(future)));
    }

    /// While the foreground of this core has work, tasks of the background that have yielded go on only as long as all of the background has had less of its time
    /// than this, of 1 to 100 percent: by default 20. In simulation the background has its turns by chance.
    pub fn set_background_percent(&self, percent: u32) {
        if let Backend::Real(core) = &self.backend {
            core.set_background_percent(percent);
        }
    }

    /// How long tasks of the background have run on this core. In simulation nobody knows.
    pub fn background_time(&self) -> Duration {
        match &self.backend {
            Backend::Real(core) => core.background_time(),
            Backend::Simulated(_) => Duration::ZERO,
        }
    }

    /// How long a task of the background that has just gone on is to take until it yields: 100 to 500 us, by what the background has not had of its share yet. One
    /// that takes longer waits for longer. In simulation, where time stands still meanwhile, that does not matter.
    pub fn background_slice(&self) -> Duration {
        match &self.backend {
            Backend::Real(core) => core.background_slice(),
            Backend::Simulated(_) => Duration::MAX,
        }
    }

    /// Tells what the task that runs now is at, until it is polled again; shown with a stall. In simulation nobody asks.
    pub fn set_activity(&self, activity: &'static Activity) {
        if let Backend::Real(core) = &self.backend {
            core.set_activity(activity);
        }
    }

    /// Stalls of this core; none unless they are looked for, and none in simulation.
    pub fn stall_figures(&self) -> StallFigures {
        match &self.backend {
            Backend::Real(core) => core.stall_figures(),
            Backend::Simulated(_) => StallFigures::default(),
        }
    }

    /// Waits at least `duration`.
    pub async fn sleep(&self, duration: Duration) {
        either!(self, core => core.sleep(duration).await);
    }

    /// Lets everything else of this core have its turn: other tasks, sockets, disk.
    pub async fn yield_now(&self) {
        either!(self, core => core.yield_now().await);
    }

    /// Stops the node at once, with `reason` in the log. The real process ends with exit code 74; a simulated node is
    /// dead from here on. Nothing after it runs.
    pub async fn stop(&self, reason: StopReason) -> ! {
        either!(self, core => core.stop(reason).await)
    }

    /// Creates the directory and those above it, durable with their names; one that is there is fine.
    pub async fn create_directory(&self, path: &Path) -> Result<(), FileError> {
        either!(self, core => core.create_directory(path).await)
    }

    /// What is in the directory, sorted by name.
    pub async fn list_directory(&self, path: &Path) -> Result<Vec<DirectoryEntry>, FileError> {
        either!(self, core => core.list_directory(path).await)
    }

    /// Removes the file. Durable after `sync_directory`. The space of a large one comes back by and by, when nobody has it open any more.
    pub async fn remove_file(&self, path: &Path) -> Result<(), FileError> {
        either!(self, core => core.remove_file(path).await)
    }

    /// Gives the file another name, replacing what has that name. Durable after `sync_directory`.
    pub async fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        either!(self, core => core.rename(from, to).await)
    }

    /// Makes the names in the directory durable.
    pub async fn sync_directory(&self, path: &Path) -> Result<(), FileError> {
        either!(self, core => core.sync_directory(path).await)
    }

    /// Takes the directory for this process alone, or says `FileError::Locked`.
    pub async fn lock_directory(&self, path: &Path) -> Result<DirectoryLock, FileError> {
        let held = match &self.backend {
            Backend::Real(core) => DirectoryLockKind::Real { _directory: core.lock_directory(path).await? },
            Backend::Simulated(core) => DirectoryLockKind::Simulated(core.lock_directory(path).await?),
        };
        Ok(DirectoryLock::new(held))
    }

    /// Creates a file of `len_bytes` zeros that are really written, durable with its name when this returns; only the process's
    /// own user may open it. Long: it
    /// works in bounded steps and yields between them. If it fails, or its future is dropped, a part may be left behind.
    pub async fn create_file(&self, path: &Path, len_bytes: u64) -> Result<File, FileError> {
        let kind = match &self.backend {
            Backend::Real(core) => FileKind::Real(Rc::new(core.create_file(path, len_bytes).await?)),
            Backend::Simulated(core) => FileKind::Simulated(Rc::new(core.create_file(path, len_bytes).await?)),
        };
        Ok(File::new(kind))
    }

    /// Opens a file that is there, for reading and writing.
    pub async fn open_file(&self, path: &Path) -> Result<File, FileError> {
        let kind = match &self.backend {
            Backend::Real(core) => FileKind::Real(Rc::new(core.open_file(path).await?)),
            Backend::Simulated(core) => FileKind::Simulated(Rc::new(core.open_file(path).await?)),
        };
        Ok(File::new(kind))
    }

    /// Opens a file that is there, for reading alone: whoever may not write it may read it, and nothing can change it through this handle.
    pub async fn open_file_to_read(&self, path: &Path) -> Result<File, FileError> {
        let kind = match &self.backend {
            Backend::Real(core) => FileKind::Real(Rc::new(core.open_file_to_read(path).await?)),
            Backend::Simulated(core) => FileKind::Simulated(Rc::new(core.open_file_to_read(path).await?)),
        };
        Ok(File::new(kind))
    }

    /// Reads a file of any length that people or other programs write: at most `bytes_max`, else it is refused. It blocks the
    /// core for as long as that takes: for the start, and for what is done on demand once in months.
    pub async fn read_whole(&self, path: &Path, bytes_max: usize) -> Result<Vec<u8>, FileError> {
        either!(self, core => core.read_whole(path, bytes_max).await)
    }

    /// Reads whose outcomes are taken together; each of them notifies `signal`.
    pub fn read_queue(&self, signal: &Signal) -> ReadQueue {
        let outcomes = Outcomes::new(signal);
        let kind = match &self.backend {
            Backend::Real(core) => ReadQueueKind::Real(real::ReadQueue::new(core.clone(), outcomes.clone())),
            Backend::Simulated(core) => {
                ReadQueueKind::Simulated(simulated::ReadQueue::new(core.clone(), outcomes.clone()))
            }
        };
        ReadQueue::new(kind, outcomes)
    }

    /// Measures on a small scratch file in `directory`, removed afterwards, which way of making bytes durable is
    /// faster there; `write_durable_at` of every core uses it from then on for that device.
    pub async fn probe_flush_method(&self, directory: &Path) -> Result<FlushMethod, FileError> {
        either!(self, core => core.probe_flush_method(directory).await)
    }

    /// Something that notifies `signal` from any thread.
    pub fn notifier(&self, signal: &Signal) -> Notifier {
        let arrival = std::sync::Arc::new(Arrival::default());
        match &self.backend {
            Backend::Real(core) => {
                core.watch_arrival(arrival.clone(), signal.clone());
                Notifier::new(arrival, Some(core.doorbell()))
            }
            Backend::Simulated(core) => {
                core.watch_arrival(arrival.clone(), signal.clone());
                Notifier::new(arrival, None)
            }
        }
    }

    /// Takes this core's end of a mesh; arrivals notify `signal`.
    pub fn mesh<M: Send + 'static>(&self, ports: &MeshPorts<M>, signal: &Signal) -> Mesh<M> {
        ports.join(self.core(), self.notifier(signal))
    }

    /// The sockets of this core; events notify `signal`. Called once per core.
    ///
    /// # Panics
    /// In simulation, which has no sockets: drive the engine at its own door there.
    pub fn sockets(&self, signal: &Signal) -> Sockets {
        match &self.backend {
            Backend::Real(core) => {
                core.use_sockets(signal.clone());
                Sockets::new(core.clone())
            }
            Backend::Simulated(_) => panic!("a simulated core has no sockets"),
        }
    }

    /// Waits until the process is asked to end (SIGTERM or SIGINT); from the first call on, these no longer kill it.
    /// In simulation nobody asks.
    pub async fn termination(&self) {
        match &self.backend {
            Backend::Real(_) => {
                let signal = Signal::new();
                real::watch_termination(self.notifier(&signal));
                signal.wait().await;
            }
            Backend::Simulated(_) => std::future::pending().await,
        }
    }

    /// What `work` gives, which may block: a thread named `name` does it while this core goes on. In simulation this core does it itself, a moment
    /// later, so there it must not block.
    ///
    /// # Errors
    /// If no thread can be started.
    ///
    /// # Panics
    /// If `work` does.
    pub async fn call_on_thread<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, crate::StartError> {
        match &self.backend {
            Backend::Real(_) => {
                let signal = Signal::new();
                // Held until the answer is taken: the core forgets arrivals whose notifiers are gone.
                let notifier = self.notifier(&signal);
                real::call_on_thread(name, work, (&notifier, &signal)).await
            }
            Backend::Simulated(core) => {
                core.sleep(SIMULATED_CALL).await;
                Ok(work())
            }
        }
    }
}
