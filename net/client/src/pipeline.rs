//! A connection without a socket and without allocation: requests are encoded into one buffer, answers are read as slices.
//!
//! For load generators that drive their own non-blocking sockets. At steady state both buffers have grown to what the
//! pipeline depth needs and nothing is allocated any more. One per socket, on one thread.
//!
//! Deliberately not here: which request ids are in flight; the caller knows them.

use auth::Credentials;
use bytes::{Buf, BytesMut};
use wire::client::{self, Answer, Incoming};
use wire::{EncodeError, Goodbye, GoodbyeReason, Hello, ProtocolError, RequestId, VERSION, Welcome};

use crate::error::ConnectionError;
use crate::session::answer_challenge;

/// Bytes of receive buffer to start with.
const RECEIVE_BYTES: usize = 64 << 10;

/// One connection's buffers.
#[derive(Debug)]
pub struct Pipeline {
    unsent: BytesMut,
    credentials: Option<Credentials>,
    received: Vec<u8>,
    /// `received[start..end]` has come and was not taken yet.
    start: usize,
    end: usize,
}

impl Pipeline {
    /// A pipeline whose preface and Hello wait to be sent. It proves who it is with `credentials`, where the server asks.
    ///
    /// # Errors
    /// The name is absurdly long.
    pub fn new(client_name: &str, credentials: Option<Credentials>) -> Result<Pipeline, EncodeError> {
        let mut unsent = BytesMut::new();
        let client_name = client_name.to_owned();
        client::encode_hello(
            &Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name },
            &mut unsent,
        )?;
        Ok(Pipeline { unsent, credentials, received: vec![0; RECEIVE_BYTES], start: 0, end: 0 })
    }

    /// Encodes a GetItem: a table's name, an encoded key.
    ///
    /// # Errors
    /// It fits in no frame.
    pub fn get_item(
        &mut self,
        request_id: u64,
        table_name: &str,
        key: &[u8],
        consistent_read: bool,
    ) -> Result<(), EncodeError> {
        client::encode_get_item(RequestId(request_id), table_name, key, consistent_read, &mut self.unsent)
    }

    /// Encodes a PutItem: a table's name, an encoded item.
    ///
    /// # Errors
    /// It fits in no frame.
    pub fn put_item(&mut self, request_id: u64, table_name: &str, item: &[u8]) -> Result<(), EncodeError> {
        client::encode_put_item(RequestId(request_id), table_name, item, &mut self.unsent)
    }

    /// Encodes any request.
    ///
    /// # Errors
    /// What cannot be sent; nothing is encoded then.
    pub fn request(&mut self, request_id: u64, request: &model::operation::Request) -> Result<(), EncodeError> {
        client::encode_request(RequestId(request_id), request, &mut self.unsent)
    }

    /// Encodes a request for a table's partition map.
    ///
    /// # Errors
    /// It fits in no frame.
    pub fn describe_partitions(&mut self, request_id: u64, table_name: &str) -> Result<(), EncodeError> {
        client::encode_describe_partitions(RequestId(request_id), table_name, &mut self.unsent)
    }

    /// What waits to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.unsent
    }

    /// The first `count` bytes of [`Pipeline::unsent`] have been sent.
    pub fn sent(&mut self, count: usize) {
        self.unsent.advance(count);
    }

    /// Where the socket's bytes go next; never empty.
    pub fn receive_space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end == self.received.len() {
            if self.start > 0 {
                self.received.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                // One answer fills the buffer: answers are bounded by the frame limit, checked as soon as a header is there.
                self.received.resize(2 * self.received.len(), 0);
            }
        }
        &mut self.received[self.end..]
    }

    /// The socket has written `count` bytes into [`Pipeline::receive_space`].
    pub fn received(&mut self, count: usize) {
        assert!(count <= self.received.len() - self.end, "more bytes received than there was space for");
        self.end += count;
    }

    /// The server's Welcome, once it is there; before that no request may be sent. Of a server that asks who the client is, what is to be sent first
    /// is in [`Pipeline::unsent`] after this.
    ///
    /// # Errors
    /// The server refuses, or is no Stator.
    pub fn take_welcome(&mut self) -> Result<Option<Welcome>, ConnectionError> {
        let Some(answer) = self.next_answer()? else {
            return Ok(None);
        };
        match answer.decode()? {
            Incoming::Challenge(challenge) => match &self.credentials {
                Some(credentials) => answer_challenge(credentials, &challenge, &mut self.unsent).map(|()| None),
                None => {
                    client::encode_goodbye(&Goodbye::new(GoodbyeReason::DONE, ""), &mut self.unsent);
                    Err(ConnectionError::CredentialsMissing)
                }
            },
            Incoming::Welcome(welcome) => Ok(Some(welcome)),
            Incoming::Goodbye(goodbye) => Err(ConnectionError::Goodbye(goodbye)),
            _ => Err(ConnectionError::UnexpectedAnswer),
        }
    }

    /// The next whole answer, in the order in which they came; it lies in the receive buffer until the next call.
    ///
    /// # Errors
    /// The server broke the protocol: close.
    pub fn next_answer(&mut self) -> Result<Option<Answer<'_>>, ProtocolError> {
        let Some((answer, end)) = Answer::split(&self.received[self.start..self.end])? else {
            return Ok(None);
        };
        self.start += end;
        Ok(Some(answer))
    }
}
