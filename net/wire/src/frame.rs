//! Frames: sixteen bytes of header, then a payload. The first thing that sees received bytes and the last that touches
//! sent ones. One `FrameReader` lives in each connection's decoder, on the core or task that owns the connection.
//!
//! Deliberately not here: what is in a payload (`payload`, `operation/`), and which frame may come when (`server`, `client`).

use bytes::{Buf, Bytes, BytesMut};

use crate::error::{Malformation, ProtocolError};
use crate::limits::{
    FRAME_ALIGNMENT_BYTES, HEADER_BYTES, PAYLOAD_BYTES_MAX, RECEIVE_BUFFER_BYTES, RECEIVE_BUFFER_BYTES_MIN,
};

/// The first eight bytes that each side sends: `STATOR\r\n`.
pub const PREFACE: [u8; 8] = *b"STATOR\r\n";

/// A request's number, chosen by the client, carried back by its reply. 0 belongs to the handshake and Goodbye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The bits of a header's `flags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// Nothing to tell.
    pub const NONE: Flags = Flags(0);
    /// On a reply: another core owns the key and the request was passed on; the client's partition map is stale.
    pub const FORWARDED: Flags = Flags(1);

    /// Whether the request took a detour over a core that does not own its key.
    pub fn is_forwarded(self) -> bool {
        self.0 & Self::FORWARDED.0 != 0
    }
}

/// What a frame is: the number in its header. Numbers without a name here are legal frames of unknown kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind(pub u16);

#[allow(missing_docs)] // Named as in PROTOCOL.md, section 4.
impl Kind {
    pub const HELLO: Kind = Kind(0x0001);
    pub const PING: Kind = Kind(0x0002);
    pub const GOODBYE: Kind = Kind(0x0003);
    pub const PROOF: Kind = Kind(0x0004);
    pub const DESCRIBE_PARTITIONS: Kind = Kind(0x0010);
    pub const GET_ITEM: Kind = Kind(0x0101);
    pub const PUT_ITEM: Kind = Kind(0x0102);
    pub const DELETE_ITEM: Kind = Kind(0x0103);
    pub const QUERY: Kind = Kind(0x0104);
    pub const SCAN: Kind = Kind(0x0105);
    pub const BATCH_GET_ITEM: Kind = Kind(0x0106);
    pub const BATCH_WRITE_ITEM: Kind = Kind(0x0107);
    pub const UPDATE_ITEM: Kind = Kind(0x0108);
    pub const CREATE_TABLE: Kind = Kind(0x0201);
    pub const DESCRIBE_TABLE: Kind = Kind(0x0202);
    pub const LIST_TABLES: Kind = Kind(0x0203);
    pub const DELETE_TABLE: Kind = Kind(0x0204);
    pub const DESCRIBE_TIME_TO_LIVE: Kind = Kind(0x0205);
    pub const DESCRIBE_CONTINUOUS_BACKUPS: Kind = Kind(0x0206);
    pub const LIST_TAGS_OF_RESOURCE: Kind = Kind(0x0207);
    pub const DESCRIBE_ENDPOINTS: Kind = Kind(0x0208);
    pub const UPDATE_TABLE: Kind = Kind(0x0209);
    pub const UPDATE_TIME_TO_LIVE: Kind = Kind(0x020A);
    pub const TAG_RESOURCE: Kind = Kind(0x020B);
    pub const UNTAG_RESOURCE: Kind = Kind(0x020C);
    pub const DESCRIBE_LIMITS: Kind = Kind(0x020D);
    pub const WELCOME: Kind = Kind::HELLO.reply();
    pub const PONG: Kind = Kind::PING.reply();
    pub const CHALLENGE: Kind = Kind(0x8004);
    pub const PARTITION_MAP: Kind = Kind::DESCRIBE_PARTITIONS.reply();
    pub const ERROR: Kind = Kind(0xFFFF);

    /// The kind that answers this one.
    pub const fn reply(self) -> Kind {
        Kind(self.0 | 0x8000)
    }
}

/// A frame's header, read and found sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of payload that follow the header; a multiple of eight.
    pub payload_bytes: usize,
    /// What the payload is.
    pub kind: Kind,
    /// Remarks about the message.
    pub flags: Flags,
    /// The request that the frame is, or answers.
    pub request_id: RequestId,
}

impl Header {
    /// Reads the header that `bytes` starts with; `None` while less than a header is there.
    ///
    /// # Errors
    /// A length past `payload_bytes_max` or not a multiple of eight.
    pub fn parse(bytes: &[u8], payload_bytes_max: usize) -> Result<Option<Header>, ProtocolError> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Ok(None);
        };
        let [l0, l1, l2, l3, k0, k1, f0, f1, id @ ..] = *header;
        let payload_bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let kind = Kind(u16::from_le_bytes([k0, k1]));
        if payload_bytes > payload_bytes_max {
            return Err(ProtocolError::FrameTooLarge { payload_bytes, payload_bytes_max });
        }
        if !payload_bytes.is_multiple_of(FRAME_ALIGNMENT_BYTES) {
            return Err(ProtocolError::malformed(kind, Malformation::Unaligned));
        }
        Ok(Some(Header {
            payload_bytes,
            kind,
            flags: Flags(u16::from_le_bytes([f0, f1])),
            request_id: RequestId(u64::from_le_bytes(id)),
        }))
    }
}

/// A whole frame; the payload shares the receive buffer's memory.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Its payload, unverified.
    pub payload: Bytes,
}

/// Cuts a stream of bytes into frames.
///
/// Invariants: memory held is at most one frame of the limit plus what was fed since; once an error is returned, the same
/// error is returned for ever.
#[derive(Debug)]
pub struct FrameReader {
    received: BytesMut,
    /// Bytes of the greatest allocation that `received` may still be a part of: splitting keeps all of it alive.
    allocated_bytes: usize,
    payload_bytes_max: usize,
    preface_is_read: bool,
    failure: Option<ProtocolError>,
}

impl FrameReader {
    /// A server's reader: it expects the preface, then frames with payloads of at most `payload_bytes_max`.
    pub fn of_server(payload_bytes_max: usize) -> FrameReader {
        FrameReader {
            received: BytesMut::new(),
            allocated_bytes: 0,
            payload_bytes_max,
            preface_is_read: false,
            failure: None,
        }
    }

    /// A client's reader: it expects frames with payloads of at most `payload_bytes_max`.
    pub fn of_client(payload_bytes_max: usize) -> FrameReader {
        FrameReader { preface_is_read: true, ..FrameReader::of_server(payload_bytes_max) }
    }

    /// The greatest payload from the next frame on, in bytes.
    pub fn set_payload_bytes_max(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = payload_bytes_max.min(PAYLOAD_BYTES_MAX);
    }

    /// Takes received bytes. After a failure they are dropped.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let free = self.received.capacity() - self.received.len();
        if free < bytes.len() {
            self.grow(bytes.len());
        }
        self.received.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` while it is not there.
    ///
    /// # Errors
    /// The stream is no Stator connection, or a header breaks the protocol. The connection is lost.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, ProtocolError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.split_frame();
        if let Err(failure) = &result {
            self.fail(failure.clone());
        }
        result
    }

    /// Gives the connection up: from now on every call returns this error, and received bytes are dropped.
    pub fn fail(&mut self, failure: ProtocolError) {
        self.failure = Some(failure);
        self.received = BytesMut::new();
    }

    /// Whether [`FrameReader::next_frame`] has something to say: a whole frame, or an error.
    pub fn has_next(&self) -> bool {
        if self.failure.is_some() || !self.preface_is_read {
            return true;
        }
        match Header::parse(&self.received, self.payload_bytes_max) {
            Ok(Some(header)) => self.received.len() >= HEADER_BYTES + header.payload_bytes,
            Ok(None) => false,
            Err(_) => true,
        }
    }

    /// Bytes received and not yet returned as frames.
    pub fn buffered_bytes(&self) -> usize {
        self.received.len()
    }

    /// Bytes of memory that the receive buffer holds.
    pub fn held_bytes(&self) -> usize {
        self.received.capacity()
    }

    fn split_frame(&mut self) -> Result<Option<Frame>, ProtocolError> {
        if !self.preface_is_read && !self.split_preface()? {
            return Ok(None);
        }
        let Some(header) = Header::parse(&self.received, self.payload_bytes_max)? else {
            return Ok(None);
        };
        let frame_bytes = HEADER_BYTES + header.payload_bytes;
        if self.received.len() < frame_bytes {
            return Ok(None);
        }
        let mut frame = self.received.split_to(frame_bytes);
        if self.received.is_empty() && self.allocated_bytes > RECEIVE_BUFFER_BYTES {
            self.received = BytesMut::new();
            self.allocated_bytes = 0;
        }
        frame.advance(HEADER_BYTES);
        Ok(Some(Frame { header, payload: frame.freeze() }))
    }

    fn split_preface(&mut self) -> Result<bool, ProtocolError> {
        let seen = self.received.len().min(PREFACE.len());
        if self.received[..seen] != PREFACE[..seen] {
            return Err(ProtocolError::NotStator);
        }
        if seen == PREFACE.len() {
            let _ = self.received.split_to(seen);
            self.preface_is_read = true;
        }
        Ok(self.preface_is_read)
    }

    /// Makes room for `fed_bytes` more: for several such pieces of small frames; of a great frame for twice what is
    /// there, but never past its end.
    fn grow(&mut self, fed_bytes: usize) {
        let held = self.received.len();
        let frame_bytes = match Header::parse(&self.received, self.payload_bytes_max) {
            Ok(Some(header)) if self.preface_is_read => HEADER_BYTES + header.payload_bytes,
            _ => 0,
        };
        if frame_bytes > RECEIVE_BUFFER_BYTES {
            // `reserve` would double a buffer of its own accord.
            let capacity = held.saturating_mul(2).min(frame_bytes).max(held + fed_bytes);
            let grown = BytesMut::with_capacity(capacity);
            let received = std::mem::replace(&mut self.received, grown);
            self.received.extend_from_slice(&received);
        } else {
            let shared = fed_bytes.saturating_mul(8).clamp(RECEIVE_BUFFER_BYTES_MIN, RECEIVE_BUFFER_BYTES);
            // Takes the buffer's own front again if nothing of it is in use any more.
            self.received.reserve(shared.max(fed_bytes));
        }
        self.allocated_bytes = self.allocated_bytes.max(self.received.capacity());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was left of a great buffer kept all of it alive while its connection was idle.
    #[test]
    fn a_great_frame_takes_its_buffer_along() {
        let frame = |payload_bytes: u32| {
            let mut frame = vec![0; HEADER_BYTES];
            frame[..4].copy_from_slice(&payload_bytes.to_le_bytes());
            frame.resize(HEADER_BYTES + payload_bytes as usize, 7);
            frame
        };
        let mut reader = FrameReader::of_client(PAYLOAD_BYTES_MAX);
        for piece in [frame(1 << 20), frame(8)].concat().chunks(8 << 10) {
            reader.feed(piece);
        }
        let great = reader.next_frame().expect("sound").expect("whole");
        assert_eq!(great.payload.len(), 1 << 20);
        drop(great);
        let last = reader.next_frame().expect("sound").expect("whole");
        assert!(last.payload.is_unique());
    }
}
