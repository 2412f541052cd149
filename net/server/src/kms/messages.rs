//! What is said to a key service and what it answers: AWS KMS's JSON, as far as it is needed.
//!
//! Any bytes may come as an answer, and never panic. Plain keys are wiped: the body, and what is decoded of it. Deliberately not here: how it gets there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::{Secret, WrappedKey};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::{Zeroize, Zeroizing};

/// Characters of what a service says that are shown.
const MESSAGE_LENGTH_MAX: usize = 400;
/// A plain key of 32 bytes in base64, and room to see that it is longer.
const PLAIN_TEXT_BYTES_MAX: usize = 64;

/// What the service authenticates with each key, as `FORMAT.md` of the engine's room `security` says.
#[derive(Serialize)]
struct EncryptionContext {
    stator: &'static str,
}

const CONTEXT: EncryptionContext = EncryptionContext { stator: "master key" };

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey<'k> {
    key_id: &'k str,
    key_spec: &'static str,
    encryption_context: EncryptionContext,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'k> {
    key_id: &'k str,
    ciphertext_blob: String,
    encryption_context: EncryptionContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
    ciphertext_blob: String,
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Unwrapped<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default, rename = "__type")]
    name: String,
    #[serde(default, alias = "Message")]
    message: String,
}

/// The body of a request for a new key.
pub(crate) fn encode_generate(key_id: &str) -> Vec<u8> {
    let request = GenerateDataKey { key_id, key_spec: "AES_256", encryption_context: CONTEXT };
    serde_json::to_vec(&request).expect("texts can be written as JSON")
}

/// The body of a request to unwrap a key.
pub(crate) fn encode_decrypt(wrapped: &WrappedKey) -> Vec<u8> {
    let request = Decrypt {
        key_id: wrapped.service_key(),
        ciphertext_blob: STANDARD.encode(wrapped.blob()),
        encryption_context: CONTEXT,
    };
    serde_json::to_vec(&request).expect("texts can be written as JSON")
}

/// A new key, or what is wrong with the answer.
pub(crate) fn decode_made(body: &[u8]) -> Result<(Secret, WrappedKey), String> {
    let made: Made<'_> = serde_json::from_slice(body).map_err(|error| told(&error))?;
    let secret = decode_secret(made.plaintext)?;
    let blob = STANDARD.decode(&made.ciphertext_blob).map_err(|_| "its CiphertextBlob is not base64".to_owned())?;
    let wrapped = WrappedKey::new(&made.key_id, &blob).map_err(|wrong| format!("it gives {wrong}"))?;
    Ok((secret, wrapped))
}

/// An unwrapped key, or what is wrong with the answer.
pub(crate) fn decode_unwrapped(body: &[u8]) -> Result<Secret, String> {
    let unwrapped: Unwrapped<'_> = serde_json::from_slice(body).map_err(|error| told(&error))?;
    decode_secret(unwrapped.plaintext)
}

/// The name of an error and what is said about it; both may be empty.
pub(crate) fn decode_refusal(body: &[u8]) -> (String, String) {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    // The name may stand behind that of a service: `com.amazonaws.kms#DisabledException`.
    let name = refusal.name.rsplit('#').next().unwrap_or_default();
    (shown(name), shown(&refusal.message))
}

/// Of a text from outside, what may stand in one line.
pub(crate) fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MESSAGE_LENGTH_MAX).collect()
}

fn decode_secret(mut text: Cow<'_, str>) -> Result<Secret, String> {
    let secret = decode_plain(&text);
    if let Cow::Owned(text) = &mut text {
        text.zeroize();
    }
    secret.ok_or_else(|| format!("its Plaintext is not {} bytes in base64", Secret::BYTES))
}

fn decode_plain(text: &str) -> Option<Secret> {
    if text.len() > PLAIN_TEXT_BYTES_MAX {
        return None;
    }
    let mut bytes = Zeroizing::new([0; PLAIN_TEXT_BYTES_MAX]);
    let length = STANDARD.decode_slice(text, &mut *bytes).ok()?;
    let key = bytes.first_chunk().filter(|_| length == Secret::BYTES)?;
    Some(Secret::new(*key))
}

/// Where JSON goes wrong: nothing of what stands there, which may be a key.
fn told(error: &serde_json::Error) -> String {
    format!("it is not the JSON of such an answer (line {} column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> String {
        STANDARD.encode([7; 32])
    }

    #[test]
    fn requests_are_those_of_kms() {
        let text = |body: Vec<u8>| String::from_utf8(body).unwrap();
        assert_eq!(
            text(encode_generate("alias/x")),
            r#"{"KeyId":"alias/x","KeySpec":"AES_256","EncryptionContext":{"stator":"master key"}}"#
        );
        assert_eq!(
            text(encode_decrypt(&WrappedKey::new("k", b"blob").unwrap())),
            r#"{"KeyId":"k","CiphertextBlob":"YmxvYg==","EncryptionContext":{"stator":"master key"}}"#
        );
    }

    #[test]
    fn answers_are_read_and_whatever_else_comes_is_refused() {
        let made = format!(r#"{{"CiphertextBlob":"YmxvYg==","KeyId":"arn:k","Plaintext":"{}","More":[1]}}"#, plain());
        let (secret, wrapped) = decode_made(made.as_bytes()).unwrap();
        assert_eq!((secret, wrapped), (Secret::new([7; 32]), WrappedKey::new("arn:k", b"blob").unwrap()));
        let escaped = format!(r#"{{"Plaintext":"{}"}}"#, plain().replace('=', r"\u003d"));
        assert_eq!(decode_unwrapped(escaped.as_bytes()), Ok(Secret::new([7; 32])));
        for end in 0..made.len() {
            decode_made(&made.as_bytes()[..end]).unwrap_err();
        }
        for wrong in [
            made.replace("YmxvYg==", "YmxvYg"),
            made.replace("YmxvYg==", ""),
            made.replace("arn:k", "two words"),
            made.replace("arn:k", ""),
            made.replace("KeyId", "Key"),
            made.replace(&plain(), ""),
            made.replace(&plain(), &STANDARD.encode([7; 31])),
            made.replace(&plain(), &STANDARD.encode([7; 33])),
            made.replace(&plain(), &STANDARD.encode([7; 48])),
            made.replace(&plain(), &"A".repeat(100)),
            made.replace(&plain(), "!"),
            format!("[{made}]"),
            "null".to_owned(),
        ] {
            let told = decode_made(wrong.as_bytes()).unwrap_err();
            assert!(!told.contains(&plain()), "a key is not told: {told}");
        }
        decode_made(&[0xff, 0xfe]).unwrap_err();
    }

    #[test]
    fn refusals_are_read_as_far_as_they_go() {
        let check = |body: &str, name: &str, message: &str| {
            assert_eq!(decode_refusal(body.as_bytes()), (name.to_owned(), message.to_owned()));
        };
        check(r#"{"__type":"DisabledException","message":"x is disabled."}"#, "DisabledException", "x is disabled.");
        check(r#"{"__type":"a.b#NotFoundException","Message":"one\ntwo"}"#, "NotFoundException", "onetwo");
        check(r#"{"message":"only"}"#, "", "only");
        check("<html>", "", "");
        assert_eq!(decode_refusal(format!(r#"{{"message":"{}"}}"#, "m".repeat(5_000)).as_bytes()).1.len(), 400);
    }
}
