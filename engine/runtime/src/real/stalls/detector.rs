//! The detector: a thread that looks at each core twice a threshold, and interrupts the one whose turn takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::limiter::Limiter;
use super::reporter::{Reporter, Told};
use super::sampling::StackCopy;
use super::times::{self, Reading};
use super::watch::TurnWatch;
use crate::real::core::monotonic_now;
use crate::real::ring::io_start_error;
use crate::{CoreId, StallDetection, StallReport, StallTimes, StartError};

/// However short the threshold is, the detector sleeps so long.
const LOOK_EVERY_MIN: Duration = Duration::from_micros(50);
/// A turn that has taken so long is told although it goes on: it may be the last.
const OPEN_MAX_NS: u64 = 1_000_000_000;
/// Stalls told a minute that are due to what the core did ...
const OWN_COUNT_PER_MINUTE: u32 = 20;
/// ... and those in which somebody else had its CPU: there is little to learn from their stacks.
const OFF_CPU_COUNT_PER_MINUTE: u32 = 5;

/// The running detector.
pub(crate) struct Detector {
    is_stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Detector {
    pub(crate) fn start(watches: Vec<&'static TurnWatch>, detection: StallDetection) -> Result<Detector, StartError> {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let reporter = Reporter::start(detection.listener)?;
        let mut looking = Looking {
            cores: watches.into_iter().map(Look::new).collect(),
            threshold: u64::try_from(detection.threshold.as_nanos()).unwrap_or(u64::MAX),
            reporter,
            own: Limiter::new(OWN_COUNT_PER_MINUTE),
            off_cpu: Limiter::new(OFF_CPU_COUNT_PER_MINUTE),
        };
        let (stopping, every) = (is_stopping.clone(), (detection.threshold / 2).max(LOOK_EVERY_MIN));
        let work = move || {
            looking.say_what_is_missing();
            while !stopping.load(Ordering::Relaxed) {
                thread::park_timeout(every);
                looking.look();
            }
            looking.reporter.stop();
        };
        let thread = thread::Builder::new()
            .name("stator-stalls".to_owned())
            .spawn(work)
            .map_err(|error| io_start_error("start of the detector of stalls", &error))?;
        Ok(Detector { is_stopping, thread })
    }

    pub(crate) fn stop(self) {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().expect("the detector does not panic");
    }
}

struct Looking {
    cores: Vec<Look>,
    threshold: u64,
    reporter: Reporter,
    own: Limiter,
    off_cpu: Limiter,
}

/// What the detector knows of one core.
struct Look {
    watch: &'static TurnWatch,
    /// The turn that it saw last, by its beginning.
    turn: u64,
    /// The last reading before that turn was seen, the first after, and the last of all.
    before: Reading,
    first: Reading,
    last: Reading,
    caught: Option<Caught>,
}

/// A turn that takes too long.
struct Caught {
    since: u64,
    before: Reading,
    first: Reading,
    copy: Option<StackCopy>,
    is_told: bool,
}

/// A stall as far as it goes.
struct Measured {
    since: u64,
    at: u64,
    has_ended: bool,
    times: StallTimes,
}

impl Look {
    fn new(watch: &'static TurnWatch) -> Look {
        let none = Reading::default();
        Look { watch, turn: 0, before: none, first: none, last: none, caught: None }
    }

    /// Reads the thread's times; false: there is no turn, or no thread any more.
    fn read(&mut self, turn: u64) -> bool {
        if turn == 0 {
            return false;
        }
        let Some(times) = self.watch.read_times() else { return false };
        let reading = Reading { at: monotonic_now().0, times };
        if self.turn != turn {
            self.turn = turn;
            self.before = self.last;
            self.first = reading;
        }
        self.last = reading;
        true
    }

    fn catch(&mut self) {
        self.watch.catch(self.turn);
        if let Some(clock) = self.watch.clock() {
            self.watch.sample().ask(clock);
        }
        self.caught =
            Some(Caught { since: self.turn, before: self.before, first: self.first, copy: None, is_told: false });
    }

    /// Takes the stack of the turn that was caught, if it has come.
    fn take_stack(&mut self) {
        let Some(caught) = &mut self.caught else { return };
        if let Some(copy) = self.watch.sample().take()
            && copy.doing.turn == caught.since
        {
            caught.copy = Some(copy);
        }
    }

    /// How far the stall has come that was caught; `None` if there is nothing to tell yet, or ever.
    fn measure(&mut self) -> Option<Measured> {
        let caught = self.caught.as_ref()?;
        let measured = |end: &Reading, has_ended| {
            let times = times::split(caught.since, &caught.before, &caught.first, end);
            Measured { since: caught.since, at: end.at, has_ended, times }
        };
        if let Some(ended) = self.watch.take_ended().filter(|ended| ended.since == caught.since) {
            return Some(measured(&ended.end, true));
        }
        if self.turn != caught.since {
            // It ended as it was caught, a moment after the threshold.
            self.forget();
            return None;
        }
        let is_due = !caught.is_told && self.last.at.saturating_sub(caught.since) >= OPEN_MAX_NS;
        is_due.then(|| measured(&self.last, false))
    }

    fn forget(&mut self) {
        self.caught = None;
        self.watch.sample().give_up();
    }
}

impl Looking {
    fn say_what_is_missing(&self) {
        let is_blind = self.cores.iter().filter_map(|core| core.watch.clock()).any(|clock| !clock.knows_waiting());
        if is_blind {
            tracing::warn!("this kernel has no schedstat (CONFIG_SCHED_INFO): waiting for the CPU is told as sleep");
        }
    }

    fn look(&mut self) {
        for index in 0..self.cores.len() {
            let core = &mut self.cores[index];
            let turn = core.watch.turn_since();
            let is_busy = core.read(turn);
            core.take_stack();
            if let Some(measured) = core.measure() {
                self.tell(index, &measured);
                continue;
            }
            let core = &mut self.cores[index];
            if is_busy && core.caught.is_none() && core.last.at.saturating_sub(turn) > self.threshold {
                core.catch();
            } else if !is_busy {
                core.turn = 0;
            }
        }
    }

    fn tell(&mut self, index: usize, measured: &Measured) {
        let core = &mut self.cores[index];
        core.take_stack();
        let Some(caught) = &mut core.caught else { return };
        let (was_told, copy) = (caught.is_told, caught.copy.take());
        caught.is_told = true;
        if measured.has_ended {
            core.forget();
        }
        let is_off_cpu = measured.times.is_off_cpu();
        if is_off_cpu && measured.has_ended {
            core.watch.note_off_cpu();
        }
        if was_told {
            return;
        }
        let limiter = if is_off_cpu { &mut self.off_cpu } else { &mut self.own };
        let Some(suppressed_count) = limiter.admit(measured.at) else { return };
        let doing = copy.as_ref().map(|copy| copy.doing).unwrap_or_default();
        let report = StallReport {
            core: CoreId::from_usize(index),
            lasted: Duration::from_nanos(measured.at.saturating_sub(measured.since)),
            has_ended: measured.has_ended,
            times: measured.times,
            task: doing.task,
            activity: doing.activity,
            stack: Vec::new(),
            suppressed_count,
        };
        if !self.reporter.tell(Told { report, copy }) {
            limiter.take_back(suppressed_count);
        }
    }
}
