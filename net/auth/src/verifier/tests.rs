//! Requests that are signed well, badly, too late, or not at all; and bytes that are no request.

use super::*;
use crate::{Credentials, Scope, Signer};
use model::ErrorKind::{IncompleteSignature, InvalidSignature, MissingAuthenticationToken, UnrecognizedClient};

/// 30 August 2015, 12:36.
const NOW_S: u64 = 1_440_938_160;
const TIME: &str = "20150830T123600Z";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const PLAIN: &str = "Host: localhost:8000\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n";
const NAMES: &str = "host;x-amz-date;x-amz-target";

fn verifier() -> Verifier {
    let text = format!("[a]\naws_access_key_id=AKID\naws_secret_access_key={SECRET}\n");
    Verifier::new(Arc::new(AccessKeys::parse(&text).expect("one key")))
}

fn credentials() -> Credentials {
    Credentials::new("AKID", SECRET)
}

/// Lines of headers with a signature.
fn signed(credentials: &Credentials, scope: Scope<'_>, time: &str, body: &str) -> String {
    let lines = format!("{PLAIN}X-Amz-Date: {time}\r\n");
    let message = Message { method: "POST", target: b"/", headers: lines.as_bytes(), body: body.as_bytes() };
    let authorization = Signer::new(credentials, scope, time).authorization(&message);
    format!("{lines}Authorization: {authorization}\r\nUser-Agent: x\r\n\r\n")
}

fn dynamodb() -> Scope<'static> {
    Scope { region: "eu-west-1", service: "dynamodb" }
}

fn verify_at(now_s: u64, target: &str, headers: &str, body: &str) -> Result<(), Error> {
    let message =
        Message { method: "POST", target: target.as_bytes(), headers: headers.as_bytes(), body: body.as_bytes() };
    verifier().verify(&message, now_s)
}

fn check(headers: &str, kind: ErrorKind, text: &str) {
    let error = verify_at(NOW_S, "/", headers, "{}").expect_err(text);
    assert_eq!((error.kind, &*error.message), (kind, text), "{headers}");
}

#[test]
fn a_signed_request_passes_again_and_again() {
    let mut verifier = verifier();
    for region in ["eu-west-1", "local", "eu-west-1"] {
        let headers = signed(&credentials(), Scope { region, service: "dynamodb" }, TIME, "{}");
        let message = Message { method: "POST", target: b"/", headers: headers.as_bytes(), body: b"{}" };
        for _ in 0..3 {
            assert_eq!(verifier.verify(&message, NOW_S), Ok(()));
        }
    }
    assert_eq!(verifier.signing_keys.keys.len(), 2);
    let mut open = Verifier::open();
    assert_eq!(open.verify(&Message { method: "POST", target: b"/", headers: b"", body: b"" }, NOW_S), Ok(()));
}

#[test]
fn signing_keys_that_are_kept_do_not_grow_without_end() {
    let mut verifier = verifier();
    for region in 0..SIGNING_KEY_COUNT_MAX + 5 {
        let region = format!("r{region}");
        let headers = signed(&credentials(), Scope { region: &region, service: "dynamodb" }, TIME, "{}");
        let message = Message { method: "POST", target: b"/", headers: headers.as_bytes(), body: b"{}" };
        assert_eq!(verifier.verify(&message, NOW_S), Ok(()));
    }
    assert_eq!(verifier.signing_keys.keys.len(), 5);
}

#[test]
fn whatever_is_changed_is_found() {
    let headers = signed(&credentials(), dynamodb(), TIME, "{}");
    assert_eq!(verify_at(NOW_S, "/", &headers, "{}"), Ok(()));
    let wrong = |target: &str, headers: &str, body: &str| {
        let error = verify_at(NOW_S, target, headers, body).expect_err("another request");
        assert_eq!(error.kind, InvalidSignature, "{error:?}");
        assert!(error.message.starts_with(SIGNATURE_WRONG), "{error:?}");
    };
    wrong("/", &headers, "{ }");
    wrong("/x", &headers, "{}");
    wrong("/?x", &headers, "{}");
    wrong("/", &headers.replace("GetItem", "PutItem"), "{}");
    wrong("/", &headers.replace("localhost:8000", "localhost:8001"), "{}");
    wrong("/", &format!("x-amz-target: y\r\n{headers}"), "{}");
    wrong("/", &headers.replace("eu-west-1", "eu-west-2"), "{}");
    wrong("/", &headers.replace("T1236", "T1237"), "{}");
    wrong("/", &headers.replace("Signature=", "Signature=0"), "{}");
    wrong("/", &signed(&Credentials::new("AKID", "another"), dynamodb(), TIME, "{}"), "{}");
    // What is not signed may change on the way.
    assert_eq!(verify_at(NOW_S, "/", &headers.replace("User-Agent: x", "User-Agent: y"), "{}"), Ok(()));
}

/// Every byte at every place of a signed request's headers. What may change is nothing that is signed: blanks around values, the separators of
/// `Authorization`, a slash at a credential's end, and how names are written.
#[test]
fn no_byte_can_be_changed_that_is_signed() {
    let headers = signed(&credentials(), dynamodb(), TIME, "{}");
    let end = headers.find("User-Agent").expect("there");
    let mut verifier = verifier();
    for place in 0..end {
        let original = headers.as_bytes()[place];
        let (before, after) = (&headers[..place], &headers[place + 1..]);
        let is_around_value = before.ends_with(':') || after.starts_with('\n') || original == b'\r';
        let is_separator = before.contains("Authorization: AWS4") && matches!(original, b' ' | b',');
        for byte in (0..=u8::MAX).filter(|byte| *byte != original) {
            let bytes = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            let message = Message { method: "POST", target: b"/", headers: &bytes, body: b"{}" };
            let may_pass = byte.eq_ignore_ascii_case(&original)
                || is_around_value && (byte.is_ascii_whitespace() || original.is_ascii_whitespace())
                || is_separator && matches!(byte, b' ' | b',' | b'/');
            let passes = verifier.verify(&message, NOW_S).is_ok();
            assert!(may_pass || !passes, "{:?}", String::from_utf8_lossy(&bytes));
        }
    }
}

/// A head of 16 KB made three megabytes of an answer.
#[test]
fn no_more_is_signed_than_was_sent() {
    let names = format!("host;x-amz-target{}", ";a".repeat(60));
    let long = "\u{ff}".repeat(7_000);
    let scope = "AKID/20150830/c/dynamodb/aws4_request";
    let lines = |names: &str| {
        format!(
            "{PLAIN}X-Amz-Date: {TIME}\r\na: {long}\r\n\
             Authorization: {ALGORITHM} Credential={scope}, SignedHeaders={names}, Signature=0\r\n"
        )
    };
    check(&lines(&names), InvalidSignature, "'a' stands twice in 'SignedHeaders'.");
    check(&lines("host;x-amz-target;A;a"), InvalidSignature, "'a' stands twice in 'SignedHeaders'.");
    check(&lines("host;x-amz-target;a"), InvalidSignature, SIGNATURE_WRONG);
}

#[test]
fn a_signature_that_does_not_match_tells_what_should_have_been_signed() {
    let headers = signed(&Credentials::new("AKID", "another"), dynamodb(), TIME, "{}");
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let canonical = format!(
        "POST\n/\n\nhost:localhost:8000\nx-amz-date:{TIME}\nx-amz-target:DynamoDB_20120810.GetItem\n\n{NAMES}\n{hash}"
    );
    let hashed =
        canonical::hexadecimal(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes()).as_ref());
    let hashed = std::str::from_utf8(&hashed).expect("digits");
    check(
        &headers,
        InvalidSignature,
        &format!(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
             and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request \
             should have been\n'{canonical}'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n{TIME}\n\
             20150830/eu-west-1/dynamodb/aws4_request\n{hashed}'\n"
        ),
    );
}

#[test]
fn times_may_be_a_quarter_of_an_hour_off() {
    let headers = signed(&credentials(), dynamodb(), TIME, "{}");
    for now_s in [NOW_S - 900, NOW_S, NOW_S + 900] {
        assert_eq!(verify_at(now_s, "/", &headers, "{}"), Ok(()));
    }
    let check = |now_s: u64, text: &str| {
        let error = verify_at(now_s, "/", &headers, "{}").expect_err(text);
        assert_eq!((error.kind, &*error.message), (InvalidSignature, text));
    };
    check(
        NOW_S + 901,
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)",
    );
    check(
        NOW_S - 901,
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)",
    );
}

/// One fault at a time, in the order in which they are told: each request has all later ones too.
#[test]
fn faults_are_told_in_dynamodbs_order() {
    let authorization = |algorithm: &str, credential: &str, names: &str| {
        format!("{PLAIN}Authorization: {algorithm} Credential={credential}, SignedHeaders={names}, Signature=0\r\n")
    };
    let dated = |time: &str, lines: &str| format!("X-Amz-Date: {time}\r\n{lines}");
    check(PLAIN, MissingAuthenticationToken, "Request is missing Authentication Token");
    let nothing_right = authorization("AWS4-X", "a/b/c/d", "x");
    check(
        &nothing_right,
        IncompleteSignature,
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-X \
         Credential=a/b/c/d, SignedHeaders=x, Signature=0",
    );
    check(
        &dated("201", &nothing_right),
        IncompleteSignature,
        "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601",
    );
    check(
        &dated("20150830T120000Z", &nothing_right),
        InvalidSignature,
        "Signature expired: 20150830T120000Z is now earlier than 20150830T122100Z (20150830T123600Z - 15 min.)",
    );
    check(
        &dated(TIME, &nothing_right),
        InvalidSignature,
        "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
    check(
        &dated(TIME, &authorization("AWS4-X", "a/b/c/d", "Host")),
        InvalidSignature,
        "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.",
    );
    let many: String = (0..63).map(|number| format!(";a{number}")).collect();
    let many = format!("host;x-amz-target{many}");
    check(
        &dated(TIME, &authorization("AWS4-X", "a/b/c/d", &many)),
        InvalidSignature,
        "More than 64 headers in 'SignedHeaders'.",
    );
    let names = "X-Amz-Target;Host";
    check(
        &dated(TIME, &authorization("AWS4-X", "a/b/c/d", names)),
        IncompleteSignature,
        "Unsupported AWS 'algorithm': 'AWS4-X' (only AWS4-HMAC-SHA256 for now). ",
    );
}

/// As above, of the credential.
#[test]
fn faults_of_the_credential_are_told_in_dynamodbs_order() {
    let dated = |credential: &str| {
        format!(
            "{PLAIN}X-Amz-Date: {TIME}\r\nAuthorization: {ALGORITHM} Credential={credential}, \
             SignedHeaders=X-Amz-Target;Host, Signature=0\r\n"
        )
    };
    for few in ["a/b/c/d", "a/b/c/d//", "a/b/c/d/e/f", "/"] {
        check(
            &dated(few),
            IncompleteSignature,
            &format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{few}'"
            ),
        );
    }
    check(
        &dated("a/b/c/d/e//"),
        InvalidSignature,
        "Credential should be scoped to correct service: 'dynamodb'. Credential should be scoped with a valid terminator: \
         'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
         'b' != '20150830', from '20150830T123600Z'.",
    );
    check(&dated("a/20150830/c/dynamodb/aws4_request"), UnrecognizedClient, TOKEN_INVALID);
    let error = verify_at(NOW_S, "/", &dated("AKID/20150830/c/dynamodb/aws4_request"), "{}");
    assert!(error.expect_err("no signature").message.starts_with(SIGNATURE_WRONG));
    let with_token = signed(&credentials(), dynamodb(), TIME, "{}") + "X-Amz-Security-Token: t\r\n";
    check(&with_token, UnrecognizedClient, TOKEN_INVALID);
}

#[test]
fn a_signature_may_stand_in_the_query() {
    let headers = PLAIN;
    let query = |expires: &str| {
        format!(
            "X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential=AKID%2F20150830%2Flocal%2Fdynamodb%2Faws4_request&X-Amz-Date={TIME}\
             {expires}&X-Amz-SignedHeaders=host%3Bx-amz-target"
        )
    };
    let signed = |expires: &str| {
        let target = format!("/?{}", query(expires));
        let message = Message { method: "POST", target: target.as_bytes(), headers: headers.as_bytes(), body: b"{}" };
        let mut signer = Signer::new(&credentials(), Scope { region: "local", service: "dynamodb" }, TIME);
        let signature = signer.signature(&message, "host;x-amz-target");
        format!("{target}&X-Amz-Signature={}", std::str::from_utf8(&signature).expect("digits"))
    };
    let (plain, long) = (signed(""), signed("&X-Amz-Expires=3600"));
    assert_eq!(verify_at(NOW_S + 900, &plain, headers, "{}"), Ok(()));
    assert_eq!(verify_at(NOW_S + 3600, &long, headers, "{}"), Ok(()));
    // Another way to write the same parameter is no way around it.
    let short = signed("&X-Amz-Expires=60");
    for written in [&*short, &short.replace("=60", "=%36%30"), &short.replace("X-Amz-Expires", "X%2DAmz-Expires")] {
        assert_eq!(verify_at(NOW_S + 60, written, headers, "{}"), Ok(()), "{written}");
        let error = verify_at(NOW_S + 61, written, headers, "{}").expect_err("too late");
        assert!(error.message.starts_with("Signature expired"), "{written} {error:?}");
    }
    for wrong in ["", "-1", "0", "604801", "abc", "99999999999999999999"] {
        let error = verify_at(NOW_S, &signed(&format!("&X-Amz-Expires={wrong}")), headers, "{}").expect_err(wrong);
        assert_eq!(
            (error.kind, &*error.message),
            (IncompleteSignature, "X-Amz-Expires must be a number of seconds from 1 to 604800.")
        );
    }
    let with_token = signed("&X%2DAmz-Security-Token=t");
    assert_eq!(verify_at(NOW_S, &with_token, headers, "{}").map_err(|error| error.kind), Err(UnrecognizedClient));
    for (now_s, target, body) in [
        (NOW_S + 901, &plain, "{}"),
        (NOW_S + 3601, &long, "{}"),
        (NOW_S, &plain, "{ }"),
        (NOW_S, &long.replace("Expires=3600", "Expires=7200"), "{}"),
        (NOW_S, &plain.replace("local", "other"), "{}"),
    ] {
        let error = verify_at(now_s, target, headers, body).expect_err("wrong");
        assert_eq!(error.kind, InvalidSignature, "{target} {error:?}");
    }
}

/// Sound requests of both forms with pieces cut out, doubled, swapped or changed: each is answered, and those that pass are signed as they are.
#[test]
fn any_bytes_are_answered() {
    let headers = signed(&credentials(), dynamodb(), TIME, "{}").into_bytes();
    let target = format!(
        "/?X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential=AKID%2F20150830%2Flocal%2Fdynamodb%2Faws4_request&X-Amz-Date={TIME}\
         &X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-amz-target&X-Amz-Signature={}",
        "0".repeat(64)
    );
    let mut random = fastrand::Rng::with_seed(5);
    let mut verifier = verifier();
    let mut counts = HashMap::new();
    for round in 0..40_000 {
        let mut bytes = if round % 2 == 0 { headers.clone() } else { target.clone().into_bytes() };
        for _ in 0..random.usize(1..4) {
            let start = random.usize(..bytes.len());
            let end = (start + random.usize(..40)).min(bytes.len());
            match random.u8(..4) {
                0 => drop(bytes.drain(start..end)),
                1 => bytes.extend_from_within(start..end),
                2 => bytes[start] = random.u8(..),
                _ => bytes[start..end].reverse(),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let message = match round % 2 {
            0 => Message { method: "POST", target: b"/", headers: &bytes, body: b"{}" },
            _ => Message { method: "POST", target: &bytes, headers: PLAIN.as_bytes(), body: b"{}" },
        };
        let told = match verifier.verify(&message, NOW_S) {
            Ok(()) => "passes".to_owned(),
            Err(error) => error.message.chars().take(12).collect(),
        };
        *counts.entry(told).or_insert(0) += 1;
    }
    for reached in
        ["passes", "The request ", "Date must be", "Signature ex", "Credential m", "'Host' or ':", "The security"]
    {
        assert!(counts.get(reached).is_some_and(|count| *count > 3), "{reached}: {counts:?}");
    }
}
