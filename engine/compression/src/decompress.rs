//! From streams of codewords to plain bytes. Takes any bytes and never panics.

use crate::code::{Code, Step, WINDOW_COUNT};
use crate::compress::{STREAM_COUNT, size_bytes};
use crate::lengths::LENGTH_MAX;
use std::fmt;

const WORD_BYTES: usize = 8;
/// Steps between two looks at where a stream's bits lie: of a word 57 bits are whole at any place, and a step takes twelve at most. They come to a word of
/// bytes at most.
const STEP_COUNT: usize = 4;
const ROUND_BITS_MAX: usize = STEP_COUNT * LENGTH_MAX as usize;
const ROUND_BYTES_MAX: usize = STEP_COUNT * 2;
// Both fit into a step's fields, and the bits into a word from any place.
const _: () = assert!(ROUND_BITS_MAX <= 57 && ROUND_BYTES_MAX < 16);

/// These bytes were not compressed with this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("it was not compressed with its code")
    }
}

impl std::error::Error for Malformed {}

/// One stream on its way.
struct Stream<'o> {
    /// Of the next bit.
    position: usize,
    /// Behind the last byte.
    end: usize,
    /// What it comes to.
    out: &'o mut [u8],
    done: usize,
}

impl Code {
    /// Decompresses `compressed` into the whole of `out`, which is as long as the plain bytes were.
    ///
    /// # Errors
    /// [`Malformed`], also if `out` is empty. Nothing in `out` is of use then.
    pub fn decompress(&self, compressed: &[u8], out: &mut [u8]) -> Result<(), Malformed> {
        let [mut first, mut second, mut third, mut fourth] = streams(compressed, out).ok_or(Malformed)?;
        loop {
            let rounds = [&first, &second, &third, &fourth].map(|stream| stream.safe_rounds(compressed));
            let rounds = rounds.into_iter().min().expect("there are four");
            if rounds == 0 {
                break;
            }
            for _ in 0..rounds {
                first.read_some(self, compressed);
                second.read_some(self, compressed);
                third.read_some(self, compressed);
                fourth.read_some(self, compressed);
            }
        }
        let are_whole = [first, second, third, fourth].map(|stream| stream.read_rest(self, compressed));
        if are_whole == [true; STREAM_COUNT] { Ok(()) } else { Err(Malformed) }
    }

    /// What the next twelve bits begin with.
    #[inline]
    fn step(&self, word: u64) -> Step {
        let [low, high, ..] = word.to_le_bytes();
        self.steps[usize::from(u16::from_le_bytes([low, high])) % WINDOW_COUNT]
    }
}

impl Stream<'_> {
    /// How often [`Stream::read_some`] finds what it reads, and room for what it writes.
    #[inline]
    fn safe_rounds(&self, compressed: &[u8]) -> usize {
        // A step writes a byte more than it may come to.
        let words = (self.out.len() - self.done).saturating_sub(1) / ROUND_BYTES_MAX;
        let bits = (compressed.len() * 8).saturating_sub(self.position + WORD_BYTES * 8);
        words.min(bits / ROUND_BITS_MAX)
    }

    /// Reads [`STEP_COUNT`] times one or two codewords.
    #[inline(always)]
    fn read_some(&mut self, code: &Code, compressed: &[u8]) {
        let mut word = word_at(compressed, self.position);
        let out = &mut self.out[self.done..self.done + ROUND_BYTES_MAX + 1];
        let out: &mut [u8; ROUND_BYTES_MAX + 1] = out.try_into().expect("it is so long");
        let mut sum = Step::default();
        for _ in 0..STEP_COUNT {
            let step = code.step(word);
            // Below eight before the last one.
            let at = sum.count() % ROUND_BYTES_MAX;
            out[at..at + 2].copy_from_slice(&step.bytes());
            sum = sum.and(step);
            word >>= step.length();
        }
        self.done += sum.count();
        self.position += sum.length() as usize;
    }

    /// Reads what is left. Whether it ends where it should.
    #[inline]
    fn read_rest(mut self, code: &Code, compressed: &[u8]) -> bool {
        for _ in 0..self.safe_rounds(compressed) {
            self.read_some(code, compressed);
        }
        let end = self.end * 8;
        while self.done < self.out.len() && self.position < end {
            let mut word = word_at(compressed, self.position);
            for _ in 0..STEP_COUNT {
                let step = code.step(word);
                let (count, length) = match self.out.len() - self.done {
                    0 => break,
                    1 => (1, step.first_length()),
                    _ => (step.count(), step.length()),
                };
                self.out[self.done..self.done + count].copy_from_slice(&step.bytes()[..count]);
                self.done += count;
                self.position += length as usize;
                word >>= length;
            }
        }
        if self.done < self.out.len() || self.position > end || end - self.position >= 8 {
            return false;
        }
        let padding = word_at(compressed, self.position) & ((1 << (end - self.position)) - 1);
        padding == 0
    }
}

/// The streams at their beginnings; `None` if they reach past the end.
fn streams<'o>(compressed: &[u8], out: &'o mut [u8]) -> Option<[Stream<'o>; STREAM_COUNT]> {
    let size_bytes = size_bytes(out.len());
    let part_bytes = out.len().div_ceil(STREAM_COUNT);
    let sizes_bytes = (STREAM_COUNT - 1) * size_bytes;
    let mut begin = sizes_bytes;
    let mut ends = [compressed.len(); STREAM_COUNT];
    for (stream, end) in ends.iter_mut().enumerate().take(STREAM_COUNT - 1) {
        let size_at = stream * size_bytes;
        let mut size = [0; WORD_BYTES];
        size[..size_bytes].copy_from_slice(compressed.get(size_at..size_at + size_bytes)?);
        *end = begin.checked_add(usize::try_from(u64::from_le_bytes(size)).ok()?)?;
        begin = *end;
    }
    if out.is_empty() || begin > compressed.len() {
        return None;
    }
    let mut rest = out;
    let mut begin = sizes_bytes;
    Some(ends.map(|end| {
        let part_bytes = part_bytes.min(rest.len());
        let (part, behind) = std::mem::take(&mut rest).split_at_mut(part_bytes);
        rest = behind;
        Stream { position: std::mem::replace(&mut begin, end) * 8, end, out: part, done: 0 }
    }))
}

/// The bits from `position` on, at least 57 of them; zeros behind the end.
#[inline]
fn word_at(compressed: &[u8], position: usize) -> u64 {
    let at = position / 8;
    let word = match compressed.get(at..at + WORD_BYTES) {
        Some(bytes) => u64::from_le_bytes(bytes.try_into().expect("eight bytes")),
        None => {
            let rest = compressed.get(at..).unwrap_or_default();
            let mut bytes = [0; WORD_BYTES];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(bytes)
        }
    };
    word >> (position % 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Histogram;
    use fastrand::Rng;

    fn random(seed: u64) -> Rng {
        println!("seed {seed}");
        Rng::with_seed(seed)
    }

    /// Bytes of a few kinds, some often and some never.
    fn drawn(random: &mut Rng, length: usize, kinds: u8) -> Vec<u8> {
        (0..length).map(|_| b'0'.wrapping_add(random.u8(..kinds) & random.u8(..))).collect()
    }

    fn code_of(bytes: &[u8]) -> Code {
        let mut histogram = Histogram::default();
        histogram.add(bytes);
        Code::of(&histogram)
    }

    #[test]
    fn bytes_come_back_whatever_their_length() {
        let mut random = random(1);
        let code = code_of(&drawn(&mut random, 100_000, 64));
        let mut compressed = vec![0; Code::room_bytes(300_000)];
        for length in (0..700).chain([4095, 65_535, 65_536, 65_537, 300_000]) {
            let bytes = drawn(&mut random, length, 64);
            let Some(taken) = code.compress(&bytes, &mut compressed) else {
                assert!(length < 48, "{length} bytes are worth it");
                continue;
            };
            assert!(taken < bytes.len() - bytes.len() / 16);
            let mut plain = vec![1; length];
            assert_eq!(code.decompress(&compressed[..taken], &mut plain), Ok(()), "{length} bytes");
            assert_eq!(plain, bytes);
            assert_eq!(code.decompress(&compressed[..taken], &mut []), Err(Malformed));
        }
    }

    #[test]
    fn bytes_that_were_never_counted_come_back_too() {
        let mut random = random(2);
        let code = code_of(&[b'a'; 1_000_000]);
        let mut compressed = vec![0; Code::room_bytes(4_000)];
        let mut bytes = vec![b'a'; 4_000];
        (0..=u8::MAX).for_each(|byte| bytes[random.usize(..4_000)] = byte);
        let taken = code.compress(&bytes, &mut compressed).unwrap();
        let mut plain = vec![0; 4_000];
        assert_eq!(code.decompress(&compressed[..taken], &mut plain), Ok(()));
        assert_eq!(plain, bytes);
    }

    #[test]
    fn what_would_not_become_shorter_is_left_alone() {
        let mut random = random(3);
        let noise: Vec<u8> = (0..10_000).map(|_| random.u8(..)).collect();
        let text = drawn(&mut random, 10_000, 64);
        let mut compressed = vec![0; Code::room_bytes(1_000)];
        assert_eq!(code_of(&noise).compress(&noise[..1_000], &mut compressed), None);
        assert_eq!(code_of(&text).compress(&noise[..1_000], &mut compressed), None);
        assert_eq!(code_of(&text).compress(&[], &mut compressed), None);
        assert!(code_of(&text).compress(&text[..1_000], &mut compressed).is_some());
    }

    #[test]
    fn a_code_is_kept_in_128_bytes() {
        let code = code_of(&drawn(&mut random(4), 100_000, 200));
        let mut kept = code.encode();
        assert_eq!(Code::decode(&kept).as_ref(), Some(&code));
        kept[9] ^= 1;
        assert_eq!(Code::decode(&kept), None);
        assert_eq!(Code::decode(&[0; 128]), None);
        assert_eq!(Code::decode(&[0xFF; 128]), None);
    }

    /// 6.0 bits of 64 alike, and what the other 192 take.
    #[test]
    fn a_code_is_as_short_as_its_bytes_allow() {
        let mut random = random(5);
        let bytes: Vec<u8> = (0..100_000).map(|_| 0x20 + random.u8(..64)).collect();
        let mut histogram = Histogram::default();
        histogram.add(&bytes);
        let bits = Code::of(&histogram).bits(&histogram) as f64 / 100_000.0;
        assert!((6.0..6.1).contains(&bits), "{bits} bits a byte");
    }

    #[test]
    fn damage_is_refused_or_comes_to_as_many_bytes_and_never_panics() {
        let mut random = random(6);
        let code = code_of(&drawn(&mut random, 100_000, 64));
        let bytes = drawn(&mut random, 900, 64);
        let (mut compressed, mut plain) = (vec![0; Code::room_bytes(900)], vec![0; 900]);
        let taken = code.compress(&bytes, &mut compressed).unwrap();
        compressed.truncate(taken);
        for length in 0..taken {
            assert_eq!(code.decompress(&compressed[..length], &mut plain), Err(Malformed), "cut at {length}");
        }
        let mut refused_count = 0;
        for bit in 0..taken * 8 {
            compressed[bit / 8] ^= 1 << (bit % 8);
            match code.decompress(&compressed, &mut plain) {
                Ok(()) => assert_ne!(plain, bytes, "bit {bit} means nothing"),
                Err(Malformed) => refused_count += 1,
            }
            compressed[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(refused_count > taken, "{refused_count} of {} flips are refused", taken * 8);
        for _ in 0..20_000 {
            let noise: Vec<u8> = (0..random.usize(..80)).map(|_| random.u8(..)).collect();
            let length = random.usize(..=900);
            let _ = code.decompress(&noise, &mut plain[..length]);
        }
    }
}
