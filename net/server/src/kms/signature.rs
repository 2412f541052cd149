//! AWS Signature Version 4 of a POST: what makes the key service believe who asks.
//!
//! Pure: the time is an argument. The steps and their names are AWS's ("Create a signed AWS API request"). Only what the client sends can be signed: a
//! POST without a query, to a path of characters that need no encoding, all of whose headers are signed. Deliberately not here: where credentials come from,
//! and checking signatures of others.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256, Tag};
use dynamodb::calendar::{LAST_SECOND, civil};
use std::fmt;
use std::fmt::Write;
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who asks.
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: Zeroizing<String>,
    /// Of temporary credentials.
    pub(crate) session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({})", self.access_key_id)
    }
}

/// What is signed.
pub(crate) struct Post<'p> {
    /// Not empty, of characters that need no encoding.
    pub(crate) path: &'p str,
    /// All headers: names in lower case and in ascending order, values without blanks around them.
    pub(crate) headers: &'p [(&'p str, &'p str)],
    pub(crate) body: &'p [u8],
}

/// For which service a signature is good.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    pub(crate) region: &'s str,
    pub(crate) service: &'s str,
}

/// The value of the header `Authorization`. `time` is that of the header `x-amz-date`.
pub(crate) fn authorization(credentials: &Credentials, scope: Scope<'_>, post: &Post<'_>, time: &str) -> String {
    assert!(post.headers.is_sorted_by_key(|(name, _)| *name), "headers are signed in order");
    let date = &time[..8];
    let scope_text = format!("{date}/{}/{}/aws4_request", scope.region, scope.service);
    let names: Vec<&str> = post.headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");

    let mut canonical = format!("POST\n{}\n\n", post.path);
    post.headers.iter().for_each(|(name, value)| {
        writeln!(canonical, "{name}:{value}").expect("writing to memory does not fail");
    });
    write!(canonical, "\n{names}\n{}", hexadecimal(digest(&SHA256, post.body).as_ref()))
        .expect("writing to memory does not fail");

    let hashed = hexadecimal(digest(&SHA256, canonical.as_bytes()).as_ref());
    let to_sign = format!("{ALGORITHM}\n{time}\n{scope_text}\n{hashed}");

    let first = Zeroizing::new(format!("AWS4{}", *credentials.secret_access_key));
    let of_date = hmac(first.as_bytes(), date);
    let of_region = hmac(of_date.as_ref(), scope.region);
    let of_service = hmac(of_region.as_ref(), scope.service);
    let signing_key = hmac(of_service.as_ref(), "aws4_request");
    let signature = hexadecimal(hmac(signing_key.as_ref(), &to_sign).as_ref());
    format!(
        "{ALGORITHM} Credential={}/{scope_text}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    )
}

/// The time as signatures have it: `20150830T123600Z`. Years past 9999 show as 9999's last second.
pub(crate) fn time_text(now_ms: u64) -> String {
    let second = (now_ms / 1_000).min(LAST_SECOND);
    let (year, month, day) = civil(second / 86_400);
    let second = second % 86_400;
    format!("{year:04}{month:02}{day:02}T{:02}{:02}{:02}Z", second / 3_600, second / 60 % 60, second % 60)
}

fn hmac(key: &[u8], text: &str) -> Tag {
    hmac::sign(&hmac::Key::new(HMAC_SHA256, key), text.as_bytes())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of AWS's own test suite for Signature Version 4: its credentials, scope and time.
    fn check(headers: &[(&str, &str)], body: &str, signature: &str) {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
        };
        let scope = Scope { region: "us-east-1", service: "service" };
        let post = Post { path: "/", headers, body: body.as_bytes() };
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            authorization(&credentials, scope, &post, "20150830T123600Z"),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={}, Signature={signature}",
                names.join(";")
            )
        );
    }

    #[test]
    fn signatures_are_those_of_the_test_suite() {
        let (host, date) = (("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z"));
        // post-vanilla
        check(&[host, date], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        // post-header-value-case
        check(
            &[host, ("my-header1", "VALUE1"), date],
            "",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
        );
        // post-x-www-form-urlencoded
        check(
            &[("content-type", "application/x-www-form-urlencoded"), host, date],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        // post-sts-header-before
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        check(
            &[host, date, ("x-amz-security-token", token)],
            "",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        );
    }

    #[test]
    fn times_are_written_in_utc() {
        for (now_ms, text) in [
            (0, "19700101T000000Z"),
            (951_782_399_999, "20000228T235959Z"),
            (951_782_400_000, "20000229T000000Z"),
            (1_440_938_160_000, "20150830T123600Z"),
            (4_107_542_399_000, "21000228T235959Z"),
            (u64::MAX, "99991231T235959Z"),
        ] {
            assert_eq!(time_text(now_ms), text);
        }
    }
}
