//! The keyring: master keys, as their text file holds them. The layout is `FORMAT.md`'s.
//!
//! One a node, on worker 0. A key stands in it in clear, or as a key service has wrapped it: that one is *locked* until the service has unwrapped it. Everything
//! else sees [`MasterKey`]s and not where they come from.

use crate::{KeyringError, Secret, WrappedKey, WrongKey};
use std::fmt;
use std::fmt::Write;
use zeroize::Zeroizing;

/// The longest keyring, in bytes.
pub const KEYRING_BYTES_MAX: usize = 64 << 10;
/// The most keys in one.
pub(crate) const MASTER_KEY_COUNT_MAX: usize = 64;
const FIRST_LINE: &str = "stator-keyring 1";
/// What a keyring with a key in clear tells whoever opens it.
const CLEAR_EXPLANATION: &str =
    "# Master keys of Stator, newest last. Who has this file can read the data; without it nobody can, ever.
# Keep a copy in a safe place, and this one apart from the data (stator serve --keyring FILE).
";
/// What one without tells.
const WRAPPED_EXPLANATION: &str = "# Master keys of Stator, newest last, wrapped by a key service: only who may use its key can read the data with this file.
# Without this file nobody can, ever. Keep a copy in a safe place.
";

/// Tells master keys apart without telling them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MasterKeyId(pub [u8; 16]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A key that wraps data keys.
#[derive(Clone, Debug)]
pub struct MasterKey {
    id: MasterKeyId,
    secret: Secret,
}

impl MasterKey {
    /// A master key of these bytes.
    pub fn new(secret: Secret) -> MasterKey {
        let mut id = [0; 16];
        secret.derive(&[b"stator master key id"], &mut id);
        MasterKey { id: MasterKeyId(id), secret }
    }

    /// Which one it is.
    pub fn id(&self) -> MasterKeyId {
        self.id
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// Master keys, newest last, at least one.
#[derive(Clone, Debug)]
pub struct Keyring {
    entries: Vec<Entry>,
}

/// Invariant: at least one of `wrapped` and `key` is there.
#[derive(Clone, Debug)]
struct Entry {
    id: MasterKeyId,
    /// `None`: it stands in the file in clear.
    wrapped: Option<WrappedKey>,
    /// `None`: it is locked.
    key: Option<MasterKey>,
}

impl Keyring {
    /// A keyring of one new key, which stands in it in clear.
    pub fn draw(random: &mut dyn FnMut(&mut [u8])) -> Keyring {
        Keyring { entries: vec![Entry::in_clear(Secret::draw(random))] }
    }

    /// A keyring of one key that a service has made.
    pub fn of_wrapped(secret: Secret, wrapped: WrappedKey) -> Keyring {
        Keyring { entries: vec![Entry::of_wrapped(secret, wrapped)] }
    }

    /// Reads a keyring's text. Wrapped keys are locked.
    ///
    /// # Errors
    /// [`KeyringError`], which names the line.
    pub fn parse(text: &[u8]) -> Result<Keyring, KeyringError> {
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
        if lines.next().is_none_or(|(line, _)| line != FIRST_LINE.as_bytes()) {
            return Err(KeyringError::NoKeyring);
        }
        let mut entries: Vec<Entry> = Vec::new();
        for (line, number) in lines.filter(|(line, _)| !line.is_empty() && line[0] != b'#') {
            let entry = Entry::parse(line).ok_or(KeyringError::Line(number))?;
            if entries.iter().any(|known| known.id == entry.id) {
                return Err(KeyringError::Twice(number));
            }
            entries.push(entry);
        }
        match entries.len() {
            0 => Err(KeyringError::Empty),
            1..=MASTER_KEY_COUNT_MAX => Ok(Keyring { entries }),
            _ => Err(KeyringError::TooMany),
        }
    }

    /// The text of its file, without the line feeds that fill the last block.
    pub fn text(&self) -> Zeroizing<String> {
        // As long as it can get: an allocation that grew would leave keys behind.
        let mut text = Zeroizing::new(String::with_capacity(KEYRING_BYTES_MAX));
        text.push_str(FIRST_LINE);
        text.push('\n');
        text.push_str(self.explanation());
        self.entries.iter().for_each(|entry| entry.write(&mut text));
        text
    }

    /// Which key wraps.
    pub fn newest_id(&self) -> MasterKeyId {
        self.newest_entry().id
    }

    /// The key that wraps.
    ///
    /// # Panics
    /// If it is locked.
    pub fn newest(&self) -> &MasterKey {
        self.newest_entry().key.as_ref().expect("the newest key is unlocked before it is used")
    }

    /// The service's key that wraps the newest key; `None` if that stands in the file in clear.
    pub fn newest_service_key(&self) -> Option<&str> {
        self.newest_entry().wrapped.as_ref().map(WrappedKey::service_key)
    }

    /// Whether the key of that id is in it, locked or not.
    pub fn contains(&self, id: MasterKeyId) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
    }

    /// The key of that id, if it is not locked.
    pub fn find(&self, id: MasterKeyId) -> Option<&MasterKey> {
        self.entries.iter().find(|entry| entry.id == id)?.key.as_ref()
    }

    /// What is to be unwrapped before the key of that id can be used; `None` if nothing is.
    pub fn locked(&self, id: MasterKeyId) -> Option<&WrappedKey> {
        let entry = self.entries.iter().find(|entry| entry.id == id)?;
        entry.wrapped.as_ref().filter(|_| entry.key.is_none())
    }

    /// Takes what a service has unwrapped for the key of that id.
    ///
    /// # Errors
    /// [`WrongKey`] if it is another key.
    ///
    /// # Panics
    /// If there is no key of that id.
    pub fn unlock(&mut self, id: MasterKeyId, secret: Secret) -> Result<(), WrongKey> {
        let key = MasterKey::new(secret);
        if key.id != id {
            return Err(WrongKey { expected: id, found: key.id });
        }
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        entry.expect("a key that was found locked is there").key = Some(key);
        Ok(())
    }

    /// Adds a new key, which stands in the file in clear and wraps from now on.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`].
    pub fn add(&mut self, random: &mut dyn FnMut(&mut [u8])) -> Result<(), KeyringError> {
        self.push(Entry::in_clear(Secret::draw(random)))
    }

    /// Adds a key that a service has made, which wraps from now on.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`].
    pub fn add_wrapped(&mut self, secret: Secret, wrapped: WrappedKey) -> Result<(), KeyringError> {
        self.push(Entry::of_wrapped(secret, wrapped))
    }

    fn push(&mut self, entry: Entry) -> Result<(), KeyringError> {
        self.entries.push(entry);
        let text_bytes: usize = self.entries.iter().map(Entry::line_bytes).sum();
        let text_bytes = FIRST_LINE.len() + 1 + self.explanation().len() + text_bytes;
        if self.entries.len() > MASTER_KEY_COUNT_MAX || text_bytes > KEYRING_BYTES_MAX {
            self.entries.pop();
            return Err(KeyringError::TooMany);
        }
        Ok(())
    }

    fn newest_entry(&self) -> &Entry {
        self.entries.last().expect("a keyring holds at least one key")
    }

    fn explanation(&self) -> &'static str {
        let is_in_clear = self.entries.iter().any(|entry| entry.wrapped.is_none());
        if is_in_clear { CLEAR_EXPLANATION } else { WRAPPED_EXPLANATION }
    }
}

impl Entry {
    fn in_clear(secret: Secret) -> Entry {
        let key = MasterKey::new(secret);
        Entry { id: key.id, wrapped: None, key: Some(key) }
    }

    fn of_wrapped(secret: Secret, wrapped: WrappedKey) -> Entry {
        Entry { wrapped: Some(wrapped), ..Entry::in_clear(secret) }
    }

    fn parse(line: &[u8]) -> Option<Entry> {
        if let Some(digits) = line.strip_prefix(b"key ") {
            return Some(Entry::in_clear(parse_secret(digits.trim_ascii())?));
        }
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let (word, id, service_key, blob) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if word != b"kms" || fields.next().is_some() {
            return None;
        }
        let wrapped = WrappedKey::parse(service_key, blob)?;
        Some(Entry { id: MasterKeyId(parse_digits(id)?), wrapped: Some(wrapped), key: None })
    }

    fn write(&self, text: &mut String) {
        match (&self.wrapped, &self.key) {
            (Some(wrapped), _) => writeln!(text, "kms {} {}", self.id, wrapped.text()),
            (None, Some(key)) => {
                text.push_str("key ");
                key.secret.bytes().iter().try_for_each(|byte| write!(text, "{byte:02x}")).and_then(|()| writeln!(text))
            }
            (None, None) => panic!("a key is there in clear or wrapped"),
        }
        .expect("writing to memory does not fail");
    }

    /// As many as `write` writes.
    fn line_bytes(&self) -> usize {
        match &self.wrapped {
            Some(wrapped) => "kms ".len() + 2 * size_of::<MasterKeyId>() + " ".len() + wrapped.text().len() + 1,
            None => "key ".len() + 2 * Secret::BYTES + 1,
        }
    }
}

fn parse_secret(digits: &[u8]) -> Option<Secret> {
    parse_digits(digits).map(|bytes| Secret::new(*Zeroizing::new(bytes)))
}

fn parse_digits<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = Zeroizing::new([0_u8; N]);
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = parse_digit(pair[0])? << 4 | parse_digit(pair[1])?;
    }
    Some(*bytes)
}

fn parse_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    Some(u8::try_from(value).expect("a hexadecimal digit is below 16"))
}
