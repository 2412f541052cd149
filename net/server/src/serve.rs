//! How a node starts and stops.
//!
//! ```text
//! main thread    count the workers that the data needs, settle the addresses, start one thread a core
//! every core     open the engine, listen, serve
//! last to listen print the line that says ready
//! SIGTERM        every core stops accepting and takes leave of its clients; when nothing is in flight on any of
//!                them (or after a while) the loops end, and with them the process
//! ```

use crate::core::Core;
use crate::credentials;
use crate::kms;
use crate::listeners::Listeners;
use crate::metrics::CoreMetrics;
use crate::options::{CoreChoice, ServeOptions};
use auth::AccessKeys;
use engine::{Batch, Engine, EngineOptions, MESH_BATCH_COUNT_MAX};
use runtime::{MeshPorts, Notifier, Runtime, RuntimeOptions, ShareClass, StallDetection, StallListener};
use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the cores of a node share: how they were started, and how far they are with starting and stopping.
pub(crate) struct Node {
    pub(crate) listeners: Listeners,
    /// Of each core; written by it, read by the admin address.
    pub(crate) metrics: Vec<CoreMetrics>,
    engine_options: EngineOptions,
    /// Those who may call; without them everybody may.
    pub(crate) access_keys: Option<Arc<AccessKeys>>,
    /// Bytes that clients may hold of a core's memory, of each kind: requests in flight, requests on their way in, replies.
    pub(crate) client_bytes_max: usize,
    ports: MeshPorts<Batch>,
    listening_count: AtomicUsize,
    is_stopping: AtomicBool,
    /// Wakes every core that serves.
    notifiers: Mutex<Vec<Notifier>>,
}

/// The part of a worker's memory that clients may hold of each kind, of what is not data's.
const CLIENT_SHARE: u64 = 16;
/// Least budget of a worker: the buffers of its journal and its sockets, and memtables.
const WORKER_MEMORY_BYTES_MIN: u64 = 32 << 20;

/// Starts the node and returns when it has stopped.
///
/// # Errors
/// One line for the user that says what is wrong and what to do.
pub(crate) fn serve(options: ServeOptions) -> Result<(), String> {
    let cpus = choose_cpus(options.cores.as_ref())?;
    let worker_count =
        engine::worker_count(&options.data_directories[0], cpus.len()).map_err(|error| error.to_string())?;
    let memory_bytes = options.memory_bytes.unwrap_or_else(|| runtime::memory_bytes() / 2);
    check_memory(memory_bytes, worker_count)?;
    let access_keys = options.credentials.as_deref().map(credentials::open).transpose()?;
    let listeners = Listeners::settle(options.http_address, options.wire_address, options.admin_address, worker_count)
        .map_err(|error| error.to_string())?;
    let engine_options = EngineOptions {
        data_directories: options.data_directories,
        keyring: options.keyring,
        key_service: kms::open(options.kms)?,
        segment_bytes: options.segment_bytes,
        memory_bytes_max: memory_bytes,
        endpoint: listeners.http.to_string().into(),
        table_delay_ms: options.table_delay_ms,
        expiry_delay_ms: options.ttl_delay_ms,
        scrub_period_ms: options.scrub_period_s * 1_000,
    };
    let node = Arc::new(Node {
        listeners,
        metrics: (0..worker_count).map(|_| CoreMetrics::new(engine_options.data_directories.len())).collect(),
        engine_options,
        access_keys,
        client_bytes_max: client_bytes_max(memory_bytes, worker_count),
        ports: MeshPorts::new(worker_count, MESH_BATCH_COUNT_MAX),
        listening_count: AtomicUsize::new(0),
        is_stopping: AtomicBool::new(false),
        notifiers: Mutex::new(Vec::new()),
    });
    let stall_detection = options
        .stall_threshold_us
        .map(|threshold| StallDetection { threshold: Duration::from_micros(threshold), listener: StallListener::Log });
    let runtime_options = RuntimeOptions {
        stall_detection,
        cpus: (0..worker_count).map(|worker| cpus[worker % cpus.len()]).collect(),
        ..RuntimeOptions::default()
    };
    let machine = runtime::start(runtime_options, move |runtime| run_core(runtime, Arc::clone(&node)))
        .map_err(|error| error.to_string())?;
    machine.join();
    Ok(())
}

/// What all clients of one core may hold together of each kind.
fn client_bytes_max(memory_bytes: u64, worker_count: usize) -> usize {
    usize::try_from(memory_bytes / worker_count as u64 / CLIENT_SHARE).unwrap_or(usize::MAX)
}

/// Whether so many workers can live on the memory.
///
/// # Errors
/// One line for the user, with what would do.
fn check_memory(memory_bytes: u64, worker_count: usize) -> Result<(), String> {
    let least = worker_count as u64 * WORKER_MEMORY_BYTES_MIN;
    if memory_bytes < least {
        return Err(format!(
            "{} MiB of memory are too little for {worker_count} workers: give at least {} MiB with --memory, or fewer --cores to a new data directory",
            memory_bytes >> 20,
            least >> 20
        ));
    }
    Ok(())
}

impl Node {
    /// Whether the process has been asked to end.
    pub(crate) fn is_stopping(&self) -> bool {
        // Acquire: pairs with the Release in `stop`.
        self.is_stopping.load(Ordering::Acquire)
    }

    /// Each data directory, and errors that its disk has reported, to all cores.
    pub(crate) fn io_errors(&self) -> impl Iterator<Item = (&Path, u64)> {
        let errors = |place| self.metrics.iter().map(|metrics| metrics.io_errors(place)).sum();
        let directories = self.engine_options.data_directories.iter().enumerate();
        directories.map(move |(place, directory)| (directory.as_path(), errors(place)))
    }

    /// Whether no core has a request in flight.
    pub(crate) fn is_quiet(&self) -> bool {
        self.metrics.iter().all(CoreMetrics::is_quiet)
    }

    fn stop(&self) {
        // Release: pairs with the Acquire in `is_stopping`.
        self.is_stopping.store(true, Ordering::Release);
        let notifiers = self.notifiers.lock().expect("no holder of this lock panics");
        notifiers.iter().for_each(Notifier::notify);
    }

    /// One more core listens; the last one says so to whoever started the process.
    fn core_listens(&self) {
        // AcqRel: the last core to count sees what all others did before.
        let count = self.listening_count.fetch_add(1, Ordering::AcqRel) + 1;
        if count == self.metrics.len() {
            let Listeners { http, wire, admin, .. } = &self.listeners;
            let mut out = std::io::stdout().lock();
            // Whoever started the process may have closed its end: no reason to stop.
            let _ = writeln!(out, "ready http={http} wire={} admin={admin}", wire[0]).and_then(|()| out.flush());
        }
    }
}

async fn run_core(runtime: Runtime, node: Arc<Node>) {
    let engine = match Engine::open(runtime.clone(), &node.ports, &node.engine_options).await {
        Ok(engine) => engine,
        Err(error) => fail(&error),
    };
    let notifier = runtime.notifier(engine.signal());
    node.notifiers.lock().expect("no holder of this lock panics").push(notifier);
    if runtime.core().as_usize() == 0 {
        let (runtime_of_task, node) = (runtime.clone(), Arc::clone(&node));
        runtime.spawn(ShareClass::Foreground, async move {
            runtime_of_task.termination().await;
            tracing::info!("asked to stop");
            node.stop();
        });
        // The task has its first turn, in which it takes the signals, before anybody is told that the server is ready.
        runtime.yield_now().await;
    }
    match Core::listen(runtime, engine, Arc::clone(&node)) {
        Ok(core) => {
            node.core_listens();
            core.run().await;
        }
        Err(error) => fail(&error),
    }
}

/// One core cannot start, so the node cannot: the others wait for it.
fn fail(error: &dyn Display) -> ! {
    eprintln!("stator: {error}");
    process::exit(1)
}

fn choose_cpus(choice: Option<&CoreChoice>) -> Result<Vec<usize>, String> {
    let available = RuntimeOptions::default().cpus;
    match choice {
        None => Ok(available),
        Some(CoreChoice::List(cpus)) => Ok(cpus.clone()),
        Some(CoreChoice::Count(count)) if *count <= available.len() => Ok(available[..*count].to_vec()),
        Some(CoreChoice::Count(count)) => Err(format!(
            "--cores {count} asks for more CPUs than the {} that this process may use; name fewer",
            available.len()
        )),
    }
}
