//! DynamoDB's HTTP API as the AWS SDKs speak it: keep-alive, JSON 1.0, a SigV4 header.
//!
//! The signature is of the right form and made once, for a server on loopback that accepts any; if asked to, the driver signs each request
//! when it is sent, for a server that checks. What a client pays for signing is not the server's cost.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{SystemTime, UNIX_EPOCH};

use auth::{Credentials, Message, Scope, Signer, time_text};
use serde_json::{Value, json};

use super::{Driver, Lanes, Operation, Outcome, Prepared, Target, Templates};
use crate::credentials;
use crate::http_response::HttpResponse;
use crate::load::record::{KEY_ATTRIBUTE, Mismatch, Row, key_text};
use crate::load::template::{Fill, Template};

/// DescribeTable calls until a new table has to be active.
const ACTIVE_ATTEMPTS_COUNT_MAX: usize = 1000;

/// What is signed of each request.
const SIGNED_HEADERS: &str = "content-type;host;x-amz-date;x-amz-target";
const NO_CREDENTIALS: &str =
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not in the environment: nothing to sign with";
/// Credentials of a server that accepts any.
const EXAMPLE_KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
const SCOPE: Scope<'static> = Scope { region: "us-east-1", service: "dynamodb" };

/// Reads and writes the HTTP API.
pub(in crate::load) struct Http {
    pub(super) templates: Templates,
    row: Row,
    /// Where the server checks who calls; with what there is to find in requests of each operation.
    signing: Option<(Signer, [Places; Operation::ALL.len()])>,
}

/// Where things are in a request.
#[derive(Clone, Copy, Debug)]
struct Places {
    headers: usize,
    signature: usize,
    body: usize,
}

/// Makes requests, all of one time.
struct Caller {
    host: SocketAddr,
    time: String,
    signer: Signer,
}

/// Connects to a DynamoDB server; creates the table if asked to.
pub(in crate::load) fn prepare(target: &Target) -> Result<Prepared, Box<dyn Error>> {
    let credentials = if target.signs { Some(credentials::from_environment().ok_or(NO_CREDENTIALS)?) } else { None };
    let mut caller = Caller::new(target.address, credentials);
    if target.creates_table {
        create_table(target, &mut caller)?;
    }
    let (table_name, row) = (&target.table_name, target.row);
    let get = Template::learn(|fill: Fill| {
        let key = json!({ KEY_ATTRIBUTE: { "S": key_text(fill.key) } });
        let mut body = json!({ "TableName": table_name, "Key": key });
        if target.is_consistent {
            body["ConsistentRead"] = Value::Bool(true);
        }
        caller.unsigned("GetItem", &body)
    });
    let put = Template::learn(|fill: Fill| {
        let attributes = row.attributes(fill.key, fill.version).into_iter();
        let item: Value = attributes.map(|(name, text)| (name, json!({ "S": text }))).collect();
        caller.unsigned("PutItem", &json!({ "TableName": table_name, "Item": item }))
    });
    let (Some(get), Some(put)) = (get, put) else {
        return Err("these requests cannot be patched: choose another table name".into());
    };
    let connect = |_| TcpStream::connect(target.address).map(|stream| (stream, 0));
    let streams = (0..target.connection_count).map(connect).collect::<Result<_, _>>()?;
    let places = [&get, &put].map(|template| Places::of(template.bytes()));
    let signing = target.signs.then_some((caller.signer, places));
    let driver = Driver::Http(Box::new(Http { templates: Templates { get, put }, row, signing }));
    Ok(Prepared { driver, streams, lanes: Lanes::One })
}

impl Places {
    fn of(request: &[u8]) -> Places {
        let behind = |text: &[u8]| {
            let place = request.windows(text.len()).position(|window| window == text);
            place.expect("a request has it") + text.len()
        };
        Places { headers: behind(b"\r\n"), signature: behind(b"Signature="), body: behind(b"\r\n\r\n") }
    }

    fn sign(self, request: &mut [u8], signer: &mut Signer) {
        let (head, body) = request.split_at(self.body);
        let message = Message { method: "POST", target: b"/", headers: &head[self.headers..], body };
        let signature = signer.signature(&message, SIGNED_HEADERS);
        request[self.signature..][..signature.len()].copy_from_slice(&signature);
    }
}

impl Caller {
    fn new(host: SocketAddr, credentials: Option<Credentials>) -> Caller {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = time_text(now.as_secs());
        let credentials = credentials.unwrap_or_else(|| Credentials::new(EXAMPLE_KEY.0, EXAMPLE_KEY.1));
        Caller { host, signer: Signer::new(&credentials, SCOPE, &time), time }
    }

    /// A request with zeros for a signature.
    fn unsigned(&self, operation: &str, body: &Value) -> Vec<u8> {
        let (host, time, body) = (self.host, &self.time, body.to_string());
        let authorization = self.signer.authorization_of(SIGNED_HEADERS, &[b'0'; 64]);
        format!(
            "POST / HTTP/1.1\r\n\
             Host: {host}\r\n\
             Accept-Encoding: identity\r\n\
             Content-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
             User-Agent: stator-perf/0.1\r\n\
             X-Amz-Date: {time}\r\n\
             Authorization: {authorization}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len(),
        )
        .into_bytes()
    }

    fn signed(&mut self, operation: &str, body: &Value) -> Vec<u8> {
        let mut request = self.unsigned(operation, body);
        Places::of(&request).sign(&mut request, &mut self.signer);
        request
    }
}

fn create_table(target: &Target, caller: &mut Caller) -> Result<(), Box<dyn Error>> {
    let mut stream = TcpStream::connect(target.address)?;
    let create = json!({
        "TableName": target.table_name,
        "KeySchema": [{ "AttributeName": KEY_ATTRIBUTE, "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": KEY_ATTRIBUTE, "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let (status, body) = call(&mut stream, &caller.signed("CreateTable", &create))?;
    let is_there = body["__type"].as_str().is_some_and(|name| name.ends_with("ResourceInUseException"));
    if status != 200 && !is_there {
        return Err(format!("CreateTable: HTTP {status}: {body}").into());
    }
    let describe = caller.signed("DescribeTable", &json!({ "TableName": target.table_name }));
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
    /// Signs a request, where signatures are checked.
    pub(super) fn sign(&mut self, operation: Operation, request: &mut [u8]) {
        if let Some((signer, [get, put])) = &mut self.signing {
            let places = if operation == Operation::Get { get } else { put };
            places.sign(request, signer);
        }
    }

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
    use auth::{AccessKeys, Verifier};
    use std::sync::Arc;

    #[test]
    fn a_patched_request_is_a_whole_request_with_a_sound_body() {
        let caller = Caller::new("127.0.0.1:8000".parse().unwrap(), None);
        let template = Template::learn(|fill| {
            caller.unsigned("GetItem", &json!({ "TableName": "t", "Key": { "pk": { "S": key_text(fill.key) } } }))
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
    fn a_signed_request_passes_a_server_that_checks() {
        let keys = AccessKeys::parse("[a]\naws_access_key_id=A\naws_secret_access_key=s\n").unwrap();
        let mut verifier = Verifier::new(Arc::new(keys));
        let mut caller = Caller::new("127.0.0.1:8000".parse().unwrap(), Some(Credentials::new("A", "s")));
        let request = caller.signed("GetItem", &json!({ "TableName": "t" }));
        let Places { headers, body, .. } = Places::of(&request);
        let message =
            Message { method: "POST", target: b"/", headers: &request[headers..body], body: &request[body..] };
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(verifier.verify(&message, now_s), Ok(()));
    }

    #[test]
    fn replies_are_judged_and_verified() {
        let template = || Template::learn(|fill| key_text(fill.key).into_bytes()).unwrap();
        let row = Row { value_bytes: 100, field_count: 1 };
        let http = Http { templates: Templates { get: template(), put: template() }, row, signing: None };
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
