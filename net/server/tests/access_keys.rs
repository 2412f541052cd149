//! A server with access keys, as its clients see it: who signs passes, who does not is told so, over both protocols.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.
#![allow(clippy::disallowed_methods, reason = "a test writes the files that the server reads")]

mod process;

use auth::{Credentials, Message, Scope, Signer, prove, time_text};
use bytes::BytesMut;
use model::operation::{ListTables, Request};
use process::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use wire::client::{self, Decoder, Incoming};
use wire::{Goodbye, GoodbyeReason, Hello, Proof, RequestId, VERSION};

const FILE: &str = "[alice]\naws_access_key_id = ALICE\naws_secret_access_key = sesame\n\
    [bob]\naws_access_key_id = BOB\naws_secret_access_key = street\n";

fn start(folder: &Path) -> Server {
    std::fs::write(folder.join("credentials"), FILE).unwrap();
    let mut command = process::command(&folder.join("data"), &folder.join("ring"));
    Server::spawn({
        command.arg("--credentials").arg(folder.join("credentials"));
        command
    })
}

/// The answer to ListTables, signed with these credentials or not at all.
fn list_tables(server: &Server, credentials: Option<&Credentials>) -> String {
    let target = "X-Amz-Target: DynamoDB_20120810.ListTables";
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let head = match credentials {
        None => target.to_owned(),
        Some(credentials) => {
            let time = time_text(now_s);
            let head = format!("{target}\r\nX-Amz-Date: {time}");
            let signed = format!("Host: x\r\n{head}\r\n");
            let message = Message { method: "POST", target: b"/", headers: signed.as_bytes(), body: b"{}" };
            let scope = Scope { region: "eu-central-1", service: "dynamodb" };
            let authorization = Signer::new(credentials, scope, &time).authorization(&message);
            format!("{head}\r\nAuthorization: {authorization}")
        }
    };
    let head = format!("{head}\r\nContent-Type: application/x-amz-json-1.0");
    process::ask(&server.http, "POST / HTTP/1.1", &head, "{}")
}

#[test]
fn http() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    for (id, secret) in [("ALICE", "sesame"), ("BOB", "street"), ("ALICE", "sesame")] {
        let answer = list_tables(&server, Some(&Credentials::new(id, secret)));
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"TableNames":[]}"#), "{answer}");
    }
    for (credentials, exception) in [
        (None, "MissingAuthenticationTokenException"),
        (Some(Credentials::new("ALICE", "street")), "InvalidSignatureException"),
        (Some(Credentials::new("CAROL", "sesame")), "UnrecognizedClientException"),
    ] {
        let answer = list_tables(&server, credentials.as_ref());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains(exception), "{answer}");
    }
    assert_eq!(refused_count(&server), 3);
    // Who keeps the server alive needs no key.
    let health = process::ask(&server.http, "GET / HTTP/1.1", "X: y", "");
    assert!(health.starts_with("HTTP/1.1 200"), "{health}");
}

/// What the metrics say of those who were refused.
fn refused_count(server: &Server) -> u64 {
    let metrics = process::ask(&server.admin, "GET /metrics HTTP/1.1", "X: y", "");
    let lines = metrics.lines().filter(|line| line.starts_with("stator_unauthenticated_total"));
    lines.map(|line| line.split_whitespace().last().and_then(|count| count.parse::<u64>().ok()).unwrap()).sum()
}

/// A client of the binary protocol that can do what a good one never does.
struct Wire {
    stream: TcpStream,
    decoder: Decoder,
    out: BytesMut,
}

impl Wire {
    fn connect(server: &Server) -> Wire {
        let stream = TcpStream::connect(&server.wire).unwrap();
        let mut wire = Wire { stream, decoder: Decoder::new(), out: BytesMut::new() };
        let hello = Hello { version_min: VERSION, version_max: VERSION, features: 0, client_name: "test".to_owned() };
        client::encode_hello(&hello, &mut wire.out).unwrap();
        wire
    }

    /// Sends what is written, and waits for the next message.
    fn exchange(&mut self) -> Incoming {
        self.stream.write_all(&self.out.split()).unwrap();
        let mut buffer = [0; 4096];
        loop {
            if let Some(message) = self.decoder.next_message().unwrap() {
                return message;
            }
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "closed without a word");
            self.decoder.feed(&buffer[..count]);
        }
    }

    fn challenge(&mut self) -> [u8; 32] {
        match self.exchange() {
            Incoming::Challenge(challenge) => challenge.nonce,
            other => panic!("{other:?}"),
        }
    }

    fn prove(&mut self, credentials: &Credentials, nonce: &[u8; 32]) {
        let proof = Proof { access_key_id: credentials.access_key_id.clone(), proof: prove(credentials, nonce) };
        client::encode_proof(&proof, &mut self.out).unwrap();
    }

    fn list_tables(&mut self) {
        client::encode_request(RequestId(7), &Request::ListTables(ListTables::default()), &mut self.out).unwrap();
    }

    fn is_refused(&mut self, reason: GoodbyeReason) {
        match self.exchange() {
            Incoming::Goodbye(Goodbye { reason: told, .. }) => assert_eq!(told, reason),
            other => panic!("{other:?}"),
        }
        assert_eq!(self.stream.read(&mut [0; 1]).unwrap(), 0, "and closed");
    }
}

#[test]
fn the_binary_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let alice = Credentials::new("ALICE", "sesame");
    let mut nonces = Vec::new();
    for credentials in [&alice, &Credentials::new("BOB", "street"), &alice] {
        let mut wire = Wire::connect(&server);
        let nonce = wire.challenge();
        assert!(!nonces.contains(&nonce), "each connection has its own");
        nonces.push(nonce);
        wire.prove(credentials, &nonce);
        assert!(matches!(wire.exchange(), Incoming::Welcome(_)));
        wire.list_tables();
        assert!(matches!(wire.exchange(), Incoming::Reply { result: Ok(_), .. }));
    }
    for wrong in [Credentials::new("ALICE", "street"), Credentials::new("CAROL", "sesame"), Credentials::new("", "")] {
        let mut wire = Wire::connect(&server);
        let nonce = wire.challenge();
        wire.prove(&wrong, &nonce);
        // What stands behind a proof that does not hold is not looked at.
        wire.list_tables();
        wire.is_refused(GoodbyeReason::NOT_AUTHENTICATED);
    }
    // Another connection's proof.
    let mut wire = Wire::connect(&server);
    wire.challenge();
    wire.prove(&alice, &nonces[0]);
    wire.is_refused(GoodbyeReason::NOT_AUTHENTICATED);
    assert_eq!(refused_count(&server), 4);
    // A request in the proof's place.
    let mut wire = Wire::connect(&server);
    wire.challenge();
    wire.list_tables();
    wire.is_refused(GoodbyeReason::UNEXPECTED_FRAME);
}

#[test]
fn other_machines_may_call_where_there_are_access_keys() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("credentials"), FILE).unwrap();
    std::fs::write(folder.path().join("wrong"), "[alice]\naws_access_key_id = ALICE\n").unwrap();
    let serve = |credentials: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stator"));
        command.args([
            "serve",
            "--cores",
            "1",
            "--segment-size",
            "4M",
            "--memory",
            "64M",
            "--http-address",
            "0.0.0.0:0",
        ]);
        command.args(["--wire-address", "0.0.0.0:0", "--admin-address", "127.0.0.1:0"]);
        command.arg("--data-dir").arg(folder.path().join("data"));
        command.args(credentials.iter().flat_map(|file| ["--credentials".into(), folder.path().join(file)]));
        command
    };
    for (credentials, reason) in [
        (None, "can be reached from other machines"),
        (Some("none"), "No such file"),
        (Some("wrong"), "line 1: this section lacks"),
    ] {
        let refused = serve(credentials).output().unwrap();
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(!refused.status.success() && told.contains(reason), "{told}");
    }
    let mut server = Server::spawn(serve(Some("credentials")));
    assert!(server.http.starts_with("0.0.0.0:"), "{}", server.http);
    server.http = server.http.replace("0.0.0.0", "127.0.0.1");
    let answer = list_tables(&server, Some(&Credentials::new("ALICE", "sesame")));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
