//! Runs this binary under callgrind and reads what was counted: instructions, and calls of the allocator.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// The allocator's functions that give memory, or more of it.
const ALLOCATING: [&str; 5] = ["_rjem_malloc", "_rjem_mallocx", "_rjem_calloc", "_rjem_realloc", "_rjem_rallocx"];

/// What was counted, in user space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) instructions: u64,
    pub(crate) allocations: u64,
}

/// Does what is to be counted. Callgrind knows it by its name, and forgets what it has counted before.
#[inline(never)]
pub(crate) fn counted(work: &mut dyn FnMut()) {
    work();
}

/// Counts what a run of this binary with these arguments does from [`counted`] on.
pub(crate) fn count(arguments: &[&str]) -> Result<Counts, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = std::env::temp_dir().join(format!("stator-instructions-{}", std::process::id()));
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--zero-before=*callgrind::counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(this)
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind: {error} (Debian: apt-get install valgrind)"))?;
    let counts = read(&out);
    // It may not be there, and it is in the way of nobody.
    let _ = std::fs::remove_file(&out);
    match counts {
        Some(counts) if done.status.success() => Ok(counts),
        _ => Err(format!("valgrind ended with {}:\n{}", done.status, String::from_utf8_lossy(&done.stderr))),
    }
}

fn read(out: &Path) -> Option<Counts> {
    parse(&std::fs::read_to_string(out).ok()?)
}

/// Reads callgrind's own format: `summary:` has the instructions, `cfn=` names a called function, the `calls=` behind it how often.
fn parse(profile: &str) -> Option<Counts> {
    let mut counts = Counts::default();
    // A name is told once, with its number in brackets; after that the number stands for it.
    let mut is_allocating: HashMap<&str, bool> = HashMap::new();
    let mut calls_allocate = false;
    for line in profile.lines() {
        if let Some(total) = line.strip_prefix("summary: ") {
            counts.instructions = total.trim().parse().ok()?;
        } else if let Some(function) = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn=")) {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                is_allocating.insert(number, ALLOCATING.contains(&name));
            }
            calls_allocate = line.starts_with('c') && *is_allocating.get(number)?;
        } else if let Some(calls) = line.strip_prefix("calls=").filter(|_| calls_allocate) {
            counts.allocations += calls.split(' ').next()?.parse::<u64>().ok()?;
        }
    }
    (counts.instructions > 0).then_some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_the_summary_and_allocations_are_calls() {
        let profile = "events: Ir\nfn=(1) main\n5 10\ncfn=(2) _rjem_malloc\ncalls=3 0\n5 90\ncfn=(3) memcpy\ncalls=7 0\n5 1\n\
                       fn=(2)\n1 90\nfn=(4) other\ncfn=(2)\ncalls=2 0\n6 60\nsummary: 251\n";
        assert_eq!(parse(profile), Some(Counts { instructions: 251, allocations: 5 }));
        assert_eq!(parse("fn=(1) main\n"), None);
    }
}
