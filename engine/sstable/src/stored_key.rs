//! A key as it lies in its block: without what it shares with its interval's first key, and without a hash that the rest of it tells (FORMAT.md, "Data block"). Pure.

use crate::varint;
use std::cmp::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a hash at the front of a key.
const HASH_BYTES: usize = 8;
/// How a part of a key may end that has its length from its end: what the hash is taken of most often, and the end of most keys.
const END: [u8; 2] = [0, 0];

/// Bits before the form: an entry's kind.
pub(crate) const KIND_BITS: u32 = 3;
const FORM_MASK: u8 = 3;
const SHARED_BITS: u32 = 5;
/// So many shared bytes, or more, are not written beside the form.
const SHARED_BYTES_MANY: u8 = 7;

/// What a key is made of beside its interval's first key, `head`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyForm {
    /// `head[..shared] suffix`.
    Whole,
    /// `hash rest`, with `rest` = `head[8..][..shared] suffix`; the hash is that of so many bytes of the rest.
    HashOf(usize),
    /// The same, and the hash is that of all the rest.
    HashOfAll,
    /// The same, and the rest goes on with two zero bytes behind the suffix.
    HashOfAllEnded,
}

/// The key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredKey<'b> {
    pub(crate) form: KeyForm,
    pub(crate) shared_bytes: usize,
    pub(crate) suffix: &'b [u8],
}

/// A key that is looked for in an interval whose first key is below it: what the two have in common.
pub(crate) struct SoughtInInterval<'k> {
    key: &'k [u8],
    shared_bytes: usize,
    shared_rest_bytes: usize,
}

impl<'b> StoredKey<'b> {
    /// An interval's first key.
    pub(crate) fn head(key: &'b [u8]) -> StoredKey<'b> {
        StoredKey { form: KeyForm::Whole, shared_bytes: 0, suffix: key }
    }

    /// Another key of the interval whose first one is `head`.
    pub(crate) fn behind(head: &[u8], key: &'b [u8]) -> StoredKey<'b> {
        let shared_bytes = shared_prefix(head, key);
        if let (Some(head_rest), true) = (head.get(HASH_BYTES..), shared_bytes < HASH_BYTES)
            && let Some((form, stored)) = without_hash(key)
        {
            let shared_bytes = shared_prefix(head_rest, stored);
            return StoredKey { form, shared_bytes, suffix: &stored[shared_bytes..] };
        }
        StoredKey { form: KeyForm::Whole, shared_bytes, suffix: &key[shared_bytes..] }
    }

    /// Appends all of it but the suffix, with an entry's kind in the first byte.
    pub(crate) fn encode(&self, kind: u8, out: &mut Vec<u8>) {
        let form = match self.form {
            KeyForm::Whole => 0,
            KeyForm::HashOf(_) => 1,
            KeyForm::HashOfAll => 2,
            KeyForm::HashOfAllEnded => 3,
        };
        let shared = u8::try_from(self.shared_bytes).unwrap_or(u8::MAX).min(SHARED_BYTES_MANY);
        out.push(kind | form << KIND_BITS | shared << SHARED_BITS);
        if shared == SHARED_BYTES_MANY {
            varint::put(out, (self.shared_bytes - usize::from(SHARED_BYTES_MANY)) as u64);
        }
        varint::put(out, self.suffix.len() as u64);
        if let KeyForm::HashOf(hashed_bytes) = self.form {
            varint::put(out, hashed_bytes as u64);
        }
    }

    /// Reads it, and the entry's kind; the suffix is still to be set, and so long.
    #[inline(always)]
    pub(crate) fn decode(bytes: &mut &'b [u8]) -> Option<(u8, StoredKey<'b>, usize)> {
        let (&first, rest) = bytes.split_first()?;
        *bytes = rest;
        let shared = first >> SHARED_BITS;
        let mut shared_bytes = usize::from(shared);
        if shared == SHARED_BYTES_MANY {
            shared_bytes = shared_bytes.checked_add(varint::take_length(bytes)?)?;
        }
        let suffix_bytes = varint::take_length(bytes)?;
        let form = match first >> KIND_BITS & FORM_MASK {
            0 => KeyForm::Whole,
            1 => KeyForm::HashOf(varint::take_length(bytes)?),
            2 => KeyForm::HashOfAll,
            _ => KeyForm::HashOfAllEnded,
        };
        let kind = first & ((1 << KIND_BITS) - 1);
        Some((kind, StoredKey { form, shared_bytes, suffix: &[] }, suffix_bytes))
    }

    /// Whether it can be put together in the interval whose first key is `head`; one that is whole, whether it shares just what it says and is above `head` too.
    pub(crate) fn fits(&self, head: &[u8]) -> bool {
        let rest_bytes = self.shared_bytes.saturating_add(self.suffix.len());
        let shares_rest = || head.len().checked_sub(HASH_BYTES).is_some_and(|rest| self.shared_bytes <= rest);
        match self.form {
            KeyForm::Whole => match (self.suffix.first(), head.get(self.shared_bytes)) {
                (Some(own), Some(of_head)) => own > of_head,
                (Some(_), None) => self.shared_bytes == head.len(),
                (None, _) => false,
            },
            KeyForm::HashOf(hashed_bytes) => shares_rest() && hashed_bytes <= rest_bytes,
            KeyForm::HashOfAll | KeyForm::HashOfAllEnded => shares_rest(),
        }
    }

    /// Whether it is the key that is looked for, in its own interval.
    #[inline]
    pub(crate) fn is(&self, sought: &SoughtInInterval<'_>) -> bool {
        let is_rest = |shared_bytes: usize, rest: &[u8]| {
            self.shared_bytes <= shared_bytes && rest.get(self.shared_bytes..) == Some(self.suffix)
        };
        let Some((hash, rest)) = sought.key.split_first_chunk::<HASH_BYTES>().filter(|_| self.form != KeyForm::Whole)
        else {
            return self.form == KeyForm::Whole && is_rest(sought.shared_bytes, sought.key);
        };
        let is_of = |hashed_bytes: usize| rest.get(..hashed_bytes).is_some_and(|hashed| hash_of(hashed) == *hash);
        match self.form {
            KeyForm::HashOf(hashed_bytes) => is_rest(sought.shared_rest_bytes, rest) && is_of(hashed_bytes),
            KeyForm::HashOfAllEnded => {
                rest.strip_suffix(&END).is_some_and(|stored| is_rest(sought.shared_rest_bytes, stored))
                    && is_of(rest.len())
            }
            KeyForm::HashOfAll | KeyForm::Whole => is_rest(sought.shared_rest_bytes, rest) && is_of(rest.len()),
        }
    }

    /// How it lies to the key that is looked for, in its own interval, whose first key is `head`. `assembled` may be used for it.
    pub(crate) fn order(&self, head: &[u8], sought: &SoughtInInterval<'_>, assembled: &mut Vec<u8>) -> Ordering {
        if self.form != KeyForm::Whole {
            self.assemble(head, assembled);
            return assembled.as_slice().cmp(sought.key);
        }
        // What shares more with the head than the sought key does lies on the head's side of it; what shares less has left the head upwards before it did.
        match self.shared_bytes.cmp(&sought.shared_bytes) {
            Ordering::Greater => Ordering::Less,
            Ordering::Less => Ordering::Greater,
            Ordering::Equal => self.suffix.cmp(&sought.key[sought.shared_bytes..]),
        }
    }

    /// Puts the key together in place of what `key` holds; it fits the interval whose first key is `head`.
    pub(crate) fn assemble(&self, head: &[u8], key: &mut Vec<u8>) {
        key.clear();
        if self.form == KeyForm::Whole {
            key.extend_from_slice(&head[..self.shared_bytes]);
            return key.extend_from_slice(self.suffix);
        }
        key.extend_from_slice(&[0; HASH_BYTES]);
        key.extend_from_slice(&head[HASH_BYTES..][..self.shared_bytes]);
        key.extend_from_slice(self.suffix);
        let hashed_bytes = match self.form {
            KeyForm::HashOf(hashed_bytes) => hashed_bytes,
            KeyForm::HashOfAllEnded => {
                key.extend_from_slice(&END);
                key.len() - HASH_BYTES
            }
            KeyForm::HashOfAll | KeyForm::Whole => key.len() - HASH_BYTES,
        };
        let hash = hash_of(&key[HASH_BYTES..][..hashed_bytes]);
        key[..HASH_BYTES].copy_from_slice(&hash);
    }
}

impl<'k> SoughtInInterval<'k> {
    pub(crate) fn new(head: &[u8], key: &'k [u8]) -> SoughtInInterval<'k> {
        let shared_bytes = shared_prefix(head, key);
        let shared_rest_bytes = shared_bytes.checked_sub(HASH_BYTES).unwrap_or_else(|| {
            let [head_rest, rest] = [head, key].map(|key| key.get(HASH_BYTES..).unwrap_or_default());
            shared_prefix(head_rest, rest)
        });
        SoughtInInterval { key, shared_bytes, shared_rest_bytes }
    }
}

/// How many bytes the keys have in common at their start.
pub(crate) fn shared_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// The form of a key that begins with the hash of what follows, and of that what is stored: of all of it, or of what ends with the first two zero bytes.
fn without_hash(key: &[u8]) -> Option<(KeyForm, &[u8])> {
    let (hash, rest) = key.split_first_chunk::<HASH_BYTES>()?;
    if hash_of(rest) == *hash {
        return Some(match rest.strip_suffix(&END) {
            Some(stored) => (KeyForm::HashOfAllEnded, stored),
            None => (KeyForm::HashOfAll, rest),
        });
    }
    let hashed_bytes = rest.windows(END.len()).position(|bytes| bytes == END)? + END.len();
    (hash_of(&rest[..hashed_bytes]) == *hash).then_some((KeyForm::HashOf(hashed_bytes), rest))
}

fn hash_of(bytes: &[u8]) -> [u8; HASH_BYTES] {
    xxh3_64(bytes).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastrand::Rng;
    use std::collections::BTreeSet;

    /// Keys of all forms: with the hash of all that follows, of a part, of nothing that is there; with and without ends.
    fn random_key(random: &mut Rng) -> Vec<u8> {
        let mut part: Vec<u8> = (0..random.usize(..6)).map(|_| random.u8(..3)).collect();
        if random.bool() {
            part.extend_from_slice(&END);
        }
        let hash = match random.u8(..4) {
            0 => return part,
            // Of something else, now and then of the same rest.
            1 => [random.u8(..2); HASH_BYTES],
            _ => hash_of(&part),
        };
        let sort_key = (0..random.usize(..3)).map(|_| random.u8(..3));
        hash.into_iter().chain(part).chain(sort_key).collect()
    }

    #[test]
    fn keys_come_back_and_are_told_apart() {
        let mut random = Rng::with_seed(3);
        let keys: BTreeSet<Vec<u8>> = (0..600).map(|_| random_key(&mut random)).collect();
        let (mut forms, mut assembled) = (BTreeSet::new(), Vec::new());
        for (place, head) in keys.iter().enumerate() {
            for key in keys.iter().skip(place + 1).step_by(1 + place % 7) {
                let stored = StoredKey::behind(head, key);
                let mut bytes = Vec::new();
                stored.encode(1, &mut bytes);
                forms.insert(bytes[0] >> KIND_BITS & FORM_MASK);
                assert!(stored.fits(head), "{stored:?} behind {head:?}");
                stored.assemble(head, &mut assembled);
                assert_eq!(&assembled, key);
                assert!(stored.is(&SoughtInInterval::new(head, key)));
                for other in keys.iter().skip(place + 1).step_by(29) {
                    let sought = SoughtInInterval::new(head, other);
                    assert_eq!(stored.is(&sought), key == other, "{stored:?} and {other:?}");
                    assert_eq!(stored.order(head, &sought, &mut assembled), key.cmp(other), "{stored:?} to {other:?}");
                }
            }
        }
        assert_eq!(forms.len(), 4, "all forms were met");
    }

    #[test]
    fn a_key_that_is_its_hash_and_text_is_stored_without_both_ends() {
        let key = |text: &[u8]| [hash_of(text).as_slice(), text].concat();
        let (head, other) = (key(b"user1\0\0"), key(b"user23\0\0"));
        let stored = StoredKey::behind(&head, &other);
        assert_eq!(stored, StoredKey { form: KeyForm::HashOfAllEnded, shared_bytes: 4, suffix: b"23" });
        let sorted = [other.as_slice(), b"sort key"].concat();
        let form = KeyForm::HashOf(8);
        let expected = StoredKey { form, shared_bytes: 4, suffix: b"23\0\0sort key" };
        assert_eq!(StoredKey::behind(&head, &sorted), expected);
        let next = [other.as_slice(), b"sorted"].concat();
        let expected = StoredKey { form: KeyForm::Whole, shared_bytes: other.len() + 4, suffix: b"ed" };
        assert_eq!(StoredKey::behind(&sorted, &next), expected, "the hash is shared");
    }

    #[test]
    fn what_does_not_fit_its_interval_is_refused() {
        let stored = |form, shared_bytes| StoredKey { form, shared_bytes, suffix: b"x" };
        for form in [KeyForm::HashOf(1), KeyForm::HashOfAll, KeyForm::HashOfAllEnded] {
            assert!(stored(form, 2).fits(b"12345678ab"));
            assert!(!stored(form, 3).fits(b"12345678ab"));
            assert!(!stored(form, 0).fits(b"1234567"));
            assert!(!stored(form, usize::MAX).fits(b"12345678ab"));
        }
        assert!(!stored(KeyForm::HashOf(4), 2).fits(b"12345678ab"));
        assert!(!stored(KeyForm::HashOf(usize::MAX), 2).fits(b"12345678ab"));
    }
}
