//! A key service on a free port of this machine: AWS KMS's GenerateDataKey and Decrypt with keys that are none, and every way to fail.
//!
//! It checks what a real one checks: the signature (worked out here from the bytes that came, not by the client's code), the time, the encryption context and
//! the key. A key is wrapped by turning its bits, behind the name of the key that wraps.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of this")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

pub const ACCESS_KEY_ID: &str = "AKIDTEST";
pub const SECRET_ACCESS_KEY: &str = "a/secret+of/the+test";
pub const SESSION_TOKEN: &str = "a/token==";
pub const REGION: &str = "eu-west-1";
pub const KEY_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555";
pub const OTHER_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:key/66666666-7777-8888-9999-000000000000";
/// What the service also calls the key of `KEY_ARN`.
pub const ALIAS: &str = "alias/stator";

/// What a call comes to.
#[derive(Clone, Debug)]
pub enum Behaviour {
    Works,
    /// An error of this name, with this status.
    Fails(u16, &'static str),
    /// These bytes instead of an answer of HTTP.
    Says(Vec<u8>),
    /// This body, with status 200.
    Answers(Vec<u8>),
    /// What is right, once somebody else has come to the barrier.
    Waits(Arc<Barrier>),
    /// Nothing, for as long as the client waits.
    IsSilent,
    /// The head of an answer and a part of its body, then nothing.
    Stalls,
}

#[derive(Default)]
struct State {
    behaviour: Option<Behaviour>,
    calls: Vec<String>,
    made_count: u8,
}

pub struct FakeKms {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl FakeKms {
    pub fn start() -> FakeKms {
        FakeKms::listen("http", |stream| Box::new(stream))
    }

    /// Over TLS, with that certificate.
    pub fn start_with_tls(certified: &CertifiedKey<KeyPair>) -> FakeKms {
        let certificate = certified.cert.der().clone();
        let key = PrivateKeyDer::Pkcs8(certified.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = Arc::new(versions.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap());
        FakeKms::listen("https", move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        })
    }

    fn listen(scheme: &str, open: impl Fn(TcpStream) -> Box<dyn Stream> + Send + 'static) -> FakeKms {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, shared) = (open(stream.unwrap()), Arc::clone(&shared));
                thread::spawn(move || serve(&mut *stream, &shared));
            }
        });
        FakeKms { url, state }
    }

    /// How calls end from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.state.lock().unwrap().behaviour = Some(behaviour);
    }

    /// The operations that were called since this was asked last.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }
}

/// A connection of a client, in clear or not.
trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

struct Request {
    method_and_path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Values of that header; a request that has it twice is not signed well.
    fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let value = found.next().map_or("", |(_, value)| value);
        assert!(found.next().is_none(), "{name} comes twice");
        value
    }
}

fn serve(stream: &mut dyn Stream, state: &Mutex<State>) {
    let Some(request) = receive(stream) else { return };
    let operation = request.header("x-amz-target").trim_start_matches("TrentService.").to_owned();
    let behaviour = {
        let mut state = state.lock().unwrap();
        state.calls.push(operation.clone());
        state.behaviour.clone().unwrap_or(Behaviour::Works)
    };
    if let Behaviour::Waits(barrier) = &behaviour {
        barrier.wait();
    }
    match behaviour {
        Behaviour::Works | Behaviour::Waits(_) => {
            let (status, body) = match check_signature(&request).and_then(|()| answer(&operation, &request.body, state))
            {
                Ok(body) => (200, body),
                Err((name, message)) => (400, json!({"__type": name, "message": message})),
            };
            send(stream, status, body.to_string().as_bytes());
        }
        Behaviour::Fails(status, name) => {
            let body = json!({"__type": format!("com.amazonaws.kms#{name}"), "Message": "so says the test"});
            send(stream, status, body.to_string().as_bytes());
        }
        Behaviour::Says(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        Behaviour::Answers(body) => send(stream, 200, &body),
        Behaviour::IsSilent => wait_for_end(stream),
        Behaviour::Stalls => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Plaintext\":\"");
            wait_for_end(stream);
        }
    }
}

fn send(stream: &mut dyn Stream, status: u16, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // A client that has heard enough may be gone.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

fn wait_for_end(stream: &mut dyn Stream) {
    while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
}

fn receive(stream: &mut dyn Stream) -> Option<Request> {
    let (mut received, mut piece) = (Vec::new(), [0; 4096]);
    let head_end = loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => received.extend_from_slice(&piece[..count]),
            _ => return None,
        }
    };
    let head = String::from_utf8(received[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let method_and_path = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    let mut request = Request { method_and_path, headers: lines.map(header).collect(), body: Vec::new() };
    let length: usize = request.header("content-length").parse().unwrap();
    let mut body = received[head_end + 4..].to_vec();
    while body.len() < length {
        let count = stream.read(&mut piece).unwrap();
        body.extend_from_slice(&piece[..count]);
    }
    request.body = body;
    Some(request)
}

type Refusal = (&'static str, String);

/// As AWS documents it, from what came.
fn check_signature(request: &Request) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(("InvalidSignatureException", what.to_owned()));
    let authorization = request.header("authorization");
    let field = |name: &str| {
        let found = authorization.split([' ', ',']).find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.unwrap_or_default()
    };
    let time = request.header("x-amz-date");
    let scope = format!("{}/{REGION}/kms/aws4_request", time.split('T').next().unwrap());
    if !authorization.starts_with("AWS4-HMAC-SHA256 ") || field("Credential") != format!("{ACCESS_KEY_ID}/{scope}") {
        return refuse("the credential is of another scope");
    }
    if request.header("x-amz-security-token") != SESSION_TOKEN {
        return Err(("UnrecognizedClientException", "The security token is invalid".to_owned()));
    }
    if (seconds(time) - now()).abs() > 300 {
        return refuse("Signature expired");
    }
    let signed: Vec<&str> = field("SignedHeaders").split(';').collect();
    let needed = ["content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"];
    if !needed.iter().all(|name| signed.contains(name)) {
        return refuse("a header is not signed");
    }
    let headers: String = signed.iter().map(|name| format!("{name}:{}\n", request.header(name))).collect();
    let (method, path) = request.method_and_path.split_once(' ').unwrap();
    let canonical = format!("{method}\n{path}\n\n{headers}\n{}\n{}", signed.join(";"), hash(&request.body));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
    let first = format!("AWS4{SECRET_ACCESS_KEY}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| authenticate(&key, part));
    if field("Signature") != hexadecimal(&authenticate(&key, &to_sign)) {
        return refuse("The request signature we calculated does not match");
    }
    Ok(())
}

fn answer(operation: &str, body: &[u8], state: &Mutex<State>) -> Result<Value, Refusal> {
    let request: Value = serde_json::from_slice(body).unwrap();
    let key = match request["KeyId"].as_str().unwrap() {
        ALIAS | KEY_ARN => KEY_ARN,
        OTHER_ARN => OTHER_ARN,
        other => return Err(("NotFoundException", format!("Key '{other}' does not exist"))),
    };
    if request["EncryptionContext"] != json!({"stator": "master key"}) {
        return Err(("InvalidCiphertextException", String::new()));
    }
    match operation {
        "GenerateDataKey" => {
            assert_eq!(request["KeySpec"], "AES_256");
            let mut state = state.lock().unwrap();
            state.made_count += 1;
            let plain = [state.made_count; 32];
            let blob = [key.as_bytes(), b"|", &plain.map(|byte| !byte)].concat();
            Ok(json!({"KeyId": key, "Plaintext": STANDARD.encode(plain), "CiphertextBlob": STANDARD.encode(blob)}))
        }
        "Decrypt" => {
            let blob = STANDARD.decode(request["CiphertextBlob"].as_str().unwrap()).unwrap();
            let wrapped_by = blob.split(|byte| *byte == b'|').next().unwrap();
            if ![KEY_ARN, OTHER_ARN].iter().any(|known| known.as_bytes() == wrapped_by) {
                return Err(("InvalidCiphertextException", String::new()));
            }
            if wrapped_by != key.as_bytes() {
                return Err(("IncorrectKeyException", "The key ID in the request does not identify it".to_owned()));
            }
            let plain: Vec<u8> = blob[wrapped_by.len() + 1..].iter().map(|byte| !byte).collect();
            Ok(json!({"KeyId": key, "Plaintext": STANDARD.encode(plain), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}))
        }
        other => panic!("{other} is not asked of a key service"),
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Seconds since 1970, counted year by year and month by month.
fn seconds(time: &str) -> i64 {
    let number = |from: usize, to: usize| time[from..to].parse::<i64>().unwrap();
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let days_of_years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let months = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = days_of_years + months.iter().take(usize::try_from(month).unwrap() - 1).sum::<i64>() + day - 1;
    days * 86_400 + number(9, 11) * 3_600 + number(11, 13) * 60 + number(13, 15)
}

fn authenticate(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hexadecimal(digest(&SHA256, bytes).as_ref())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
