//! Starting the real machine: which CPUs, which limits, and what to say when it cannot be done.
//!
//! Deliberately not here: the cores' work (`real/`), and starting simulated nodes (`simulated::Machine`).

use std::time::Duration;

use crate::{CoreId, FileError, Runtime, StallDetection, real};

/// What to do when a core has not answered for `RuntimeOptions::stall_tick_count_max` ticks.
#[derive(Clone)]
pub enum StallResponse {
    /// Log it and abort the process: its clients find another node, and a restart recovers from the journal.
    Abort,
    /// Call this, once per stall. For tests.
    Call(std::sync::Arc<dyn Fn(CoreId) + Send + Sync>),
}

/// How the real machine is to be used.
#[derive(Clone)]
pub struct RuntimeOptions {
    /// The CPU of each core. One worker thread each; a CPU may be named more than once.
    pub cpus: Vec<usize>,
    /// Connections per core. Past it new ones are closed at once.
    pub connection_count_max: usize,
    /// How many more a listener takes that is for whoever looks after the process.
    pub reserved_connection_count: usize,
    /// Length of each receive buffer in bytes.
    pub receive_buffer_bytes: usize,
    /// Receive buffers per core: a power of two, at most 32,768.
    pub receive_buffer_count: u16,
    /// How long a peer may take nothing of what is to be sent to it; then its connection is gone. Less than 49 days.
    pub unsent_time_max: Duration,
    /// How often the watchdog asks each core whether it still turns.
    pub stall_tick: Duration,
    /// After how many unanswered ticks a core counts as stalled.
    pub stall_tick_count_max: u32,
    /// What happens then.
    pub stall_response: StallResponse,
    /// Whether, and how, turns are looked for that take too long. Neither at every tick of the watchdog nor by it.
    pub stall_detection: Option<StallDetection>,
}

impl Default for RuntimeOptions {
    /// One core on each CPU that this process may use.
    fn default() -> RuntimeOptions {
        RuntimeOptions {
            cpus: real::available_cpus(),
            connection_count_max: 10_000,
            reserved_connection_count: 16,
            receive_buffer_bytes: 8 << 10,
            receive_buffer_count: 512,
            unsent_time_max: Duration::from_secs(60),
            stall_tick: Duration::from_secs(1),
            stall_tick_count_max: 30,
            stall_response: StallResponse::Abort,
            stall_detection: None,
        }
    }
}

/// Why the machine cannot be started: the cause, and in its `Display` the remedy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StartError {
    /// The kernel is too old for io_uring, or was built without it.
    NoIoUring,
    /// io_uring is there, but not for this process.
    IoUringForbidden {
        /// `kernel.io_uring_disabled`, if the kernel has it: 0 allowed, 1 privileged processes only, 2 nobody.
        sysctl: Option<u8>,
    },
    /// io_uring is there, but lacks something.
    IoUringTooOld {
        /// What is missing.
        missing: &'static str,
    },
    /// The process may lock too little memory.
    MemoryLock {
        /// Its limit in bytes.
        limit_bytes: u64,
        /// What the named cores need, in bytes.
        needed_bytes: u64,
    },
    /// The CPU does not exist, or this process may not run on it.
    CpuUnavailable {
        /// Which one.
        cpu: usize,
        /// Those that it may use.
        available: Vec<usize>,
    },
    /// No core at all was asked for.
    NoCores,
    /// Anything else that the kernel reported.
    Io {
        /// What was tried.
        operation: &'static str,
        /// The kernel's error number, or 0 if there is none.
        errno: i32,
        /// What the library says.
        cause: String,
    },
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::NoIoUring => formatter
                .write_str("this kernel has no io_uring; Linux 6.1 or newer is needed, built with CONFIG_IO_URING"),
            StartError::IoUringForbidden { sysctl: Some(level) } if *level > 0 => write!(
                formatter,
                "io_uring is disabled for this process (kernel.io_uring_disabled = {level}); \
                 as root: sysctl kernel.io_uring_disabled=0"
            ),
            StartError::IoUringForbidden { .. } => formatter.write_str(
                "io_uring is forbidden for this process, most likely by a container's seccomp profile; allow \
                 io_uring_setup, io_uring_enter and io_uring_register (docker: --security-opt seccomp=unconfined)",
            ),
            StartError::IoUringTooOld { missing } => {
                write!(formatter, "this kernel's io_uring has no {missing}; Linux 6.1 or newer is needed")
            }
            StartError::MemoryLock { limit_bytes, needed_bytes } => write!(
                formatter,
                "this process may lock {limit_bytes} bytes of memory and needs {needed_bytes}; raise the limit \
                 (ulimit -l {}, LimitMEMLOCK= in systemd, --ulimit memlock= in docker), or use fewer cores",
                needed_bytes.div_ceil(1024)
            ),
            StartError::CpuUnavailable { cpu, available } => {
                write!(formatter, "CPU {cpu} is not available to this process; it may use {available:?}")
            }
            StartError::NoCores => formatter.write_str("no core was named; name at least one CPU"),
            StartError::Io { operation, errno: 0, cause } => write!(formatter, "{operation} failed: {cause}"),
            StartError::Io { operation, errno, cause } => {
                write!(formatter, "{operation} failed: {cause} (error {errno})")
            }
        }
    }
}

impl std::error::Error for StartError {}

/// The names in a directory, in no order; none if there is no such directory yet. For what has to be known before a core
/// runs; on a core there is `Runtime::list_directory`.
///
/// # Errors
/// Whatever the kernel says but that it is not there.
pub fn names_before_start(path: &std::path::Path) -> Result<Vec<String>, FileError> {
    let failed = |error: std::io::Error| FileError::from_io(path, "list directory", &error);
    match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
        Ok(entries) => {
            let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
            names.collect::<Result<_, _>>().map_err(failed)
        }
    }
}

/// The running machine.
pub struct Machine {
    workers: real::Workers,
}

impl Machine {
    /// Waits until the main task of every core has ended. Returns the longest time that any core has taken to answer
    /// the watchdog.
    ///
    /// # Panics
    /// If one of them has panicked.
    pub fn join(self) -> Duration {
        self.workers.join()
    }

    /// The longest time that any core has taken to answer the watchdog, an open question included.
    pub fn longest_silence(&self) -> Duration {
        self.workers.longest_silence()
    }
}

/// Starts a worker thread per CPU in `options` and runs `main` on each. Returns once every core is ready to run, or
/// with the first error and no thread left behind. A core ends when its `main` returns: its other tasks are dropped,
/// its connections closed, and what is in flight is awaited.
pub fn start<M, F>(options: RuntimeOptions, main: M) -> Result<Machine, StartError>
where
    M: Fn(Runtime) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    real::start(options, main).map(|workers| Machine { workers })
}
