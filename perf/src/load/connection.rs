//! One non-blocking connection: what waits to be sent, what has come, and which requests are in flight.
//!
//! All buffers grow to what the depth needs and stay: nothing is allocated per operation. A connection lives on the
//! generator's thread from `prepare` to the end of the run.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net;

use mio::net::TcpStream;

use super::driver::{Driver, Operation};
use super::template::Fill;

/// Bytes that a receive buffer starts with; one read takes up to this.
const RECEIVE_BYTES: usize = 64 << 10;

/// What a request does, and when its latency begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) operation: Operation,
    pub(super) key: u64,
    pub(super) version: u64,
    /// Nanoseconds from the start of the run: when it was due, or sent in a closed loop.
    pub(super) start_ns: u64,
}

pub(super) struct Connection {
    pub(super) stream: TcpStream,
    /// Which keys it serves.
    pub(super) lane: u16,
    pub(super) in_flight: InFlight,
    pub(super) received: ReceiveBuffer,
    unsent: Vec<u8>,
    sent_bytes: usize,
}

impl Connection {
    pub(super) fn new(stream: net::TcpStream, lane: u16, depth: usize) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Connection {
            stream: TcpStream::from_std(stream),
            lane,
            in_flight: InFlight::new(depth),
            received: ReceiveBuffer::new(),
            unsent: Vec::with_capacity(RECEIVE_BYTES),
            sent_bytes: 0,
        })
    }

    /// Puts a request into the send buffer. There must be room in flight.
    pub(super) fn begin(&mut self, work: Work, driver: &mut Driver) {
        let request_id = self.in_flight.begin(work);
        let fill = Fill { key: work.key, version: work.version, request_id };
        driver.append(work.operation, fill, &mut self.unsent);
    }

    /// Sends what the socket takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.sent_bytes < self.unsent.len() {
            match self.stream.write(&self.unsent[self.sent_bytes..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.sent_bytes += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.clear();
        self.sent_bytes = 0;
        Ok(())
    }

    /// Reads once. False when the socket is drained: it will tell when there is more.
    pub(super) fn receive(&mut self) -> io::Result<bool> {
        let space = self.received.space();
        let space_bytes = space.len();
        match self.stream.read(space) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            Ok(count) => {
                self.received.add(count);
                // epoll(7): a short read from a stream socket says that it is drained.
                Ok(count == space_bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Received bytes, `start..end` of the buffer not yet consumed.
pub(super) struct ReceiveBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReceiveBuffer {
    fn new() -> ReceiveBuffer {
        ReceiveBuffer { bytes: vec![0; RECEIVE_BYTES], start: 0, end: 0 }
    }

    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn consume(&mut self, count: usize) {
        assert!(count <= self.end - self.start, "consumed {count} of {} bytes", self.end - self.start);
        self.start += count;
    }

    /// Where the next bytes go; never empty.
    fn space(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end == self.bytes.len() {
            self.bytes.resize(2 * self.bytes.len(), 0);
        }
        &mut self.bytes[self.end..]
    }

    fn add(&mut self, count: usize) {
        self.end += count;
    }
}

/// The requests of one connection without a reply yet, at most `depth`.
pub(super) struct InFlight {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Slots in the order of their requests.
    order: VecDeque<u32>,
}

#[derive(Clone, Copy)]
struct Slot {
    work: Option<Work>,
    /// Distinguishes the requests that use one slot after the other.
    generation: u32,
}

impl InFlight {
    fn new(depth: usize) -> InFlight {
        let slot_count = u32::try_from(depth).expect("the depth is checked to be small");
        InFlight {
            slots: vec![Slot { work: None, generation: 0 }; depth],
            free: (0..slot_count).rev().collect(),
            order: VecDeque::with_capacity(depth),
        }
    }

    pub(super) fn free_count(&self) -> usize {
        self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    /// Takes a slot: the id of the request, never 0.
    fn begin(&mut self, work: Work) -> u64 {
        let place = self.free.pop().expect("the caller has seen a free slot");
        let slot = &mut self.slots[place as usize];
        slot.work = Some(work);
        slot.generation = slot.generation.wrapping_add(1);
        self.order.push_back(place);
        u64::from(slot.generation) << 32 | u64::from(place + 1)
    }

    /// The request that a reply answers: the one with this id, or the oldest. None if there is no such request.
    // The low half of an id is a slot's number.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn complete(&mut self, request_id: Option<u64>) -> Option<Work> {
        let place = match request_id {
            None => self.order.pop_front()?,
            Some(request_id) => {
                let place = (request_id as u32).checked_sub(1)?;
                let slot = self.slots.get(place as usize)?;
                if u64::from(slot.generation) != request_id >> 32 {
                    return None;
                }
                // Replies mostly come in order: the first is the one.
                let position = self.order.iter().position(|ordered| *ordered == place)?;
                self.order.remove(position)?
            }
        };
        let work = self.slots[place as usize].work.take()?;
        self.free.push(place);
        Some(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(key: u64) -> Work {
        Work { operation: Operation::Get, key, version: 0, start_ns: key }
    }

    #[test]
    fn replies_find_their_requests_in_order_and_by_id() {
        let mut in_flight = InFlight::new(3);
        let ids: Vec<u64> = (0..3).map(|key| in_flight.begin(work(key))).collect();
        assert_eq!(in_flight.free_count(), 0);
        assert_eq!(in_flight.complete(Some(ids[1])), Some(work(1)));
        assert_eq!(in_flight.complete(Some(ids[1])), None, "answered twice");
        assert_eq!(in_flight.complete(None), Some(work(0)));
        let next = in_flight.begin(work(7));
        assert!(!ids.contains(&next), "an id is not used again");
        assert_eq!(in_flight.complete(None), Some(work(2)));
        assert_eq!(in_flight.complete(Some(next)), Some(work(7)));
        assert!(in_flight.is_empty());
        for unknown in [None, Some(0), Some(next), Some(u64::MAX)] {
            assert_eq!(in_flight.complete(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_receive_buffer_keeps_what_is_not_whole_and_grows() {
        let mut buffer = ReceiveBuffer::new();
        let space_bytes = buffer.space().len();
        buffer.space().fill(7);
        buffer.add(space_bytes);
        buffer.consume(space_bytes - 3);
        assert_eq!(buffer.space().len(), space_bytes - 3);
        assert_eq!(buffer.unread(), [7; 3]);
        let rest = buffer.space().len();
        buffer.add(rest);
        assert!(buffer.space().len() >= space_bytes, "a full buffer grows");
        assert_eq!(buffer.unread().len(), space_bytes);
    }
}
