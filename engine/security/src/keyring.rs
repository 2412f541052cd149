//! The keyring: master keys, as their text file holds them. The layout is `FORMAT.md`'s.
//!
//! One a node, on worker 0. It is what a key service would stand in for: everything else sees [`MasterKey`]s and not where they come from.

use crate::{KeyringError, Secret};
use std::fmt;
use std::fmt::Write;
use zeroize::Zeroizing;

/// The longest keyring, in bytes.
pub const KEYRING_BYTES_MAX: usize = 64 << 10;
/// The most keys in one.
const MASTER_KEY_COUNT_MAX: usize = 64;
const FIRST_LINE: &str = "stator-keyring 1";
/// What a new keyring tells whoever opens it.
const EXPLANATION: &str =
    "# Master keys of Stator, newest last. Who has this file can read the data; without it nobody can, ever.
# Keep a copy in a safe place, and this one apart from the data (stator serve --keyring FILE).
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
    keys: Vec<MasterKey>,
}

impl Keyring {
    /// A keyring of one new key.
    pub fn draw(random: &mut dyn FnMut(&mut [u8])) -> Keyring {
        Keyring { keys: vec![MasterKey::new(Secret::draw(random))] }
    }

    /// Reads a keyring's text.
    ///
    /// # Errors
    /// [`KeyringError`], which names the line.
    pub fn parse(text: &[u8]) -> Result<Keyring, KeyringError> {
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).zip(1..);
        if lines.next().is_none_or(|(line, _)| line != FIRST_LINE.as_bytes()) {
            return Err(KeyringError::NoKeyring);
        }
        let mut keys: Vec<MasterKey> = Vec::new();
        for (line, number) in lines.filter(|(line, _)| !line.is_empty() && line[0] != b'#') {
            let digits = line.strip_prefix(b"key ").ok_or(KeyringError::Line(number))?;
            let secret = parse_secret(digits.trim_ascii()).ok_or(KeyringError::Line(number))?;
            let key = MasterKey::new(secret);
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyringError::Twice(number));
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(KeyringError::Empty),
            1..=MASTER_KEY_COUNT_MAX => Ok(Keyring { keys }),
            _ => Err(KeyringError::TooMany),
        }
    }

    /// The text of its file, without the line feeds that fill the last block.
    pub fn text(&self) -> Zeroizing<String> {
        // As long as it can get: an allocation that grew would leave keys behind.
        let mut text = Zeroizing::new(String::with_capacity(KEYRING_BYTES_MAX));
        text.push_str(FIRST_LINE);
        text.push('\n');
        text.push_str(EXPLANATION);
        for key in &self.keys {
            text.push_str("key ");
            key.secret
                .bytes()
                .iter()
                .for_each(|byte| write!(text, "{byte:02x}").expect("writing to memory does not fail"));
            text.push('\n');
        }
        text
    }

    /// The key that wraps.
    pub fn newest(&self) -> &MasterKey {
        self.keys.last().expect("a keyring holds at least one key")
    }

    /// The key of that id.
    pub fn find(&self, id: MasterKeyId) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Adds a new key, which wraps from now on.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`].
    pub fn add(&mut self, random: &mut dyn FnMut(&mut [u8])) -> Result<(), KeyringError> {
        if self.keys.len() >= MASTER_KEY_COUNT_MAX {
            return Err(KeyringError::TooMany);
        }
        self.keys.push(MasterKey::new(Secret::draw(random)));
        Ok(())
    }
}

fn parse_secret(digits: &[u8]) -> Option<Secret> {
    let mut bytes = Zeroizing::new([0_u8; Secret::BYTES]);
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != Secret::BYTES || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = parse_digit(pair[0])? << 4 | parse_digit(pair[1])?;
    }
    Some(Secret::new(*bytes))
}

fn parse_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    Some(u8::try_from(value).expect("a hexadecimal digit is below 16"))
}
