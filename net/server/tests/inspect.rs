//! `stator inspect` as a person has it: on the data of a server that was killed, and on what it refuses.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.
#![allow(clippy::disallowed_methods, reason = "a test reads and damages the files that the server wrote")]

mod codecs;
mod node;

use node::Node;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The exit code, what is on standard output and what is on standard error.
fn inspect(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stator"));
    let output = command.arg("inspect").arg(directory).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// It refuses with one line that has these phrases.
fn refuses(directory: &Path, arguments: &[&str], phrases: &[&str]) {
    let (code, out, told) = inspect(directory, arguments);
    assert_eq!((code, out.as_str(), told.lines().count()), (1, "", 1), "{told}");
    assert!(phrases.iter().all(|phrase| told.contains(phrase)), "{told}");
}

/// Every file with its bytes.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .flat_map(|path| match path.is_dir() {
            true => [contents(&path), vec![(path, Vec::new())]].concat(),
            false => vec![(path.clone(), std::fs::read(&path).unwrap())],
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_a_killed_server_has_left_is_told_verified_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("data");
    let server = Node::start(&directory);
    let mut http = server.http();
    http.call(
        "CreateTable",
        r#"{"TableName":"things","AttributeDefinitions":[{"AttributeName":"name","AttributeType":"S"},{"AttributeName":"n","AttributeType":"N"}],"KeySchema":[{"AttributeName":"name","KeyType":"HASH"},{"AttributeName":"n","KeyType":"RANGE"}],"BillingMode":"PAY_PER_REQUEST"}"#,
    );
    for number in 0..30 {
        let item = format!(r#"{{"name":{{"S":"a thing"}},"n":{{"N":"{number}"}}}}"#);
        http.call("PutItem", &format!(r#"{{"TableName":"things","Item":{item}}}"#));
    }
    http.call("DeleteItem", r#"{"TableName":"things","Key":{"name":{"S":"a thing"},"n":{"N":"7"}}}"#);
    refuses(&directory, &["--verify"], &["is in use by a server", "stop it"]);
    drop(server);

    let before = contents(&directory);
    let (code, out, told) = inspect(&directory, &[]);
    assert_eq!((code, told.as_str()), (0, ""));
    for phrase in ["worker 0", "segment 1 (log)", "not closed", "things (id 1, ACTIVE)", "29 items"] {
        assert!(out.contains(phrase), "{phrase} in {out}");
    }
    let (code, out, _) = inspect(&directory, &["--segment", "0/1"]);
    assert_eq!(code, 0);
    for phrase in
        ["create table things", r#"put {"n": 12, "name": "a thing"}"#, r#"delete {"n": 7, "name": "a thing"}"#]
    {
        assert!(out.contains(phrase), "{phrase} in {out}");
    }
    let (code, out, _) = inspect(&directory, &["--verify"]);
    assert!(code == 0 && out.lines().count() == 1 && out.contains("all as it was written"), "{out}");
    refuses(&directory, &["--segment", "0/99"], &["no segment 99", "lists those there are"]);
    refuses(&directory, &["--segment", "7/1"], &["worker 7 has no segment 1"]);
    refuses(&directory, &["--file", "1234"], &["0000000000001234"]);
    assert!(contents(&directory) == before, "something was written");

    // A byte of the first record.
    let (path, _) = before
        .iter()
        .find(|(path, bytes)| {
            path.to_string_lossy().contains("segment-")
                && bytes[..4096].iter().any(|byte| *byte != 0)
                && bytes[4096] != 0
        })
        .unwrap();
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    let offset = 2 * 4096 + 64 + 44;
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    let (code, out, _) = inspect(&directory, &["--verify"]);
    assert!(code == 1 && out.contains(&*path.to_string_lossy()) && out.contains("1 fault"), "{out}");
    file.write_all_at(&byte, offset).unwrap();

    std::fs::rename(directory.join("keyring"), folder.path().join("ring")).unwrap();
    refuses(&directory, &[], &["keyring", "is missing", "put it back"]);
    assert!(!directory.join("keyring").exists());
    let elsewhere = folder.path().join("ring");
    assert_eq!(inspect(&directory, &["--verify", "--keyring", &elsewhere.to_string_lossy()]).0, 0);
    std::fs::write(folder.path().join("wrong"), format!("stator-keyring 1\nkey {}\n", "5a".repeat(32))).unwrap();
    let wrong = folder.path().join("wrong");
    refuses(&directory, &["--keyring", &wrong.to_string_lossy()], &["wrapped by master key", "put back the keyring"]);
    std::fs::rename(elsewhere, directory.join("keyring")).unwrap();
    assert!(contents(&directory) == before);
}

#[test]
fn a_directory_without_data_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &[], &["there is no data in", "name the directory"]);
    assert_eq!(contents(folder.path()), []);
    refuses(&folder.path().join("absent"), &["--verify"], &["absent does not exist"]);
    assert!(!folder.path().join("absent").exists());
}
