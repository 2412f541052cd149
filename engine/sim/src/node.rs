//! A whole node on a simulated machine: the engine on each core, and a door to each.
//!
//! What `net/server` does with sockets is done here with a list of calls per core: take what came in, let the engine have
//! its turn, hand out the replies. A node lives as long as one life of the simulated node.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use engine::{Batch, Engine, EngineOptions, MESH_BATCH_COUNT_MAX, Metrics, ReplyToken, Rotated, Rotation};
use model::operation::{Reply, Request};
use model::{Error, Text};
use runtime::simulated::{Machine, NodeId};
use runtime::{MeshPorts, OneShotSender, Runtime, Signal, one_shot};

/// What comes back for a request.
pub(crate) type Answer = Result<Reply, Error>;

/// What a node in a test is usually given: small segments, no delays, no scrub.
pub fn node_options(directories: &[&str]) -> EngineOptions {
    EngineOptions {
        data_directories: directories.iter().map(PathBuf::from).collect(),
        keyring: None,
        key_service: None,
        segment_bytes: 64 << 10,
        memory_bytes_max: 64 << 20,
        endpoint: Text::from("localhost:8000"),
        table_delay_ms: 0,
        expiry_delay_ms: 0,
        scrub_period_ms: 0,
    }
}

/// The doors of a running node. Clones are the same node.
#[derive(Clone)]
pub struct Caller {
    doors: Rc<Vec<Door>>,
}

/// A node that was started.
pub struct Node {
    caller: Caller,
    opening: Rc<Opening>,
}

#[derive(Default)]
struct Door {
    calls: RefCell<Vec<(Request, OneShotSender<Answer>)>>,
    /// On the first core alone.
    rotations: RefCell<Vec<(Rotation, OneShotSender<Rotated>)>>,
    /// Wakes the worker; none before its engine is open.
    signal: RefCell<Option<Signal>>,
    /// As of the worker's last turn.
    metrics: Cell<Metrics>,
}

/// Which cores are open, and what the first one that cannot be says.
struct Opening {
    state: RefCell<(usize, Option<String>)>,
    signal: Signal,
}

impl Node {
    /// Starts the engine on every core of the machine's first node.
    pub fn start(machine: &Machine, options: &EngineOptions) -> Node {
        let core_count = machine.runtime().core_count();
        let door = |_| Door::default();
        let caller = Caller { doors: Rc::new((0..core_count).map(door).collect()) };
        let opening = Rc::new(Opening { state: RefCell::default(), signal: Signal::new() });
        let ports = MeshPorts::new(core_count, MESH_BATCH_COUNT_MAX);
        machine.start(NodeId(0), |runtime| {
            serve(runtime, options.clone(), ports.clone(), (caller.clone(), opening.clone()))
        });
        Node { caller, opening }
    }

    /// Waits until every core is open, or one cannot be.
    pub async fn opened(&self) -> Result<(), String> {
        loop {
            {
                let state = self.opening.state.borrow();
                if let Some(failure) = &state.1 {
                    return Err(failure.clone());
                }
                if state.0 == self.caller.core_count() {
                    return Ok(());
                }
            }
            self.opening.signal.wait().await;
        }
    }

    /// The way in.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

impl Caller {
    /// How many cores may be asked.
    pub fn core_count(&self) -> usize {
        self.doors.len()
    }

    /// What all cores have counted since the node's start, as of their last turns.
    pub fn metrics(&self) -> impl Iterator<Item = Metrics> {
        self.doors.iter().map(|door| door.metrics.get())
    }

    /// Asks one core. Never answered if the node goes down first.
    pub async fn call(&self, core: usize, request: Request) -> Answer {
        let (sender, receiver) = one_shot();
        let door = &self.doors[core];
        door.calls.borrow_mut().push((request, sender));
        if let Some(signal) = &*door.signal.borrow() {
            signal.notify();
        }
        match receiver.await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

impl Caller {
    /// Changes a key. Never answered if the node goes down first.
    pub async fn rotate_keys(&self, rotation: Rotation) -> Result<String, String> {
        let (sender, receiver) = one_shot();
        let door = &self.doors[0];
        door.rotations.borrow_mut().push((rotation, sender));
        if let Some(signal) = &*door.signal.borrow() {
            signal.notify();
        }
        match receiver.await {
            Some(rotated) => rotated.result,
            None => std::future::pending().await,
        }
    }
}

async fn serve(
    runtime: Runtime,
    options: EngineOptions,
    ports: MeshPorts<Batch>,
    (caller, opening): (Caller, Rc<Opening>),
) {
    let door = &caller.doors[runtime.core().as_usize()];
    let mut engine = match Engine::open(runtime, &ports, &options).await {
        Ok(engine) => engine,
        Err(error) => {
            opening.state.borrow_mut().1 = Some(error.to_string());
            opening.signal.notify();
            return;
        }
    };
    let signal = engine.signal().clone();
    door.signal.replace(Some(signal.clone()));
    opening.state.borrow_mut().0 += 1;
    opening.signal.notify();
    let mut waiting = BTreeMap::new();
    let mut rotating = BTreeMap::new();
    let mut next_call = 0;
    loop {
        let calls = std::mem::take(&mut *door.calls.borrow_mut());
        for (request, sender) in calls {
            waiting.insert(next_call, sender);
            engine.submit(ReplyToken { connection: 0, request: next_call }, request);
            next_call += 1;
        }
        for (rotation, sender) in std::mem::take(&mut *door.rotations.borrow_mut()) {
            rotating.insert(next_call, sender);
            engine.rotate_keys(ReplyToken { connection: 0, request: next_call }, &rotation);
            next_call += 1;
        }
        engine.turn();
        for rotated in engine.rotations().drain(..) {
            let sender: OneShotSender<Rotated> =
                rotating.remove(&rotated.token.request).expect("each rotation is answered once");
            sender.send(rotated);
        }
        for replied in engine.replies().drain(..) {
            let sender: OneShotSender<Answer> =
                waiting.remove(&replied.token.request).expect("each call is answered once");
            sender.send(replied.result);
        }
        door.metrics.set(*engine.metrics());
        signal.wait().await;
    }
}
