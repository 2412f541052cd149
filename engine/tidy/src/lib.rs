//! The house rules as tests: who may depend on whom, what every file starts with, which names are
//! banned, how long a file may grow. Owned by everyone who changes the code; a rule is changed
//! here, not argued with in review.
//!
//! Deliberately not here: what clippy already holds (length of functions, number of arguments,
//! `unwrap`, undocumented `unsafe`, calls past the runtime's seam).

#![forbid(unsafe_code)]

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the tree: its path relative to the root of the workspace, and its text.
#[derive(Debug)]
pub struct SourceFile {
    /// Path relative to the root, with `/` between its parts.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// The root of the workspace this crate was built in.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies two levels below the root").to_path_buf()
}

/// Every Rust file below the members' folders, sorted by path.
pub fn rust_files() -> Vec<SourceFile> {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in ["engine", "net", "bench", "loom-tests", "perf"] {
        collect(&root, &root.join(folder), &mut files);
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    files
}

/// Names directly below the root that belong to the project, dotfiles and build output left out.
pub fn top_level() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(workspace_root())
        .expect("the root can be listed")
        .filter_map(|entry| entry.ok())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(|entry| entry.ok()) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                collect(root, &path, files);
            }
        } else if name.ends_with(".rs") {
            let relative = path.strip_prefix(root).expect("collected below the root");
            files.push(SourceFile {
                path: relative.to_string_lossy().replace('\\', "/"),
                text: fs::read_to_string(&path).expect("a source file is readable UTF-8"),
            });
        }
    }
}
