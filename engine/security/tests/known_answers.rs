//! The cipher and the derivation against published answers.

#![allow(clippy::unwrap_used)] // A test stops at what it did not expect.

use security::{Cipher, NotAuthentic, Secret, TAG_BYTES};

fn bytes(digits: &str) -> Vec<u8> {
    let digits = digits.trim_matches('-');
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn cases(text: &str) -> impl Iterator<Item = Vec<Vec<u8>>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').map(bytes).collect())
}

#[test]
fn the_cipher_gives_the_published_answers_and_refuses_every_flip() {
    let mut count = 0;
    for case in cases(include_str!("data/aes-256-gcm.txt")) {
        let [key, nonce, bound, plain, sealed, tag] = &case[..] else { panic!("six fields") };
        let cipher = Cipher::new(&Secret::new(key[..].try_into().unwrap()));
        let nonce = nonce[..].try_into().unwrap();
        let mut out = vec![0; plain.len() + TAG_BYTES];
        cipher.seal(nonce, bound, plain, &mut out);
        assert_eq!(out, [&sealed[..], &tag[..]].concat());
        let mut opened = vec![0; plain.len()];
        assert_eq!(cipher.open(nonce, bound, &out, &mut opened), Ok(()));
        assert_eq!(&opened, plain);
        for bit in 0..out.len() * 8 {
            out[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(cipher.open(nonce, bound, &out, &mut opened), Err(NotAuthentic), "flip of bit {bit} passes");
            out[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(cipher.open(nonce, b"else", &out, &mut opened), Err(NotAuthentic));
        assert_eq!(cipher.open([9; 12], bound, &out, &mut opened), Err(NotAuthentic));
        assert_eq!(cipher.open(nonce, bound, &out[..TAG_BYTES - 1], &mut []), Err(NotAuthentic));
        count += 1;
    }
    assert_eq!(count, 4);
}

#[test]
fn the_derivation_gives_the_published_answers() {
    for case in cases(include_str!("data/hkdf-sha256.txt")) {
        let [key, info, expected] = &case[..] else { panic!("three fields") };
        let mut out = [0; 32];
        Secret::new(key[..].try_into().unwrap()).derive(&[info], &mut out);
        assert_eq!(out[..], expected[..]);
    }
}
