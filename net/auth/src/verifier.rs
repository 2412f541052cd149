//! Whether a request is signed by someone who may call.
//!
//! One per core, in the codec of its protocol; the access keys are shared by all. A request of a caller that has called lately
//! costs three hashes: of its body, of itself, and of what is signed.

use crate::access_keys::AccessKeys;
use crate::canonical::{self, Covered, Message, Moment, Parts, Signature, signing_key};
use crate::headers::{HEADER_COUNT_MAX, Headers, pieces};
use crate::presented::{Presented, SIGNATURE_PARAMETER};
use crate::time::{parse_time, time_text};
use crate::{ALGORITHM, TERMINATOR};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use model::{Error, ErrorKind};
use std::collections::HashMap;
use std::sync::Arc;

/// The service that requests have to be signed for.
const SERVICE: &str = "dynamodb";
/// Signing keys that are kept, of a KB each. A caller has one a day and region.
const SIGNING_KEY_COUNT_MAX: usize = 1024;
/// How far a request's time may be from the server's; how long a signature is good that says nothing else.
// DynamoDB: observed.
const SKEW_S_MAX: u64 = 15 * 60;
/// Longest that a signature in a query may be good: a week.
const VALID_S_MAX: u64 = 7 * 24 * 60 * 60;
/// Longest canonical request that is told to whose signature is wrong.
const TOLD_BYTES_MAX: usize = 8 << 10;

const TOKEN_INVALID: &str = "The security token included in the request is invalid.";
const SIGNATURE_WRONG: &str = "The request signature we calculated does not match the signature you provided. Check your \
    AWS Secret Access Key and signing method. Consult the service documentation for details.";

/// See the front page.
#[derive(Debug)]
pub struct Verifier {
    /// Without them whatever is presented is fine, and nothing is as well.
    access_keys: Option<Arc<AccessKeys>>,
    signing_keys: SigningKeys,
    scratch: Vec<u8>,
}

impl Verifier {
    /// One that asks nothing of anybody: for addresses that only this machine reaches.
    pub fn open() -> Verifier {
        Verifier { access_keys: None, signing_keys: SigningKeys::default(), scratch: Vec::new() }
    }

    /// One that lets those pass who sign with one of these keys.
    pub fn new(access_keys: Arc<AccessKeys>) -> Verifier {
        Verifier { access_keys: Some(access_keys), ..Verifier::open() }
    }

    /// Checks the signature of a request that comes in at `now_s`, in seconds since 1970 began.
    ///
    /// # Errors
    /// What DynamoDB says to such a request, in its order.
    // DynamoDB: observed: the order of checks, and the texts.
    pub fn verify(&mut self, message: &Message<'_>, now_s: u64) -> Result<(), Error> {
        let Some(access_keys) = &self.access_keys else { return Ok(()) };
        let Some(parts) = Parts::of(message) else {
            return incomplete(format!("The request has more than {HEADER_COUNT_MAX} headers. "));
        };
        let presented = Presented::of(&parts.headers, &parts.query)?;
        check_time(&presented, now_s)?;
        check_signed_headers(&presented, &parts.headers)?;
        if presented.algorithm != ALGORITHM.as_bytes() {
            let algorithm = String::from_utf8_lossy(presented.algorithm);
            return incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}' (only {ALGORITHM} for now). "));
        }
        let credential = Credential::of(presented.credential)?;
        credential.check(presented.time)?;
        let Some(secret) = access_keys.secret(credential.access_key_id) else {
            return Err(Error::new(ErrorKind::UnrecognizedClient, TOKEN_INVALID));
        };
        let moment = Moment { time: presented.time, scope: credential.scope };
        let left_out = presented.is_in_query.then_some(SIGNATURE_PARAMETER);
        let covered = Covered { signed_headers: presented.signed_headers, left_out };
        self.signing_keys.check_with(&credential, secret, |key| {
            check_signature(&canonical::sign(key, moment, &parts, covered, &mut self.scratch), presented.signature)
        })?;
        if presented.has_session_token {
            // Nobody here hands out temporary credentials.
            return Err(Error::new(ErrorKind::UnrecognizedClient, TOKEN_INVALID));
        }
        Ok(())
    }
}

/// Whose signature it is, and for what.
struct Credential<'c> {
    /// All of it.
    text: &'c [u8],
    access_key_id: &'c [u8],
    /// All behind that.
    scope: &'c [u8],
    date: &'c [u8],
    region: &'c [u8],
    service: &'c [u8],
    terminator: &'c [u8],
}

impl<'c> Credential<'c> {
    fn of(text: &'c [u8]) -> Result<Credential<'c>, Error> {
        // DynamoDB: observed: slashes at the end do not count.
        let end = text.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
        let mut parts = text[..end].split(|byte| *byte == b'/');
        let mut part = || parts.next().unwrap_or_default();
        let (access_key_id, date, region, service, terminator) = (part(), part(), part(), part(), part());
        if terminator.is_empty() || parts.next().is_some() {
            let text = String::from_utf8_lossy(text);
            return incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{text}'"
            ));
        }
        let scope = &text[access_key_id.len() + 1..end];
        Ok(Credential { text: &text[..end], access_key_id, scope, date, region, service, terminator })
    }

    /// Whether it is for this service, and of the day of the request. Any region will do: there is one, and clients call it as they like.
    fn check(&self, time: &[u8]) -> Result<(), Error> {
        let date = &time[..8];
        if self.service == SERVICE.as_bytes() && self.terminator == TERMINATOR.as_bytes() && self.date == date {
            return Ok(());
        }
        let mut text = String::new();
        if self.service != SERVICE.as_bytes() {
            text += &format!("Credential should be scoped to correct service: '{SERVICE}'. ");
        }
        if self.terminator != TERMINATOR.as_bytes() {
            let terminator = String::from_utf8_lossy(self.terminator);
            text +=
                &format!("Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'. ");
        }
        if self.date != date {
            let [scoped, date, time] = [self.date, date, time].map(String::from_utf8_lossy);
            text += &format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scoped}' != \
                 '{date}', from '{time}'."
            );
        }
        invalid(text)
    }
}

/// The keys of those who have called: making one takes four hashes.
#[derive(Debug, Default)]
struct SigningKeys {
    /// By access key and scope.
    keys: HashMap<Vec<u8>, hmac::Key>,
}

impl SigningKeys {
    /// Runs `check` with the signing key of a credential. One that is new is kept if the check goes well: others than its owner
    /// cannot fill the place. With too many all are made anew.
    fn check_with(
        &mut self,
        credential: &Credential<'_>,
        secret: &str,
        check: impl FnOnce(&hmac::Key) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(key) = self.keys.get(credential.text) {
            return check(key);
        }
        let key = signing_key(secret, credential.date, credential.region, credential.service);
        check(&key)?;
        if self.keys.len() == SIGNING_KEY_COUNT_MAX {
            self.keys.clear();
        }
        self.keys.insert(credential.text.to_vec(), key);
        Ok(())
    }
}

fn check_time(presented: &Presented<'_>, now_s: u64) -> Result<(), Error> {
    let text = || String::from_utf8_lossy(presented.time);
    let Some(time_s) = parse_time(presented.time) else {
        return incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            text()
        ));
    };
    let valid_s = valid_s(presented.expires)?;
    if time_s.saturating_add(valid_s) < now_s {
        let (earliest, minutes) = (time_text(now_s - valid_s), valid_s / 60);
        return invalid(format!(
            "Signature expired: {} is now earlier than {earliest} ({} - {minutes} min.)",
            text(),
            time_text(now_s)
        ));
    }
    if time_s > now_s.saturating_add(SKEW_S_MAX) {
        let (latest, minutes) = (time_text(now_s + SKEW_S_MAX), SKEW_S_MAX / 60);
        return invalid(format!(
            "Signature not yet current: {} is still later than {latest} ({} + {minutes} min.)",
            text(),
            time_text(now_s)
        ));
    }
    Ok(())
}

/// How long a signature is good.
fn valid_s(expires: Option<&[u8]>) -> Result<u64, Error> {
    let Some(digits) = expires else { return Ok(SKEW_S_MAX) };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    match number.filter(|number| (1..=VALID_S_MAX).contains(number)) {
        Some(number) => Ok(number),
        None => incomplete(format!("X-Amz-Expires must be a number of seconds from 1 to {VALID_S_MAX}.")),
    }
}

/// The host has to be signed, and the name of the operation where there is one: else the same signature would do for another. No name stands
/// twice, so that no more is signed than was sent.
fn check_signed_headers(presented: &Presented<'_>, headers: &Headers<'_>) -> Result<(), Error> {
    let mut names = [&[][..]; HEADER_COUNT_MAX];
    let mut count = 0;
    for name in pieces(presented.signed_headers, b';') {
        if count == names.len() {
            return invalid(format!("More than {HEADER_COUNT_MAX} headers in 'SignedHeaders'."));
        }
        if names[..count].iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
            return invalid(format!("'{}' stands twice in 'SignedHeaders'.", String::from_utf8_lossy(name)));
        }
        names[count] = name;
        count += 1;
    }
    let is_signed = |header: &[u8]| names[..count].iter().any(|name| name.eq_ignore_ascii_case(header));
    if !is_signed(b"host") {
        return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned());
    }
    if !is_signed(b"x-amz-target") && headers.value("x-amz-target").is_some() {
        return invalid("'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.".to_owned());
    }
    Ok(())
}

fn check_signature(made: &Signature<'_>, presented: &[u8]) -> Result<(), Error> {
    let digits = canonical::hexadecimal(made.tag.as_ref());
    if verify_slices_are_equal(&digits, presented).is_ok() {
        return Ok(());
    }
    if made.canonical_request.len() > TOLD_BYTES_MAX {
        return invalid(SIGNATURE_WRONG.to_owned());
    }
    let [canonical_request, text_to_sign] = [made.canonical_request, made.text_to_sign].map(String::from_utf8_lossy);
    invalid(format!(
        "{SIGNATURE_WRONG}\n\nThe Canonical String for this request should have been\n'{canonical_request}'\n\n\
         The String-to-Sign should have been\n'{text_to_sign}'\n"
    ))
}

fn incomplete<T>(text: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::IncompleteSignature, text))
}

fn invalid<T>(text: String) -> Result<T, Error> {
    Err(Error::new(ErrorKind::InvalidSignature, text))
}

#[cfg(test)]
mod tests;
