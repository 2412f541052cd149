//! One connection: its receive, its queue of outgoing bytes, and how far its closing has come.
//!
//! Lives in the core's `SocketTable`, which feeds it completions and decides what follows. Its slot is used again only
//! after the last completion of all it has in the kernel, and after `Closed` has been handed out.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};

use bytes::{Buf, Bytes};
use io_uring::{opcode, types};

use super::receive_pool::BUFFER_GROUP;
use super::ring::{Ring, Tag};
use crate::ConnectionId;

/// Pieces that one send carries at most.
const SEND_PIECE_COUNT_MAX: usize = 32;
/// Bytes that one send carries at most; the rest follows. A send completes when all of it is taken: so much is seen to be taken at a time.
const SEND_BYTES_MAX: usize = 512 << 10;

/// Where the multishot receive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Receive {
    /// Not in the kernel.
    Idle,
    Armed,
    /// In the kernel, with its cancellation on the way.
    Cancelling,
}

/// How far the closing has come. Only ever goes down the list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Closing {
    Open,
    /// Closes once all queued bytes are sent; received bytes are discarded.
    WhenSent,
    /// Our side is shut. Bytes are received and discarded until the peer has finished too, for closing on unread bytes
    /// would reset the connection and could take the last reply with it.
    Lingering,
    /// Waits for the kernel to give back what it holds.
    Now,
    /// The descriptor is closed; `Closed` is waiting to be drained.
    Dead,
}

/// A connection, or a free slot if it has no descriptor and is not `Dead`.
pub(crate) struct Connection {
    pub(crate) descriptor: Option<OwnedFd>,
    /// Tells apart the connections that use this slot one after the other.
    pub(crate) generation: u32,
    pub(crate) receive: Receive,
    /// No buffer was free for it: it is armed when one is.
    pub(crate) is_starved: bool,
    /// Not paused, and the peer has not finished.
    pub(crate) is_receive_wanted: bool,
    pub(crate) is_peer_finished: bool,
    pub(crate) closing: Closing,
    /// The caller has closed it: nothing but `Closed` is handed out from then on.
    pub(crate) is_closed_by_caller: bool,
    /// Bytes thrown away while lingering.
    pub(crate) discarded_bytes: usize,
    pub(crate) outgoing: Outgoing,
}

/// Bytes on their way to the peer, in order.
#[derive(Default)]
pub(crate) struct Outgoing {
    queue: VecDeque<Bytes>,
    queued_bytes: usize,
    is_in_flight: bool,
    /// The table has been told that there is something to submit.
    pub(crate) is_announced: bool,
    /// Made when first needed, kept for the life of the connection.
    vector: Option<Box<SendVector>>,
}

/// What a send of several pieces points at.
struct SendVector {
    message: libc::msghdr,
    pieces: [libc::iovec; SEND_PIECE_COUNT_MAX],
}

impl Connection {
    pub(crate) fn new(descriptor: OwnedFd, generation: u32) -> Connection {
        Connection {
            descriptor: Some(descriptor),
            generation,
            receive: Receive::Idle,
            is_starved: false,
            is_receive_wanted: true,
            is_peer_finished: false,
            closing: Closing::Open,
            is_closed_by_caller: false,
            discarded_bytes: 0,
            outgoing: Outgoing::default(),
        }
    }

    pub(crate) fn id(&self, index: u32) -> ConnectionId {
        ConnectionId(u64::from(self.generation) << 32 | u64::from(index))
    }

    /// The kernel holds nothing of this connection.
    pub(crate) fn is_quiet(&self) -> bool {
        self.receive == Receive::Idle && !self.outgoing.is_in_flight
    }

    pub(crate) fn raw(&self) -> types::Fd {
        let descriptor = self.descriptor.as_ref().expect("a connection has its descriptor until it is dead");
        types::Fd(descriptor.as_raw_fd())
    }

    /// Asks the kernel for everything the peer sends, until further notice.
    pub(crate) fn arm_receive(&mut self, index: u32, ring: &mut Ring) {
        assert_eq!(self.receive, Receive::Idle, "one receive at a time");
        self.receive = Receive::Armed;
        let entry = opcode::RecvMulti::new(self.raw(), BUFFER_GROUP).build();
        // SAFETY: the entry holds no address: the kernel receives into the pool registered with this ring.
        unsafe { ring.push(entry, Tag::Receive(index)) };
    }

    pub(crate) fn cancel_receive(&mut self, index: u32, ring: &mut Ring) {
        if self.receive == Receive::Armed {
            self.receive = Receive::Cancelling;
            ring.push_cancel(types::CancelBuilder::user_data(Tag::Receive(index).to_user_data()));
        }
    }
}

impl Outgoing {
    pub(crate) fn push(&mut self, bytes: Bytes) {
        self.queued_bytes += bytes.len();
        self.queue.push_back(bytes);
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Something is queued and nothing in flight.
    pub(crate) fn can_submit(&self) -> bool {
        !self.queue.is_empty() && !self.is_in_flight
    }

    /// Hands all that is queued, up to the limits, to the kernel in one send.
    pub(crate) fn submit(&mut self, descriptor: types::Fd, index: u32, ring: &mut Ring) {
        assert!(self.can_submit(), "one send at a time");
        self.is_in_flight = true;
        let flags = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let entry = if let [piece] = self.queue.make_contiguous() {
            let length = u32::try_from(piece.len().min(SEND_BYTES_MAX)).expect("at most 512 KiB");
            opcode::Send::new(descriptor, piece.as_ptr(), length).flags(flags).build()
        } else {
            let message = self.fill_vector();
            opcode::SendMsg::new(descriptor, message).flags(flags.unsigned_abs()).build()
        };
        // SAFETY: the pieces stay in `queue` until the completion (`is_in_flight`), and their bytes do not move with
        // the handles; `vector` is not touched before the next `submit`. The connection's slot outlives the completion.
        unsafe { ring.push(entry, Tag::Send(index)) };
    }

    /// The send in flight has completed. False: it has failed, and so has the connection.
    pub(crate) fn complete(&mut self, result: i32) -> bool {
        assert!(self.is_in_flight, "a completion without a send");
        self.is_in_flight = false;
        let Ok(mut sent_bytes) = usize::try_from(result) else {
            return matches!(-result, libc::EINTR | libc::EAGAIN);
        };
        assert!(sent_bytes <= self.queued_bytes, "{sent_bytes} sent of {}", self.queued_bytes);
        self.queued_bytes -= sent_bytes;
        while sent_bytes > 0 {
            let piece = self.queue.front_mut().expect("sent bytes were queued");
            let step = sent_bytes.min(piece.len());
            sent_bytes -= step;
            if step == piece.len() {
                self.queue.pop_front();
            } else {
                piece.advance(step);
            }
        }
        true
    }

    /// Drops what the kernel does not hold.
    pub(crate) fn clear(&mut self) {
        if !self.is_in_flight {
            self.queue.clear();
            self.queued_bytes = 0;
        }
    }

    fn fill_vector(&mut self) -> *const libc::msghdr {
        let vector = self.vector.get_or_insert_with(|| {
            // SAFETY: both are plain C structs of integers and pointers, for which zero bits are a valid value.
            Box::new(unsafe { std::mem::zeroed::<SendVector>() })
        });
        let (mut count, mut room) = (0, SEND_BYTES_MAX);
        for (place, piece) in vector.pieces.iter_mut().zip(&self.queue) {
            place.iov_base = piece.as_ptr().cast_mut().cast();
            place.iov_len = piece.len().min(room);
            count += 1;
            room -= place.iov_len;
            if room == 0 {
                break;
            }
        }
        vector.message.msg_iov = vector.pieces.as_mut_ptr();
        vector.message.msg_iovlen = count;
        &raw const vector.message
    }
}
