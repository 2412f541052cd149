//! A node as its clients see it: the process, a connection that speaks HTTP, one that speaks the binary protocol.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of this")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use bytes::BytesMut;
use model::Error;
use model::operation::{Reply, Request};
use wire::client::{self, Decoder, Incoming};
use wire::{EncodeError, RequestId};

use crate::codecs::{body_of_answer, hello, post};

/// A running process of one core; it is killed when dropped.
pub struct Node {
    child: Child,
    /// Held open, so that what the node may still print has somewhere to go.
    _stdout: BufReader<ChildStdout>,
    http_address: String,
    wire_address: String,
}

impl Node {
    /// Starts a node on free ports and waits until it is ready.
    pub fn start(data_directory: &Path) -> Node {
        Node::start_with_memory(data_directory, "256M")
    }

    /// The same, with so much memory.
    pub fn start_with_memory(data_directory: &Path, memory: &str) -> Node {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stator"))
            .args(["serve", "--cores", "1", "--memory", memory, "--segment-size", "4M", "--data-dir"])
            .arg(data_directory)
            .args(["--http-address", "127.0.0.1:0", "--wire-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
            .env("STATOR_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line, or the end");
        let address = |name: &str| {
            let word = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            word.unwrap_or_else(|| panic!("the node is not ready, it says {line:?}")).to_owned()
        };
        let (http_address, wire_address) = (address("http="), address("wire="));
        Node { child, _stdout: stdout, http_address, wire_address }
    }

    pub fn http(&self) -> HttpConnection {
        HttpConnection { stream: connect(&self.http_address) }
    }

    pub fn wire(&self) -> WireConnection {
        let mut connection = WireConnection { stream: connect(&self.wire_address), decoder: Decoder::new() };
        let mut out = BytesMut::new();
        client::encode_hello(&hello(), &mut out).expect("a short name");
        connection.stream.write_all(&out).expect("the node listens");
        assert!(matches!(connection.next_message(), Incoming::Welcome(_)));
        connection
    }

    /// Asks the process to stop, as the system would, and returns when it accepts nothing more.
    pub fn stop_accepting(&self) {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().expect("the system has kill");
        assert!(status.success());
        while TcpStream::connect(&self.http_address).is_ok() {}
    }

    /// The most memory that the process has ever used, in bytes.
    pub fn memory_bytes_peak(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Gone already, or going: there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the node listens");
    stream.set_nodelay(true).expect("a socket option");
    stream
}

pub struct HttpConnection {
    pub stream: TcpStream,
}

impl HttpConnection {
    /// The body of the answer to a call.
    pub fn call(&mut self, operation: &str, body: &str) -> String {
        self.stream.write_all(&post(operation, body.as_bytes())).expect("the node listens");
        let (mut received, mut piece) = (Vec::new(), [0; 16 << 10]);
        loop {
            if let Some((body, used)) = body_of_answer(&received) {
                assert_eq!(used, received.len(), "one answer to one call");
                return String::from_utf8(body.to_vec()).expect("a body of text");
            }
            let count = self.stream.read(&mut piece).expect("the node answers");
            assert!(count > 0, "{operation} {body}: the node has closed");
            received.extend_from_slice(&piece[..count]);
        }
    }
}

pub struct WireConnection {
    stream: TcpStream,
    decoder: Decoder,
}

impl WireConnection {
    /// The outcome of a request, or why it cannot be sent.
    pub fn call(&mut self, request: &Request) -> Result<Result<Reply, Error>, EncodeError> {
        let mut out = BytesMut::new();
        client::encode_request(RequestId(1), request, &mut out)?;
        self.stream.write_all(&out).expect("the node listens");
        match self.next_message() {
            Incoming::Reply { result, .. } => Ok(result),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the node listens");
    }

    pub fn next_message(&mut self) -> Incoming {
        self.next_message_or_end().expect("the node has not closed")
    }

    /// The next message, or none when the node has closed.
    pub fn next_message_or_end(&mut self) -> Option<Incoming> {
        self.next_message_or_error().expect("the node answers or closes")
    }

    /// The same; an error when the node has dropped the connection.
    pub fn next_message_or_error(&mut self) -> io::Result<Option<Incoming>> {
        let mut piece = [0; 16 << 10];
        loop {
            if let Some(message) = self.decoder.next_message().expect("the node speaks the protocol") {
                return Ok(Some(message));
            }
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Ok(None);
            }
            self.decoder.feed(&piece[..count]);
        }
    }
}
