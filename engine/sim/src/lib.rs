//! Whole nodes in one thread on a simulated machine: workloads, an oracle of acknowledged writes, power cuts.
//!
//! ```text
//!   Experiment     one seed: a machine, a node on it, clients, and what is done to the power
//!     Node         an engine on each core, and a door to each
//!     Client       draws operations, checks every answer, tells the oracle
//!     Oracle       what must be there, what may be there, what must not
//!     Index        what an index must hold of the items that are there
//! ```
//!
//! The engine is the one that ships: it runs on `runtime::simulated` and does not know. Everything is drawn from the seed,
//! so a failure is found again by its seed and boundary: `SIM_SEEDS=17..18 cargo test -p sim` replays seed 17, and
//! `SIM_SEEDS=1000..3000` searches for minutes. Deliberately not here: what a power cut does to bytes
//! (`runtime::simulated`), and protocols (a node is asked at the engine's own door).

#![forbid(unsafe_code)]

mod client;
mod create_table;
mod experiment;
mod index;
mod node;
mod oracle;
mod verify;

pub use client::Client;
pub use create_table::{create_table, item_of, noise, with_table};
pub use experiment::{Counted, Experiment, Workload, seeds};
pub use index::Index;
pub use node::{Caller, Node, node_options};
pub use oracle::{ItemKey, Oracle, Version};
pub use verify::verify;
