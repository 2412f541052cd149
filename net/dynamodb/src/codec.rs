//! What one core needs to translate for all of its connections: reused buffers, who may call, the date, chance.
//!
//! One per core, owned by its server loop, lent to a [`crate::Connection`] for each call.

use auth::Verifier;
use bytes::BytesMut;
use model::operation::Reply;
use model::{Error, ItemEncoder};

use crate::http::date::HttpDate;
use crate::http::request_id::{RequestId, next_chance};
use crate::http::response::{self, Manner, Status};
use crate::json::writer::Writer;
use crate::operation;

/// The translator of one core.
#[derive(Debug)]
pub struct Codec {
    verifier: Verifier,
    unauthenticated_count: u64,
    /// State of the sequence that request ids are drawn from.
    chance: u64,
    date: Option<HttpDate>,
    encoder: ItemEncoder,
    scratch: Vec<u8>,
}

impl Codec {
    /// A codec whose request ids follow from `seed`: equal seeds give equal ids, so cores need different ones.
    pub fn new(verifier: Verifier, seed: u64) -> Codec {
        Codec {
            verifier,
            unauthenticated_count: 0,
            chance: seed,
            date: None,
            encoder: ItemEncoder::new(),
            scratch: Vec::new(),
        }
    }

    /// Sets the clock, of the `Date` header and of signatures; until then answers have none, and signatures are not good. Cheap when
    /// the second is the same.
    pub fn set_time(&mut self, epoch_s: u64) {
        if self.date.is_none_or(|date| date.epoch_s() != epoch_s) {
            self.date = Some(HttpDate::new(epoch_s));
        }
    }

    /// Checks who sends a request.
    pub(crate) fn verify(&mut self, message: &auth::Message<'_>) -> Result<(), Error> {
        let verified = self.verifier.verify(message, self.date.map_or(0, |date| date.epoch_s()));
        self.unauthenticated_count += u64::from(verified.is_err());
        verified
    }

    /// Requests refused so far for who sent them.
    pub fn unauthenticated_count(&self) -> u64 {
        self.unauthenticated_count
    }

    pub(crate) fn next_request_id(&mut self) -> RequestId {
        RequestId::new(next_chance(&mut self.chance))
    }

    /// What reading JSON takes.
    pub(crate) fn json_parts(&mut self) -> (&mut ItemEncoder, &mut Vec<u8>) {
        (&mut self.encoder, &mut self.scratch)
    }

    /// Writes the whole answer of a call.
    pub(crate) fn write_outcome(
        &mut self,
        manner: &Manner,
        outcome: Result<&Reply, &Error>,
        out: &mut BytesMut,
    ) -> usize {
        let status = outcome.map_or_else(|error| Status::of_error(error.kind.http_status()), |_| Status::Ok);
        let open = response::begin(status, manner, self.date.as_ref(), out);
        let body_at = out.len();
        let mut writer = Writer::new(out, &mut self.scratch);
        match outcome {
            Ok(reply) => operation::write_reply(reply, &mut writer),
            Err(error) => operation::error::write(error, &mut writer),
        }
        let body_bytes = out.len() - body_at;
        open.finish(out);
        body_bytes
    }

    /// Writes an answer whose body is no JSON.
    pub(crate) fn write_plain(&self, status: Status, manner: &Manner, body: &[&[u8]], out: &mut BytesMut) {
        let open = response::begin(status, manner, self.date.as_ref(), out);
        body.iter().for_each(|part| out.extend_from_slice(part));
        open.finish(out);
    }
}
