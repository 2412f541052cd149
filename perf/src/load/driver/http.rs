//! DynamoDB's HTTP API as the AWS SDKs speak it: keep-alive, JSON 1.0, a SigV4 header.
//!
//! The signature is of the right form and made once: a server on loopback without credentials accepts any. What a client
//! pays for signing is not the server's cost.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::{Driver, Lanes, Operation, Outcome, Prepared, Target, Templates};
use crate::http_response::HttpResponse;
use crate::load::record::{KEY_ATTRIBUTE, Mismatch, Row, key_text};
use crate::load::template::{Fill, Template};

/// DescribeTable calls until a new table has to be active.
const ACTIVE_ATTEMPTS_COUNT_MAX: usize = 1000;

/// Reads and writes the HTTP API.
pub(in crate::load) struct Http {
    pub(super) templates: Templates,
    row: Row,
}

/// Connects to a DynamoDB server; creates the table if asked to.
pub(in crate::load) fn prepare(target: &Target) -> Result<Prepared, Box<dyn Error>> {
    if target.creates_table {
        create_table(target)?;
    }
    let (host, table_name, row) = (target.address, &target.table_name, target.row);
    let get = Template::learn(|fill: Fill| {
        let key = json!({ KEY_ATTRIBUTE: { "S": key_text(fill.key) } });
        let mut body = json!({ "TableName": table_name, "Key": key });
        if target.is_consistent {
            body["ConsistentRead"] = Value::Bool(true);
        }
        request(host, "GetItem", &body)
    });
    let put = Template::learn(|fill: Fill| {
        let attributes = row.attributes(fill.key, fill.version).into_iter();
        let item: Value = attributes.map(|(name, text)| (name, json!({ "S": text }))).collect();
        request(host, "PutItem", &json!({ "TableName": table_name, "Item": item }))
    });
    let (Some(get), Some(put)) = (get, put) else {
        return Err("these requests cannot be patched: choose another table name".into());
    };
    let connect = |_| TcpStream::connect(target.address).map(|stream| (stream, 0));
    let streams = (0..target.connection_count).map(connect).collect::<Result<_, _>>()?;
    let driver = Driver::Http(Http { templates: Templates { get, put }, row });
    Ok(Prepared { driver, streams, lanes: Lanes::One })
}

fn request(host: SocketAddr, operation: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\n\
         Host: {host}\r\n\
         Accept-Encoding: identity\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         User-Agent: stator-perf/0.1\r\n\
         X-Amz-Date: 20250101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20250101/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
         Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

fn create_table(target: &Target) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(target.address)?;
    let create = json!({
        "TableName": target.table_name,
        "KeySchema": [{ "AttributeName": KEY_ATTRIBUTE, "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": KEY_ATTRIBUTE, "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let (status, body) = call(&mut stream, &request(target.address, "CreateTable", &create))?;
    let is_there = body["__type"].as_str().is_some_and(|name| name.ends_with("ResourceInUseException"));
    if status != 200 && !is_there {
        return Err(format!("CreateTable: HTTP {status}: {body}").into());
    }
    let describe = request(target.address, "DescribeTable", &json!({ "TableName": target.table_name }));
    for _ in 0..ACTIVE_ATTEMPTS_COUNT_MAX {
        let (_, body) = call(&mut stream, &describe)?;
        if body["Table"]["TableStatus"] == "ACTIVE" {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    Err("the table does not become active".into())
}

fn call(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, Value), Box<dyn Error>> {
    stream.write_all(request)?;
    let mut received = Vec::new();
    let mut part = [0; 4096];
    loop {
        if let Some((response, _)) = HttpResponse::split(&received)? {
            return Ok((response.status, serde_json::from_slice(response.body)?));
        }
        match stream.read(&mut part)? {
            0 => return Err("the server closed the connection".into()),
            count => received.extend_from_slice(&part[..count]),
        }
    }
}

impl Http {
    pub(super) fn outcome(&self, response: &HttpResponse<'_>, operation: Operation) -> Outcome {
        match (response.status, operation) {
            (200, Operation::Put) => Outcome::Success,
            (200, Operation::Get) if response.body.len() > self.row.value_bytes => Outcome::Success,
            (200, Operation::Get) => Outcome::Missing,
            _ => Outcome::Failure,
        }
    }

    pub(super) fn verify(&self, response: &HttpResponse<'_>, key: u64) -> Result<(), Mismatch> {
        let body: Value = serde_json::from_slice(response.body).map_err(|_| Mismatch::Form)?;
        self.row.check(key, |name| body["Item"][name]["S"].as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::record::value_text;

    #[test]
    fn a_patched_request_is_a_whole_request_with_a_sound_body() {
        let host = "127.0.0.1:8000".parse().unwrap();
        let template = Template::learn(|fill| {
            request(host, "GetItem", &json!({ "TableName": "t", "Key": { "pk": { "S": key_text(fill.key) } } }))
        });
        let mut bytes = Vec::new();
        template.unwrap().append(Fill { key: 42, version: 0, request_id: 0 }, &mut bytes);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let head_bytes = parsed.parse(&bytes).unwrap().unwrap();
        let length = parsed.headers.iter().find(|header| header.name == "Content-Length").unwrap().value;
        assert_eq!(String::from_utf8_lossy(length), (bytes.len() - head_bytes).to_string());
        let body: Value = serde_json::from_slice(&bytes[head_bytes..]).unwrap();
        assert_eq!(body["Key"]["pk"]["S"], "key:000000000042");
    }

    #[test]
    fn replies_are_judged_and_verified() {
        let template = || Template::learn(|fill| key_text(fill.key).into_bytes()).unwrap();
        let row = Row { value_bytes: 100, field_count: 1 };
        let http = Http { templates: Templates { get: template(), put: template() }, row };
        let item = |key: u64, value: String| {
            json!({ "Item": { "pk": { "S": key_text(key) }, "v": { "S": value } } }).to_string().into_bytes()
        };
        let check = |body: &[u8], outcome: Outcome, verified: Result<(), Mismatch>| {
            let response = HttpResponse { status: 200, body };
            assert_eq!(http.outcome(&response, Operation::Get), outcome);
            assert_eq!(http.verify(&response, 7), verified);
        };
        check(&item(7, value_text(7, 1, 100)), Outcome::Success, Ok(()));
        check(&item(8, value_text(8, 1, 100)), Outcome::Success, Err(Mismatch::Key));
        check(&item(7, value_text(8, 1, 100)), Outcome::Success, Err(Mismatch::Key));
        check(b"{}", Outcome::Missing, Err(Mismatch::Key));
        let failure = HttpResponse { status: 400, body: b"{}" };
        assert_eq!(http.outcome(&failure, Operation::Put), Outcome::Failure);
    }
}
