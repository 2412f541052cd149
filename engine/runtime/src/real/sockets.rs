//! What `Sockets` calls: opens listeners, queues work for the driver's next turn, and hands out events.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bytes::Bytes;
use socket2::{Domain, Protocol, Socket, Type};

use super::core::Core;
use super::receive_pool::ReceivePool;
use super::ring::Ring;
use super::socket_table::{Event, SocketTable};
use crate::{ConnectionId, ListenerId, ListenerUse, Signal, SocketError, SocketEvent};

/// Connections that wait to be accepted; the kernel caps it at net.core.somaxconn.
const BACKLOG: i32 = 4096;

impl Core {
    pub(crate) fn use_sockets(&self, signal: Signal) {
        assert!(self.socket_signal.set(signal).is_ok(), "the sockets of a core are taken once");
        let ring = self.ring.borrow();
        let (count, bytes) = (self.options.receive_buffer_count, self.options.receive_buffer_bytes);
        let pool = ReceivePool::new(&ring.submitter(), count, bytes);
        let pool =
            pool.unwrap_or_else(|error| panic!("no memory for {count} receive buffers of {bytes} bytes: {error}"));
        let limits = (self.options.connection_count_max, self.options.reserved_connection_count);
        *self.sockets.borrow_mut() = Some(SocketTable::new(pool, limits));
    }

    pub(crate) fn listen(
        &self,
        address: SocketAddr,
        usage: ListenerUse,
    ) -> Result<(ListenerId, SocketAddr), SocketError> {
        let is_port_shared = usage == ListenerUse::Shared;
        let (descriptor, bound) = open_listener(address, is_port_shared, self.options.unsent_time_max)?;
        let id = self.with_sockets(|sockets, ring| sockets.listen(descriptor, usage, ring));
        self.call_driver();
        Ok((id, bound))
    }

    pub(crate) fn turned_away_count(&self) -> u64 {
        self.with_sockets(|sockets, _| sockets.turned_away_count())
    }

    pub(crate) fn close_listener(&self, id: ListenerId) {
        self.with_sockets(|sockets, ring| sockets.close_listener(id, ring));
        self.call_driver();
    }

    pub(crate) fn send(&self, id: ConnectionId, bytes: Bytes) {
        if self.with_sockets(|sockets, _| sockets.send(id, bytes)) {
            self.call_driver();
        }
    }

    pub(crate) fn queued_bytes(&self, id: ConnectionId) -> usize {
        self.with_sockets(|sockets, _| sockets.queued_bytes(id))
    }

    pub(crate) fn close_connection(&self, id: ConnectionId, is_flushed: bool) {
        self.with_sockets(|sockets, ring| sockets.close(id, is_flushed, ring));
        self.call_driver();
    }

    pub(crate) fn pause_receive(&self, id: ConnectionId) {
        self.with_sockets(|sockets, ring| sockets.pause_receive(id, ring));
        self.call_driver();
    }

    pub(crate) fn resume_receive(&self, id: ConnectionId) {
        self.with_sockets(|sockets, ring| sockets.resume_receive(id, ring));
        self.call_driver();
    }

    pub(crate) fn drain_socket_events(&self, mut visit: impl FnMut(SocketEvent<'_>)) -> usize {
        let mut visited = 0;
        // What is added meanwhile is for the next call: it cannot keep this one from returning.
        let queued = self.with_sockets(|sockets, _| sockets.event_count());
        for _ in 0..queued {
            let Some(event) = self.with_sockets(|sockets, _| sockets.next_event()) else { break };
            visited += 1;
            match event {
                Event::Accepted { listener, connection, peer } => {
                    visit(SocketEvent::Accepted { listener, connection, peer });
                }
                Event::Received { connection, buffer } => {
                    let bytes = self.with_sockets(|sockets, _| sockets.pool().bytes(&buffer));
                    // SAFETY: the kernel has handed the buffer over, and nobody else refers to it until `recycle`
                    // consumes `buffer` below. The pool lives until the core ends, which is not during this call.
                    visit(SocketEvent::Received { connection, bytes: unsafe { bytes.as_ref() } });
                    self.with_sockets(|sockets, _| sockets.recycle(buffer));
                }
                Event::PeerFinished { connection } => visit(SocketEvent::PeerFinished { connection }),
                Event::Sent { connection } => visit(SocketEvent::Sent { connection }),
                Event::Closed { connection } => {
                    visit(SocketEvent::Closed { connection });
                    self.with_sockets(|sockets, _| sockets.free(connection));
                }
            }
        }
        // Receives that lacked a buffer can go on; events that came meanwhile notify again.
        let needs_turn = self.with_sockets(|sockets, _| sockets.needs_submit() || sockets.event_count() > 0);
        if needs_turn {
            self.call_driver();
        }
        visited
    }

    fn with_sockets<R>(&self, step: impl FnOnce(&mut SocketTable, &mut Ring) -> R) -> R {
        let mut sockets = self.sockets.borrow_mut();
        let sockets = sockets.as_mut().expect("sockets are used between `use_sockets` and the end of the core");
        step(sockets, &mut self.ring.borrow_mut())
    }
}

fn open_listener(
    address: SocketAddr,
    is_port_shared: bool,
    unsent_time_max: Duration,
) -> Result<(OwnedFd, SocketAddr), SocketError> {
    let step = |operation| move |error| explain(address, operation, &error);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP));
    let socket = socket.map_err(step("socket"))?;
    // A restarted server gets its port although old connections are still in TIME_WAIT.
    socket.set_reuse_address(true).map_err(step("SO_REUSEADDR"))?;
    if is_port_shared {
        socket.set_reuse_port(true).map_err(step("SO_REUSEPORT"))?;
    }
    // Inherited by accepted connections: replies are batched by us, not by Nagle's algorithm.
    socket.set_tcp_nodelay(true).map_err(step("TCP_NODELAY"))?;
    // Inherited likewise. A peer that acknowledges nothing, or leaves no room in its window, keeps our bytes for no longer,
    // whether its connection is open or closes when they are sent: the kernel ends its sends and its receive with ETIMEDOUT.
    socket.set_tcp_user_timeout(Some(unsent_time_max)).map_err(step("TCP_USER_TIMEOUT"))?;
    socket.bind(&address.into()).map_err(step("bind"))?;
    socket.listen(BACKLOG).map_err(step("listen"))?;
    let bound = socket.local_addr().map_err(step("getsockname"))?;
    let bound = bound.as_socket().expect("an internet socket has an internet address");
    Ok((socket.into(), bound))
}

fn explain(address: SocketAddr, operation: &'static str, error: &std::io::Error) -> SocketError {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => SocketError::AddressInUse { address },
        Some(libc::EADDRNOTAVAIL) => SocketError::AddressNotAvailable { address },
        Some(libc::EACCES | libc::EPERM) => SocketError::Permission { address },
        errno => SocketError::Io { address, operation, errno: errno.unwrap_or(0) },
    }
}
