//! The protocols that the load generator speaks: what a request looks like and what its reply says.
//!
//! A driver is pure: templates of requests, and replies read where they lie in the receive buffer. The blocking first words
//! of a run (handshake, CreateTable, partition map) are each driver's `prepare`.

pub(super) mod http;
pub(super) mod redis;
pub(super) mod wire;

use std::error::Error;
use std::net::{SocketAddr, TcpStream};

use super::record::{Mismatch, Row};
use super::template::{Fill, Template};

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Get,
    Put,
}

impl Operation {
    pub(super) const ALL: [Operation; 2] = [Operation::Get, Operation::Put];

    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::Put => "put",
        }
    }
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done; a get has found its value.
    Success,
    /// A get has found nothing.
    Missing,
    /// An error.
    Failure,
}

/// Where and what to load.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) table_name: String,
    pub(super) key_count: u64,
    pub(super) row: Row,
    pub(super) connection_count: usize,
    pub(super) depth: usize,
    /// Whether gets ask for the newest acknowledged write.
    pub(super) is_consistent: bool,
    /// Send everything to the first core.
    pub(super) is_plain: bool,
    /// Sign each request, where the protocol has signatures.
    pub(super) signs: bool,
    /// Create the table if there is none.
    pub(super) creates_table: bool,
}

/// A driver with its connections made.
pub(super) struct Prepared {
    pub(super) driver: Driver,
    /// Each with the lane it serves.
    pub(super) streams: Vec<(TcpStream, u16)>,
    /// Requests go in lanes: one per core if the client knows which core owns a key, otherwise a single one.
    pub(super) lanes: Lanes,
}

/// Which lane a key takes.
#[derive(Clone, Debug)]
pub(super) enum Lanes {
    /// Any connection will do.
    One,
    /// By the partition map; the vector has one lane per key.
    PerCore { lane_count: u16, lane_of_key: Vec<u16> },
}

impl Lanes {
    pub(super) fn count(&self) -> u16 {
        match self {
            Lanes::One => 1,
            Lanes::PerCore { lane_count, .. } => *lane_count,
        }
    }

    // Keys index the vector, whose length is a usize.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn lane(&self, key: u64) -> u16 {
        match self {
            Lanes::One => 0,
            Lanes::PerCore { lane_of_key, .. } => lane_of_key[key as usize],
        }
    }
}

/// A protocol, ready to encode and to read.
pub(super) enum Driver {
    Wire(wire::Wire),
    Http(Box<http::Http>),
    Redis(redis::Redis),
}

/// A whole reply, where it lies in the receive buffer.
pub(super) enum Reply<'a> {
    Wire(client::Answer<'a>),
    Http(crate::http_response::HttpResponse<'a>),
    Redis(redis::Resp<'a>),
}

/// Templates of both operations.
pub(super) struct Templates {
    pub(super) get: Template,
    pub(super) put: Template,
}

impl Driver {
    /// Appends a request to `out`.
    pub(super) fn append(&mut self, operation: Operation, fill: Fill, out: &mut Vec<u8>) {
        let start = out.len();
        self.template(operation).append(fill, out);
        if let Driver::Http(http) = self {
            http.sign(operation, &mut out[start..]);
        }
    }

    fn template(&self, operation: Operation) -> &Template {
        let templates = match self {
            Driver::Wire(driver) => &driver.templates,
            Driver::Http(driver) => &driver.templates,
            Driver::Redis(driver) => &driver.templates,
        };
        match operation {
            Operation::Get => &templates.get,
            Operation::Put => &templates.put,
        }
    }

    /// Splits the first reply off `received`: the reply and its bytes; `None` while it is not whole.
    pub(super) fn split<'a>(&self, received: &'a [u8]) -> Result<Option<(Reply<'a>, usize)>, Box<dyn Error>> {
        Ok(match self {
            Driver::Wire(_) => client::Answer::split(received)?.map(|(reply, used)| (Reply::Wire(reply), used)),
            Driver::Http(_) => {
                let response = crate::http_response::HttpResponse::split(received)?;
                response.map(|(reply, used)| (Reply::Http(reply), used))
            }
            Driver::Redis(_) => redis::Resp::split(received)?.map(|(reply, used)| (Reply::Redis(reply), used)),
        })
    }

    /// What the reply to an operation says. Looks at kinds, statuses and lengths only: it is done for every reply.
    pub(super) fn outcome(&self, reply: &Reply<'_>, operation: Operation) -> Outcome {
        match (self, reply) {
            (Driver::Wire(driver), Reply::Wire(answer)) => driver.outcome(answer, operation),
            (Driver::Http(driver), Reply::Http(response)) => driver.outcome(response, operation),
            (Driver::Redis(driver), Reply::Redis(resp)) => driver.outcome(resp, operation),
            _ => unreachable!("a driver reads its own replies"),
        }
    }

    /// Checks every byte of the value in the successful reply to a get.
    pub(super) fn verify(&self, reply: &Reply<'_>, key: u64) -> Result<(), Mismatch> {
        match (self, reply) {
            (Driver::Wire(driver), Reply::Wire(answer)) => driver.verify(answer, key),
            (Driver::Http(driver), Reply::Http(response)) => driver.verify(response, key),
            (Driver::Redis(driver), Reply::Redis(resp)) => driver.verify(resp, key),
            _ => unreachable!("a driver reads its own replies"),
        }
    }
}

impl Reply<'_> {
    /// The id of the request that it answers; none where replies come in the order of the requests.
    pub(super) fn request_id(&self) -> Option<u64> {
        match self {
            Reply::Wire(answer) => Some(answer.header.request_id.0),
            Reply::Http(_) | Reply::Redis(_) => None,
        }
    }

    /// Whether another core had to be asked.
    pub(super) fn is_forwarded(&self) -> bool {
        match self {
            Reply::Wire(answer) => answer.header.flags.is_forwarded(),
            Reply::Http(_) | Reply::Redis(_) => false,
        }
    }

    /// A failure in words.
    pub(super) fn failure_text(&self) -> String {
        match self {
            Reply::Wire(answer) => wire::failure_text(answer),
            Reply::Http(response) => {
                format!("HTTP {}: {}", response.status, String::from_utf8_lossy(response.body))
            }
            Reply::Redis(resp) => format!("{resp:?}"),
        }
    }
}
