//! The process as an operator sees it: started with flags, asked at its HTTP and admin addresses, killed.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of this")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running process of one core; killed when dropped.
pub struct Server {
    process: Child,
    pub http: String,
    pub wire: String,
    pub admin: String,
}

impl Server {
    pub fn start(directory: &Path, keyring: &Path) -> Server {
        Server::spawn(command(directory, keyring))
    }

    /// Starts what `command` says and waits until it is ready.
    pub fn spawn(mut command: Command) -> Server {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = |name: &str| {
            let found = line.split_whitespace().find_map(|word| word.strip_prefix(name));
            found.unwrap_or_else(|| panic!("not ready: {line:?}")).to_owned()
        };
        Server { process, http: address("http="), wire: address("wire="), admin: address("admin=") }
    }

    pub fn call(&self, operation: &str, body: &str) -> String {
        let answer = self.try_call(operation, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{operation}: {answer}");
        answer
    }

    pub fn try_call(&self, operation: &str, body: &str) -> String {
        let head = format!(
            "X-Amz-Target: DynamoDB_20120810.{operation}\r\nContent-Type: application/x-amz-json-1.0\r\nAuthorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x\r\nX-Amz-Date: 20260101T000000Z"
        );
        ask(&self.http, "POST / HTTP/1.1", &head, body)
    }

    pub fn rotate(&self, what: &str, head: &str) -> String {
        ask(&self.admin, &format!("POST /keys/rotate{what} HTTP/1.1"), head, "")
    }

    pub fn kill(self) {
        // Dropping does it.
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// `stator serve` with this data and this keyring, on free ports.
pub fn command(directory: &Path, keyring: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stator"));
    let addresses =
        ["--http-address", "127.0.0.1:0", "--wire-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"];
    command.arg("serve").args(addresses).args(["--cores", "1", "--segment-size", "4M", "--memory", "64M"]);
    command.arg("--data-dir").arg(directory).arg("--keyring").arg(keyring);
    command
}

/// One request on a connection of its own; the whole answer.
pub fn ask(address: &str, line: &str, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(stream, "{line}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
