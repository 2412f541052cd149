//! What a request says of who sends it: in its `Authorization` header, or in its query.
//!
//! Deliberately not here: whether it is true (`verifier`).

use crate::headers::Headers;
use crate::query::Query;
use memchr::memchr2_iter;
use model::{Error, ErrorKind};
use std::{iter, mem};

/// The parts of a signature. None is empty.
#[derive(Debug)]
pub(crate) struct Presented<'m> {
    pub(crate) algorithm: &'m [u8],
    /// Access key, date, region, service and terminator.
    pub(crate) credential: &'m [u8],
    /// Names with `;` between them.
    pub(crate) signed_headers: &'m [u8],
    pub(crate) time: &'m [u8],
    pub(crate) signature: &'m [u8],
    /// Whose credentials are temporary.
    pub(crate) has_session_token: bool,
    /// How long it is good from its time on, where it says so.
    pub(crate) expires: Option<&'m [u8]>,
    pub(crate) is_in_query: bool,
}

/// The parameter of a query that is not signed.
pub(crate) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

impl<'m> Presented<'m> {
    /// Takes the parts out of a request.
    ///
    /// # Errors
    /// `MissingAuthenticationTokenException`, `IncompleteSignatureException` that names every missing part, or
    /// `InvalidSignatureException` for credentials in two places, in DynamoDB's words.
    // DynamoDB: observed: this order and these texts, the trailing blanks included.
    pub(crate) fn of(headers: &'m Headers<'_>, query: &'m Query) -> Result<Presented<'m>, Error> {
        let authorization = headers.value("authorization");
        let is_in_query = query.value("X-Amz-Algorithm").is_some();
        match authorization {
            Some(_) if is_in_query => Err(Error::new(
                ErrorKind::InvalidSignature,
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            )),
            None if is_in_query => of_query(query),
            Some(authorization) if authorization.starts_with(b"AWS4-") => of_header(headers, authorization),
            _ => Err(Error::new(ErrorKind::MissingAuthenticationToken, "Request is missing Authentication Token")),
        }
    }
}

fn of_header<'m>(headers: &'m Headers<'_>, authorization: &'m [u8]) -> Result<Presented<'m>, Error> {
    let ends = memchr2_iter(b' ', b',', authorization).chain(iter::once(authorization.len()));
    let mut words = ends.scan(0, |start, end| Some(&authorization[mem::replace(start, end + 1)..end]));
    let algorithm = words.next().unwrap_or_default();
    let (mut credential, mut signature, mut signed_headers) = (&[][..], &[][..], &[][..]);
    for word in words {
        match word.iter().position(|byte| *byte == b'=').map(|mark| word.split_at(mark)) {
            Some((b"Credential", value)) => credential = &value[1..],
            Some((b"Signature", value)) => signature = &value[1..],
            Some((b"SignedHeaders", value)) => signed_headers = &value[1..],
            _ => {}
        }
    }
    let time = headers.value("x-amz-date").or_else(|| headers.value("date")).unwrap_or_default();
    let is_whole = [credential, signature, signed_headers, time].iter().all(|part| !part.is_empty());
    if is_whole {
        return Ok(Presented {
            algorithm,
            credential,
            signed_headers,
            time,
            signature,
            has_session_token: headers.value("x-amz-security-token").is_some(),
            expires: None,
            is_in_query: false,
        });
    }
    let parts = [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed_headers)];
    let missing = parts.iter().filter(|(_, part)| part.is_empty());
    let mut text: String =
        missing.map(|(name, _)| format!("Authorization header requires '{name}' parameter. ")).collect();
    if time.is_empty() {
        text += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    text += "Authorization=";
    text += &String::from_utf8_lossy(authorization);
    Err(Error::new(ErrorKind::IncompleteSignature, text))
}

fn of_query(query: &Query) -> Result<Presented<'_>, Error> {
    let mut text = String::new();
    let mut part = |name: &str| {
        let mut values = query.values(name);
        let value = values.next().unwrap_or_default();
        if value.is_empty() || values.next().is_some() {
            text += &format!("AWS query-string parameters must include '{name}'. ");
        }
        value
    };
    let presented = Presented {
        algorithm: part("X-Amz-Algorithm"),
        credential: part("X-Amz-Credential"),
        signature: part(SIGNATURE_PARAMETER),
        signed_headers: part("X-Amz-SignedHeaders"),
        time: part("X-Amz-Date"),
        has_session_token: query.value("X-Amz-Security-Token").is_some(),
        expires: query.value("X-Amz-Expires"),
        is_in_query: true,
    };
    if text.is_empty() {
        return Ok(presented);
    }
    text += "Re-examine the query-string parameters.";
    Err(Error::new(ErrorKind::IncompleteSignature, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authorization: &str, query: &str, has_date: bool, expect: Result<(), (ErrorKind, &str)>) {
        let date = if has_date { "X-Amz-Date: d\r\n" } else { "" };
        let headers = format!("authorization:{authorization}\r\n{date}\r\n");
        let (headers, query) = (Headers::of(headers.as_bytes()).expect("few"), Query::of(query.as_bytes()));
        let expect = expect.map_err(|(kind, text)| Error::new(kind, text.to_owned()));
        assert_eq!(Presented::of(&headers, &query).map(|_| ()), expect, "{authorization:?}");
    }

    #[test]
    fn missing() {
        let missing = Err((ErrorKind::MissingAuthenticationToken, "Request is missing Authentication Token"));
        check("", "", false, missing);
        check("AWS4", "", true, missing);
        check("X", "X-Amz-Algorith", true, missing);
        check("", "X-Amz-Credential=a&X-Amz-Signature=b&X-Amz-SignedHeaders=c&X-Amz-Date=d", true, missing);
    }

    #[test]
    fn in_the_header() {
        check(
            "AWS4-",
            "",
            false,
            Err((
                ErrorKind::IncompleteSignature,
                "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' \
                 parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
                 existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-",
            )),
        );
        for separator in [" ", ",", ", "] {
            let authorization = format!("AWS4- Signature=b{separator}Credential=a");
            let message =
                format!("Authorization header requires 'SignedHeaders' parameter. Authorization={authorization}");
            check(&authorization, "", true, Err((ErrorKind::IncompleteSignature, &message)));
        }
        check("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c", "", true, Ok(()));
    }

    #[test]
    fn in_the_query() {
        check(
            "",
            "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-Date=d",
            false,
            Err((
                ErrorKind::IncompleteSignature,
                "AWS query-string parameters must include 'X-Amz-SignedHeaders'. Re-examine the query-string parameters.",
            )),
        );
        let whole = "X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Signature=c&X-Amz-SignedHeaders=d&X-Amz-Date=e";
        check("", whole, false, Ok(()));
        check("", &whole.replace("Credential", "%43redential"), false, Ok(()));
        check(
            "",
            &format!("{whole}&X-Amz-Date=f"),
            false,
            Err((
                ErrorKind::IncompleteSignature,
                "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters.",
            )),
        );
        check(
            "X",
            "X-Amz-Algorithm",
            true,
            Err((
                ErrorKind::InvalidSignature,
                "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
            )),
        );
    }
}
