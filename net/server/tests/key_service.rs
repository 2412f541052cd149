//! The binary with a key service: master keys are wrapped by it, nothing is in clear, and when it fails the operator is told why and nothing changes.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.
#![allow(
    clippy::disallowed_methods,
    reason = "a test reads the files that the server wrote, and plays a service on threads"
)]

mod fake_kms;
mod process;

use fake_kms::{ALIAS, Behaviour, FakeKms, KEY_ARN, OTHER_ARN};
use process::Server;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier};

/// No service of a test takes so long, however busy the machine is.
const NEVER_MS: &str = "60000";

struct World {
    folder: tempfile::TempDir,
    kms: FakeKms,
}

impl World {
    fn new() -> World {
        World::with(FakeKms::start())
    }

    fn with(kms: FakeKms) -> World {
        World { folder: tempfile::tempdir().unwrap(), kms }
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn keyring(&self) -> PathBuf {
        self.folder.path().join("ring")
    }

    fn keyring_text(&self) -> String {
        std::fs::read_to_string(self.keyring()).unwrap()
    }

    /// `stator serve` without a key service.
    fn local(&self) -> Command {
        let mut command = process::command(&self.directory(), &self.keyring());
        give_credentials(&mut command);
        command
    }

    /// With one that unwraps, and makes no keys.
    fn unwrapping(&self) -> Command {
        self.unwrapping_within(NEVER_MS)
    }

    fn unwrapping_within(&self, timeout_ms: &str) -> Command {
        let mut command = self.local();
        command.args(["--kms-endpoint", &self.kms.url, "--kms-region", fake_kms::REGION]);
        command.args(["--kms-timeout-ms", timeout_ms]);
        command
    }

    /// With one that makes keys.
    fn making(&self) -> Command {
        self.making_within(NEVER_MS)
    }

    fn making_within(&self, timeout_ms: &str) -> Command {
        let mut command = self.unwrapping_within(timeout_ms);
        command.args(["--kms-key-id", ALIAS]);
        command
    }

    fn inspect(&self, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stator"));
        give_credentials(&mut command);
        command.arg("inspect").arg(self.directory()).arg("--keyring").arg(self.keyring()).args(arguments);
        told(&mut command)
    }

    /// The two files, as they are.
    fn key_files(&self) -> [Option<Vec<u8>>; 2] {
        [self.keyring(), self.directory().join("keys")].map(|path| std::fs::read(path).ok())
    }
}

fn give_credentials(command: &mut Command) {
    command.env_clear();
    command.env("AWS_ACCESS_KEY_ID", fake_kms::ACCESS_KEY_ID);
    command.env("AWS_SECRET_ACCESS_KEY", fake_kms::SECRET_ACCESS_KEY);
    command.env("AWS_SESSION_TOKEN", fake_kms::SESSION_TOKEN);
}

/// Whether it ended well, and what it said on standard error.
fn told(command: &mut Command) -> (bool, String) {
    let ended = command.output().unwrap();
    (ended.status.success(), String::from_utf8(ended.stderr).unwrap())
}

fn check_told(text: &str, phrases: &[&str]) {
    let missing: Vec<_> = phrases.iter().filter(|phrase| !text.contains(**phrase)).collect();
    assert!(missing.is_empty(), "{missing:?} in {text}");
}

/// The server does not start, says why, and leaves both files as they were.
fn refuses(world: &World, mut command: Command, phrases: &[&str]) {
    let before = world.key_files();
    let (is_success, text) = told(&mut command);
    assert!(!is_success, "it ends well: {text}");
    check_told(&text, phrases);
    assert_eq!(world.key_files(), before, "{text}");
}

fn create_table(server: &Server) {
    server.call(
        "CreateTable",
        r#"{"TableName":"table","AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}],"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST","SSESpecification":{"Enabled":true}}"#,
    );
}

fn put(server: &Server, key: &str) {
    server.call("PutItem", &format!(r#"{{"TableName":"table","Item":{{"p":{{"S":"{key}"}}}}}}"#));
}

fn count(server: &Server) -> String {
    let answer = server.call("Scan", r#"{"TableName":"table","Select":"COUNT"}"#);
    answer.split(r#""Count":"#).nth(1).unwrap().split([',', '}']).next().unwrap().to_owned()
}

fn has_plain_key(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    // The keys that the service makes are of one byte, 32 times.
    let is_key = |byte: u8| {
        let hexadecimal = format!("{byte:02x}").repeat(32);
        bytes.windows(32).any(|window| window == [byte; 32])
            || bytes.windows(64).any(|window| window == hexadecimal.as_bytes())
    };
    (1..=5).any(is_key)
}

#[test]
fn the_service_wraps_master_keys_from_the_first_start_on() {
    let world = World::new();
    let server = Server::spawn(world.making());
    assert_eq!(world.kms.calls(), ["GenerateDataKey", "Decrypt"]);
    create_table(&server);
    put(&server, "one");
    let described = server.call("DescribeTable", r#"{"TableName":"table"}"#);
    assert!(described.contains(&format!(r#""KMSMasterKeyArn":"{KEY_ARN}""#)), "{described}");
    let first = world.keyring_text();
    assert!(first.contains(&format!(" {KEY_ARN} ")) && !first.contains("\nkey "), "{first}");
    server.kill();

    let server = Server::spawn(world.making());
    assert_eq!((count(&server).as_str(), world.kms.calls()), ("1", vec!["Decrypt".to_owned()]));
    let answer = server.rotate("?master", "");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("wraps every data key"), "{answer}");
    assert_eq!(world.kms.calls(), ["GenerateDataKey", "Decrypt"]);
    put(&server, "two");
    server.kill();
    assert_eq!(world.keyring_text().matches("\nkms ").count(), 2);

    let server = Server::spawn(world.unwrapping());
    assert_eq!((count(&server).as_str(), world.kms.calls()), ("2", vec!["Decrypt".to_owned()]));
    server.kill();
    for path in [world.keyring(), world.directory().join("keys")] {
        assert!(!has_plain_key(&path), "{}", path.display());
    }

    let flags = ["--kms-endpoint", &world.kms.url, "--kms-region", fake_kms::REGION, "--kms-key-id", ALIAS];
    assert_eq!(world.inspect(&[&flags[..], &["--verify"]].concat()), (true, String::new()));
    assert_eq!(world.kms.calls(), ["Decrypt"]);
    let (is_success, text) = world.inspect(&[]);
    assert!(!is_success);
    check_told(&text, &["ring", KEY_ARN, "--kms-endpoint"]);
    refuses(&world, world.local(), &["ring", KEY_ARN, "--kms-endpoint"]);
}

#[test]
fn over_tls_nothing_is_told_to_whoever_is_not_the_service() {
    let certify = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let (service, another) = (certify("127.0.0.1"), certify("127.0.0.1"));
    let world = World::with(FakeKms::start_with_tls(&service));
    // What the machine trusts is what stands in that file.
    let trusting = |world: &World, certificate: &rcgen::Certificate| {
        let file = world.folder.path().join("trusted.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        let mut command = world.making();
        command.env("SSL_CERT_FILE", file);
        command
    };
    let told = [world.kms.url.as_str(), ALIAS, "is not to be trusted", "certificate", "SSL_CERT_FILE"];
    refuses(&world, trusting(&world, &another.cert), &told);
    assert!(world.kms.calls().is_empty() && !world.keyring().exists());

    let server = Server::spawn(trusting(&world, &service.cert));
    assert_eq!(world.kms.calls(), ["GenerateDataKey", "Decrypt"]);
    create_table(&server);
    put(&server, "one");
    server.kill();
    let server = Server::spawn(trusting(&world, &service.cert));
    assert_eq!((count(&server).as_str(), world.kms.calls()), ("1", vec!["Decrypt".to_owned()]));
    server.kill();
    refuses(&world, trusting(&world, &another.cert), &[&world.kms.url, KEY_ARN, "certificate", "SSL_CERT_FILE"]);
    assert!(world.kms.calls().is_empty());

    let elsewhere = certify("kms.example");
    let world = World::with(FakeKms::start_with_tls(&elsewhere));
    let told = [world.kms.url.as_str(), ALIAS, "certificate", "127.0.0.1", "kms.example"];
    refuses(&world, trusting(&world, &elsewhere.cert), &told);
    assert!(world.kms.calls().is_empty() && !world.keyring().exists());
}

#[test]
fn keys_move_from_the_keyring_to_the_service_and_back() {
    let world = World::new();
    let server = Server::spawn(world.local());
    create_table(&server);
    put(&server, "one");
    server.kill();
    assert!(world.kms.calls().is_empty());

    let server = Server::spawn(world.making());
    assert!(world.kms.calls().is_empty(), "what is in clear is read as it is");
    assert!(server.rotate("?master", "").starts_with("HTTP/1.1 200"));
    put(&server, "two");
    server.kill();
    let text = world.keyring_text();
    assert!(text.find("\nkey ").unwrap() < text.find("\nkms ").unwrap(), "{text}");
    // The old one may be taken out now.
    let without: String =
        text.lines().filter(|line| !line.starts_with("key ")).map(|line| format!("{line}\n")).collect();
    std::fs::write(world.keyring(), without).unwrap();

    let server = Server::spawn(world.unwrapping());
    assert!(server.rotate("?master", "").starts_with("HTTP/1.1 200"));
    put(&server, "three");
    server.kill();
    assert_eq!(world.kms.calls(), ["GenerateDataKey", "Decrypt", "Decrypt"]);
    let server = Server::spawn(world.local());
    assert_eq!(count(&server), "3", "nothing is asked of the service any more");
}

#[test]
fn a_first_start_without_its_service_makes_nothing() {
    let world = World::new();
    world.kms.behave(Behaviour::Fails(400, "AccessDeniedException"));
    refuses(
        &world,
        world.making(),
        &[&world.kms.url, ALIAS, "AccessDeniedException", "so says the test", "kms:GenerateDataKey"],
    );
    assert_eq!(world.kms.calls().len(), 1, "it will not say otherwise");
    let mut without = world.making();
    without.env_remove("AWS_SECRET_ACCESS_KEY");
    refuses(&world, without, &["AWS_SECRET_ACCESS_KEY is not in the environment"]);
    assert!(!world.keyring().exists());
    world.kms.behave(Behaviour::Works);
    let mut unknown = world.unwrapping();
    unknown.args(["--kms-key-id", "alias/absent"]);
    refuses(&world, unknown, &["NotFoundException", "alias/absent", "--kms-key-id"]);
    let mut stranger = world.making();
    stranger.env("AWS_SECRET_ACCESS_KEY", "another");
    refuses(&world, stranger, &["InvalidSignatureException", "check AWS_ACCESS_KEY_ID"]);
    Server::spawn(world.making()).kill();
}

#[test]
fn whatever_the_service_does_a_start_says_so_and_changes_nothing() {
    let world = World::new();
    Server::spawn(world.making()).kill();
    world.kms.calls();
    let named = [KEY_ARN, "ring", "cannot be unwrapped", "nothing was changed"];
    let check = |behaviour: Behaviour, call_count: usize, phrases: &[&str]| {
        let is_late = matches!(behaviour, Behaviour::IsSilent | Behaviour::Stalls);
        world.kms.behave(behaviour);
        let command = world.making_within(if is_late { "200" } else { NEVER_MS });
        refuses(&world, command, &[&named[..], phrases].concat());
        assert_eq!(world.kms.calls().len(), call_count, "{phrases:?}");
    };
    for (name, phrase) in [
        ("AccessDeniedException", "allow kms:Decrypt"),
        ("NotFoundException", "no such key"),
        ("DisabledException", "enable the key"),
        ("KMSInvalidStateException", "its state"),
        ("InvalidCiphertextException", "restore the keyring"),
        ("IncorrectKeyException", "another key"),
        ("ExpiredTokenException", "new ones"),
    ] {
        check(Behaviour::Fails(400, name), 1, &[&world.kms.url, name, phrase]);
    }
    check(Behaviour::Fails(400, "ThrottlingException"), 3, &["ThrottlingException", "try again later"]);
    check(Behaviour::Fails(500, "KMSInternalException"), 3, &["status 500"]);
    check(Behaviour::IsSilent, 3, &["does not answer", "timeout"]);
    check(Behaviour::Stalls, 3, &["does not answer", "timeout"]);
    check(Behaviour::Says(Vec::new()), 3, &["does not answer"]);
    check(Behaviour::Says(b"+OK I am no server of HTTP\r\n".to_vec()), 3, &["does not answer"]);
    check(
        Behaviour::Says(b"HTTP/1.1 301 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_vec()),
        1,
        &["301"],
    );
    let long_head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100 << 10));
    check(Behaviour::Says(long_head.into_bytes()), 3, &["does not answer"]);
    check(Behaviour::Answers(b"<html>".to_vec()), 1, &["cannot be used", "JSON"]);
    check(Behaviour::Answers(vec![0xff; 100]), 1, &["cannot be used"]);
    check(Behaviour::Answers(br#"{"Plaintext":"AAAA"}"#.to_vec()), 1, &["is not 32 bytes"]);
    let of_another = r#"{"Plaintext":"////////////////////////////////////////////"}"#.replace("//\"}", "8=\"}");
    check(Behaviour::Answers(of_another.into_bytes()), 1, &["it is master key"]);
    check(Behaviour::Answers(vec![b' '; 1 << 20]), 1, &["longer than 65536 bytes"]);
    let unbounded = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'['; 1 << 20]].concat();
    check(Behaviour::Says(unbounded), 1, &["longer than 65536 bytes"]);
    world.kms.behave(Behaviour::Works);
    let mut down = world.local();
    down.args(["--kms-endpoint", "http://127.0.0.1:1", "--kms-key-id", ALIAS]);
    refuses(&world, down, &["http://127.0.0.1:1", KEY_ARN, "does not answer", "refused"]);
    // A line that names another key than the one that has wrapped it.
    let text = world.keyring_text();
    std::fs::write(world.keyring(), text.replace(KEY_ARN, OTHER_ARN)).unwrap();
    refuses(&world, world.making(), &[OTHER_ARN, "IncorrectKeyException", "restore the keyring"]);
    std::fs::write(world.keyring(), text).unwrap();
    Server::spawn(world.making()).kill();
}

#[test]
fn whatever_the_service_does_a_rotation_says_so_and_the_server_goes_on() {
    let world = World::new();
    let server = Server::spawn(world.making_within("1000"));
    create_table(&server);
    let before = world.key_files();
    let check = |behaviour: Behaviour, phrases: &[&str]| {
        world.kms.behave(behaviour);
        let answer = server.rotate("?master", "");
        assert!(answer.starts_with("HTTP/1.1 409"), "{answer}");
        check_told(&answer, &[&[world.kms.url.as_str(), ALIAS, "nothing was changed"], phrases].concat());
        assert_eq!(world.key_files(), before);
    };
    check(Behaviour::Fails(400, "DisabledException"), &["DisabledException", "enable the key"]);
    check(Behaviour::Fails(503, "KeyUnavailableException"), &["KeyUnavailableException"]);
    check(Behaviour::Answers(b"{}".to_vec()), &["cannot be used"]);
    check(Behaviour::Stalls, &["does not answer", "timeout"]);

    world.kms.behave(Behaviour::Works);
    assert!(server.rotate("?master", "").starts_with("HTTP/1.1 200"));
    assert_ne!(world.key_files(), before);
}

#[test]
fn the_core_serves_while_the_service_is_slow() {
    let world = World::new();
    let server = Server::spawn(world.making());
    create_table(&server);
    let gate = Arc::new(Barrier::new(2));
    world.kms.behave(Behaviour::Waits(Arc::clone(&gate)));
    world.kms.calls();
    std::thread::scope(|scope| {
        let rotation = scope.spawn(|| server.rotate("?master", ""));
        loop {
            put(&server, "one");
            if !world.kms.calls().is_empty() {
                break;
            }
        }
        // The service has been asked and does not answer; the one core does.
        put(&server, "two");
        world.kms.behave(Behaviour::Works);
        gate.wait();
        let answer = rotation.join().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    });
    server.kill();
    let server = Server::spawn(world.making());
    assert_eq!(count(&server), "2");
}
