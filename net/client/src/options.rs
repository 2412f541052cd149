//! What an application may choose, with defaults that suit a local network.

use auth::Credentials;
use std::time::Duration;

/// Unsent bytes of one connection past which it takes no more requests.
pub(crate) const UNSENT_BYTES_MAX: usize = 1 << 20;

/// Bytes read from a socket at once.
pub(crate) const READ_BYTES: usize = 64 << 10;

/// Requests moved from the queue into the pipeline at once.
pub(crate) const CALL_BATCH_COUNT: usize = 64;

/// Tables whose partition maps are remembered; past it all are forgotten and learnt again.
pub(crate) const ROUTED_TABLES_COUNT_MAX: usize = 4096;

/// A stale map is asked for again at most once in this time, per table.
pub(crate) const MAP_REFRESH_INTERVAL: Duration = Duration::from_millis(100);

/// How often a connection looks at its clock: for pings, and for a server that has gone silent.
pub(crate) const TICK: Duration = Duration::from_millis(500);

/// How often a read is sent again after its connection was lost. Writes never are: their outcome is unknown.
pub(crate) const READ_ATTEMPTS_COUNT_MAX: usize = 3;

/// Options of a client.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// What the client calls itself in the server's log.
    pub name: String,
    /// What the client proves who it is with, where the server asks; session tokens are not known there.
    pub credentials: Option<Credentials>,
    /// Requests in flight on one connection; the server may allow fewer.
    pub in_flight_max: usize,
    /// Requests that wait for a place in flight, per connection; past it callers wait.
    pub queued_max: usize,
    /// Connecting, handshake included.
    pub connect_timeout: Duration,
    /// A request, from the call to its answer, repetitions included.
    pub request_timeout: Duration,
    /// Silence of the server with requests in flight, after which its connection is given up.
    pub silence_max: Duration,
    /// The first pause after a failed connection attempt; each next one is twice as long.
    pub backoff_min: Duration,
    /// The longest pause between attempts.
    pub backoff_max: Duration,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            name: concat!("stator-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            credentials: None,
            in_flight_max: 1024,
            queued_max: 1024,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            backoff_min: Duration::from_millis(20),
            backoff_max: Duration::from_secs(2),
        }
    }
}
