//! What a core needs to speak its protocols, shared by all of its connections. One a core.

use crate::in_flight::InFlight;
use crate::reply_sizes::ReplySizes;
use crate::serve::Node;
use auth::{Challenger, NONCE_BYTES, Verifier};
use dynamodb::Codec;
use runtime::Runtime;
use std::sync::Arc;
use wire::{CoreEndpoint, Welcome};

/// Requests that one wire connection may have in flight.
pub(crate) const WIRE_IN_FLIGHT_MAX: u32 = 4_096;
/// Milliseconds after which a silent connection with nothing in flight is closed.
pub(crate) const IDLE_MS_MAX: u32 = 600_000;

/// Codecs, and the claims that wait for the engine.
pub(crate) struct Speech {
    /// Translates HTTP.
    pub(crate) codec: Codec,
    /// What every wire client is told first.
    pub(crate) welcome: Welcome,
    /// Asks wire clients who they are, where there are those who may call.
    pub(crate) challenger: Option<Challenger>,
    /// Wire clients that have proved nothing.
    pub(crate) unproven_count: u64,
    /// Who waits for the engine.
    pub(crate) in_flight: InFlight,
    /// How large replies are.
    pub(crate) reply_sizes: ReplySizes,
}

impl Speech {
    pub(crate) fn new(node: &Node, core: usize, runtime: &Runtime) -> Self {
        let cores = (0..).zip(&node.listeners.wire);
        // A client reaches every core under the host that it has reached this one.
        let cores = cores.map(|(core, address)| CoreEndpoint { core, port: address.port(), address: String::new() });
        let access_keys = || node.access_keys.as_ref().map(Arc::clone);
        let verifier = access_keys().map_or_else(Verifier::open, Verifier::new);
        let challenger = access_keys().map(|keys| {
            let mut secret = [0; NONCE_BYTES];
            runtime.fill_secret(&mut secret);
            Challenger::new(keys, &secret)
        });
        Self {
            codec: Codec::new(verifier, runtime.chance()),
            welcome: Welcome {
                version: wire::VERSION,
                core: u16::try_from(core).expect("core ids are 16 bits"),
                features: 0,
                frame_bytes_max: u32::try_from(wire::limits::FRAME_BYTES_MAX).expect("frames are shorter than 4 GiB"),
                in_flight_max: WIRE_IN_FLIGHT_MAX,
                idle_ms_max: IDLE_MS_MAX,
                server_name: concat!("stator ", env!("CARGO_PKG_VERSION")).to_owned(),
                cores: cores.collect(),
            },
            challenger,
            unproven_count: 0,
            in_flight: InFlight::default(),
            reply_sizes: ReplySizes::default(),
        }
    }

    /// Requests and connections refused so far for who sent them.
    pub(crate) fn unauthenticated_count(&self) -> u64 {
        self.codec.unauthenticated_count() + self.unproven_count
    }
}
