//! The admin address: `/health`, `/metrics` and `/keys/rotate`, one answer a connection.
//!
//! `POST /keys/rotate?master` brings a newer master key into use, `?catalog` and `?table=NAME` a new data key; the answer comes when that is
//! durable. Pure: what is to be done is told to the caller.

use crate::metrics::Figure;
use crate::serve::Node;
use bytes::BytesMut;
use engine::Rotation;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// What an admin connection asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It is answered.
    Answer(Vec<u8>),
    /// A key is to change; [`answer_rotation`] gives the answer afterwards.
    Rotate(Rotation),
}

/// What the bytes received so far on an admin connection ask for: `None` until the head is whole. When it is answered the
/// connection closes.
pub(crate) fn ask(received: &BytesMut, node: &Node) -> Option<Asked> {
    let is_whole = received.windows(4).any(|end| end == b"\r\n\r\n");
    if !is_whole {
        return (received.len() > HEAD_BYTES_MAX)
            .then(|| Asked::Answer(response("431 Request Header Fields Too Large", "", "text/plain")));
    }
    let line = received[..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, target) = (words.next(), words.next());
    if let (Some(b"POST"), Some(target)) = (method, target)
        && let Some(wanted) = target.strip_prefix(b"/keys/rotate")
    {
        let stopping = || Asked::Answer(response("503 Service Unavailable", "stopping\n", "text/plain"));
        return Some(if node.is_stopping() { stopping() } else { ask_rotation(wanted, received) });
    }
    Some(Asked::Answer(match (method, target) {
        (Some(b"GET"), Some(b"/health")) if node.is_stopping() => {
            response("503 Service Unavailable", "stopping\n", "text/plain")
        }
        (Some(b"GET"), Some(b"/health")) => response("200 OK", "ok\n", "text/plain"),
        (Some(b"GET"), Some(b"/metrics")) => {
            response("200 OK", &metrics(node), "application/openmetrics-text; version=1.0.0; charset=utf-8")
        }
        (Some(b"GET"), Some(_)) => {
            response("404 Not Found", "there is /health and /metrics, and POST /keys/rotate\n", "text/plain")
        }
        _ => response("405 Method Not Allowed", "only GET, and POST /keys/rotate\n", "text/plain"),
    }))
}

/// The answer to a rotation.
pub(crate) fn answer_rotation(result: &Result<String, String>) -> Vec<u8> {
    match result {
        Ok(told) => response("200 OK", &format!("{told}\n"), "text/plain"),
        Err(refusal) => response("409 Conflict", &format!("{refusal}\n"), "text/plain"),
    }
}

fn ask_rotation(wanted: &[u8], received: &[u8]) -> Asked {
    // A page in somebody's browser may send this, and says so: nothing but tools of the operator may.
    let is_from_page = received
        .split(|byte| *byte == b'\n')
        .any(|line| line.split_first_chunk::<7>().is_some_and(|(name, _)| name.eq_ignore_ascii_case(b"origin:")));
    if is_from_page {
        return Asked::Answer(response("403 Forbidden", "not for web pages\n", "text/plain"));
    }
    match wanted {
        b"?master" => Asked::Rotate(Rotation::Master),
        b"?catalog" => Asked::Rotate(Rotation::Catalog),
        _ => match wanted.strip_prefix(b"?table=").map(|name| String::from_utf8_lossy(name).into_owned()) {
            Some(name) if !name.is_empty() => Asked::Rotate(Rotation::Table(name)),
            _ => Asked::Answer(response("400 Bad Request", "say ?master, ?catalog or ?table=NAME\n", "text/plain")),
        },
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCore {
    core: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfDirectory {
    directory: String,
}

/// All figures of all cores in Prometheus' text form.
fn metrics(node: &Node) -> String {
    let mut registry = Registry::with_prefix("stator");
    for figure in Figure::ALL {
        let (name, help) = figure.describe();
        let values = (0..).zip(&node.metrics).map(|(core, metrics)| (OfCore { core }, metrics.read(figure)));
        if figure.is_counter() {
            let family = Family::<OfCore, Counter>::default();
            values.for_each(|(core, value)| {
                family.get_or_create(&core).inc_by(value);
            });
            registry.register(name, help, family);
        } else {
            let family = Family::<OfCore, Gauge<u64, AtomicU64>>::default();
            values.for_each(|(core, value)| {
                family.get_or_create(&core).set(value);
            });
            registry.register(name, help, family);
        }
    }
    let io_errors = Family::<OfDirectory, Counter>::default();
    for (directory, count) in node.io_errors() {
        io_errors.get_or_create(&OfDirectory { directory: directory.display().to_string() }).inc_by(count);
    }
    registry.register("io_errors", "Errors that the disk of a data directory has reported", io_errors);
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("writing to memory does not fail");
    text
}

fn response(status: &str, body: &str, content_type: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
