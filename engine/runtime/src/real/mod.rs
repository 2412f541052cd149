//! The real machine: one glommio executor per core, and beside it one io_uring ring of our own.
//!
//! glommio pins the threads, runs the tasks in two queues with shares, and sleeps. The ring carries sockets, files and
//! time; `driver` turns it from inside the executor and explains why a core cannot hang.
//!
//! ```text
//! core        tasks, clock, what all of this shares     workers      threads: starting and ending them
//! driver      the turn: submit, complete, wake, sleep   watchdog     asks the cores whether they turn
//! ring        the io_uring ring                         doorbell     wakes a sleeping core
//! operations  what completes once: files, timers        threads      helper threads, process signals
//! background_share                                      what the background may have of a core's time
//! file, directory, freeing, flush_method                        timers       tasks that wait for a time
//! read_queue, read_memory                                       reads that are taken together, and their memory
//! stalls      turns that take too long, with their stack
//! sockets, socket_table, connection, receive_pool       listeners, connections, buffers
//! ```

mod background_share;
mod connection;
mod core;
mod descriptor;
mod directory;
mod doorbell;
mod driver;
mod file;
mod flush_method;
mod freeing;
mod operations;
mod read_memory;
mod read_queue;
mod receive_pool;
mod ring;
mod socket_table;
mod sockets;
mod stalls;
mod threads;
mod timers;
mod watchdog;
mod workers;

pub(crate) use self::core::Core;
pub(crate) use doorbell::Doorbell;
pub(crate) use file::File;
pub(crate) use read_memory::Piece;
pub(crate) use read_queue::ReadQueue;
pub(crate) use threads::{call_on_thread, watch_termination};
pub(crate) use workers::{Workers, available_cpus, memory_lock_error, start};
