//! Who may see whom. A new arrow is a decision: it is added here, with its reason in the commit
//! and in `engine/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Member folder, then the rooms it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("engine/model", &[]),
    ("engine/runtime", &[]),
    ("engine/memtable", &[]),
    ("engine/security", &[]),
    ("engine/compression", &[]),
    ("engine/journal", &["runtime", "security", "compression"]),
    ("engine/sstable", &["runtime", "security"]),
    ("engine/replication", &["journal", "runtime"]),
    ("engine/partition", &["model", "memtable", "journal", "sstable", "replication", "runtime"]),
    ("engine/control", &["model", "journal", "replication", "runtime"]),
    (
        "engine",
        &["model", "runtime", "memtable", "security", "journal", "sstable", "replication", "partition", "control"],
    ),
    (
        "engine/sim",
        &["model", "runtime", "memtable", "security", "journal", "replication", "partition", "control", "engine"],
    ),
    ("engine/tidy", &[]),
    ("net/wire", &["model"]),
    ("net/auth", &["model"]),
    // Who calls is asked between two checks of a request's form.
    ("net/dynamodb", &["auth", "model"]),
    ("net/server", &["engine", "model", "runtime", "wire", "auth", "dynamodb"]),
    // It proves who it is.
    ("net/client", &["auth", "model", "wire"]),
    (
        "bench",
        &[
            "model",
            "runtime",
            "memtable",
            "security",
            "compression",
            "journal",
            "sstable",
            "replication",
            "partition",
            "control",
            "engine",
            "wire",
            "auth",
            "dynamodb",
        ],
    ),
    ("loom-tests", &["memtable"]),
    // The load generator speaks the protocols itself, so it knows the messages and signatures beside the client.
    ("perf", &["client", "auth", "wire", "model"]),
];

/// Crates that these rooms alone may name.
const KEPT: &[(&str, &[&str])] = &[
    ("glommio", &["engine/runtime"]),
    ("io-uring", &["engine/runtime"]),
    ("raft", &["engine/replication"]),
    // Signatures are made with the library that seals; the tests of the server make them anew.
    ("aws-lc-rs", &["engine/security", "net/auth", "net/server"]),
    ("rustls", &["net/server"]),
    ("ureq", &["net/server"]),
];

type Manifest = BTreeMap<String, toml::Value>;

#[test]
fn members_are_those_of_the_table() {
    let root = manifest("");
    let members: BTreeSet<String> = root["workspace"]["members"]
        .as_array()
        .expect("members is a list")
        .iter()
        .map(|member| member.as_str().expect("a member is text").to_owned())
        .collect();
    let expected: BTreeSet<String> = ARROWS.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    assert_eq!(members, expected);
}

#[test]
fn rooms_see_only_what_the_table_allows() {
    let rooms: BTreeSet<String> = ARROWS.iter().map(|(folder, _)| crate_name(folder)).collect();
    let mut wrong = Vec::new();
    for (folder, allowed) in ARROWS {
        for dependency in dependencies(folder, &["dependencies"]) {
            if rooms.contains(&dependency) && !allowed.contains(&dependency.as_str()) {
                wrong.push(format!("{folder} -> {dependency}"));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that are not in the table: {wrong:?}");
}

#[test]
fn the_machine_consensus_and_ciphers_are_named_by_their_rooms_alone() {
    for (name, owners) in KEPT {
        for (folder, _) in ARROWS {
            let all = dependencies(folder, &["dependencies", "dev-dependencies"]);
            assert!(
                owners.contains(folder) || !all.contains(*name),
                "{folder} names {name}, which is kept for {owners:?}"
            );
        }
    }
}

#[test]
fn versions_stand_in_one_place() {
    for (folder, _) in ARROWS {
        let manifest = manifest(folder);
        for section in ["dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(|section| section.as_table()) else {
                continue;
            };
            for (name, value) in table {
                assert!(
                    value.get("workspace").is_some(),
                    "{folder}: {name} takes its version from somewhere else than the workspace"
                );
            }
        }
    }
}

fn crate_name(folder: &str) -> String {
    manifest(folder)["package"]["name"].as_str().expect("a package has a name").to_owned()
}

fn dependencies(folder: &str, sections: &[&str]) -> BTreeSet<String> {
    let manifest = manifest(folder);
    sections
        .iter()
        .filter_map(|section| manifest.get(*section))
        .filter_map(|section| section.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

fn manifest(folder: &str) -> Manifest {
    let path = tidy::workspace_root().join(folder).join("Cargo.toml");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}
