//! The loop: one thread, epoll, all connections, so many operations in flight and no more.
//!
//! Closed loop: a completion makes room for the next operation. Open loop: operations are due by a schedule; one that finds no
//! room waits in line, and its latency counts from its due time all the same. A throttled request is sent again after a pause
//! that doubles, as an SDK does it; its latency goes on counting.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use client::{PartitionMap, Pipeline};
use fastrand::Rng;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::measure::{Measure, Second};
use super::requests::{Requests, Step, Verdict};
use super::workload::{Kind, Operation, Source};
use crate::load::schedule::Schedule;
use crate::session::Session;
use crate::waiting;

/// Due operations that may wait in line; a run that falls further behind is given up.
const WAITING_COUNT_MAX: usize = 10_000_000;
/// How long answers may be outstanding at the end.
const DRAIN_NS_MAX: u64 = 120_000_000_000;
/// The first pause after a throttled request; it doubles.
const PAUSE_NS: u64 = 2_000_000;
const PAUSE_NS_MAX: u64 = 1_000_000_000;
/// A request is sent so often at most.
const ATTEMPTS_COUNT_MAX: u32 = 50;
/// A run with more failures is given up.
const FAILED_COUNT_MAX: u64 = 1000;
const EVENTS_COUNT_MAX: usize = 256;

/// How long and how fast.
pub(super) struct Pace {
    /// When no more operations begin.
    pub(super) end_ns: u64,
    /// Open loop.
    pub(super) schedule: Option<Schedule>,
}

/// The connections to a server, and what is in flight on them.
pub(super) struct Driver {
    connections: Vec<Connection>,
    /// Where the search for a connection begins.
    next_connection: usize,
    depth: usize,
    map: Option<PartitionMap>,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Due times of operations without room.
    waiting: VecDeque<u64>,
    /// When to send again, and which slot.
    pauses: BinaryHeap<Reverse<(u64, usize)>>,
    requests: Requests,
    chance: Rng,
    poll: Poll,
    epoch: Instant,
}

struct Connection {
    stream: TcpStream,
    pipeline: Pipeline,
    core: u16,
    in_flight_count: usize,
}

struct Slot {
    work: Option<Work>,
    /// Distinguishes the requests that use one slot after the other.
    generation: u32,
}

#[derive(Clone, Copy)]
struct Work {
    operation: Operation,
    step: Step,
    /// When its latency begins: due, or begun in a closed loop.
    start_ns: u64,
    step_start_ns: u64,
    attempt_count: u32,
    connection: usize,
}

impl Driver {
    /// Connects to every core; each serves as many connections as every other.
    pub(super) fn connect(
        address: SocketAddr,
        table_name: &str,
        (connection_count, depth): (usize, usize),
        requests: Requests,
        seed: u64,
    ) -> Result<Driver, Box<dyn Error>> {
        let mut first = Session::connect(address)?;
        let map = first.partition_map(table_name)?;
        let addresses = first.core_addresses()?;
        let concurrency = connection_count * depth;
        let per_core = connection_count / addresses.len();
        let room = per_core * first.welcome.in_flight_max as usize;
        if concurrency > room {
            return Err(format!("{concurrency} in flight do not fit: each core takes {room} here").into());
        }
        waiting::wake_exactly()?;
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(connection_count);
        for ((core, address), place) in addresses.iter().cycle().zip(0..connection_count) {
            let Session { stream, pipeline, .. } = Session::connect(*address)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(place), interest)?;
            connections.push(Connection { stream, pipeline, core: *core, in_flight_count: 0 });
        }
        Ok(Driver {
            connections,
            next_connection: 0,
            depth,
            map: (addresses.len() > 1).then_some(map),
            slots: (0..concurrency).map(|_| Slot { work: None, generation: 0 }).collect(),
            free: (0..concurrency).rev().collect(),
            waiting: VecDeque::new(),
            pauses: BinaryHeap::new(),
            requests,
            chance: Rng::with_seed(seed),
            poll,
            epoch: Instant::now(),
        })
    }

    /// Nanoseconds since the driver was made.
    // 2^64 ns are 584 years.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn now_ns(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Runs until the time is over or nothing is left to do, and all is answered. `on_second` is told each second.
    ///
    /// # Errors
    /// A wrong answer, a broken connection, too many failures: the run is over, and `measure` tells how far it came.
    pub(super) fn run(
        &mut self,
        source: &mut Source,
        mut pace: Pace,
        measure: &mut Measure,
        on_second: &mut dyn FnMut(Second) -> std::io::Result<()>,
    ) -> Result<(), Box<dyn Error>> {
        let mut events = Events::with_capacity(EVENTS_COUNT_MAX);
        let mut is_source_empty = false;
        loop {
            let now_ns = self.now_ns();
            while let Some(second) = measure.take_second(now_ns) {
                on_second(second)?;
            }
            self.send_again(now_ns)?;
            if now_ns > pace.end_ns.saturating_add(DRAIN_NS_MAX) {
                return Err("operations are still without an answer long after the end".into());
            }
            // What was due before the end is done after it, if need be.
            if (now_ns < pace.end_ns || !self.waiting.is_empty()) && !is_source_empty {
                is_source_empty = !self.begin_all(source, &mut pace, now_ns)?;
            } else if self.free.len() == self.slots.len() {
                return Ok(());
            }
            for connection in &mut self.connections {
                measure.sent_bytes += connection.flush()?;
            }
            let gap_ns = self.gap_ns(&pace, now_ns, measure.next_tick_ns());
            waiting::wait(&mut self.poll, &mut events, gap_ns)?;
            for event in &events {
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.receive(event.token().0, source, measure)?;
                }
            }
            if measure.failed_count() > FAILED_COUNT_MAX {
                return Err(format!("more than {FAILED_COUNT_MAX} operations have failed").into());
            }
        }
    }

    /// Begins what is due and has room. False when nothing is left.
    fn begin_all(&mut self, source: &mut Source, pace: &mut Pace, now_ns: u64) -> Result<bool, Box<dyn Error>> {
        if let Some(schedule) = &mut pace.schedule {
            while let Some(due_ns) = schedule.take_due(now_ns.min(pace.end_ns)) {
                self.waiting.push_back(due_ns);
            }
            if self.waiting.len() > WAITING_COUNT_MAX {
                return Err(format!("{WAITING_COUNT_MAX} operations wait: the rate is far beyond this server").into());
            }
        }
        while !self.free.is_empty() {
            let start_ns = match pace.schedule {
                Some(_) => match self.waiting.pop_front() {
                    Some(due_ns) => due_ns,
                    None => break,
                },
                None => now_ns,
            };
            let Some(operation) = source.next() else { return Ok(false) };
            let step = match operation.kind {
                Kind::Read | Kind::ReadModifyWrite => Step::Read,
                Kind::Update => Step::Update,
                Kind::Insert => Step::Insert,
                Kind::Scan => Step::Scan,
            };
            let work = Work { operation, step, start_ns, step_start_ns: start_ns, attempt_count: 0, connection: 0 };
            let place = self.free.pop().expect("seen above");
            self.slots[place].work = Some(work);
            self.send(place)?;
        }
        Ok(true)
    }

    /// Puts a slot's request into the send buffer of a connection to the core that owns its key.
    fn send(&mut self, place: usize) -> Result<(), Box<dyn Error>> {
        let slot = &mut self.slots[place];
        let work = slot.work.as_mut().expect("only what is in flight is sent");
        let core = match &self.map {
            Some(map) => Some(self.requests.core(work.operation.number, map)?),
            None => None,
        };
        let count = self.connections.len();
        let turns = (0..count).map(|turn| (self.next_connection + turn) % count);
        let mut of_core = turns.filter(|turn| core.is_none_or(|core| self.connections[*turn].core == core));
        let has_room = |turn: &usize| self.connections[*turn].in_flight_count < self.depth;
        let place_of_connection = match of_core.clone().find(has_room) {
            Some(found) => found,
            // More than its share for one core: the limit was checked for all of them together.
            None => of_core.next().ok_or("the partition map names a core that the handshake does not")?,
        };
        self.next_connection = (place_of_connection + 1) % count;
        slot.generation = slot.generation.wrapping_add(1);
        let request_id = u64::from(slot.generation) << 32 | (place as u64 + 1);
        work.connection = place_of_connection;
        work.attempt_count += 1;
        let connection = &mut self.connections[place_of_connection];
        connection.in_flight_count += 1;
        self.requests.encode((request_id, work.step), &work.operation, &mut connection.pipeline)
    }

    fn send_again(&mut self, now_ns: u64) -> Result<(), Box<dyn Error>> {
        while self.pauses.peek().is_some_and(|Reverse((due_ns, _))| *due_ns <= now_ns) {
            let Reverse((_, place)) = self.pauses.pop().expect("seen above");
            self.send(place)?;
        }
        Ok(())
    }

    /// Takes in all answers that have come on one connection.
    fn receive(&mut self, at: usize, source: &mut Source, measure: &mut Measure) -> Result<(), Box<dyn Error>> {
        loop {
            let is_more = self.connections[at].read(measure)?;
            // One reading of the clock for all answers of one read: they have come together.
            let now_ns = self.now_ns();
            loop {
                let Driver { connections, requests, slots, .. } = self;
                let Some(answer) = connections[at].pipeline.next_answer()? else { break };
                let (place, work) = find(slots, answer.header.request_id.0).ok_or("an answer to no request")?;
                let verdict = requests.judge(&answer, (&work.operation, work.step))?;
                connections[at].in_flight_count -= 1;
                match verdict {
                    Verdict::Done => self.advance(place, work, (source, measure), now_ns)?,
                    Verdict::Throttled(name) if work.attempt_count < ATTEMPTS_COUNT_MAX => {
                        measure.throttle(name);
                        let due_ns = now_ns + self.pause_ns(work.attempt_count);
                        self.pauses.push(Reverse((due_ns, place)));
                    }
                    Verdict::Throttled(name) => {
                        measure.fail(name, format!("throttled {ATTEMPTS_COUNT_MAX} times: {name}"));
                        self.release(place);
                    }
                    Verdict::Failed(name, text) => {
                        measure.fail(name, text);
                        self.release(place);
                    }
                    Verdict::Wrong(text) => {
                        measure.fail("wrong answer", text.clone());
                        return Err(format!("a wrong answer: {text}").into());
                    }
                }
            }
            if !is_more {
                return Ok(());
            }
        }
    }

    /// A request is done: the operation is, or its next request is due.
    fn advance(
        &mut self,
        place: usize,
        work: Work,
        (source, measure): (&mut Source, &mut Measure),
        now_ns: u64,
    ) -> Result<(), Box<dyn Error>> {
        let kind = work.operation.kind;
        if matches!(work.step, Step::Insert | Step::Update) {
            measure.written_item_bytes += self.requests.records.shape.item_bytes();
        }
        if kind == Kind::ReadModifyWrite {
            let part = if work.step == Step::Read { Kind::Read } else { Kind::Update };
            measure.part(part, now_ns.saturating_sub(work.step_start_ns));
            if work.step == Step::Read {
                let next = Work { step: Step::Update, step_start_ns: now_ns, attempt_count: 0, ..work };
                self.slots[place].work = Some(next);
                return self.send(place);
            }
        }
        if kind == Kind::Insert {
            source.acknowledge(work.operation.number);
        }
        measure.complete(kind, now_ns.saturating_sub(work.start_ns), now_ns);
        self.release(place);
        Ok(())
    }

    fn release(&mut self, place: usize) {
        self.slots[place].work = None;
        self.free.push(place);
    }

    /// Half of it is left to chance, so that not all come again at once.
    fn pause_ns(&mut self, attempt_count: u32) -> u64 {
        let whole_ns = PAUSE_NS.saturating_mul(1 << (attempt_count - 1).min(20)).min(PAUSE_NS_MAX);
        whole_ns / 2 + self.chance.u64(0..=whole_ns / 2)
    }

    /// How long there is nothing to do unless an answer comes.
    fn gap_ns(&self, pace: &Pace, now_ns: u64, next_tick_ns: u64) -> u64 {
        let mut due_ns = next_tick_ns;
        if let Some(Reverse((pause_end_ns, _))) = self.pauses.peek() {
            due_ns = due_ns.min(*pause_end_ns);
        }
        if now_ns < pace.end_ns {
            due_ns = due_ns.min(pace.end_ns);
            if let Some(schedule) = &pace.schedule {
                due_ns = due_ns.min(schedule.next_ns());
            }
        }
        due_ns.saturating_sub(now_ns)
    }
}

impl Connection {
    /// Sends what the socket takes: how many bytes.
    fn flush(&mut self) -> std::io::Result<u64> {
        let mut sent_bytes = 0;
        while !self.pipeline.unsent().is_empty() {
            match self.stream.write(self.pipeline.unsent()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.pipeline.sent(count);
                    sent_bytes += count as u64;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent_bytes)
    }

    /// Reads once. False when the socket is drained: it will tell when there is more.
    fn read(&mut self, measure: &mut Measure) -> std::io::Result<bool> {
        let space = self.pipeline.receive_space();
        let space_bytes = space.len();
        match self.stream.read(space) {
            Ok(0) => Err(std::io::Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")),
            Ok(count) => {
                self.pipeline.received(count);
                measure.received_bytes += count as u64;
                // epoll(7): a short read from a stream socket says that it is drained.
                Ok(count == space_bytes)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// The slot and the work that an answer belongs to.
// The low half of an id is a slot's number.
#[allow(clippy::cast_possible_truncation)]
fn find(slots: &[Slot], request_id: u64) -> Option<(usize, Work)> {
    let place = (request_id as u32).checked_sub(1)? as usize;
    let slot = slots.get(place)?;
    (u64::from(slot.generation) == request_id >> 32).then_some((place, slot.work?))
}
