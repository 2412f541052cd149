//! Starting and ending the workers: one thread per core, pinned, each with a glommio executor.
//!
//! Everything that can be refused is found out here, before any core runs, and said with its remedy. What the cores
//! share for good is [`Node`]: how to wake each other, and what has been learnt about the disks.

use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use glommio::{ExecutorJoinHandle, GlommioError, LocalExecutorBuilder, Placement, ReactorErrorKind};
use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity};

use super::core::Core;
use super::doorbell::Doorbell;
use super::driver;
use super::flush_method::FlushMethods;
use super::ring::{self, io_start_error};
use super::stalls::{Detector, TurnWatch};
use super::watchdog::{CoreWatch, Watchdog};
use crate::{CoreId, Runtime, RuntimeOptions, ShareClass, Signal, StartError, one_shot};

/// glommio's preemption timer: so long that it never fires, for its firing at the wrong moment is what can park an
/// executor with tasks to run (see `driver`). Tasks yield by themselves.
pub(super) const PREEMPT_TIMER: Duration = Duration::from_secs(24 * 60 * 60);
/// Memory that glommio registers for its own files, which are not used: its least. It counts three times.
const GLOMMIO_MEMORY_BYTES: usize = 64 << 10;
/// Entries of each of glommio's rings, and how many completions in its main ring make it preempt: its own default, far
/// more than the handful of descriptors that it waits for.
const GLOMMIO_RING_COUNT: usize = 128;
/// glommio refuses to start with less.
const MEMORY_LOCK_BYTES_MIN: u64 = 512 << 10;

/// Files that a process should be able to have open: each segment and each sorted file is one, of 64 MiB at most.
const OPEN_FILE_COUNT_MIN: u64 = 16 << 10;

/// What the cores of this process share.
pub(crate) struct Node {
    pub(super) doorbells: Vec<Arc<Doorbell>>,
    /// The watchdog's second way to wake a core.
    pub(super) heartbeats: Vec<Arc<OwnedFd>>,
    pub(super) watches: Vec<Arc<CoreWatch>>,
    /// Of each core, if stalls are looked for.
    pub(super) turns: Vec<&'static TurnWatch>,
    pub(super) available_cpus: Vec<usize>,
    pub(super) flush_methods: FlushMethods,
}

/// The running workers.
pub(crate) struct Workers {
    handles: Vec<ExecutorJoinHandle<()>>,
    node: Arc<Node>,
    watchdog: Watchdog,
    detector: Option<Detector>,
}

impl Workers {
    pub(crate) fn join(self) -> Duration {
        for (index, handle) in self.handles.into_iter().enumerate() {
            if let Err(error) = handle.join() {
                panic!("core {index} ended badly: {error}");
            }
        }
        self.watchdog.stop();
        if let Some(detector) = self.detector {
            detector.stop();
        }
        longest_silence(&self.node)
    }

    pub(crate) fn longest_silence(&self) -> Duration {
        longest_silence(&self.node)
    }
}

fn longest_silence(node: &Node) -> Duration {
    node.watches.iter().map(|watch| watch.longest_silence()).max().unwrap_or_default()
}

/// The CPUs that this process may use.
pub(crate) fn available_cpus() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// How a core reports that it is ready, and how it is told to go.
struct Gate {
    report: SyncSender<Result<(), StartError>>,
    go: Receiver<()>,
}

pub(crate) fn start<M, F>(options: RuntimeOptions, main: M) -> Result<Workers, StartError>
where
    M: Fn(Runtime) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + 'static,
{
    raise_open_file_limit();
    let node = Arc::new(Node::new(&options)?);
    let core_count = options.cpus.len();
    let (report, reports) = sync_channel(core_count);
    let mut handles = Vec::with_capacity(core_count);
    let mut gates = Vec::with_capacity(core_count);
    let mut failure = None;
    for (index, cpu) in options.cpus.iter().enumerate() {
        let id = CoreId::from_usize(index);
        let (go_sender, go) = sync_channel(1);
        gates.push(go_sender);
        let gate = Gate { report: report.clone(), go };
        let (node, options, main) = (node.clone(), options.clone(), main.clone());
        let spawned = LocalExecutorBuilder::new(Placement::Fixed(*cpu))
            .name(&format!("stator-{index}"))
            .io_memory(GLOMMIO_MEMORY_BYTES)
            .ring_depth(GLOMMIO_RING_COUNT)
            .preempt_timer(PREEMPT_TIMER)
            .spawn(move || run_core(id, node, options, gate, main));
        match spawned {
            Ok(handle) => handles.push(handle),
            Err(error) => failure = Some(explain_executor_error(&error)),
        }
    }
    drop(report);
    let outcomes: Vec<_> = reports.iter().collect();
    let ready_count = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    failure = failure.or(outcomes.into_iter().find_map(Result::err));
    if ready_count == core_count && failure.is_none() {
        let watchdog = Watchdog::start(node.clone(), &options)?;
        let detection = options.stall_detection.clone();
        let detector = detection.map(|detection| Detector::start(node.turns.clone(), detection)).transpose()?;
        for gate in gates {
            gate.send(()).expect("a ready core waits for this");
        }
        return Ok(Workers { handles, node, watchdog, detector });
    }
    // The cores that are ready give up when their gates go away.
    drop(gates);
    for handle in handles {
        if let Err(error) = handle.join() {
            failure = failure.or(Some(explain_executor_error(&error)));
        }
    }
    let cause = "a worker ended before it was ready".to_owned();
    Err(failure.unwrap_or(StartError::Io { operation: "start of a worker", errno: 0, cause }))
}

async fn run_core<M, F>(id: CoreId, node: Arc<Node>, options: RuntimeOptions, gate: Gate, main: M)
where
    M: Fn(Runtime) -> F,
    F: Future<Output = ()> + 'static,
{
    let core = match Core::new(id, node.clone(), options) {
        Ok(core) => core,
        Err(error) => {
            // Nobody listens only if the start has failed already.
            let _ = gate.report.send(Err(error));
            return;
        }
    };
    let _ = gate.report.send(Ok(()));
    drop(gate.report);
    if gate.go.recv().is_err() {
        return;
    }
    driver::spawn(&core, node.heartbeats[id.as_usize()].clone());
    let watch = node.watches[id.as_usize()].clone();
    spawn_pulse(&core, &watch);
    let (sender, ended) = one_shot();
    let future = main(Runtime::from_real(core.clone()));
    let main = async move {
        future.await;
        sender.send(());
    };
    core.spawn(ShareClass::Foreground, Box::pin(main));
    ended.await;
    watch.retire();
    if let Some(turns) = core.turns {
        turns.retire();
    }
    core.shut_down();
}

/// Answers the watchdog from a task, so that the answer shows the whole way from a doorbell to a task.
fn spawn_pulse(core: &Rc<Core>, watch: &Arc<CoreWatch>) {
    let signal = Signal::new();
    watch.listen(Runtime::from_real(core.clone()).notifier(&signal));
    let (watch, clock) = (watch.clone(), Rc::downgrade(core));
    let pulse = async move {
        loop {
            signal.wait().await;
            let Some(core) = clock.upgrade() else { return };
            watch.answer(core.now());
        }
    };
    core.spawn(ShareClass::Foreground, Box::pin(pulse));
}

impl Node {
    fn new(options: &RuntimeOptions) -> Result<Node, StartError> {
        let available_cpus = available_cpus();
        if options.cpus.is_empty() {
            return Err(StartError::NoCores);
        }
        assert!(options.cpus.len() <= usize::from(u16::MAX), "{} cores", options.cpus.len());
        if let Some(cpu) = options.cpus.iter().find(|cpu| !available_cpus.contains(cpu)) {
            return Err(StartError::CpuUnavailable { cpu: *cpu, available: available_cpus });
        }
        let limit_bytes = memory_lock_limit();
        if limit_bytes < MEMORY_LOCK_BYTES_MIN {
            return Err(memory_lock_error(options.cpus.len()));
        }
        let first = Doorbell::new().map_err(|error| io_start_error("eventfd", &error.into()))?;
        // Made and dropped: whether io_uring is there is best said before any thread is started.
        drop(ring::Ring::new(std::os::fd::AsFd::as_fd(&first))?);
        let mut doorbells = Vec::new();
        let mut heartbeats = Vec::new();
        let mut watches = Vec::new();
        for _ in &options.cpus {
            let doorbell = Doorbell::new().map_err(|error| io_start_error("eventfd", &error.into()))?;
            let heartbeat = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
                .map_err(|error| io_start_error("eventfd", &error.into()))?;
            doorbells.push(Arc::new(doorbell));
            heartbeats.push(Arc::new(heartbeat));
            watches.push(Arc::default());
        }
        let turns = match &options.stall_detection {
            // Leaked: a signal may find them at any time, and there is one set a process.
            Some(detection) => {
                options.cpus.iter().map(|_| &*Box::leak(Box::new(TurnWatch::new(detection.threshold)))).collect()
            }
            None => Vec::new(),
        };
        Ok(Node { doorbells, heartbeats, watches, turns, available_cpus, flush_methods: FlushMethods::default() })
    }
}

/// Has this process keep as many files open as it may: a common limit is for programs with few, and ends at some 60 GiB of data.
fn raise_open_file_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    if limit.is_some_and(|limit| limit < OPEN_FILE_COUNT_MIN) {
        tracing::warn!(
            limit,
            "few files may be open at one time: data that takes more cannot be served; raise the limit (ulimit -n)"
        );
    }
}

fn memory_lock_limit() -> u64 {
    getrlimit(Resource::Memlock).current.unwrap_or(u64::MAX)
}

/// What to say if locked memory does not suffice for so many cores.
pub(crate) fn memory_lock_error(core_count: usize) -> StartError {
    let registered_bytes = u64::try_from(3 * GLOMMIO_MEMORY_BYTES * core_count).unwrap_or(u64::MAX);
    let needed_bytes = registered_bytes.max(MEMORY_LOCK_BYTES_MIN);
    StartError::MemoryLock { limit_bytes: memory_lock_limit(), needed_bytes }
}

fn explain_executor_error(error: &GlommioError<()>) -> StartError {
    match error {
        GlommioError::ReactorError(ReactorErrorKind::MemLockLimit(limit_bytes, needed_bytes)) => {
            StartError::MemoryLock { limit_bytes: *limit_bytes, needed_bytes: *needed_bytes }
        }
        GlommioError::IoError(error) => io_start_error("start of a worker", error),
        other => StartError::Io { operation: "start of a worker", errno: 0, cause: other.to_string() },
    }
}
