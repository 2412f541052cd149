//! Signs requests: the caller's side.
//!
//! One for each day, region and service; whoever holds it makes another when the day is over.

use crate::ALGORITHM;
use crate::TERMINATOR;
use crate::canonical::{self, Covered, Message, Moment, Parts, hexadecimal, signing_key};
use crate::credentials::Credentials;
use aws_lc_rs::hmac;
use std::fmt;

/// For which service a signature is good.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'s> {
    /// As `us-east-1`.
    pub region: &'s str,
    /// As `dynamodb`.
    pub service: &'s str,
}

/// See the front page.
pub struct Signer {
    key: hmac::Key,
    access_key_id: String,
    /// As `20150830T123600Z`.
    time: String,
    scope: String,
    scratch: Vec<u8>,
}

impl Signer {
    /// A signer of requests whose header `x-amz-date` is `time`, as [`crate::time_text`] writes it.
    ///
    /// # Panics
    /// If the time is not of that form.
    pub fn new(credentials: &Credentials, scope: Scope<'_>, time: &str) -> Signer {
        let Scope { region, service } = scope;
        let date = &time[..8];
        Signer {
            key: signing_key(&credentials.secret_access_key, date.as_bytes(), region.as_bytes(), service.as_bytes()),
            access_key_id: credentials.access_key_id.clone(),
            time: time.to_owned(),
            scope: format!("{date}/{region}/{service}/{TERMINATOR}"),
            scratch: Vec::new(),
        }
    }

    /// The value of the header `Authorization` for a request all of whose headers are signed.
    ///
    /// # Panics
    /// If there are more than 64 headers.
    pub fn authorization(&mut self, message: &Message<'_>) -> String {
        let parts = parts(message);
        let names = parts.headers.all().iter().map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase());
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        names.dedup();
        let names = names.join(";");
        let signature = self.signature(message, &names);
        self.authorization_of(&names, &signature)
    }

    /// The same header, from the names of the signed headers with `;` between them, and the signature.
    pub fn authorization_of(&self, signed_headers: &str, signature: &[u8; 64]) -> String {
        let signature = std::str::from_utf8(signature).expect("digits are text");
        let (id, scope) = (&self.access_key_id, &self.scope);
        format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}")
    }

    /// The signature, in digits. No allocation.
    ///
    /// # Panics
    /// If there are more than 64 headers.
    pub fn signature(&mut self, message: &Message<'_>, signed_headers: &str) -> [u8; 64] {
        let moment = Moment { time: self.time.as_bytes(), scope: self.scope.as_bytes() };
        let covered = Covered { signed_headers: signed_headers.as_bytes(), left_out: None };
        let made = canonical::sign(&self.key, moment, &parts(message), covered, &mut self.scratch);
        hexadecimal(made.tag.as_ref())
    }
}

fn parts<'m>(message: &Message<'m>) -> Parts<'m> {
    Parts::of(message).expect("a caller's own requests have few headers")
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({}, {})", self.access_key_id, self.scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of AWS's own test suite for Signature Version 4: its credentials, scope and time.
    fn check(request: (&str, &str), headers: &str, body: &str, (names, signature): (&str, &str)) {
        let credentials = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let scope = Scope { region: "us-east-1", service: "service" };
        let (method, target) = request;
        let headers = format!("Host:example.amazonaws.com\n{headers}X-Amz-Date:20150830T123600Z\n");
        let message = Message { method, target: target.as_bytes(), headers: headers.as_bytes(), body: body.as_bytes() };
        assert_eq!(
            Signer::new(&credentials, scope, "20150830T123600Z").authorization(&message),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, Signature={signature}"
            )
        );
    }

    #[test]
    fn signatures_are_those_of_the_test_suite() {
        let (post, plain) = (("POST", "/"), "host;x-amz-date");
        // post-vanilla
        check(post, "", "", (plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
        // post-header-value-case
        check(
            post,
            "My-Header1:VALUE1\n",
            "",
            ("host;my-header1;x-amz-date", "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
        );
        // post-x-www-form-urlencoded
        check(
            post,
            "Content-Type:application/x-www-form-urlencoded\n",
            "Param1=value1",
            ("content-type;host;x-amz-date", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        );
        // post-vanilla-query
        check(
            ("POST", "/?Param1=value1"),
            "",
            "",
            (plain, "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
        );
        // get-vanilla
        check(("GET", "/"), "", "", (plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
        // get-vanilla-query-order-key-case
        check(
            ("GET", "/?Param2=value2&Param1=value1"),
            "",
            "",
            (plain, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        );
        // post-sts-header-before
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        check(
            post,
            &format!("X-Amz-Security-Token:{token}\n"),
            "",
            (
                "host;x-amz-date;x-amz-security-token",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
        );
    }
}
