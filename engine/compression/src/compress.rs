//! From plain bytes to streams of codewords.

use crate::code::{Code, Codeword};
use crate::lengths::LENGTH_MAX;

/// Of a record every so many bytes are looked at before it is compressed: an odd distance, so that columns of what is laid out evenly take turns.
const SAMPLE_DISTANCE: usize = 7;
/// What does not become shorter by one part in so many stays as it is.
const SAVING_SHARE: usize = 16;
/// No more plain bytes are compressed.
const PLAIN_BYTES_MAX: usize = 1 << 30;
/// The most plain bytes for which sizes of streams take two bytes.
pub(crate) const SHORT_BYTES_MAX: usize = 65_535;
pub(crate) const STREAM_COUNT: usize = 4;
/// Bytes that a stream is written ahead of its end.
const SLACK_BYTES: usize = 8;
const _: () = assert!((SHORT_BYTES_MAX / STREAM_COUNT + 1) * LENGTH_MAX as usize / 8 < 1 << 16);

impl Code {
    /// The room that [`Code::compress`] needs for so many plain bytes, up to 1 GiB.
    pub const fn room_bytes(plain_bytes: usize) -> usize {
        STREAM_COUNT * (4 + SLACK_BYTES) + plain_bytes * LENGTH_MAX as usize / 8
    }

    /// Compresses `plain` into the beginning of `out`, which has [`Code::room_bytes`] at least. How many bytes that took; `None` if it is not worth it:
    /// `plain` is empty, longer than 1 GiB, or would not become shorter by a sixteenth.
    pub fn compress(&self, plain: &[u8], out: &mut [u8]) -> Option<usize> {
        let worth_bytes = plain.len() - plain.len() / SAVING_SHARE;
        if plain.is_empty() || plain.len() > PLAIN_BYTES_MAX || self.estimate_bytes(plain) >= worth_bytes {
            return None;
        }
        let size_bytes = size_bytes(plain.len());
        let mut at = (STREAM_COUNT - 1) * size_bytes;
        for (stream, part) in parts(plain).into_iter().enumerate() {
            let bytes = put_stream(&self.codewords, part, &mut out[at..]);
            at += bytes;
            if stream + 1 < STREAM_COUNT {
                let size_at = stream * size_bytes;
                out[size_at..size_at + size_bytes].copy_from_slice(&bytes.to_le_bytes()[..size_bytes]);
            }
        }
        (at < worth_bytes).then_some(at)
    }

    fn estimate_bytes(&self, plain: &[u8]) -> usize {
        let sampled = plain.iter().step_by(SAMPLE_DISTANCE);
        let count = sampled.len();
        let bits: usize = sampled.map(|byte| usize::from(self.lengths[usize::from(*byte)])).sum();
        plain.len() * bits / (count * 8)
    }
}

/// Bytes of the size of a stream.
pub(crate) fn size_bytes(plain_bytes: usize) -> usize {
    if plain_bytes <= SHORT_BYTES_MAX { 2 } else { 4 }
}

/// What each stream holds.
fn parts(plain: &[u8]) -> [&[u8]; STREAM_COUNT] {
    let part_bytes = plain.len().div_ceil(STREAM_COUNT);
    std::array::from_fn(|stream| {
        let end = plain.len().min((stream + 1) * part_bytes);
        &plain[end.min(stream * part_bytes)..end]
    })
}

/// Writes the codewords of `plain`; gives the bytes that they take.
fn put_stream(codewords: &[Codeword; 256], plain: &[u8], out: &mut [u8]) -> usize {
    // Bits that are not written as whole bytes yet: below eight between two rounds, so four codewords fit.
    let (mut pending, mut pending_count, mut at) = (0_u64, 0_u32, 0);
    let mut put = |bytes: &[u8]| {
        for byte in bytes {
            let Codeword { bits, length } = codewords[usize::from(*byte)];
            pending |= u64::from(bits) << pending_count;
            pending_count += u32::from(length);
        }
        out[at..at + SLACK_BYTES].copy_from_slice(&pending.to_le_bytes());
        at += (pending_count / 8) as usize;
        pending >>= pending_count & !7;
        pending_count &= 7;
        at + usize::from(pending_count > 0)
    };
    let (fours, rest) = plain.as_chunks::<4>();
    for four in fours {
        put(four);
    }
    put(rest)
}
