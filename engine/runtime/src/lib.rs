//! The only room that touches the machine: executor, clock, chance, files, sockets and mesh.
//!
//! In the way of a request it is the first and the last: `Sockets` hands received bytes to the server's loop and
//! carries replies away, `Mesh` carries batches between cores, `File` makes the journal's batch durable.
//!
//! One [`Runtime`] lives on each core and never leaves its thread. Behind it is an enum: the real machine (a glommio
//! executor and one further io_uring ring a core, `real/`), or the simulated one (seeded and deterministic,
//! `simulated/`). Nothing outside knows which it is, and no type parameter tells.
//!
//! Deliberately not here: what the bytes mean. No frame, no record, no retry of a failed operation.
mod buffer;
mod clock;
mod file;
mod file_error;
mod handle;
mod leftovers;
mod memory;
mod mesh;
mod read_queue;
mod real;
mod signal;
pub mod simulated;
mod sockets;
mod stalls;
mod start;
mod worker;

pub use buffer::{BLOCK_BYTES, Buffer};
pub use clock::Instant;
pub use file::{DirectoryEntry, DirectoryLock, File, FileSpan, FlushMethod};
pub use file_error::FileError;
pub use handle::Runtime;
pub use leftovers::Leftovers;
pub use memory::{CACHE_LINE_BYTES, memory_bytes, prefetch};
pub use mesh::{Mesh, MeshPorts, Notifier};
pub use read_queue::ReadQueue;
pub use signal::{OneShot, OneShotSender, Signal, one_shot};
pub use sockets::{ConnectionId, ListenerId, ListenerUse, SocketError, SocketEvent, Sockets};
pub use stalls::{Activity, StallDetection, StallFigures, StallListener, StallReport, StallTimes};
pub use start::{Machine, RuntimeOptions, StallResponse, StartError, names_before_start, start};
pub use worker::{CoreId, ShareClass, StopReason};
