//! Packed bodies: requests in gzip or deflate, answers in gzip.
//!
//! Bounded on the way in: a body that unpacks past the body limit is refused before it is held. The caller decides
//! whether an answer is worth packing.

use std::io::{self, Read, Write};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::Compression;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::GzEncoder;

use super::head::ContentEncoding;
use crate::limits::BODY_BYTES_MAX;

/// Why a body does not unpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnpackError {
    /// It is not what its `Content-Encoding` says.
    Malformed,
    /// It holds more than a body may.
    TooLarge,
}

/// The body as its sender meant it. No copy when it is not packed.
pub(crate) fn unpack(body: Bytes, encoding: ContentEncoding) -> Result<Bytes, UnpackError> {
    match encoding {
        ContentEncoding::Identity => Ok(body),
        // DynamoDB: observed: the same answer as for a body that does not unpack.
        ContentEncoding::Unknown => Err(UnpackError::Malformed),
        // DynamoDB: observed: several gzip members behind one another are one body.
        ContentEncoding::Gzip => read_bounded(MultiGzDecoder::new(&body[..])),
        ContentEncoding::Deflate => {
            let mut rest = &body[..];
            let unpacked = read_bounded(ZlibDecoder::new(&mut rest))?;
            if rest.is_empty() { Ok(unpacked) } else { Err(UnpackError::Malformed) }
        }
    }
}

fn read_bounded(reader: impl Read) -> Result<Bytes, UnpackError> {
    let mut unpacked = Vec::new();
    let limit_bytes = BODY_BYTES_MAX as u64 + 1;
    reader.take(limit_bytes).read_to_end(&mut unpacked).map_err(|_| UnpackError::Malformed)?;
    if unpacked.len() > BODY_BYTES_MAX {
        return Err(UnpackError::TooLarge);
    }
    Ok(Bytes::from(unpacked))
}

/// Appends `body` to `out` as one gzip member.
pub(crate) fn pack_gzip(body: &[u8], out: &mut BytesMut) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out.writer(), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish().map(|_| ())
}

#[cfg(test)]
mod tests {
    use flate2::write::ZlibEncoder;

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        pack_gzip(body, &mut out).expect("memory takes every byte");
        out.to_vec()
    }

    fn deflate(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(body).expect("memory takes every byte");
        encoder.finish().expect("memory takes every byte")
    }

    fn check(packed: Vec<u8>, encoding: ContentEncoding, expect: Result<&[u8], UnpackError>) {
        let got = unpack(Bytes::from(packed), encoding);
        assert_eq!(got.as_deref(), expect.as_ref().copied(), "{encoding:?}");
    }

    #[test]
    fn bodies_unpack() {
        check(b"plain".to_vec(), ContentEncoding::Identity, Ok(b"plain"));
        check(b"plain".to_vec(), ContentEncoding::Unknown, Err(UnpackError::Malformed));
        check(gzip(b"{}"), ContentEncoding::Gzip, Ok(b"{}"));
        check([gzip(b"{\"a\""), gzip(b":1}")].concat(), ContentEncoding::Gzip, Ok(b"{\"a\":1}"));
        check(deflate(b"{}"), ContentEncoding::Deflate, Ok(b"{}"));
    }

    #[test]
    fn malformed_bodies_are_refused() {
        for encoding in [ContentEncoding::Gzip, ContentEncoding::Deflate] {
            let packed = if encoding == ContentEncoding::Gzip { gzip(b"hello hello") } else { deflate(b"hello hello") };
            for length in 0..packed.len() {
                check(packed[..length].to_vec(), encoding, Err(UnpackError::Malformed));
            }
            check([&packed[..], b"junk"].concat(), encoding, Err(UnpackError::Malformed));
            check(b"plain text".to_vec(), encoding, Err(UnpackError::Malformed));
        }
    }

    #[test]
    fn the_limit_is_on_the_unpacked_size() {
        let largest = vec![b' '; BODY_BYTES_MAX];
        check(gzip(&largest), ContentEncoding::Gzip, Ok(&largest));
        let larger = vec![b' '; BODY_BYTES_MAX + 1];
        check(gzip(&larger), ContentEncoding::Gzip, Err(UnpackError::TooLarge));
        check(deflate(&larger), ContentEncoding::Deflate, Err(UnpackError::TooLarge));
    }
}
