//! All sockets of a core: listeners, connections, and the events that wait to be drained.
//!
//! In the way of a request it turns completions into `SocketEvent`s, and what the server does with them into entries of
//! the next turn. It never calls out: events are queued here and handed over by `Core::drain_socket_events`.
//!
//! Invariant: an entry in the kernel names a slot by its index, so a slot is freed only when it is quiet.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use bytes::Bytes;
use io_uring::{opcode, types};

use super::connection::{Closing, Connection, Receive};
use super::receive_pool::{FilledBuffer, ReceivePool};
use super::ring::{Completion, Ring, Tag};
use crate::{ConnectionId, Instant, ListenerId, ListenerUse};

/// How long a closed connection waits for its peer to finish.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// How much it throws away meanwhile before it gives up.
const LINGER_BYTES_MAX: usize = 1 << 20;
/// How long a listener rests when the process is out of descriptors or memory.
const ACCEPT_RETRY_TIME: Duration = Duration::from_millis(50);

/// How often it is logged that connections are turned away, at most.
const TURNED_AWAY_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// An event in the queue. `Received` owns its buffer until drained.
pub(crate) enum Event {
    Accepted { listener: ListenerId, connection: ConnectionId, peer: SocketAddr },
    Received { connection: ConnectionId, buffer: FilledBuffer },
    PeerFinished { connection: ConnectionId },
    Sent { connection: ConnectionId },
    Closed { connection: ConnectionId },
}

/// A listening socket.
struct Listener {
    descriptor: OwnedFd,
    usage: ListenerUse,
    is_armed: bool,
    is_closing: bool,
}

/// The sockets of one core.
pub(crate) struct SocketTable {
    /// Never shrinks; `None` once closed.
    listeners: Vec<Option<Listener>>,
    connections: Vec<Connection>,
    free: Vec<u32>,
    open_count: usize,
    connection_count_max: usize,
    /// For listeners that are for whoever looks after the process.
    reserved_count: usize,
    turned_away_count: u64,
    /// Before this nothing is logged of those that were turned away.
    silent_until: Instant,
    pool: ReceivePool,
    events: VecDeque<Event>,
    /// Connections with something to send, each once.
    announced: Vec<u32>,
    /// Connections whose receive ended for want of a buffer, each once.
    starved: Vec<u32>,
    /// In order of their deadlines, for all linger equally long.
    lingering: VecDeque<(Instant, ConnectionId)>,
    /// In order likewise.
    resting_listeners: VecDeque<(Instant, u32)>,
    /// Accepts, receives and sends in the kernel.
    in_flight_count: usize,
    /// The time of this turn.
    now: Instant,
}

impl SocketTable {
    pub(crate) fn new(pool: ReceivePool, (connection_count_max, reserved_count): (usize, usize)) -> SocketTable {
        SocketTable {
            listeners: Vec::new(),
            connections: Vec::new(),
            free: Vec::new(),
            open_count: 0,
            connection_count_max,
            reserved_count,
            turned_away_count: 0,
            silent_until: Instant(0),
            pool,
            events: VecDeque::new(),
            announced: Vec::new(),
            starved: Vec::new(),
            lingering: VecDeque::new(),
            resting_listeners: VecDeque::new(),
            in_flight_count: 0,
            now: Instant(0),
        }
    }

    // What the server asks for.

    pub(crate) fn listen(&mut self, descriptor: OwnedFd, usage: ListenerUse, ring: &mut Ring) -> ListenerId {
        let index = u32::try_from(self.listeners.len()).expect("fewer than 4 billion listeners");
        self.listeners.push(Some(Listener { descriptor, usage, is_armed: false, is_closing: false }));
        self.arm_accept(index, ring);
        ListenerId(index)
    }

    pub(crate) fn turned_away_count(&self) -> u64 {
        self.turned_away_count
    }

    pub(crate) fn close_listener(&mut self, id: ListenerId, ring: &mut Ring) {
        let Some(place) = self.listeners.get_mut(id.0 as usize) else { return };
        let Some(listener) = place else { return };
        if listener.is_armed {
            listener.is_closing = true;
            ring.push_cancel(types::CancelBuilder::user_data(Tag::Accept(id.0).to_user_data()));
        } else {
            *place = None;
        }
    }

    /// Queues bytes; true if the core has to take a turn for them.
    pub(crate) fn send(&mut self, id: ConnectionId, bytes: Bytes) -> bool {
        let Some(index) = self.find_open(id) else { return false };
        if bytes.is_empty() {
            return false;
        }
        let outgoing = &mut self.connections[index as usize].outgoing;
        outgoing.push(bytes);
        if outgoing.is_announced {
            return false;
        }
        outgoing.is_announced = true;
        self.announced.push(index);
        true
    }

    pub(crate) fn queued_bytes(&self, id: ConnectionId) -> usize {
        self.find(id).map_or(0, |index| self.connections[index as usize].outgoing.queued_bytes())
    }

    pub(crate) fn close(&mut self, id: ConnectionId, is_flushed: bool, ring: &mut Ring) {
        let Some(index) = self.find(id) else { return };
        let connection = &mut self.connections[index as usize];
        connection.is_closed_by_caller = true;
        match (connection.closing, is_flushed) {
            (Closing::Open, true) if connection.outgoing.queued_bytes() > 0 => connection.closing = Closing::WhenSent,
            (Closing::Open, true) => self.begin_linger(index, ring),
            (Closing::Open | Closing::WhenSent | Closing::Lingering, false) => self.begin_close(index, ring),
            _ => {}
        }
    }

    pub(crate) fn pause_receive(&mut self, id: ConnectionId, ring: &mut Ring) {
        let Some(index) = self.find_open(id) else { return };
        let connection = &mut self.connections[index as usize];
        connection.is_receive_wanted = false;
        connection.cancel_receive(index, ring);
    }

    pub(crate) fn resume_receive(&mut self, id: ConnectionId, ring: &mut Ring) {
        let Some(index) = self.find_open(id) else { return };
        let connection = &mut self.connections[index as usize];
        connection.is_receive_wanted = !connection.is_peer_finished;
        self.receive_if_wanted(index, ring);
    }

    // Draining.

    pub(crate) fn event_count(&self) -> usize {
        self.events.len()
    }

    /// The next event that its caller has to be shown. Buffers of those that nobody wants are recycled on the way.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            let connection = match &event {
                Event::Accepted { .. } | Event::Closed { .. } => return Some(event),
                Event::Received { connection, .. }
                | Event::PeerFinished { connection }
                | Event::Sent { connection } => *connection,
            };
            let index = self.find(connection).expect("a slot is kept until its Closed is drained");
            if !self.connections[index as usize].is_closed_by_caller {
                return Some(event);
            }
            if let Event::Received { buffer, .. } = event {
                self.pool.recycle(buffer);
            }
        }
    }

    pub(crate) fn pool(&self) -> &ReceivePool {
        &self.pool
    }

    pub(crate) fn recycle(&mut self, buffer: FilledBuffer) {
        self.pool.recycle(buffer);
    }

    /// Frees the slot of a connection whose `Closed` has been handed out.
    pub(crate) fn free(&mut self, id: ConnectionId) {
        let index = self.find(id).expect("a slot is kept until its Closed is drained");
        let connection = &mut self.connections[index as usize];
        assert_eq!(connection.closing, Closing::Dead, "only the dead are freed");
        connection.generation = connection.generation.wrapping_add(1);
        self.free.push(index);
    }

    // Turns.

    /// Puts into the ring what has come up since the last turn: sends, and receives that lacked a buffer.
    pub(crate) fn submit(&mut self, ring: &mut Ring) {
        while let Some(index) = self.announced.pop() {
            self.connections[index as usize].outgoing.is_announced = false;
            self.submit_send(index, ring);
        }
        if self.pool.has_free() {
            while let Some(index) = self.starved.pop() {
                if std::mem::take(&mut self.connections[index as usize].is_starved) {
                    self.receive_if_wanted(index, ring);
                }
            }
        }
    }

    /// Whether `submit` would do anything.
    pub(crate) fn needs_submit(&self) -> bool {
        !self.announced.is_empty() || (!self.starved.is_empty() && self.pool.has_free())
    }

    /// Sets the time of this turn and does what is due.
    pub(crate) fn advance_clock(&mut self, now: Instant, ring: &mut Ring) {
        self.now = now;
        while self.lingering.front().is_some_and(|(deadline, _)| *deadline <= now) {
            let (_, id) = self.lingering.pop_front().expect("seen above");
            if let Some(index) = self.find(id) {
                self.begin_close(index, ring);
            }
        }
        while self.resting_listeners.front().is_some_and(|(deadline, _)| *deadline <= now) {
            let (_, index) = self.resting_listeners.pop_front().expect("seen above");
            self.arm_accept(index, ring);
        }
    }

    /// When `advance_clock` has something to do next.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let lingering = self.lingering.front().map(|(deadline, _)| *deadline);
        let resting = self.resting_listeners.front().map(|(deadline, _)| *deadline);
        lingering.into_iter().chain(resting).min()
    }

    /// Closes everything at once: the core ends.
    pub(crate) fn close_all(&mut self, ring: &mut Ring) {
        self.resting_listeners.clear();
        for index in 0..self.listeners.len() {
            self.close_listener(ListenerId(u32::try_from(index).expect("ids are 32 bits")), ring);
        }
        for index in 0..self.connections.len() {
            if self.connections[index].descriptor.is_some() {
                self.begin_close(u32::try_from(index).expect("indexes are 32 bits"), ring);
            }
        }
    }

    pub(crate) fn in_flight_count(&self) -> usize {
        self.in_flight_count
    }

    // Completions.

    pub(crate) fn handle_accept(&mut self, index: u32, completion: Completion, ring: &mut Ring) {
        if let Ok(descriptor) = u32::try_from(completion.result) {
            let raw = i32::try_from(descriptor).expect("it came from an i32");
            // SAFETY: a successful accept has made this descriptor and given it to us alone.
            let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
            self.open(ListenerId(index), descriptor, ring);
        }
        if completion.has_more() {
            return;
        }
        self.in_flight_count -= 1;
        let place = &mut self.listeners[index as usize];
        let listener = place.as_mut().expect("a listener is kept while its accept is armed");
        listener.is_armed = false;
        if listener.is_closing {
            *place = None;
        } else if matches!(-completion.result, libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) {
            tracing::warn!(errno = -completion.result, "no descriptor or memory for a new connection: accepting rests");
            self.resting_listeners.push_back((self.now + ACCEPT_RETRY_TIME, index));
        } else {
            self.arm_accept(index, ring);
        }
    }

    pub(crate) fn handle_receive(&mut self, index: u32, completion: Completion, ring: &mut Ring) {
        let received_bytes = usize::try_from(completion.result).unwrap_or(0);
        let buffer = completion.buffer_id().map(|id| self.pool.take(id, received_bytes));
        let connection = &mut self.connections[index as usize];
        if !completion.has_more() {
            connection.receive = Receive::Idle;
            self.in_flight_count -= 1;
        }
        let id = connection.id(index);
        match buffer {
            Some(buffer) if received_bytes > 0 && connection.closing == Closing::Open => {
                self.events.push_back(Event::Received { connection: id, buffer });
            }
            Some(buffer) => self.pool.recycle(buffer),
            None => {}
        }
        let connection = &mut self.connections[index as usize];
        if connection.closing == Closing::Lingering {
            connection.discarded_bytes += received_bytes;
        }
        match -completion.result {
            _ if connection.closing == Closing::Now => self.finish_if_quiet(index, ring),
            0 => self.handle_peer_finished(index, ring),
            libc::ENOBUFS => {
                connection.is_starved = true;
                self.starved.push(index);
            }
            libc::ECANCELED | libc::EINTR | libc::EAGAIN => self.receive_if_wanted(index, ring),
            errno if errno > 0 => self.begin_close(index, ring),
            _ if connection.discarded_bytes > LINGER_BYTES_MAX => self.begin_close(index, ring),
            _ => self.receive_if_wanted(index, ring),
        }
    }

    pub(crate) fn handle_send(&mut self, index: u32, completion: Completion, ring: &mut Ring) {
        self.in_flight_count -= 1;
        let connection = &mut self.connections[index as usize];
        let is_sound = connection.outgoing.complete(completion.result);
        if connection.closing == Closing::Now {
            connection.outgoing.clear();
            self.finish_if_quiet(index, ring);
        } else if !is_sound {
            self.begin_close(index, ring);
        } else if connection.outgoing.queued_bytes() > 0 {
            self.submit_send(index, ring);
        } else if connection.closing == Closing::WhenSent {
            self.begin_linger(index, ring);
        } else if connection.closing == Closing::Open {
            self.events.push_back(Event::Sent { connection: connection.id(index) });
        }
    }

    fn handle_peer_finished(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        connection.is_peer_finished = true;
        connection.is_receive_wanted = false;
        match connection.closing {
            Closing::Open => self.events.push_back(Event::PeerFinished { connection: connection.id(index) }),
            Closing::Lingering => self.begin_close(index, ring),
            Closing::WhenSent | Closing::Now | Closing::Dead => {}
        }
    }

    // Steps.

    fn open(&mut self, listener: ListenerId, descriptor: OwnedFd, ring: &mut Ring) {
        let Some(Listener { usage, is_closing: false, .. }) = &self.listeners[listener.0 as usize] else { return };
        let reserved_count = if *usage == ListenerUse::Reserved { self.reserved_count } else { 0 };
        if self.open_count >= self.connection_count_max + reserved_count {
            self.note_turned_away();
            return;
        }
        let peer = rustix::net::getpeername(&descriptor).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        // A peer that has gone already has no address; its receive will say so.
        let peer = peer.unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let index = match self.free.pop() {
            Some(index) => {
                let generation = self.connections[index as usize].generation;
                self.connections[index as usize] = Connection::new(descriptor, generation);
                index
            }
            None => {
                self.connections.push(Connection::new(descriptor, 0));
                u32::try_from(self.connections.len() - 1).expect("fewer than 4 billion connections")
            }
        };
        self.open_count += 1;
        let connection = self.connections[index as usize].id(index);
        self.events.push_back(Event::Accepted { listener, connection, peer });
        self.receive_if_wanted(index, ring);
    }

    fn note_turned_away(&mut self) {
        self.turned_away_count += 1;
        if self.now >= self.silent_until {
            self.silent_until = self.now + TURNED_AWAY_LOG_INTERVAL;
            let (open_count, turned_away_count) = (self.open_count, self.turned_away_count);
            tracing::warn!(
                open_count,
                turned_away_count,
                "a core has as many connections as it may; further ones are closed at once"
            );
        }
    }

    fn arm_accept(&mut self, index: u32, ring: &mut Ring) {
        let Some(listener) = &mut self.listeners[index as usize] else { return };
        assert!(!listener.is_armed, "one accept at a time");
        listener.is_armed = true;
        self.in_flight_count += 1;
        let descriptor = types::Fd(listener.descriptor.as_raw_fd());
        let entry = opcode::AcceptMulti::new(descriptor).flags(libc::SOCK_CLOEXEC).build();
        // SAFETY: the entry holds no address.
        unsafe { ring.push(entry, Tag::Accept(index)) };
    }

    fn receive_if_wanted(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        let is_possible = connection.receive == Receive::Idle && connection.closing < Closing::Now;
        if is_possible && connection.is_receive_wanted && !connection.is_starved {
            connection.arm_receive(index, ring);
            self.in_flight_count += 1;
        }
    }

    fn submit_send(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        if connection.closing < Closing::Lingering && connection.outgoing.can_submit() {
            let descriptor = connection.raw();
            connection.outgoing.submit(descriptor, index, ring);
            self.in_flight_count += 1;
        }
    }

    fn begin_linger(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        let descriptor = connection.descriptor.as_ref().expect("it is not dead");
        let is_shut = rustix::net::shutdown(descriptor, rustix::net::Shutdown::Write).is_ok();
        if connection.is_peer_finished || !is_shut {
            self.begin_close(index, ring);
            return;
        }
        connection.closing = Closing::Lingering;
        connection.is_receive_wanted = true;
        let id = connection.id(index);
        self.lingering.push_back((self.now + LINGER_TIME, id));
        self.receive_if_wanted(index, ring);
    }

    fn begin_close(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        if connection.closing >= Closing::Now {
            return;
        }
        connection.closing = Closing::Now;
        connection.is_receive_wanted = false;
        connection.outgoing.clear();
        connection.is_starved = false;
        if !connection.is_quiet() {
            let target = types::CancelBuilder::fd(connection.raw()).all();
            ring.push_cancel(target);
            if connection.receive == Receive::Armed {
                connection.receive = Receive::Cancelling;
            }
        }
        self.finish_if_quiet(index, ring);
    }

    fn finish_if_quiet(&mut self, index: u32, ring: &mut Ring) {
        let connection = &mut self.connections[index as usize];
        if connection.closing != Closing::Now || !connection.is_quiet() {
            return;
        }
        connection.closing = Closing::Dead;
        let descriptor = connection.descriptor.take().expect("it is closed once");
        // Closed through the ring, behind any cancellation that still names the descriptor's number.
        let entry = opcode::Close::new(types::Fd(descriptor.into_raw_fd())).build();
        // SAFETY: the entry holds no address.
        unsafe { ring.push(entry, Tag::Forgotten) };
        self.open_count -= 1;
        self.events.push_back(Event::Closed { connection: connection.id(index) });
    }

    /// The slot of a connection whose `Closed` has not been drained.
    fn find(&self, id: ConnectionId) -> Option<u32> {
        let index = u32::try_from(id.0 & u64::from(u32::MAX)).expect("masked to 32 bits");
        let connection = self.connections.get(index as usize)?;
        (connection.id(index) == id).then_some(index)
    }

    fn find_open(&self, id: ConnectionId) -> Option<u32> {
        self.find(id).filter(|index| self.connections[*index as usize].closing == Closing::Open)
    }
}
