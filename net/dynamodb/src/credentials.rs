//! Whether a request carries credentials at all, and whole ones: what DynamoDB says before it looks at a signature.
//!
//! Pure checks of presence. Deliberately not here: whose credentials they are, and whether the signature is right (net/auth).

use model::{Error, ErrorKind};

/// Whether a request must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CredentialPolicy {
    /// Whatever is presented, or nothing, is fine.
    #[default]
    Ignored,
    /// A signature must be there with all its parts; whether it is right is not checked here.
    Required,
}

/// The parts of a request that may carry credentials.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'r> {
    /// The `Authorization` header; empty when there is none.
    pub authorization: &'r [u8],
    /// What follows the `?` of the path.
    pub query: &'r [u8],
    /// There is an `X-Amz-Date` or a `Date` header.
    pub has_date: bool,
}

/// Checks that credentials are presented as `policy` asks.
///
/// # Errors
/// `MissingAuthenticationTokenException`, `IncompleteSignatureException` that names every missing part, or
/// `InvalidSignatureException` for credentials in two places, in DynamoDB's words.
// DynamoDB: observed: this order and these texts, the trailing blanks included.
pub fn check_credentials(policy: CredentialPolicy, presented: Presented<'_>) -> Result<(), Error> {
    if policy == CredentialPolicy::Ignored {
        return Ok(());
    }
    let is_in_header = !presented.authorization.is_empty();
    let is_in_query = query_value(presented.query, b"X-Amz-Algorithm").is_some();
    if is_in_header && is_in_query {
        return Err(Error::new(
            ErrorKind::InvalidSignature,
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        ));
    }
    if is_in_query {
        return check_query(presented.query);
    }
    if !presented.authorization.trim_ascii().starts_with(b"AWS4-") {
        return Err(Error::new(ErrorKind::MissingAuthenticationToken, "Request is missing Authentication Token"));
    }
    check_header(presented)
}

/// What the header names, in the order in which its lack is told.
const HEADER_PARTS: [&str; 3] = ["Credential", "Signature", "SignedHeaders"];

fn check_header(presented: Presented<'_>) -> Result<(), Error> {
    // One pass: a signature is the longest header of most requests.
    let mut missing = [true; HEADER_PARTS.len()];
    for part in presented.authorization.split(|byte| matches!(byte, b',' | b' ')).skip(1) {
        for (name, is_missing) in HEADER_PARTS.iter().zip(&mut missing) {
            let value = part.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            *is_missing &= value.is_none_or(<[u8]>::is_empty);
        }
    }
    let mut message = String::new();
    for (name, is_missing) in HEADER_PARTS.iter().zip(missing) {
        if is_missing {
            message += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !presented.has_date {
        message += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if message.is_empty() {
        return Ok(());
    }
    message += "Authorization=";
    message += &String::from_utf8_lossy(presented.authorization);
    Err(Error::new(ErrorKind::IncompleteSignature, message))
}

fn check_query(query: &[u8]) -> Result<(), Error> {
    let mut message = String::new();
    for name in ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"] {
        if query_value(query, name.as_bytes()).is_none_or(<[u8]>::is_empty) {
            message += &format!("AWS query-string parameters must include '{name}'. ");
        }
    }
    if message.is_empty() {
        return Ok(());
    }
    message += "Re-examine the query-string parameters.";
    Err(Error::new(ErrorKind::IncompleteSignature, message))
}

fn query_value<'q>(query: &'q [u8], name: &[u8]) -> Option<&'q [u8]> {
    query.split(|byte| *byte == b'&').find_map(|pair| match pair.strip_prefix(name)? {
        [] => Some(&[][..]),
        [b'=', value @ ..] => Some(value),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authorization: &str, query: &str, has_date: bool, expect: Result<(), (ErrorKind, &str)>) {
        let presented = Presented { authorization: authorization.as_bytes(), query: query.as_bytes(), has_date };
        let got = check_credentials(CredentialPolicy::Required, presented);
        let expect = expect.map_err(|(kind, message)| Error::new(kind, message.to_owned()));
        assert_eq!(got, expect, "{authorization:?} {query:?}");
        assert_eq!(check_credentials(CredentialPolicy::Ignored, presented), Ok(()));
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
