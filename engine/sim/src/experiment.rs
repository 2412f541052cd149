//! One seed: a machine, a node on it, clients, and what is done to the power.
//!
//! An experiment goes through lives: each ends by a power cut, a stop or the end of its workload, and the next begins with
//! a check of everything against the oracle. A life that comes to its end is checked once more: indexes that were made anew at
//! the start say nothing of how writes change them.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use engine::EngineOptions;
use model::Text;
use runtime::simulated::{Halt, Machine, MachineOptions};
use runtime::{OneShot, ShareClass, one_shot};

use crate::client::{Client, SHARED_TABLE};
use crate::node::Node;
use crate::oracle::Oracle;
use crate::verify::verify;

/// The number of the client that checks; it writes nothing.
const CHECKER: u64 = 1_000;

/// Between two tries of a change that the node has no room for.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// How much is done, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// All chance grows from it.
    pub seed: u64,
    /// Cores of the node.
    pub core_count: u16,
    /// Data directories of the node.
    pub directory_count: usize,
    /// Clients at work at the same time.
    pub client_count: u64,
    /// Operations of each client.
    pub step_count: usize,
    /// The size of a journal segment.
    pub segment_bytes: u64,
    /// Memory of the node's workers, together.
    pub memory_bytes: u64,
    /// How long the scrub takes to look at everything once; 0: there is none.
    pub scrub_period_ms: u64,
}

impl Workload {
    /// A small workload; its shape is drawn from the seed as well.
    pub fn small(seed: u64) -> Workload {
        let mut random = fastrand::Rng::with_seed(seed);
        Workload {
            seed,
            core_count: random.u16(1..=2),
            directory_count: random.usize(1..=2),
            client_count: random.u64(1..=3),
            step_count: random.usize(6..=12),
            segment_bytes: 64 << 10,
            memory_bytes: [256 << 10, 64 << 20][random.usize(..2)],
            scrub_period_ms: 0,
        }
    }
}

/// The seeds of one test: `range`, or those of `SIM_SEEDS=FIRST..LAST`, to replay one or to search for longer.
pub fn seeds(range: Range<u64>) -> Range<u64> {
    let Ok(given) = std::env::var("SIM_SEEDS") else { return range };
    let bounds: Option<Vec<u64>> = given.split("..").map(|bound| bound.parse().ok()).collect();
    match bounds.as_deref() {
        Some([first, last]) => *first..*last,
        _ => panic!("SIM_SEEDS={given}: expected FIRST..LAST, such as 17..18"),
    }
}

/// See the front page.
pub struct Experiment {
    workload: Workload,
    machine: Machine,
    oracle: Rc<RefCell<Oracle>>,
    life: u64,
    counted: Counted,
}

/// What the nodes of all lives have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes that the scrub has read.
    pub scrubbed_bytes: u64,
    /// Reads that did not bring what was written.
    pub corruption_count: u64,
}

impl Experiment {
    /// A new machine with an empty disk.
    pub fn new(workload: Workload) -> Experiment {
        let options = MachineOptions { core_count: workload.core_count, ..MachineOptions::new(workload.seed) };
        // From here on a key and nonce that seal twice stop the run, whatever is cut, torn or recycled.
        security::audit::begin();
        Experiment {
            workload,
            machine: Machine::with(options),
            oracle: Rc::default(),
            life: 0,
            counted: Counted::default(),
        }
    }

    /// The machine, to arm cuts and faults, and to ask for its trace.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// How many writes were acknowledged so far.
    pub fn acknowledged_count(&self) -> u64 {
        self.oracle.borrow().acknowledged_count()
    }

    /// How many writes were refused for want of room so far.
    pub fn refused_count(&self) -> u64 {
        self.oracle.borrow().refused_count()
    }

    /// What the nodes of all lives have counted so far.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// A read of the disk will fail. Everybody who waits for it is told so, and nobody else.
    pub fn expect_failed_read(&self) {
        let waiting_count = u32::try_from(self.workload.client_count).expect("a few clients");
        self.oracle.borrow_mut().expect_unreadable(waiting_count);
    }

    /// Starts the node, checks everything, and lets the clients work. `Err` if the node goes down before they are done.
    ///
    /// Panics, with the seed, on a wrong answer, and if the node cannot open.
    pub fn run_life(&mut self) -> Result<(), Halt> {
        self.run_life_beside(async |_| ())
    }

    /// A life that ends with a power cut at `boundary`, or when its clients are done if that is sooner: the node then still prepares for what comes
    /// next. The machine is started again.
    ///
    /// Panics as [`Self::run_life`] does, and if the node goes down otherwise.
    pub fn run_cut_life(&mut self, boundary: u64) {
        self.machine.cut_power_at(boundary);
        match self.run_life() {
            Ok(()) => self.machine.cut_power(),
            Err(halt) => {
                assert!(matches!(halt, Halt::PowerCut { .. }), "{:?}, life {}: {halt:?}", self.workload, self.life);
            }
        }
        self.restart();
    }

    /// The same as [`Self::run_life`], with something else that happens to the machine while the clients work.
    pub fn run_life_beside(&mut self, beside: impl AsyncFnOnce(&Machine)) -> Result<(), Halt> {
        let opened = self.try_life(beside)?;
        opened.unwrap_or_else(|failure| panic!("{:?}: the node cannot open: {failure}", self.workload));
        Ok(())
    }

    /// The same, but the node may be unable to open: then its reason is returned.
    pub fn try_life(&mut self, beside: impl AsyncFnOnce(&Machine)) -> Result<Result<(), String>, Halt> {
        self.life += 1;
        let node = Node::start(&self.machine, &self.engine_options());
        let outcome = self.machine.run(async {
            node.opened().await?;
            let mut checker = self.client(CHECKER, &node);
            self.check_all(&mut checker).await;
            while !self.oracle.borrow().has_table(SHARED_TABLE) {
                checker.create_table(SHARED_TABLE).await;
                self.machine.runtime().sleep(RETRY_DELAY).await;
            }
            let ends = self.start_work(&node);
            beside(&self.machine).await;
            for end in ends {
                end.await;
            }
            // What was recovered has been checked; what writes have made of it since is not the same.
            self.check_all(&mut checker).await;
            Ok(())
        });
        for metrics in node.caller().metrics() {
            self.counted.scrubbed_bytes += metrics.scrubbed_bytes;
            self.counted.corruption_count += metrics.corruption_count;
        }
        outcome
    }

    async fn check_all(&self, checker: &mut Client) {
        let checked = verify(checker, &self.oracle).await;
        checked.unwrap_or_else(|failure| panic!("{:?}, life {}: {failure}", self.workload, self.life));
    }

    /// Brings the node back after it went down.
    pub fn restart(&mut self) {
        self.machine.restart();
    }

    /// Sets all clients to work, each a task of the node's first core. Tells when each is done.
    fn start_work(&self, node: &Node) -> Vec<OneShot<()>> {
        let start = |number| {
            let mut client = self.client(number, node);
            let (sender, end) = one_shot();
            let step_count = self.workload.step_count;
            self.machine.runtime().spawn(ShareClass::Foreground, async move {
                client.run(step_count).await;
                sender.send(());
            });
            end
        };
        (0..self.workload.client_count).map(start).collect()
    }

    fn client(&self, number: u64, node: &Node) -> Client {
        let seed = self.workload.seed + (self.life << 32);
        Client::new(number, seed, self.machine.runtime(), node.caller(), self.oracle.clone())
    }

    fn engine_options(&self) -> EngineOptions {
        let directory = |number| PathBuf::from(format!("/disk-{number}/data"));
        EngineOptions {
            data_directories: (0..self.workload.directory_count).map(directory).collect(),
            keyring: None,
            key_service: None,
            segment_bytes: self.workload.segment_bytes,
            memory_bytes_max: self.workload.memory_bytes,
            endpoint: Text::from("localhost:8000"),
            table_delay_ms: 0,
            expiry_delay_ms: 0,
            scrub_period_ms: self.workload.scrub_period_ms,
        }
    }
}
