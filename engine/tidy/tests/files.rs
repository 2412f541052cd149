//! What holds of every file: a front page, plain names, a bounded length, no leftovers.

use tidy::{SourceFile, rust_files};

/// Lines a file may have. Raise one file's bound here, with the reason beside it.
const LINES_MAX: usize = 800;

/// Files written by a generator: no front page of ours, no bound.
const GENERATED: &[&str] = &["generated"];

/// Words that name nothing.
const BANNED_NAMES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "misc", "manager", "_v2", "_impl", "_inner"];

/// Rooms in which `unsafe` may stand. In the runtime: its ring, the memory that the kernel is given, and the signal that takes a stalled core's stack
/// (a handler has nothing but addresses to go by).
const UNSAFE_ROOMS: &[&str] = &["engine/memtable/", "engine/runtime/", "loom-tests/"];

#[test]
fn every_file_starts_with_its_front_page() {
    check(|file| (!file.text.starts_with("//!")).then(|| "starts without a `//!` front page".to_owned()));
}

#[test]
fn files_stay_short() {
    check(|file| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{lines} lines, more than {LINES_MAX}"))
    });
}

#[test]
fn names_name_something() {
    check(|file| {
        let words = file.text.lines().enumerate().find_map(|(number, line)| {
            declared_name(line)
                .filter(|name| is_banned(name))
                .map(|name| format!("line {}: the name `{name}`", number + 1))
        });
        let path_part = file.path.split('/').map(|part| part.trim_end_matches(".rs")).find(|part| is_banned(part));
        words.or_else(|| path_part.map(|part| format!("the path part `{part}`")))
    });
}

#[test]
fn nothing_is_unbounded_ignored_or_left_for_later() {
    let banned = [
        (["unbounded", "("].concat(), "a channel without a bound"),
        (["#[", "ignore"].concat(), "an ignored test"),
        (["TO", "DO"].concat(), "work left for later"),
        (["FIX", "ME"].concat(), "work left for later"),
        (["unimplemented", "!("].concat(), "work left for later"),
    ];
    check(|file| {
        banned
            .iter()
            .find(|(text, _)| file.text.contains(text.as_str()))
            .map(|(text, what)| format!("{what}: `{text}`"))
    });
}

#[test]
fn unsafe_stays_in_its_rooms() {
    check(|file| {
        let allowed = UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room));
        let root = file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs");
        (root && !allowed && !file.text.contains("forbid(unsafe_code)") && !file.text.contains("deny(unsafe_code)"))
            .then(|| "a crate root without `#![forbid(unsafe_code)]`".to_owned())
    });
}

#[test]
fn the_top_level_is_fixed() {
    let allowed = ["Cargo.lock", "Cargo.toml", "LICENSE", "README.md", "bench", "engine", "loom-tests", "net", "perf"];
    // What building and running leave behind, kept out of the repository by .gitignore.
    let produced = ["target", "stator-data"];
    for name in tidy::top_level() {
        assert!(
            allowed.contains(&name.as_str()) || produced.contains(&name.as_str()),
            "{name} does not belong at the top level"
        );
    }
}

fn check(judge: impl Fn(&SourceFile) -> Option<String>) {
    let files = rust_files();
    assert!(files.len() > 10, "the walk found only {} files", files.len());
    let wrong: Vec<String> = files
        .iter()
        .filter(|file| !GENERATED.iter().any(|part| file.path.contains(part)))
        .filter_map(|file| judge(file).map(|what| format!("{}: {what}", file.path)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The name that a line declares: of a function, a type, a module, a constant.
fn declared_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "fn" | "struct" | "enum" | "trait" | "mod" | "const" | "static" | "type" => {
                let name = words.next()?;
                return name.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next();
            }
            "pub" | "async" | "unsafe" => {}
            word if word.starts_with("pub(") => {}
            _ => return None,
        }
    }
    None
}

fn is_banned(name: &str) -> bool {
    let name = name.to_lowercase();
    BANNED_NAMES.iter().any(|banned| {
        if banned.starts_with('_') { name.ends_with(banned) } else { name.split('_').any(|part| part == *banned) }
    })
}
