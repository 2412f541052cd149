//! What the clients of the binary protocol say, and what the server says to it at once: the handshake, signs of life, partition maps.
//!
//! Deliberately not here: operations, which go to the engine.

use super::{Connection, Ending, Intake};
use crate::in_flight::Claim;
use crate::speech::Speech;
use bytes::BytesMut;
use engine::Engine;
use model::Error;
use runtime::ConnectionId;
use wire::server::Incoming;
use wire::{Challenge, GoodbyeReason, PartitionMap, PartitionRange, Proof};

impl Connection {
    /// Handles a message of a wire connection. Returns whether more may follow.
    pub(super) fn take_message(
        &mut self,
        id: ConnectionId,
        (message, frame_bytes): (Incoming, usize),
        intake: &mut Intake<'_>,
    ) -> bool {
        match message {
            Incoming::Request { request_id, request } => {
                self.submit_request(id, (Claim::Wire(request_id), frame_bytes), request, intake);
                return true;
            }
            Incoming::Refused { request_id, error } => {
                wire::server::encode_reply(request_id, Err(&error), wire::Flags::NONE, &mut self.out);
            }
            Incoming::Hello(hello) => {
                tracing::debug!(client = hello.client_name, "handshake");
                if let Some(challenger) = &mut intake.speech.challenger {
                    let challenge = Challenge { nonce: challenger.next_nonce() };
                    wire::server::encode_challenge(&challenge, &mut self.out);
                    self.challenge = Some(Box::new(challenge));
                    // The time for the handshake goes on.
                    return true;
                }
                self.welcome(intake.speech);
            }
            Incoming::Proof(Proof { access_key_id, proof }) => {
                let asked = self.challenge.take().zip(intake.speech.challenger.as_ref());
                if !asked.is_some_and(|(asked, by)| by.is_proven(&asked.nonce, &access_key_id, &proof)) {
                    tracing::debug!(access_key_id, "a proof that does not hold");
                    intake.speech.unproven_count += 1;
                    self.say_goodbye(GoodbyeReason::NOT_AUTHENTICATED, "no access key of this node, or not its secret");
                    return false;
                }
                self.welcome(intake.speech);
            }
            Incoming::Ping(request_id) => wire::server::encode_pong(request_id, &mut self.out),
            Incoming::DescribePartitions { request_id, table_name } => {
                describe_partitions(intake.engine, request_id, &table_name, &mut self.out);
            }
            Incoming::Goodbye(_) => {
                self.end(Ending::TakenLeave);
                return false;
            }
        }
        self.begun = intake.now;
        intake.budget.note_taken(0);
        true
    }

    fn welcome(&mut self, speech: &Speech) {
        wire::server::encode_welcome(&speech.welcome, &mut self.out).expect("a node's cores fit in a frame");
    }
}

fn describe_partitions(engine: &Engine, request_id: wire::RequestId, table_name: &str, out: &mut BytesMut) {
    let Some(table) = engine.table(table_name) else {
        let error = Error::table_not_found(table_name);
        return wire::server::encode_reply(request_id, Err(&error), wire::Flags::NONE, out);
    };
    let ranges = table
        .partitions
        .iter()
        .map(|placement| PartitionRange { first_hash: placement.range.first(), core: placement.core.0 });
    let map = PartitionMap {
        version: 1,
        table_id: table.definition.id,
        key_schema: table.definition.key_schema.clone(),
        ranges: ranges.collect(),
    };
    wire::server::encode_partition_map(request_id, &map, out).expect("a table's partitions fit in a frame");
}
