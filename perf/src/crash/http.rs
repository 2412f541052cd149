//! A client of DynamoDB's HTTP API: one keep-alive connection, one request at a time.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::store::Failure;
use crate::http_response::HttpResponse;

/// Bytes read from the socket at once.
const READ_BYTES: usize = 64 << 10;

pub(super) struct HttpClient {
    stream: TcpStream,
    address: SocketAddr,
    received: Vec<u8>,
    request_timeout: Duration,
}

impl HttpClient {
    pub(super) async fn connect(address: SocketAddr, request_timeout: Duration) -> Result<HttpClient, Failure> {
        let stream = TcpStream::connect(address).await.map_err(lost)?;
        stream.set_nodelay(true).map_err(lost)?;
        Ok(HttpClient { stream, address, received: Vec::new(), request_timeout })
    }

    /// Calls an operation: the body of its reply.
    pub(super) async fn call(&mut self, operation: &str, body: &Json) -> Result<Json, Failure> {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\nX-Amz-Date: 20250101T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064x}\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            0,
            body.len(),
        );
        let answer = timeout(self.request_timeout, self.exchange(request.as_bytes())).await;
        let (status, body) = answer.map_err(|_| Failure::Lost("no answer in time".to_owned()))??;
        if status == 200 {
            return Ok(body);
        }
        let name = body["__type"].as_str().unwrap_or_default();
        let is_throttled = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"];
        if is_throttled.iter().any(|throttled| name.ends_with(throttled)) {
            return Err(Failure::Throttled);
        }
        Err(Failure::Refused(format!("{operation}: HTTP {status}: {body}")))
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Json), Failure> {
        self.stream.write_all(request).await.map_err(lost)?;
        loop {
            let response = HttpResponse::split(&self.received).map_err(|error| Failure::Refused(error.to_string()))?;
            if let Some((HttpResponse { status, body }, used)) = response {
                let body = serde_json::from_slice(body).map_err(|error| Failure::Refused(error.to_string()))?;
                self.received.drain(..used);
                return Ok((status, body));
            }
            self.received.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.received).await.map_err(lost)? == 0 {
                return Err(Failure::Lost("the server closed the connection".to_owned()));
            }
        }
    }
}

// By value, for map_err.
#[allow(clippy::needless_pass_by_value)]
fn lost(error: std::io::Error) -> Failure {
    Failure::Lost(error.to_string())
}
