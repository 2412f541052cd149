//! The sockets of one core: listeners, connections, and their events, drained in one go.
//!
//! Lives on one core, one per core. Bytes arrive in buffers that the kernel picks from a pool and are seen by the
//! caller as a slice for the length of one call; replies are handed over as [`Bytes`] and leave in order, one send in
//! flight per connection. Everything that a loop turn submits enters the kernel together. A peer that takes nothing of
//! what is sent to it for `RuntimeOptions::unsent_time_max` loses its connection.
//!
//! Deliberately not here: protocols, timeouts of requests, outgoing connections. In simulation there are no sockets.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;

use crate::real;

/// A listening socket of this core.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ListenerId(pub u32);

/// A connection of this core. Never given to two connections, and stale once `SocketEvent::Closed` has been seen.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConnectionId(pub u64);

/// What happened to a connection, in order for each connection.
#[derive(Debug)]
pub enum SocketEvent<'a> {
    /// A client has connected.
    Accepted {
        /// Where.
        listener: ListenerId,
        /// Its id from now on.
        connection: ConnectionId,
        /// From where.
        peer: SocketAddr,
    },
    /// Bytes have arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// Valid during this call only. Never empty.
        bytes: &'a [u8],
    },
    /// The peer will send no more; it may still read. Close the connection when nothing is left to say.
    PeerFinished {
        /// On which connection.
        connection: ConnectionId,
    },
    /// All bytes queued so far are with the kernel: `queued_bytes` is 0.
    Sent {
        /// Of which connection.
        connection: ConnectionId,
    },
    /// The connection is gone, by `close`, by the peer, or by an error. The last event of each accepted connection.
    Closed {
        /// Which one.
        connection: ConnectionId,
    },
}

/// Who a listener is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListenerUse {
    /// Clients of this core: nobody else may listen on the port.
    Own,
    /// Clients of any core: each may listen on the same port, and the kernel spreads the connections over them.
    Shared,
    /// Whoever looks after the process, by a port of this core: clients may have used up all connections, and it still takes
    /// `RuntimeOptions::reserved_connection_count` more.
    Reserved,
}

/// Why no listener could be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SocketError {
    /// Another process, or another listener without port sharing, has the port.
    AddressInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address is not one of this machine's.
    AddressNotAvailable {
        /// The address asked for.
        address: SocketAddr,
    },
    /// A port below 1024 without the right to it.
    Permission {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else that the kernel reported.
    Io {
        /// The address asked for.
        address: SocketAddr,
        /// What was tried.
        operation: &'static str,
        /// The kernel's error number.
        errno: i32,
    },
}

impl std::fmt::Display for SocketError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SocketError::AddressInUse { address } => write!(
                formatter,
                "{address} is in use by another process; stop it (`ss -ltnp` names it), or choose another port"
            ),
            SocketError::AddressNotAvailable { address } => {
                write!(formatter, "{address} is no address of this machine; `ip address` lists those that are")
            }
            SocketError::Permission { address } => write!(
                formatter,
                "no permission to listen on {address}; choose a port from 1024 up, or grant CAP_NET_BIND_SERVICE"
            ),
            SocketError::Io { address, operation, errno } => {
                let cause = std::io::Error::from_raw_os_error(*errno);
                write!(formatter, "{operation} for {address} failed: {cause}")
            }
        }
    }
}

impl std::error::Error for SocketError {}

/// The sockets of this core. Made by `Runtime::sockets`.
pub struct Sockets {
    core: Rc<real::Core>,
}

impl Sockets {
    pub(crate) fn new(core: Rc<real::Core>) -> Sockets {
        Sockets { core }
    }

    /// Listens on `address`. Port 0 takes a free one: the address that came of it is returned.
    pub fn listen(&self, address: SocketAddr, usage: ListenerUse) -> Result<(ListenerId, SocketAddr), SocketError> {
        self.core.listen(address, usage)
    }

    /// How many connections were closed at once, for there were as many as there may be.
    pub fn turned_away_count(&self) -> u64 {
        self.core.turned_away_count()
    }

    /// Stops accepting. Connections stay.
    pub fn close_listener(&self, listener: ListenerId) {
        self.core.close_listener(listener);
    }

    /// Hands every event that has happened to `visit`, which may call any method here but this one. Returns how many.
    pub fn drain(&self, visit: impl FnMut(SocketEvent<'_>)) -> usize {
        self.core.drain_socket_events(visit)
    }

    /// Queues `bytes` behind what is queued already. On a connection that is gone or closing the bytes are dropped.
    pub fn send(&self, connection: ConnectionId, bytes: impl Into<Bytes>) {
        self.core.send(connection, bytes.into());
    }

    /// Bytes handed to `send` that the kernel has not taken yet.
    pub fn queued_bytes(&self, connection: ConnectionId) -> usize {
        self.core.queued_bytes(connection)
    }

    /// Closes; with `is_flushed`, after everything queued has been sent. No more bytes are received from now on.
    /// `SocketEvent::Closed` follows.
    pub fn close(&self, connection: ConnectionId, is_flushed: bool) {
        self.core.close_connection(connection, is_flushed);
    }

    /// Takes no more bytes from the peer, who will be held back by TCP. What has arrived already is still handed out.
    pub fn pause_receive(&self, connection: ConnectionId) {
        self.core.pause_receive(connection);
    }

    /// Takes bytes again.
    pub fn resume_receive(&self, connection: ConnectionId) {
        self.core.resume_receive(connection);
    }
}
