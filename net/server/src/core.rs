//! A core's loop: what the sockets received goes to the engine, what the engine reached goes to the sockets.
//!
//! One [`Core`] a core, on its thread. Synchronous between two waits: what has arrived is decoded and submitted, the
//! engine has its turn, replies are encoded, and each connection sends once. A turn does as much as its budget allows;
//! the next one goes on with the rest.

use crate::connection::{Connection, Intake, Protocol};
use crate::metrics::Figure;
use crate::owing::Owing;
use crate::receiving::Receiving;
use crate::serve::Node;
use crate::speech::Speech;
use crate::turn_budget::TurnBudget;
use engine::{Engine, Rotated};
use runtime::{
    Activity, ConnectionId, Instant, ListenerId, ListenerUse, Runtime, ShareClass, Signal, SocketError, SocketEvent,
    Sockets,
};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use wire::GoodbyeReason;

/// How often connections are looked at for silence, while there are any.
const TICK: Duration = Duration::from_secs(1);
/// How long a stopping node waits for what is in flight.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// How long a stopping core waits between two looks at the others.
const LEAVE_STEP: Duration = Duration::from_millis(5);

/// The listeners of a core.
struct Doors {
    http: ListenerId,
    wire: ListenerId,
    /// On the first core alone.
    admin: Option<ListenerId>,
}

/// A core that serves.
pub(crate) struct Core {
    runtime: Runtime,
    sockets: Sockets,
    engine: Engine,
    node: Arc<Node>,
    doors: Doors,
    /// What encoding and decoding need, for all connections.
    speech: Speech,
    connections: HashMap<ConnectionId, Connection>,
    /// What of requests is on its way in.
    receiving: Receiving,
    /// What clients have not taken yet.
    owing: Owing,
    /// Connections with bytes to send or requests to decode, each once.
    touched: Vec<ConnectionId>,
    /// Of this turn.
    budget: TurnBudget,
    /// No more requests are taken in.
    is_leaving: bool,
    /// Notified when connections are to be looked at for silence.
    tick: Signal,
}

impl Core {
    /// Opens this core's listeners.
    ///
    /// # Errors
    /// An address that was free a moment ago and is not any more.
    pub(crate) fn listen(runtime: Runtime, engine: Engine, node: Arc<Node>) -> Result<Self, SocketError> {
        let sockets = runtime.sockets(engine.signal());
        let number = runtime.core().as_usize();
        let (http, _) = sockets.listen(node.listeners.http, ListenerUse::Shared)?;
        let (wire, _) = sockets.listen(node.listeners.wire[number], ListenerUse::Own)?;
        let admin = match number {
            0 => Some(sockets.listen(node.listeners.admin, ListenerUse::Reserved)?.0),
            _ => None,
        };
        Ok(Self {
            speech: Speech::new(&node, number, &runtime),
            receiving: Receiving::new(node.client_bytes_max),
            owing: Owing::new(node.client_bytes_max),
            runtime,
            sockets,
            engine,
            node,
            doors: Doors { http, wire, admin },
            connections: HashMap::new(),
            touched: Vec::new(),
            budget: TurnBudget::default(),
            is_leaving: false,
            tick: Signal::new(),
        })
    }

    /// Serves until the node stops.
    pub(crate) async fn run(mut self) {
        self.spawn_tick();
        let signal = self.engine.signal().clone();
        while !self.node.is_stopping() {
            signal.wait().await;
            self.turn();
            // The signal may be notified without a pause: everything else on this core has its turn as well.
            self.runtime.yield_now().await;
        }
        self.leave().await;
    }

    fn turn(&mut self) {
        self.speech.codec.set_time(self.runtime.wall_clock_ms() / 1_000);
        self.runtime.set_activity(&Activity("requests"));
        self.budget = TurnBudget::default();
        self.take_in_postponed();
        self.handle_events();
        self.engine.turn();
        self.runtime.set_activity(&Activity("replies"));
        self.handle_replies();
        self.finish_touched();
        if self.tick.take() {
            self.close_silent();
        }
        self.publish();
    }

    /// Connections for which the last turn was too short come before those that have something new.
    fn take_in_postponed(&mut self) {
        let now = self.runtime.now();
        let Self { sockets, engine, node, speech, connections, owing, touched, budget, .. } = self;
        let mut intake = Intake { speech, engine, node, owing, budget, now };
        for id in touched {
            if let Some(connection) = connections.get_mut(id) {
                connection.submit(*id, sockets.queued_bytes(*id), &mut intake);
            }
        }
    }

    fn handle_events(&mut self) {
        let now = self.runtime.now();
        let Self {
            sockets,
            engine,
            node,
            doors,
            speech,
            connections,
            receiving,
            owing,
            touched,
            budget,
            is_leaving,
            ..
        } = self;
        let mut intake = Intake { speech, engine, node, owing, budget, now };
        sockets.drain(|event| match event {
            SocketEvent::Accepted { listener, connection, .. } => {
                let protocol = if listener == doors.http {
                    Protocol::http()
                } else if listener == doors.wire {
                    Protocol::wire(intake.speech.challenger.is_some())
                } else {
                    assert_eq!(Some(listener), doors.admin, "a listener that nobody opened");
                    Protocol::admin()
                };
                let mut accepted = Connection::new(protocol, now);
                if *is_leaving {
                    accepted.stop();
                    accepted.touch(connection, touched);
                }
                connections.insert(connection, accepted);
            }
            SocketEvent::Received { connection: id, bytes } => {
                let Some(connection) = connections.get_mut(&id) else { return };
                connection.receive(bytes, now);
                connection.submit(id, sockets.queued_bytes(id), &mut intake);
                connection.touch(id, touched);
            }
            SocketEvent::PeerFinished { connection: id } => {
                if let Some(connection) = connections.get_mut(&id) {
                    connection.finish();
                    connection.touch(id, touched);
                }
            }
            SocketEvent::Sent { connection: id } => {
                if let Some(connection) = connections.get_mut(&id) {
                    connection.note_sent(sockets.queued_bytes(id), intake.owing, now);
                    connection.touch(id, touched);
                }
            }
            SocketEvent::Closed { connection: id } => {
                // What it has in flight is dropped when the engine has reached it.
                if let Some(mut connection) = connections.remove(&id) {
                    connection.leave(id, receiving, intake.owing);
                }
            }
        });
    }

    fn handle_replies(&mut self) {
        let mut replies = mem::take(self.engine.replies());
        let mut handled_count = 0;
        for replied in &replies {
            if self.budget.is_writing_over() {
                break;
            }
            handled_count += 1;
            let id = ConnectionId(replied.token.connection);
            let kept = self.speech.in_flight.take(replied.token.request);
            // If the client has gone, what it asked for is done all the same.
            if let Some(connection) = self.connections.get_mut(&id) {
                self.budget.note_written(connection.answer(kept, replied, &mut self.speech));
                connection.touch(id, &mut self.touched);
            }
        }
        replies.drain(..handled_count);
        if !replies.is_empty() {
            self.engine.signal().notify();
        }
        // Nothing replied meanwhile: the allocation is used again, and the rest is first next time.
        *self.engine.replies() = replies;
        for Rotated { token, result } in mem::take(self.engine.rotations()) {
            let id = ConnectionId(token.connection);
            self.speech.in_flight.take(token.request);
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.answer_rotation(&result);
                connection.touch(id, &mut self.touched);
            }
        }
    }

    /// Sends what has been written, decodes what was held back, closes what is finished.
    fn finish_touched(&mut self) {
        let now = self.runtime.now();
        let taken_count = self.budget.taken_count();
        let Self { sockets, engine, node, speech, connections, receiving, owing, touched, budget, .. } = self;
        let mut intake = Intake { speech, engine, node, owing, budget, now };
        let owed_bytes = intake.owing.bytes();
        let mut are_postponed = false;
        touched.retain(|id| {
            let Some(connection) = connections.get_mut(id) else { return false };
            connection.submit(*id, sockets.queued_bytes(*id), &mut intake);
            connection.flush(*id, sockets, (receiving, intake.owing), now);
            are_postponed |= connection.is_postponed();
            connection.is_left_over()
        });
        while let Some(id) = receiving.next() {
            if let Some(connection) = connections.get_mut(&id) {
                connection.receive_on(id, sockets, receiving, now);
            }
        }
        let is_room_made = owing.bytes() < owed_bytes && !touched.is_empty();
        // The engine has had its turn: it needs another for what was submitted just now, as do those that only need a turn.
        if budget.taken_count() > taken_count || are_postponed || is_room_made {
            engine.signal().notify();
        }
        // None is the first, and takes all of a turn, for ever.
        if !self.touched.is_empty() {
            self.touched.rotate_left(1);
        }
    }

    /// Looks at how long clients take for what they do.
    fn close_silent(&mut self) {
        let now = self.runtime.now();
        let Self { sockets, connections, receiving, owing, touched, .. } = self;
        let is_short = owing.take_is_short() && owing.excess_bytes() > 0;
        let mut slow = Vec::new();
        for (id, connection) in &mut *connections {
            let queued_bytes = sockets.queued_bytes(*id);
            connection.observe_taking(queued_bytes, owing, now);
            if connection.close_if_silent(*id, queued_bytes, receiving, now) {
                connection.touch(*id, touched);
            } else if let Some(owed_bytes) = connection.slow_debt(is_short, receiving) {
                slow.push((owed_bytes, *id));
            }
        }
        // The largest debts first, for as long as there is too little room for replies; of those that keep others from sending, one at a time.
        slow.sort_unstable_by_key(|(owed_bytes, _)| Reverse(*owed_bytes));
        let mut excess_bytes = owing.excess_bytes().max(1);
        for (owed_bytes, id) in slow {
            if excess_bytes > 0
                && let Some(connection) = connections.get_mut(&id)
            {
                connection.drop_socket(id, sockets);
                excess_bytes = excess_bytes.saturating_sub(owed_bytes);
            }
        }
        self.finish_touched();
    }

    fn publish(&self) {
        let metrics = &self.node.metrics[self.runtime.core().as_usize()];
        let counted = self.engine.metrics();
        metrics.set(Figure::Requests, counted.request_count);
        metrics.set(Figure::Forwarded, counted.forwarded_count);
        metrics.set(Figure::Refused, counted.refused_count);
        metrics.set(Figure::Unauthenticated, self.speech.unauthenticated_count());
        metrics.set(Figure::InFlight, self.speech.in_flight.len() as u64);
        metrics.set(Figure::Connections, self.connections.len() as u64);
        metrics.set(Figure::TurnedAway, self.sockets.turned_away_count());
        metrics.set(Figure::MemoryBytes, self.engine.memory_bytes());
        metrics.set(Figure::JournalWaitingBytes, self.engine.journal_waiting_bytes());
        metrics.set(Figure::RequestBytes, self.speech.in_flight.request_bytes() as u64);
        metrics.set(Figure::ReceivedBytes, self.receiving.bytes() as u64);
        metrics.set(Figure::OwedBytes, self.owing.bytes() as u64);
        let cache = self.engine.cache_usage();
        metrics.set(Figure::CacheHits, cache.hit_count);
        metrics.set(Figure::CacheMisses, cache.miss_count);
        metrics.set(Figure::CacheEvictions, cache.eviction_count);
        let flushes = self.engine.flush_figures();
        metrics.set(Figure::JournalFlushes, flushes.count);
        metrics.set(Figure::JournalFlushedBytes, flushes.bytes);
        metrics.set(Figure::JournalFlushMicroseconds, microseconds(flushes.total));
        metrics.set(Figure::JournalFlushLongestMicroseconds, microseconds(flushes.longest));
        metrics.set(Figure::ParkedOperations, counted.parked_count);
        metrics.set(Figure::DiskReads, counted.read_count);
        metrics.set(Figure::HeldWrites, counted.held_count);
        metrics.set(Figure::Flushes, counted.flush_count);
        metrics.set(Figure::Merges, counted.merge_count);
        metrics.set(Figure::ExpiredItems, counted.expired_count);
        metrics.set(Figure::ScrubbedBytes, counted.scrubbed_bytes);
        metrics.set(Figure::Corruptions, counted.corruption_count);
        for (place, count) in self.engine.io_error_counts().enumerate() {
            metrics.set_io_errors(place, count);
        }
        metrics.set(Figure::BackgroundMicroseconds, microseconds(self.runtime.background_time()));
        let stalls = self.runtime.stall_figures();
        metrics.set(Figure::Stalls, stalls.count);
        metrics.set(Figure::StallsOffCpu, stalls.off_cpu_count);
        metrics.set(Figure::StallMicroseconds, stalls.total_us);
        metrics.set(Figure::StallLongestMicroseconds, stalls.longest_us);
    }

    fn spawn_tick(&self) {
        let (runtime, tick, signal) = (self.runtime.clone(), self.tick.clone(), self.engine.signal().clone());
        self.runtime.spawn(ShareClass::Foreground, async move {
            loop {
                runtime.sleep(TICK).await;
                tick.notify();
                signal.notify();
            }
        });
    }

    /// Takes leave: no new connections, no new requests; what is in flight on any core is answered and sent.
    async fn leave(mut self) {
        let Doors { http, wire, admin } = self.doors;
        [Some(http), Some(wire), admin].into_iter().flatten().for_each(|door| self.sockets.close_listener(door));
        let started: Instant = self.runtime.now();
        self.is_leaving = true;
        for (id, connection) in &mut self.connections {
            connection.stop();
            connection.touch(*id, &mut self.touched);
        }
        loop {
            self.turn();
            let is_done = self.node.is_quiet() && !self.has_unsent();
            if is_done || self.runtime.now().since(started) >= LEAVE_MAX {
                break;
            }
            // Who has more to do at once does not wait for it.
            let pause = if self.engine.signal().take() { Duration::ZERO } else { LEAVE_STEP };
            self.runtime.sleep(pause).await;
        }
        let now = self.runtime.now();
        for (id, mut connection) in mem::take(&mut self.connections) {
            connection.say_goodbye(GoodbyeReason::SHUTTING_DOWN, "the node stops");
            connection.flush(id, &self.sockets, (&mut self.receiving, &mut self.owing), now);
        }
        self.engine.close().await;
    }

    fn has_unsent(&self) -> bool {
        self.connections.keys().any(|id| self.sockets.queued_bytes(*id) > 0)
    }
}

/// A time as the figures tell it.
fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
