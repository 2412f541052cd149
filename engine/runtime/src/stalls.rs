//! What is told of a stall: a turn of a core that took longer than it may.
//!
//! Deliberately not here: how one is found (`real/stalls/`), and a core that does not turn at all any more (`real/watchdog.rs`).

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::CoreId;

/// What a core is at, told by the task that it runs: makes a stall readable where symbols do not.
#[derive(Debug)]
pub struct Activity(pub &'static str);

/// How stalls are looked for.
#[derive(Clone)]
pub struct StallDetection {
    /// A turn that takes longer is a stall.
    pub threshold: Duration,
    /// Who is told.
    pub listener: StallListener,
}

/// Who is told of stalls. Called on a thread of its own, never on a core.
#[derive(Clone)]
pub enum StallListener {
    /// The log, as a warning.
    Log,
    /// This. For tests.
    Call(Arc<dyn Fn(&StallReport) + Send + Sync>),
}

/// Stalls of one core since its start, all of them counted, whether they were told or not. Times in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StallFigures {
    /// Turns that took longer than the threshold.
    pub count: u64,
    /// Those of them that are known to be due to the CPU being somebody else's.
    pub off_cpu_count: u64,
    /// How long all of them took together.
    pub total_us: u64,
    /// How long the longest took.
    pub longest_us: u64,
}

/// Where the time of a stall went. What happened in the first half of a threshold is known by its bounds alone, so
/// each part is exact to that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StallTimes {
    /// The thread computed, in our code or in the kernel.
    pub on_cpu: Duration,
    /// It was ready to run, and another thread had the CPU.
    pub waiting: Duration,
    /// The hypervisor had the CPU: the thread neither ran nor waited nor left it.
    pub stolen: Duration,
    /// The rest: it slept in the kernel. If it waited for the CPU as well, a part of this may be the hypervisor's.
    pub asleep: Duration,
}

/// One stall.
#[derive(Clone, Debug)]
pub struct StallReport {
    /// Whose.
    pub core: CoreId,
    /// How long the turn took, or has taken until now.
    pub lasted: Duration,
    /// Whether it is over.
    pub has_ended: bool,
    /// Where the time went.
    pub times: StallTimes,
    /// Where in the source the task was spawned that ran when the stack was taken.
    pub task: Option<&'static Location<'static>>,
    /// What it said it was at.
    pub activity: Option<&'static Activity>,
    /// Its functions, innermost first; empty if the turn ended before its stack was taken.
    pub stack: Vec<String>,
    /// Stalls of this kind that were not told before this one, for there were too many.
    pub suppressed_count: u64,
}

impl StallTimes {
    /// Whether the core stood still because somebody else had its CPU, rather than by what it did.
    pub fn is_off_cpu(&self) -> bool {
        self.waiting + self.stolen > self.on_cpu + self.asleep
    }
}

impl fmt::Display for StallTimes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "on the CPU {}, waiting for it {}", ms(self.on_cpu), ms(self.waiting))?;
        if !self.stolen.is_zero() {
            write!(out, ", stolen by the hypervisor {}", ms(self.stolen))?;
        }
        if !self.asleep.is_zero() {
            write!(out, ", asleep {}", ms(self.asleep))?;
        }
        Ok(())
    }
}

impl fmt::Display for StallReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tense = if self.has_ended { "a turn took" } else { "a turn goes on and has taken" };
        write!(out, "{tense} {} ms ({} ms)", ms(self.lasted), self.times)?;
        if let Some(task) = self.task {
            write!(out, " in the task of {}:{}", task.file(), task.line())?;
        }
        if let Some(Activity(name)) = self.activity {
            write!(out, " at {name}")?;
        }
        match self.stack.is_empty() {
            true => write!(out, ": no stack, it ended too soon")?,
            false => write!(out, ": {}", self.stack.join(" < "))?,
        }
        match self.suppressed_count {
            0 => Ok(()),
            count => write!(out, "; {count} more of this kind were not told"),
        }
    }
}

fn ms(duration: Duration) -> impl fmt::Display {
    format!("{:.1}", duration.as_secs_f64() * 1e3)
}
