//! Waiting for sockets until the next request of a schedule is due, without keeping the CPU from others.
//!
//! The kernel has work of its own on the load's CPU: the completion of the server's direct writes runs wherever the disk's interrupt went. A
//! generator that spins makes that work wait for a time slice, milliseconds, and then measures them.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::time::Duration;

use mio::{Events, Poll};
use rustix::event::{PollFd, PollFlags, Timespec, poll as poll_descriptors};
use rustix::thread::{sched_yield, set_current_timer_slack};

/// epoll's timeout is in milliseconds, rounded up: from here on, less one of them, it is exact enough to begin with.
const COARSE_NS_MIN: u64 = 2_000_000;
/// A gap shorter than this is over before a sleeper would be awake again.
const SLEEP_NS_MIN: u64 = 20_000;

/// Timers of this thread end when they are due, not up to 50 us later.
pub(crate) fn wake_exactly() -> io::Result<()> {
    Ok(set_current_timer_slack(NonZeroU64::new(1))?)
}

/// Takes the events of all sockets, after waiting for the first of them for at most `gap_ns`. May be back sooner without any.
pub(crate) fn wait(poll: &mut Poll, events: &mut Events, gap_ns: u64) -> io::Result<()> {
    let mut timeout = Duration::ZERO;
    if gap_ns >= COARSE_NS_MIN {
        timeout = Duration::from_nanos(gap_ns - COARSE_NS_MIN / 2);
    } else if gap_ns >= SLEEP_NS_MIN {
        let gap = Timespec { tv_sec: 0, tv_nsec: gap_ns.try_into().expect("less than two milliseconds") };
        let mut descriptors = [PollFd::from_borrowed_fd(poll.registry().as_fd(), PollFlags::IN)];
        unless_interrupted(poll_descriptors(&mut descriptors, Some(&gap)).map(drop).map_err(io::Error::from))?;
    }
    unless_interrupted(poll.poll(events, Some(timeout)))?;
    if events.is_empty() && gap_ns < SLEEP_NS_MIN {
        sched_yield();
    }
    Ok(())
}

/// A signal is as good a reason to look as any.
fn unless_interrupted(waited: io::Result<()>) -> io::Result<()> {
    match waited {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
        waited => waited,
    }
}
