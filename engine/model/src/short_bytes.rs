//! Bytes that lie in the value itself while they are few, and in shared memory when they are many.
//!
//! Keys and names are short, and a request has several: a count of references for each, which is an atomic one, takes longer than to copy them.
//! Not for items and frames: those are `Bytes`.

use bytes::Bytes;
use std::cmp::Ordering;
use std::ops::Deref;

/// Immutable bytes: up to `IN_PLACE` of them in place. They compare as the slice does, wherever they lie.
///
/// Invariant: `length` is at most `IN_PLACE`; what follows in `bytes` is zero.
#[derive(Clone)]
pub(crate) enum ShortBytes<const IN_PLACE: usize> {
    /// These.
    InPlace { length: u8, bytes: [u8; IN_PLACE] },
    /// Those.
    Shared(Bytes),
}

impl<const IN_PLACE: usize> ShortBytes<IN_PLACE> {
    /// A copy.
    #[inline]
    pub(crate) fn copy_of(bytes: &[u8]) -> Self {
        Self::in_place(bytes).unwrap_or_else(|| Self::Shared(Bytes::copy_from_slice(bytes)))
    }

    /// A part of shared memory: a copy if it is short, else it goes on sharing.
    #[inline]
    pub(crate) fn part_of(whole: &Bytes, part: &[u8]) -> Self {
        Self::in_place(part).unwrap_or_else(|| Self::Shared(whole.slice_ref(part)))
    }

    #[inline]
    fn in_place(given: &[u8]) -> Option<Self> {
        let mut bytes = [0; IN_PLACE];
        bytes.get_mut(..given.len())?.copy_from_slice(given);
        let length = u8::try_from(given.len()).ok()?;
        Some(Self::InPlace { length, bytes })
    }
}

impl<const IN_PLACE: usize> Deref for ShortBytes<IN_PLACE> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::InPlace { length, bytes } => &bytes[..usize::from(*length)],
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<const IN_PLACE: usize> From<Bytes> for ShortBytes<IN_PLACE> {
    fn from(bytes: Bytes) -> Self {
        Self::in_place(&bytes).unwrap_or(Self::Shared(bytes))
    }
}

impl<const IN_PLACE: usize> PartialEq for ShortBytes<IN_PLACE> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<const IN_PLACE: usize> Eq for ShortBytes<IN_PLACE> {}

impl<const IN_PLACE: usize> PartialOrd for ShortBytes<IN_PLACE> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const IN_PLACE: usize> Ord for ShortBytes<IN_PLACE> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ones_are_copied_and_long_ones_shared() {
        let whole = Bytes::from((0..=255_u8).collect::<Vec<_>>());
        for length in 0..=whole.len() {
            let part = &whole[whole.len() - length..];
            let short = ShortBytes::<20>::part_of(&whole, part);
            assert_eq!(&*short, part);
            assert_eq!(&*ShortBytes::<20>::copy_of(part), part);
            assert_eq!(&*ShortBytes::<20>::from(whole.slice(..length)), &whole[..length]);
            assert_eq!(short.as_ptr() == part.as_ptr(), length > 20, "{length} bytes");
            assert_eq!(matches!(short.clone(), ShortBytes::InPlace { .. }), length <= 20);
        }
    }
}
