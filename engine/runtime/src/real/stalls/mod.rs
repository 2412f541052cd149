//! Stalls: turns of a core that take too long are found while they go on, with the stack of the core's thread.
//!
//! ```text
//! core's thread     notes when each turn began and what task runs         watch.rs
//! detector          a thread; looks twice a threshold, interrupts whoever is late, hears of the end     detector.rs
//! signal            copies registers and stack of the interrupted thread, and nothing else              sampling.rs
//! reporter          another thread, of the lowest priority: unwinds the copy, names its functions, tells
//!                                                                         reporter.rs, unwinding.rs
//! ```
//!
//! A turn begins when the driver takes one and ends when it takes the next or the core goes to sleep; a task that runs
//! while the driver sleeps is a turn by itself. So whatever keeps sockets, disk and timers waiting is in one.
//!
//! Off unless asked for. On, a core pays two relaxed stores a poll and a reading of the clock whenever it goes to sleep or wakes up; the
//! detector takes three to five percent of another CPU for each core at a threshold of a millisecond, and less for longer ones. Stacks are unwound by the tables that every
//! binary has, from the copy, so code keeps no frame pointers, and what was built without them (the C library, the allocator) is seen through.

mod detector;
mod limiter;
mod reporter;
mod sampling;
mod times;
mod unwinding;
mod watch;

pub(super) use detector::Detector;
pub(super) use watch::TurnWatch;
