//! The simulated machine: whole nodes in one thread, in virtual time, from one seed.
//!
//! ```text
//!   Machine            what a test holds: starts mains, runs futures, cuts the power, restarts, asks for the trace hash
//!     World            virtual time, tasks, events to come
//!       Node           one life after another on the same disk
//!         Core            what is behind a core's `Runtime`
//!         Disk            live and durable bytes, operations in flight, faults
//! ```
//!
//! The same seed and the same code give the same run: which task runs next, how long an operation takes, what a power cut
//! keeps are all drawn from the seed, and folded into a running hash (`Machine::trace_hash`). No thread, no real clock.
//!
//! A crash test:
//!
//! ```
//! # use runtime::simulated::{Halt, Machine};
//! # use runtime::{Buffer, FileError, Runtime};
//! # use std::path::Path;
//! async fn workload(runtime: Runtime) -> Result<(), FileError> {
//!     let file = runtime.create_file(Path::new("/log"), 8192).await?;
//!     file.write_durable_at(0, Buffer::zeroed(4096)).await.1
//! }
//! let unharmed = Machine::new(7);
//! unharmed.run(workload(unharmed.runtime())).expect("nothing cuts the power").expect("no fault is armed");
//! for boundary in 0..unharmed.boundary_count() {
//!     let machine = Machine::new(7);
//!     machine.cut_power_at(boundary);
//!     let outcome = machine.run(workload(machine.runtime()));
//!     assert!(matches!(outcome, Err(Halt::PowerCut { .. })));
//!     machine.restart();
//!     // Recover with `machine.runtime()`, and hold what is there against what was acknowledged.
//! }
//! ```
//!
//! Deliberately not here: sockets. A simulated node is spoken to by futures on its cores.

mod chance;
mod contents;
mod disk;
mod events;
mod fate;
mod fault;
mod file;
mod machine;
mod namespace;
mod node_disk;
mod read_queue;
mod tasks;
mod timing;
mod trace;
mod worker;
mod world;

pub use fate::CutFate;
pub use fault::{Fault, FileOperation};
pub(crate) use file::{DirectoryLock, File};
pub use machine::{Halt, Machine, MachineOptions, NodeId};
pub use node_disk::NodeDisk;
pub(crate) use read_queue::ReadQueue;
pub(crate) use worker::Core;
