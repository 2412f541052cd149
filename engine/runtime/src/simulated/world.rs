//! What a simulated machine is made of: virtual time, the tasks, the events to come, the nodes and their disks.
//!
//! One world per machine, behind one `RefCell` that is never borrowed while a task is polled or a future dropped. The
//! machine (`machine`) drives it, the cores' handles (`core_handle`) ask it for things. Faults and fates are the disk's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use super::chance::Chance;
use super::disk::{Disk, OperationId, Outcome, Request};
use super::events::{Event, Events, Pending};
use super::fate::CutFate;
use super::fault::FileOperation;
use super::tasks::{TaskFuture, TaskId, TaskOwner, Tasks};
use super::timing::Timing;
use super::trace::{Step, Trace};
use super::{Halt, MachineOptions, NodeId};
use crate::mesh::Arrival;
use crate::{CoreId, Signal};

/// Wall clock at the start of every simulation: 2027-01-01T00:00:00Z, in milliseconds.
const WALL_CLOCK_START_MS: u64 = 1_798_761_600_000;
/// So many polls may happen in one instant of virtual time; then the clock creeps, so that a busy loop comes to its end.
const POLLS_PER_INSTANT_MAX: u64 = 1_000;
/// How far the clock creeps.
const CREEP_NS: u64 = 1_000;

/// The purposes that chance is drawn for. Cores' own streams count up from `CORE_CHANCE`.
const SCHEDULE_CHANCE: u64 = 1;
const TIMING_CHANCE: u64 = 2;
const CUT_CHANCE: u64 = 3;
const DISK_CHANCE: u64 = 1 << 20;
const CORE_CHANCE: u64 = 1 << 40;

/// The core, in one life of its node, that a task or an operation belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) node: NodeId,
    /// Lives of the node before this one.
    pub(super) generation: u64,
    pub(super) core: CoreId,
}

/// Everything there is. See the front page for who may borrow it when.
pub(super) struct World {
    state: RefCell<State>,
}

pub(super) struct State {
    options: MachineOptions,
    now_ns: u64,
    polls_in_instant: u64,
    trace: Trace,
    timing: Timing,
    cut_chance: Chance,
    events: Events,
    tasks: Tasks,
    nodes: Vec<Node>,
    waiting: BTreeMap<OperationId, Rc<Pending<Outcome>>>,
    next_operation: u64,
    /// Flags that tell of batches for a core.
    watched: Vec<Watched>,
    boundary_count: u64,
    cut_at_boundary: Option<u64>,
    cut_fate: CutFate,
    cut_epoch: u64,
    /// Futures of tasks that are no more, to be dropped when nothing is borrowed.
    buried: Vec<TaskFuture>,
    /// What took nodes down since somebody last asked, first one first.
    downs: Vec<(NodeId, Halt)>,
}

struct Node {
    generation: u64,
    /// Why it is down; None while it is up.
    halt: Option<Halt>,
    core_chances: Vec<Chance>,
    disk: Disk,
}

struct Watched {
    to: Origin,
    arrival: Arc<Arrival>,
    signal: Signal,
}

/// What the driver does next.
pub(super) enum Turn {
    /// Poll this task.
    Poll(TaskId),
    /// Nothing is runnable and nothing will happen.
    Idle,
    /// The time asked for is reached, and nothing is runnable.
    Reached,
    /// A node went down.
    Down(Halt),
}

impl World {
    pub(super) fn new(options: MachineOptions) -> World {
        let seed = options.seed;
        let nodes = (0..options.node_count)
            .map(|node| Node {
                generation: 0,
                halt: None,
                core_chances: core_chances(&options, NodeId(node), 0),
                disk: Disk::new(Chance::new(seed, DISK_CHANCE + u64::from(node)), options.capacity_bytes),
            })
            .collect();
        let state = State {
            now_ns: 0,
            polls_in_instant: 0,
            trace: Trace::new(seed),
            timing: Timing::new(Chance::new(seed, TIMING_CHANCE)),
            cut_chance: Chance::new(seed, CUT_CHANCE),
            events: Events::default(),
            tasks: Tasks::new(Chance::new(seed, SCHEDULE_CHANCE)),
            nodes,
            waiting: BTreeMap::new(),
            next_operation: 0,
            watched: Vec::new(),
            boundary_count: 0,
            cut_at_boundary: None,
            cut_fate: CutFate::default(),
            cut_epoch: 0,
            buried: Vec::new(),
            downs: Vec::new(),
            options,
        };
        World { state: RefCell::new(state) }
    }

    /// Looks at or changes the state. `act` neither polls nor drops a task's future.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.borrow_mut())
    }

    /// Drops the futures of tasks that are no more. They may call back into the world, and bury more.
    pub(super) fn drop_buried(&self) {
        loop {
            let buried = self.with(|state| std::mem::take(&mut state.buried));
            if buried.is_empty() {
                return;
            }
            drop(buried);
        }
    }

    /// Makes what is due happen and says what comes next. The clock moves only when nothing is runnable.
    pub(super) fn next_turn(&self, until_ns: Option<u64>) -> Turn {
        loop {
            self.drop_buried();
            self.with(State::announce_arrivals);
            if let Some(halt) = self.with(State::take_first_down) {
                return Turn::Down(halt);
            }
            let due = self.with(|state| match state.events.next_at_ns() {
                Some(at_ns) if at_ns <= state.now_ns => state.events.pop(),
                _ => None,
            });
            if let Some(event) = due {
                self.happen(event);
                continue;
            }
            if let Some(task) = self.with(State::choose_task) {
                return Turn::Poll(task);
            }
            let next_at_ns = self.with(|state| state.events.next_at_ns());
            match (next_at_ns, until_ns) {
                (Some(at_ns), Some(until_ns)) if at_ns > until_ns => {
                    self.with(|state| state.move_clock(until_ns));
                    return Turn::Reached;
                }
                (Some(at_ns), _) => self.with(|state| state.move_clock(at_ns)),
                (None, Some(until_ns)) => {
                    self.with(|state| state.move_clock(until_ns));
                    return Turn::Reached;
                }
                (None, None) => return Turn::Idle,
            }
        }
    }

    fn happen(&self, event: Event) {
        match event {
            Event::Timer(pending) => pending.fill(()),
            Event::Complete { origin, operation } => {
                let completed = self.with(|state| state.complete(origin, operation));
                if let Some((pending, outcome)) = completed {
                    pending.fill(outcome);
                }
            }
            Event::Arrive { to, signal } => {
                if self.with(|state| state.take_arrival(to)) {
                    signal.notify();
                }
            }
            Event::CutPower { epoch } => self.with(|state| {
                if state.cut_epoch == epoch {
                    state.cut_power(None);
                }
            }),
        }
    }
}

impl State {
    pub(super) fn options(&self) -> &MachineOptions {
        &self.options
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    pub(super) fn wall_clock_ms(&self) -> u64 {
        WALL_CLOCK_START_MS + self.now_ns / 1_000_000
    }

    pub(super) fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    pub(super) fn boundary_count(&self) -> u64 {
        self.boundary_count
    }

    pub(super) fn set_cut(&mut self, boundary: u64) {
        self.cut_at_boundary = Some(boundary);
    }

    pub(super) fn set_cut_fate(&mut self, fate: CutFate) {
        self.cut_fate = fate;
    }

    pub(super) fn disk(&mut self, node: NodeId) -> &mut Disk {
        &mut self.nodes[usize::from(node.0)].disk
    }

    pub(super) fn halt(&self, node: NodeId) -> Option<&Halt> {
        self.nodes[usize::from(node.0)].halt.as_ref()
    }

    /// The first thing that took a node down since this was last called.
    pub(super) fn take_first_down(&mut self) -> Option<Halt> {
        let first = self.downs.drain(..).next();
        first.map(|(_, halt)| halt)
    }

    /// The handle's identity of `core` in the present life of `node`.
    pub(super) fn origin(&self, node: NodeId, core: CoreId) -> Origin {
        Origin { node, generation: self.nodes[usize::from(node.0)].generation, core }
    }

    pub(super) fn is_alive(&self, origin: Origin) -> bool {
        let node = &self.nodes[usize::from(origin.node.0)];
        node.halt.is_none() && node.generation == origin.generation
    }

    /// The next random bits of the core's own stream.
    pub(super) fn core_chance(&mut self, origin: Origin) -> u64 {
        self.nodes[usize::from(origin.node.0)].core_chances[origin.core.as_usize()].bits()
    }

    /// How long things take.
    pub(super) fn timing(&mut self) -> &mut Timing {
        &mut self.timing
    }

    pub(super) fn add_event(&mut self, at_ns: u64, event: Event) {
        self.events.push(at_ns, event);
    }

    pub(super) fn add_task(&mut self, owner: TaskOwner, future: Option<TaskFuture>) -> TaskId {
        let task = self.tasks.add(owner, future);
        let core = owner.origin.map_or(u64::MAX, |origin| u64::from(origin.core.0));
        self.trace.step(Step::Spawn, task.0, core);
        task
    }

    /// Lends the future and the waker of a chosen task for one poll.
    pub(super) fn lend(&mut self, task: TaskId) -> (Option<TaskFuture>, Waker) {
        self.tasks.lend(task, self.now_ns)
    }

    pub(super) fn tasks(&mut self) -> &mut Tasks {
        &mut self.tasks
    }

    /// From now on, whenever `arrival` is found set, `signal` is notified some time later.
    pub(super) fn watch_arrival(&mut self, to: Origin, arrival: Arc<Arrival>, signal: Signal) {
        self.watched.push(Watched { to, arrival, signal });
    }

    /// A file operation of a core. Without effect and for ever pending if that life of the node is over.
    pub(super) fn submit(&mut self, origin: Origin, path: &Path, request: Request) -> Rc<Pending<Outcome>> {
        let pending = Pending::new();
        if !self.is_alive(origin) {
            return pending;
        }
        let operation = OperationId(self.next_operation);
        self.next_operation += 1;
        self.trace.request(operation, &request);
        let is_boundary = request.operation() != FileOperation::Read;
        let duration_ns = self.timing.draw_operation_ns(&request);
        self.disk(origin.node).begin(operation, path, request);
        self.waiting.insert(operation, pending.clone());
        self.events.push(self.now_ns + duration_ns, Event::Complete { origin, operation });
        if is_boundary {
            self.boundary_count += 1;
            if self.cut_at_boundary == Some(self.boundary_count - 1) {
                self.cut_at_boundary = None;
                self.plan_cut(duration_ns);
            }
        }
        pending
    }

    /// Cuts the power of `node`, or of all. What is not durable meets its fate now.
    pub(super) fn cut_power(&mut self, node: Option<NodeId>) {
        self.cut_epoch += 1;
        self.cut_at_boundary = None;
        for node in self.nodes_of(node) {
            if self.take_down(node, Halt::PowerCut { boundary_count: self.boundary_count }) {
                let fate = self.cut_fate;
                self.disk(node).cut_power(fate);
            }
        }
    }

    /// Ends the process of `node`: live bytes stay.
    pub(super) fn end_process(&mut self, node: NodeId, halt: Halt) {
        if self.take_down(node, halt) {
            self.disk(node).kill_process();
        }
    }

    /// Starts a new life of `node`, or of all; a node that is still up is killed first.
    pub(super) fn restart(&mut self, node: Option<NodeId>) {
        for node in self.nodes_of(node) {
            self.end_process(node, Halt::Killed);
            let index = usize::from(node.0);
            let generation = self.nodes[index].generation + 1;
            self.nodes[index].generation = generation;
            self.nodes[index].halt = None;
            self.nodes[index].core_chances = core_chances(&self.options, node, generation);
            self.trace.step(Step::Up, u64::from(node.0), generation);
        }
        self.downs.clear();
    }

    /// Everything that runs on the nodes is over; used when the machine itself goes.
    pub(super) fn bury_all(&mut self) {
        for node in self.nodes_of(None) {
            self.take_down(node, Halt::Killed);
        }
        let futures = self.tasks.remove_of(|_| true);
        self.buried.extend(futures);
    }

    pub(super) fn bury(&mut self, future: TaskFuture) {
        self.buried.push(future);
    }

    /// Looks for batches that the last poll sent; each core hears of them after the mesh's latency.
    fn announce_arrivals(&mut self) {
        for index in 0..self.watched.len() {
            let Watched { to, arrival, signal } = &self.watched[index];
            if arrival.take() {
                let event = Event::Arrive { to: *to, signal: signal.clone() };
                let latency_ns = self.timing.draw_mesh_ns();
                self.events.push(self.now_ns + latency_ns, event);
            }
        }
    }

    /// Whether whoever is to hear of a batch still lives.
    fn take_arrival(&mut self, to: Origin) -> bool {
        self.trace.step(Step::Mesh, u64::from(to.node.0), u64::from(to.core.0));
        self.is_alive(to)
    }

    fn choose_task(&mut self) -> Option<TaskId> {
        if self.polls_in_instant >= POLLS_PER_INSTANT_MAX {
            self.move_clock(self.now_ns + CREEP_NS);
        }
        let task = self.tasks.choose()?;
        self.polls_in_instant += 1;
        self.trace.step(Step::Poll, task.0, 0);
        Some(task)
    }

    fn move_clock(&mut self, to_ns: u64) {
        assert!(to_ns >= self.now_ns, "the clock never goes back: {} to {to_ns}", self.now_ns);
        if to_ns > self.now_ns {
            self.polls_in_instant = 0;
            self.now_ns = to_ns;
            self.trace.step(Step::Clock, to_ns, 0);
        }
    }

    fn complete(&mut self, origin: Origin, operation: OperationId) -> Option<(Rc<Pending<Outcome>>, Outcome)> {
        let pending = self.waiting.remove(&operation).expect("each operation in flight has its waiting end");
        if !self.is_alive(origin) {
            return None;
        }
        let outcome = self.disk(origin.node).complete(operation);
        self.trace.step(Step::Complete, operation.0, u64::from(outcome.is_ok()));
        if let Ok(bytes) = &outcome {
            self.trace.bytes(bytes);
        }
        Some((pending, outcome))
    }

    /// The cut comes while the chosen operation is in flight: at its first moment, at its last, or between.
    fn plan_cut(&mut self, duration_ns: u64) {
        let delay_ns = match self.cut_chance.below(4) {
            0 => return self.cut_power(None),
            1 => duration_ns,
            _ => self.cut_chance.below(duration_ns),
        };
        // At the last moment the completion goes first: the operation has its effect, and nobody hears of it.
        self.events.push(self.now_ns + delay_ns, Event::CutPower { epoch: self.cut_epoch });
    }

    fn take_down(&mut self, node: NodeId, halt: Halt) -> bool {
        let index = usize::from(node.0);
        if self.nodes[index].halt.is_some() {
            return false;
        }
        self.trace.step(Step::Down, u64::from(node.0), self.nodes[index].generation);
        self.nodes[index].halt = Some(halt.clone());
        self.downs.push((node, halt));
        self.watched.retain(|watched| watched.to.node != node);
        let futures = self.tasks.remove_of(|origin| origin.node == node);
        self.buried.extend(futures);
        true
    }

    fn nodes_of(&self, node: Option<NodeId>) -> Vec<NodeId> {
        match node {
            Some(node) => vec![node],
            None => (0..self.options.node_count).map(NodeId).collect(),
        }
    }
}

fn core_chances(options: &MachineOptions, node: NodeId, generation: u64) -> Vec<Chance> {
    (0..options.core_count)
        .map(|core| {
            let purpose = CORE_CHANCE + (generation << 32) + (u64::from(node.0) << 16) + u64::from(core);
            Chance::new(options.seed, purpose)
        })
        .collect()
}
