//! The simulated machine as a test holds it.
//!
//! Drives the world: polls the task that the world chose, until the test's own future is ready, a node goes down, or
//! nothing will ever happen again. Lives as long as the test; dropping it drops every task.

use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::fate::CutFate;
use super::node_disk::NodeDisk;
use super::tasks::{TaskId, TaskOwner};
use super::worker::Core;
use super::world::{State, Turn, World};
use crate::{CoreId, Instant, Runtime, ShareClass, StopReason};

/// A run that takes longer than this in virtual time never ends by itself.
const RUN_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// A run that takes more polls than this never ends by itself.
const RUN_POLLS_MAX: u64 = 50_000_000;

/// A node of a simulated machine: 0, 1, ...
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

/// What a machine consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MachineOptions {
    /// All chance grows from it.
    pub seed: u64,
    /// How many nodes.
    pub node_count: u16,
    /// How many cores each node has.
    pub core_count: u16,
    /// How much each node's disk holds, in bytes.
    pub capacity_bytes: u64,
}

impl MachineOptions {
    /// One node with one core and a disk of a TiB.
    pub fn new(seed: u64) -> MachineOptions {
        MachineOptions { seed, node_count: 1, core_count: 1, capacity_bytes: 1 << 40 }
    }
}

/// What took a node down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The power was cut.
    PowerCut {
        /// Write boundaries begun so far, the one that was hit included.
        boundary_count: u64,
    },
    /// The process was killed; what was live is still live.
    Killed,
    /// The node stopped itself.
    Stopped(StopReason),
}

/// A world of simulated nodes. See the front page of this room.
pub struct Machine {
    world: Rc<World>,
    options: MachineOptions,
}

impl Machine {
    /// One node with one core.
    pub fn new(seed: u64) -> Machine {
        Machine::with(MachineOptions::new(seed))
    }

    /// Several nodes, several cores, a small disk.
    pub fn with(options: MachineOptions) -> Machine {
        assert!(options.node_count > 0 && options.core_count > 0, "{options:?} has nothing to run on");
        Machine { world: Rc::new(World::new(options)), options }
    }

    /// The first core of the first node, in its present life.
    pub fn runtime(&self) -> Runtime {
        self.runtime_of(NodeId(0), CoreId(0))
    }

    /// A core of a node, in the node's present life.
    pub fn runtime_of(&self, node: NodeId, core: CoreId) -> Runtime {
        assert!(node.0 < self.options.node_count, "{node:?} of {:?}", self.options);
        assert!(core.0 < self.options.core_count, "{core:?} of {:?}", self.options);
        let origin = self.world.with(|state| state.origin(node, core));
        Runtime::from_simulated(Rc::new(Core::new(self.world.clone(), origin)))
    }

    /// Spawns `main` on each core of `node`.
    pub fn start<F>(&self, node: NodeId, mut main: impl FnMut(Runtime) -> F)
    where
        F: Future<Output = ()> + 'static,
    {
        for core in 0..self.options.core_count {
            let runtime = self.runtime_of(node, CoreId(core));
            let future = main(runtime.clone());
            runtime.spawn(ShareClass::Foreground, future);
        }
    }

    /// Runs until `future` is ready, beside everything else that is spawned. `Err` as soon as a node goes down.
    ///
    /// Panics, with a list of the tasks, if nothing is left that could happen, or the run has no end.
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> Result<F::Output, Halt> {
        let owner = TaskOwner { origin: None, class: ShareClass::Foreground, spawned_at: Location::caller() };
        let test = self.world.with(|state| {
            state.take_first_down();
            state.add_task(owner, None)
        });
        let result = self.run_test(test, pin!(future));
        self.world.with(|state| state.tasks().remove(test));
        self.world.drop_buried();
        result
    }

    /// Runs until nothing is runnable and nothing will happen, or a node goes down.
    pub fn run_until_idle(&self) -> Result<(), Halt> {
        self.run_turns(None)
    }

    /// Runs for `duration` of virtual time, or until a node goes down.
    pub fn run_for(&self, duration: Duration) -> Result<(), Halt> {
        self.run_until(self.now() + duration)
    }

    /// Runs until `time` in virtual time, or until a node goes down.
    pub fn run_until(&self, time: Instant) -> Result<(), Halt> {
        self.run_turns(Some(time.0))
    }

    /// Cuts the power of every node while operation `boundary` (see `boundary_count`) is in flight: at its first moment, at
    /// its last before anybody hears of it, or between. A cut that comes before it takes its place.
    pub fn cut_power_at(&self, boundary: u64) {
        self.world.with(|state| state.set_cut(boundary));
    }

    /// Cuts the power of every node now.
    pub fn cut_power(&self) {
        self.take_down(|world| world.with(|state| state.cut_power(None)));
    }

    /// Cuts the power of one node now.
    pub fn cut_power_of(&self, node: NodeId) {
        self.take_down(|world| world.with(|state| state.cut_power(Some(node))));
    }

    /// Chooses what becomes of writes on their way at a power cut. `CutFate::Drawn` unless told.
    pub fn set_cut_fate(&self, fate: CutFate) {
        self.world.with(|state| state.set_cut_fate(fate));
    }

    /// Kills the process of a node now; the power stays on.
    pub fn kill(&self, node: NodeId) {
        self.take_down(|world| world.with(|state| state.end_process(node, Halt::Killed)));
    }

    /// Gives every node a new life on what its disk holds. A node that is still up is killed first.
    /// Runtimes of an earlier life never complete anything again.
    pub fn restart(&self) {
        self.take_down(|world| world.with(|state| state.restart(None)));
    }

    /// The same for one node.
    pub fn restart_node(&self, node: NodeId) {
        self.take_down(|world| world.with(|state| state.restart(Some(node))));
    }

    /// Why `node` is down; None while it is up.
    pub fn halt(&self, node: NodeId) -> Option<Halt> {
        self.world.with(|state| state.halt(node).cloned())
    }

    /// The disk of the first node.
    pub fn disk(&self) -> NodeDisk<'_> {
        self.disk_of(NodeId(0))
    }

    /// The disk of `node`.
    pub fn disk_of(&self, node: NodeId) -> NodeDisk<'_> {
        NodeDisk::new(&self.world, node)
    }

    /// How many operations that change a disk (write, sync, create, allocate, rename, remove) were begun so far, on all nodes.
    /// The next one has this number.
    pub fn boundary_count(&self) -> u64 {
        self.world.with(|state| state.boundary_count())
    }

    /// The hash over everything that happened so far: the same for the same seed and the same code.
    pub fn trace_hash(&self) -> u64 {
        self.world.with(|state| state.trace_hash())
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        Instant(self.world.with(|state| state.now_ns()))
    }

    /// The seed it was made from.
    pub fn seed(&self) -> u64 {
        self.options.seed
    }

    fn run_test<F: Future>(&self, test: TaskId, mut future: Pin<&mut F>) -> Result<F::Output, Halt> {
        let end = self.now() + RUN_TIME_MAX;
        for _ in 0..RUN_POLLS_MAX {
            let task = match self.world.next_turn(None) {
                Turn::Poll(task) => task,
                Turn::Down(halt) => return Err(halt),
                Turn::Idle | Turn::Reached => self.give_up("nothing is left that could happen"),
            };
            if self.now() > end {
                self.give_up("a day of virtual time went by");
            }
            if task != test {
                self.poll(task);
                continue;
            }
            let (_, waker) = self.world.with(|state| state.lend(task));
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return self.world.with(State::take_first_down).map_or(Ok(output), Err);
            }
        }
        self.give_up("the run has no end")
    }

    fn run_turns(&self, until_ns: Option<u64>) -> Result<(), Halt> {
        self.world.with(State::take_first_down);
        for _ in 0..RUN_POLLS_MAX {
            match self.world.next_turn(until_ns) {
                Turn::Poll(task) => self.poll(task),
                Turn::Down(halt) => return Err(halt),
                Turn::Idle | Turn::Reached => return Ok(()),
            }
        }
        self.give_up("the run has no end")
    }

    fn poll(&self, task: TaskId) {
        let (future, waker) = self.world.with(|state| state.lend(task));
        let mut future = future.expect("a spawned task has a future unless it is being polled");
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => drop(self.world.with(|state| state.tasks().remove(task))),
            Poll::Pending => drop(self.world.with(|state| state.tasks().give_back(task, future))),
        }
    }

    fn take_down(&self, act: impl FnOnce(&World)) {
        act(&self.world);
        self.world.drop_buried();
    }

    fn give_up(&self, why: &str) -> ! {
        let tasks = self.world.with(|state| state.tasks().describe());
        panic!("seed {}, at {} us: {why}, and these wait:\n{tasks}", self.options.seed, self.now().0 / 1000);
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Tasks are left alone: a second panic in one of their destructors would hide the first.
            eprintln!(
                "simulated machine: seed {}, {} write boundaries, at {} us",
                self.options.seed,
                self.boundary_count(),
                self.now().0 / 1000
            );
            return;
        }
        self.world.with(|state| state.bury_all());
        self.world.drop_buried();
    }
}
