//! The loop of the load generator: one thread, epoll, all connections.
//!
//! Closed loop: a reply makes room for the next request of its connection. Open loop: requests are due by a schedule; one
//! that finds no room waits in line, and its latency counts from its due time all the same.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Instant;

use mio::{Events, Interest, Poll, Token};

use super::connection::{Connection, Work};
use super::driver::{Driver, Lanes, Operation, Outcome};
use super::measure::Measure;
use super::schedule::Schedule;
use super::source::{Intent, Source};
use crate::waiting;

/// Due requests that may wait in line for room in flight; a run that falls further behind is given up.
const WAITING_COUNT_MAX: usize = 4_000_000;
/// Of so many successful gets one is checked byte for byte, unless a phase wants more.
const VERIFIED_EVERY: u64 = 512;
/// How long replies may be outstanding at the end.
const DRAIN_NS_MAX: u64 = 10_000_000_000;
const EVENTS_COUNT_MAX: usize = 1024;

/// How fast requests are made.
pub(super) enum Pace {
    /// As fast as replies come.
    Closed {
        /// Whether a connection waits for all its replies before it sends the next batch, as redis-benchmark does.
        is_lockstep: bool,
    },
    /// By a schedule.
    Open(Schedule),
}

/// The load generator: connections that outlive a phase, and the phase.
pub(super) struct Generator {
    pub(super) driver: Driver,
    pub(super) lanes: Lanes,
    connections: Vec<Connection>,
    /// By lane: connections with room, once per free slot. Used by the open loop.
    room: Vec<VecDeque<usize>>,
    /// Connections with new requests; kept for its memory.
    touched: Vec<usize>,
    poll: Poll,
    epoch: Instant,
    success_count: u64,
}

/// One phase of a run: the fill, or the measured load.
pub(super) struct Phase {
    pub(super) source: Source,
    pub(super) pace: Pace,
    /// When no more requests are made.
    pub(super) end_ns: u64,
    pub(super) measure: Measure,
    /// Of so many successful gets one is checked byte for byte.
    pub(super) verified_every: u64,
    /// By lane: due and not sent.
    waiting: Vec<VecDeque<Work>>,
    is_source_empty: bool,
}

impl Phase {
    pub(super) fn new(source: Source, pace: Pace, end_ns: u64, measure: Measure, lanes: &Lanes) -> Phase {
        let waiting = vec![VecDeque::new(); usize::from(lanes.count())];
        Phase { source, pace, end_ns, measure, verified_every: VERIFIED_EVERY, waiting, is_source_empty: false }
    }

    fn waiting_count(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }
}

impl Generator {
    pub(super) fn new(
        driver: Driver,
        lanes: Lanes,
        mut connections: Vec<Connection>,
    ) -> Result<Generator, Box<dyn Error>> {
        waiting::wake_exactly()?;
        let poll = Poll::new()?;
        let mut room = vec![VecDeque::new(); usize::from(lanes.count())];
        for (place, connection) in connections.iter_mut().enumerate() {
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut connection.stream, Token(place), interest)?;
        }
        // In turns, so that a low rate spreads over all connections.
        for _ in 0..connections.first().map_or(0, |connection| connection.in_flight.free_count()) {
            for (place, connection) in connections.iter().enumerate() {
                room[usize::from(connection.lane)].push_back(place);
            }
        }
        let (touched, epoch) = (Vec::with_capacity(connections.len()), Instant::now());
        Ok(Generator { driver, lanes, connections, room, touched, poll, epoch, success_count: 0 })
    }

    /// Nanoseconds since the generator was made.
    // 2^64 ns are 584 years.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Runs a phase until all its requests are answered.
    pub(super) fn run(&mut self, phase: &mut Phase) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(EVENTS_COUNT_MAX);
        if matches!(phase.pace, Pace::Closed { .. }) {
            for place in 0..self.connections.len() {
                self.refill(place, phase)?;
            }
        }
        loop {
            let now_ns = self.now_ns();
            phase.measure.tick(now_ns, phase.waiting_count());
            self.make_due(phase, now_ns)?;
            if self.is_done(phase, now_ns)? {
                return Ok(());
            }
            waiting::wait(&mut self.poll, &mut events, gap_ns(phase, now_ns))?;
            for event in &events {
                let place = event.token().0;
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.receive(place, phase)?;
                }
                self.refill(place, phase)?;
            }
        }
    }

    fn is_done(&self, phase: &Phase, now_ns: u64) -> Result<bool, Box<dyn Error>> {
        if now_ns < phase.end_ns && !phase.is_source_empty {
            return Ok(false);
        }
        let is_idle = self.connections.iter().all(|connection| connection.in_flight.is_empty());
        if is_idle && phase.waiting_count() == 0 {
            return Ok(true);
        }
        if now_ns > phase.end_ns.saturating_add(DRAIN_NS_MAX) {
            return Err("requests are still without a reply long after the end".into());
        }
        Ok(false)
    }

    /// Open loop: lines up what is due and sends what has room.
    fn make_due(&mut self, phase: &mut Phase, now_ns: u64) -> Result<(), Box<dyn Error>> {
        let Pace::Open(schedule) = &mut phase.pace else {
            return Ok(());
        };
        while let Some(start_ns) = schedule.take_due(now_ns.min(phase.end_ns)) {
            let Some(Intent { operation, key, version }) = phase.source.next() else { break };
            let work = Work { operation, key, version, start_ns };
            phase.waiting[usize::from(self.lanes.lane(key))].push_back(work);
        }
        if phase.waiting_count() > WAITING_COUNT_MAX {
            return Err(format!("{WAITING_COUNT_MAX} requests wait in line: the rate is far beyond this server").into());
        }
        for (waiting, room) in phase.waiting.iter_mut().zip(&mut self.room) {
            while !waiting.is_empty() && !room.is_empty() {
                let (Some(work), Some(place)) = (waiting.pop_front(), room.pop_front()) else { break };
                self.connections[place].begin(work, &mut self.driver);
                if !self.touched.contains(&place) {
                    self.touched.push(place);
                }
            }
        }
        for place in self.touched.drain(..) {
            self.connections[place].flush()?;
        }
        Ok(())
    }

    /// Takes in all replies that have come on one connection.
    fn receive(&mut self, place: usize, phase: &mut Phase) -> Result<(), Box<dyn Error>> {
        let connection = &mut self.connections[place];
        let is_open_loop = matches!(phase.pace, Pace::Open(_));
        loop {
            let is_more = connection.receive()?;
            // One reading of the clock for all replies of one read: they have come together.
            let now_ns = u64::try_from(self.epoch.elapsed().as_nanos()).expect("a run is shorter than 584 years");
            while let Some((reply, used)) = self.driver.split(connection.received.unread())? {
                let Some(work) = connection.in_flight.complete(reply.request_id()) else {
                    return Err(format!("a reply to no request: {}", reply.failure_text()).into());
                };
                if is_open_loop {
                    self.room[usize::from(connection.lane)].push_back(place);
                }
                let outcome = self.driver.outcome(&reply, work.operation);
                phase.measure.record(&work, outcome, reply.is_forwarded(), now_ns);
                match (outcome, work.operation) {
                    (Outcome::Success, Operation::Get) => {
                        self.success_count += 1;
                        if self.success_count.is_multiple_of(phase.verified_every) {
                            let verified = self.driver.verify(&reply, work.key);
                            phase.measure.record_verified(work.key, verified);
                        }
                    }
                    (Outcome::Failure, _) => phase.measure.record_failure_text(|| reply.failure_text()),
                    _ => {}
                }
                connection.received.consume(used);
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Closed loop: fills a connection's pipeline. Either loop: sends what is unsent.
    fn refill(&mut self, place: usize, phase: &mut Phase) -> Result<(), Box<dyn Error>> {
        let now_ns = self.now_ns();
        let connection = &mut self.connections[place];
        if let Pace::Closed { is_lockstep } = phase.pace
            && now_ns < phase.end_ns
            && (!is_lockstep || connection.in_flight.is_empty())
        {
            while connection.in_flight.free_count() > 0 {
                let Some(intent) = phase.source.next_in_lane(connection.lane, &self.lanes) else {
                    // Another lane may have keys left; the end is when none is in flight.
                    phase.is_source_empty = true;
                    break;
                };
                let Intent { operation, key, version } = intent;
                let work = Work { operation, key, version, start_ns: now_ns };
                connection.begin(work, &mut self.driver);
            }
        }
        Ok(connection.flush()?)
    }
}

/// How long there is nothing to do unless a reply comes.
fn gap_ns(phase: &Phase, now_ns: u64) -> u64 {
    let due_ns = match &phase.pace {
        Pace::Closed { .. } => phase.end_ns,
        Pace::Open(schedule) => schedule.next_ns().min(phase.end_ns),
    };
    due_ns.min(phase.measure.next_tick_ns()).saturating_sub(now_ns)
}
