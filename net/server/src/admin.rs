//! The admin address: `/health` and `/metrics`, one answer a connection.

use crate::metrics::Figure;
use crate::serve::Node;
use bytes::BytesMut;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// What the bytes received so far on an admin connection ask for: `None` until the head is whole, then the answer,
/// after which the connection closes.
pub(crate) fn answer(received: &BytesMut, node: &Node) -> Option<Vec<u8>> {
    let is_whole = received.windows(4).any(|end| end == b"\r\n\r\n");
    if !is_whole {
        return (received.len() > HEAD_BYTES_MAX)
            .then(|| response("431 Request Header Fields Too Large", "", "text/plain"));
    }
    let line = received[..].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    Some(match (words.next(), words.next()) {
        (Some(b"GET"), Some(b"/health")) if node.is_stopping() => {
            response("503 Service Unavailable", "stopping\n", "text/plain")
        }
        (Some(b"GET"), Some(b"/health")) => response("200 OK", "ok\n", "text/plain"),
        (Some(b"GET"), Some(b"/metrics")) => {
            response("200 OK", &metrics(node), "application/openmetrics-text; version=1.0.0; charset=utf-8")
        }
        (Some(b"GET"), Some(_)) => response("404 Not Found", "there is /health and /metrics\n", "text/plain"),
        _ => response("405 Method Not Allowed", "only GET\n", "text/plain"),
    })
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCore {
    core: u64,
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
