//! Who may call: access keys and their secrets, as AWS's own tools write them down.
//!
//! ```text
//!   [alice]                              # for people; names are told apart and otherwise not looked at
//!   aws_access_key_id = AKIAALICE
//!   aws_secret_access_key = ...
//! ```
//! Read once, at the start; shared by all cores.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use zeroize::Zeroizing;

/// Most keys of one file.
const KEY_COUNT_MAX: usize = 10_000;
/// Longest access key id: AWS's own are at most that long.
const ID_BYTES_MAX: usize = 128;
/// Longest secret.
const SECRET_BYTES_MAX: usize = 256;

/// The access keys that requests may be signed with. Secrets are wiped when they are dropped, and never shown.
pub struct AccessKeys {
    /// By access key id.
    secrets: HashMap<Vec<u8>, Zeroizing<String>>,
}

/// What is wrong with a file of access keys.
#[derive(Debug, PartialEq, Eq)]
pub struct AccessKeysError {
    /// The line it is in, from 1.
    line: usize,
    reason: &'static str,
}

impl AccessKeys {
    /// Reads what a file of credentials has in it.
    ///
    /// # Errors
    /// The line that cannot be used, and why. No secret is told.
    pub fn parse(text: &str) -> Result<AccessKeys, AccessKeysError> {
        let mut keys = AccessKeys { secrets: HashMap::new() };
        let mut section: Option<Section> = None;
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            let refuse = |reason| AccessKeysError { line, reason };
            if content.starts_with('[') {
                if !content.ends_with(']') {
                    return Err(refuse("a section is a name in square brackets"));
                }
                keys.add(section.replace(Section { line, ..Section::default() }))?;
                continue;
            }
            let (name, value) = content.split_once('=').ok_or(refuse("not a name, `=`, and a value"))?;
            let section = section.as_mut().ok_or(refuse("a key stands before the first [section]"))?;
            section.take(name.trim(), value.trim()).map_err(refuse)?;
        }
        keys.add(section)?;
        if keys.secrets.is_empty() {
            return Err(AccessKeysError { line: 1, reason: "no access key is in it" });
        }
        Ok(keys)
    }

    /// The secret of an access key, if there is such a key.
    pub(crate) fn secret(&self, access_key_id: &[u8]) -> Option<&str> {
        self.secrets.get(access_key_id).map(|secret| secret.as_str())
    }

    fn add(&mut self, section: Option<Section>) -> Result<(), AccessKeysError> {
        let Some(Section { line, id, secret }) = section else { return Ok(()) };
        let refuse = |reason| Err(AccessKeysError { line, reason });
        let (Some(id), Some(secret)) = (id, secret) else {
            return refuse("this section lacks `aws_access_key_id` or `aws_secret_access_key`");
        };
        if self.secrets.len() == KEY_COUNT_MAX {
            return refuse("more access keys than a node takes");
        }
        match self.secrets.entry(id.into_bytes()) {
            Entry::Occupied(_) => refuse("this section's access key is there already"),
            Entry::Vacant(place) => {
                place.insert(secret);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AccessKeys({})", self.secrets.len())
    }
}

impl fmt::Display for AccessKeysError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for AccessKeysError {}

/// What has been read of a section.
#[derive(Default)]
struct Section {
    /// Where it begins.
    line: usize,
    id: Option<String>,
    secret: Option<Zeroizing<String>>,
}

impl Section {
    /// Takes a line. What tools keep beside the keys (a region, a form of output) means nothing here.
    fn take(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        let is_twice = match name {
            "aws_access_key_id" => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic() && !b"/,=".contains(&byte));
                if !(1..=ID_BYTES_MAX).contains(&value.len()) || !is_plain {
                    return Err("an access key id is 1 to 128 visible characters, and none of `/`, `,` and `=`");
                }
                self.id.replace(value.to_owned()).is_some()
            }
            "aws_secret_access_key" => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
                if !(1..=SECRET_BYTES_MAX).contains(&value.len()) || !is_plain {
                    return Err("a secret is 1 to 256 visible characters");
                }
                self.secret.replace(Zeroizing::new(value.to_owned())).is_some()
            }
            "aws_session_token" => return Err("temporary credentials cannot be used to call this node"),
            _ => false,
        };
        if is_twice { Err("this stands twice in its section") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_tools_are_read() {
        let text = "# who may call\n\n[default]\naws_access_key_id = A1\naws_secret_access_key=s/1+=\nregion = eu-west-1\n\
            ; another\n [ b ] \r\n  aws_secret_access_key =s2 \n aws_access_key_id=A2";
        let keys = AccessKeys::parse(text).expect("two keys");
        assert_eq!((keys.secret(b"A1"), keys.secret(b"A2")), (Some("s/1+="), Some("s2")));
        assert_eq!((keys.secret(b"a1"), keys.secret(b"")), (None, None));
        assert_eq!(format!("{keys:?}"), "AccessKeys(2)");
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_line_and_without_its_secret() {
        let check = |text: &str, line: usize, phrase: &str| {
            let error = AccessKeys::parse(text).expect_err("refused");
            assert!(error.line == line && error.reason.contains(phrase), "{text:?}: {error}");
            assert!(!error.to_string().contains("sesame"));
        };
        let (id, secret) = ("aws_access_key_id=A\n", "aws_secret_access_key=sesame\n");
        check("", 1, "no access key");
        check("# nothing\n", 1, "no access key");
        check(&format!("{id}{secret}"), 1, "before the first");
        check(&format!("[a\n{id}{secret}"), 1, "square brackets");
        check(&format!("\n[a]\n{id}"), 2, "lacks");
        check(&format!("[a]\n{secret}[b]\n{id}{secret}"), 1, "lacks");
        check(&format!("[a]\n{id}{secret}\n[b]\n{id}{secret}"), 5, "there already");
        check(&format!("[a]\n{id}{id}{secret}"), 3, "twice");
        check(&format!("[a]\n{id}{secret}{secret}"), 4, "twice");
        check(&format!("[a]\n{id}{secret}aws_session_token=sesame\n"), 4, "temporary");
        check("[a]\nsesame\n", 2, "not a name");
        check("[a]\naws_access_key_id=\n", 2, "access key id");
        check("[a]\naws_access_key_id=A/B\n", 2, "access key id");
        check(&format!("[a]\naws_access_key_id={}\n", "A".repeat(129)), 2, "access key id");
        check("[a]\naws_secret_access_key=\n", 2, "a secret is");
        check("[a]\naws_secret_access_key=sesame sesame\n", 2, "a secret is");
    }
}
