//! The load that once made glommio park with work to do: two CPU-bound queues, timers, and traffic between cores.
//!
//! Each core runs a task in each class that computes and yields, timers of several lengths, a ping-pong with the next
//! core that sleeps at each step, and writes to a file. Each watches how late it goes on; the latest is reported.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtime::{
    BLOCK_BYTES, Buffer, CoreId, Instant, MeshPorts, Runtime, RuntimeOptions, ShareClass, Signal, StallResponse, start,
};

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// Steps of all tasks together.
    pub(crate) step_count: u64,
    /// How much later than due any task has gone on.
    pub(crate) longest_wait: Duration,
    /// The longest that the kernel has taken the CPU away from a task in the middle of its work: no wait can be expected
    /// to stay below this.
    pub(crate) longest_preemption: Duration,
    /// The longest that a core has left the watchdog without an answer.
    pub(crate) longest_silence: Duration,
}

impl Report {
    /// Whether some task has waited for seconds although the machine would have run it: a lost wake-up is healed by the
    /// watchdog's next question only.
    pub(crate) fn has_lost_a_wake_up(&self) -> bool {
        self.longest_wait > self.longest_preemption + Duration::from_secs(1)
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report { step_count, longest_wait, longest_preemption, longest_silence } = self;
        write!(formatter, "{step_count} steps, longest wait {longest_wait:?}, longest preemption by others ")?;
        write!(formatter, "{longest_preemption:?}, longest silence {longest_silence:?}")
    }
}

/// Adds up over all cores.
#[derive(Default)]
struct Tally {
    step_count: AtomicU64,
    longest_wait: AtomicU64,
    longest_preemption: AtomicU64,
}

/// One core's view of the run.
#[derive(Clone)]
struct Bench {
    runtime: Runtime,
    tally: Arc<Tally>,
    end: Instant,
    running: Rc<Cell<usize>>,
    finished: Signal,
}

/// Runs the load on two cores for `duration`.
pub(crate) fn run(duration: Duration) -> Report {
    let directory = tempfile::tempdir().expect("a directory for the stress files");
    let options = RuntimeOptions::default();
    let cpus = options.cpus.iter().copied().cycle().take(2).collect();
    // The watchdog's question would heal a lost wake-up: asked this seldom, it cannot hide one.
    let stall_tick = Duration::from_secs(5);
    let options = RuntimeOptions { cpus, stall_tick, stall_response: StallResponse::Abort, ..options };
    let ports: MeshPorts<u64> = MeshPorts::new(2, 4);
    let tally = Arc::new(Tally::default());
    let (total, root) = (tally.clone(), directory.path().to_path_buf());
    let machine = start(options, move |runtime| {
        let (tally, ports, root) = (tally.clone(), ports.clone(), root.clone());
        async move {
            let end = runtime.now() + duration;
            let (running, finished) = (Rc::new(Cell::new(0)), Signal::new());
            let bench = Bench { runtime, tally, end, running, finished };
            bench.compute(ShareClass::Foreground, Duration::from_micros(20));
            bench.compute(ShareClass::Background, Duration::from_micros(200));
            for microseconds in [50, 333, 1_000, 7_000, 100_000] {
                bench.tick(Duration::from_micros(microseconds));
            }
            bench.write(root.join(format!("core-{}", bench.runtime.core().0)));
            bench.pass(&ports);
            while bench.running.get() > 0 {
                bench.finished.wait().await;
            }
        }
    });
    let machine = machine.expect("a machine for the stress");
    let longest_silence = machine.join();
    Report {
        step_count: total.step_count.load(Ordering::Relaxed),
        longest_wait: Duration::from_nanos(total.longest_wait.load(Ordering::Relaxed)),
        longest_preemption: Duration::from_nanos(total.longest_preemption.load(Ordering::Relaxed)),
        longest_silence,
    }
}

impl Bench {
    fn spawn(&self, class: ShareClass, task: impl Future<Output = ()> + 'static) {
        let (running, finished) = (self.running.clone(), self.finished.clone());
        running.set(running.get() + 1);
        self.runtime.spawn(class, async move {
            task.await;
            running.set(running.get() - 1);
            finished.notify();
        });
    }

    fn is_over(&self) -> bool {
        self.runtime.now() >= self.end
    }

    /// One step that was due at `due`.
    fn record(&self, due: Instant) {
        let wait = self.runtime.now() - due;
        let nanoseconds = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        self.tally.step_count.fetch_add(1, Ordering::Relaxed);
        self.tally.longest_wait.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    /// Computes in slices, in phases of work and sleep, so that the core goes idle and busy over and over.
    fn compute(&self, class: ShareClass, slice: Duration) {
        let bench = self.clone();
        self.spawn(class, async move {
            while !bench.is_over() {
                for _ in 0..bench.runtime.chance() % 64 {
                    bench.work(slice);
                    let due = bench.runtime.now();
                    bench.runtime.yield_now().await;
                    bench.record(due);
                }
                let pause = Duration::from_nanos(bench.runtime.chance() % 300_000);
                let due = bench.runtime.now() + pause;
                bench.runtime.sleep(pause).await;
                bench.record(due);
            }
        });
    }

    /// Computes for `slice`, and notices when the kernel lets others compute.
    fn work(&self, slice: Duration) {
        let start = self.runtime.now();
        let (mut before, mut longest) = (start, Duration::ZERO);
        while before - start < slice {
            let now = self.runtime.now();
            longest = longest.max(now - before);
            before = now;
        }
        let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        self.tally.longest_preemption.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    fn tick(&self, period: Duration) {
        let bench = self.clone();
        self.spawn(ShareClass::Foreground, async move {
            while !bench.is_over() {
                let due = bench.runtime.now() + period;
                bench.runtime.sleep(period).await;
                bench.record(due);
            }
        });
    }

    fn write(&self, path: std::path::PathBuf) {
        let bench = self.clone();
        self.spawn(ShareClass::Background, async move {
            let length = 64 * BLOCK_BYTES as u64;
            let file = bench.runtime.create_file(&path, length).await.expect("a file for the stress");
            let mut buffer = Buffer::zeroed(BLOCK_BYTES);
            while !bench.is_over() {
                let offset = bench.runtime.chance() % 64 * BLOCK_BYTES as u64;
                let (returned, outcome) = file.write_at(offset, buffer).await;
                outcome.expect("a stress write");
                buffer = returned;
                bench.record(bench.runtime.now());
                bench.runtime.sleep(Duration::from_millis(2)).await;
            }
        });
    }

    /// Passes a ball to the other core and back. The last one that arrives carries the end.
    fn pass(&self, ports: &MeshPorts<u64>) {
        let (bench, arrived) = (self.clone(), Signal::new());
        let mesh = self.runtime.mesh(ports, &arrived);
        self.spawn(ShareClass::Foreground, async move {
            let peer = CoreId(1 - bench.runtime.core().0);
            if peer == CoreId(1) {
                mesh.send(peer, bench.runtime.now().0).expect("the mesh is empty");
            }
            loop {
                let Some((_, sent_at)) = mesh.try_receive() else {
                    arrived.wait().await;
                    continue;
                };
                if sent_at == u64::MAX {
                    return;
                }
                bench.record(Instant(sent_at));
                let is_over = bench.is_over();
                let ball = if is_over { u64::MAX } else { bench.runtime.now().0 };
                mesh.send(peer, ball).expect("one ball fits");
                if is_over {
                    return;
                }
            }
        });
    }
}
