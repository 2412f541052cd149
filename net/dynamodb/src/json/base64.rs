//! Base64 as DynamoDB takes it: the standard alphabet, padded, and only in its one canonical form.

use std::borrow::Cow;

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;

/// Decodes `text` into `bytes`, which is emptied first.
pub(crate) fn decode(text: &str, bytes: &mut Vec<u8>) -> Result<(), Cow<'static, str>> {
    bytes.clear();
    if !text.len().is_multiple_of(4) {
        return Err(format!(
            "Base64 encoded length is expected a multiple of 4 bytes but found: {}",
            text.chars().count()
        )
        .into());
    }
    // DynamoDB: observed: spelt like this.
    STANDARD.decode_vec(text, bytes).map_err(|_| "Invalid last non-pad Base64 character dectected".into())
}

/// Appends `bytes` to `out` as base64.
pub(crate) fn encode(bytes: &[u8], out: &mut BytesMut) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).expect("four characters for three bytes");
    assert_eq!(start + written, out.len(), "base64 fills its room");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_decodes() {
        let check = |text: &str, expect: Result<&[u8], &str>| {
            let mut bytes = vec![1, 2, 3];
            let got = decode(text, &mut bytes).map(|()| bytes);
            assert_eq!(got.as_deref().map_err(AsRef::as_ref), expect, "{text:?}");
        };
        let invalid = Err("Invalid last non-pad Base64 character dectected");
        check("", Ok(b""));
        check("AQID", Ok(&[1, 2, 3]));
        check("AQI=", Ok(&[1, 2]));
        check("AQ==", Ok(&[1]));
        check("23456", Err("Base64 encoded length is expected a multiple of 4 bytes but found: 5"));
        check("AQ", Err("Base64 encoded length is expected a multiple of 4 bytes but found: 2"));
        check("=+/=", invalid);
        check("+/+=", invalid);
        check("AR==", invalid);
        check("AQ =", invalid);
        check("A-_=", invalid);
        check("====", invalid);
        check("AQ==AQ==", invalid);
    }

    #[test]
    fn every_length_comes_back() {
        for length in 0..50 {
            let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(37)).collect();
            let mut out = BytesMut::from(&b"x"[..]);
            encode(&bytes, &mut out);
            let mut decoded = Vec::new();
            decode(std::str::from_utf8(&out[1..]).unwrap(), &mut decoded).unwrap();
            assert_eq!(decoded, bytes);
        }
    }
}
