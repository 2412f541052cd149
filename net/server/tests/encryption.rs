//! The binary on a real disk: what a client writes is in no file of the data directory, keys rotate while it serves, and without its
//! keyring it says what is missing.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.
#![allow(clippy::disallowed_methods, reason = "a test reads the files that the server wrote")]

mod process;

use process::{Server, command};
use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn nothing_that_a_client_writes_is_on_the_disk_in_clear_and_keys_rotate_and_are_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, keyring) = (folder.path().join("data"), folder.path().join("ring"));
    let server = Server::start(&directory, &keyring);
    server.call(
        "CreateTable",
        r#"{"TableName":"canary-table","AttributeDefinitions":[{"AttributeName":"canary-name","AttributeType":"S"}],"KeySchema":[{"AttributeName":"canary-name","KeyType":"HASH"}],"BillingMode":"PAY_PER_REQUEST"}"#,
    );
    let put = |server: &Server, number: usize| {
        let item = format!(r#"{{"canary-name":{{"S":"canary-key-{number}"}},"canary-data":{{"S":"canary-value"}}}}"#);
        server.call("PutItem", &format!(r#"{{"TableName":"canary-table","Item":{item}}}"#));
    };
    (0..20).for_each(|number| put(&server, number));
    for (what, told) in [("?master", "wraps every data key"), ("?table=canary-table", "key 2"), ("?catalog", "key 2")] {
        let answer = server.rotate(what, "");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(told), "{answer}");
    }
    assert!(server.rotate("?table=absent", "").starts_with("HTTP/1.1 409"));
    assert!(server.rotate("", "").starts_with("HTTP/1.1 400"));
    assert!(server.rotate("?master", "Origin: https://example.com").starts_with("HTTP/1.1 403"));
    (20..40).for_each(|number| put(&server, number));
    server.kill();
    let written = files(&directory);
    assert!(written.len() >= 4, "{written:?}");
    for path in written.iter().chain([&keyring]) {
        let bytes = std::fs::read(path).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{} is in clear", path.display());
    }

    let server = Server::start(&directory, &keyring);
    let answer = server.call("Scan", r#"{"TableName":"canary-table","Select":"COUNT"}"#);
    assert!(answer.contains(r#""Count":40"#), "{answer}");
    server.kill();

    std::fs::rename(&keyring, folder.path().join("elsewhere")).unwrap();
    let refused = command(&directory, &keyring).output().unwrap();
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("put it back") && told.contains("ring"), "{told}");
    assert!(!keyring.exists(), "no other keyring takes its place");
}

#[test]
fn a_table_tells_of_its_key_when_it_was_asked_to_and_other_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, keyring) = (folder.path().join("data"), folder.path().join("ring"));
    let server = Server::start(&directory, &keyring);
    let create = |name: &str, specification: &str| {
        format!(
            r#"{{"TableName":"{name}","AttributeDefinitions":[{{"AttributeName":"p","AttributeType":"S"}}],"KeySchema":[{{"AttributeName":"p","KeyType":"HASH"}}],"BillingMode":"PAY_PER_REQUEST","SSESpecification":{specification}}}"#
        )
    };
    let update = |server: &Server, specification: &str| {
        server.try_call("UpdateTable", &format!(r#"{{"TableName":"table","SSESpecification":{specification}}}"#))
    };
    let key = |answer: &str| {
        let (_, behind) =
            answer.split_once(r#""SSEDescription":{"Status":"ENABLED","SSEType":"KMS","KMSMasterKeyArn":""#)?;
        behind.split_once('"').map(|(arn, _)| arn.to_owned())
    };
    let told = server.call("CreateTable", &create("table", r#"{"Enabled":true,"SSEType":"KMS"}"#));
    let arn = key(&told).expect("it tells of the key");
    assert!(arn.starts_with("arn:aws:kms:us-east-1:123456789012:key/"), "{arn}");
    assert_eq!(key(&server.call("CreateTable", &create("plain", r#"{"Enabled":false}"#))), None);
    let refused = server.try_call("CreateTable", &create("other", r#"{"Enabled":true,"KMSMasterKeyId":"alias/mine"}"#));
    assert!(refused.contains("SSESpecification.KMSMasterKeyId of CreateTable"), "{refused}");
    server.kill();

    let server = Server::start(&directory, &keyring);
    let describe = |server: &Server| key(&server.call("DescribeTable", r#"{"TableName":"table"}"#));
    assert_eq!(describe(&server).as_ref(), Some(&arn), "it is remembered");
    update(&server, r#"{"Enabled":false}"#);
    assert_eq!(describe(&server), None);
    update(&server, &format!(r#"{{"Enabled":true,"KMSMasterKeyId":"{arn}"}}"#));
    assert_eq!(describe(&server), Some(arn));
    server.kill();
}
