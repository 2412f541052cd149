//! Which key service there is, and for what: flags and the environment, made into one set of options.
//!
//! Credentials come from the environment alone, as AWS's own tools read them: a command line can be seen by everybody on the machine.

use crate::options::OptionsError;
use auth::Credentials;
use clap::Args;
use serde::Deserialize;
use std::net::IpAddr;
use std::time::Duration;
use ureq::http::Uri;
use zeroize::Zeroizing;

/// Where keys are if nothing is said.
const DEFAULT_REGION: &str = "us-east-1";
const DEFAULT_TIMEOUT_MS: u64 = 5_000;
/// Longest that one call may take: a start makes up to six of them in a row.
const TIMEOUT_MS_MAX: u64 = 60_000;
const KEY_ID_BYTES_MAX: usize = 2_048;

/// What flags and the configuration file say: flags of whatever opens keys.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub(crate) struct KmsArguments {
    /// Key service (AWS KMS, or one that speaks its protocol) that unwraps master keys [default: AWS KMS in the region, if a key or a region is named]
    #[arg(long = "kms-endpoint", value_name = "URL")]
    #[serde(rename = "kms-endpoint")]
    pub(crate) endpoint: Option<String>,

    /// Key of the key service, by id, ARN or alias, that wraps new master keys; without it new ones stand in the keyring in clear
    #[arg(long = "kms-key-id", value_name = "KEY")]
    #[serde(rename = "kms-key-id")]
    pub(crate) key_id: Option<String>,

    /// Region of the key service [default: AWS_REGION in the environment, else us-east-1]
    #[arg(long = "kms-region", value_name = "REGION")]
    #[serde(rename = "kms-region")]
    pub(crate) region: Option<String>,

    /// Milliseconds that one call of the key service may take; it is made up to three times [default: 5000]
    #[arg(long = "kms-timeout-ms", value_name = "MS")]
    #[serde(rename = "kms-timeout-ms")]
    pub(crate) timeout_ms: Option<u64>,
}

/// A key service.
#[derive(Debug)]
pub(crate) struct KmsOptions {
    pub(crate) endpoint: Endpoint,
    /// The key that wraps new master keys; `None`: new ones are not wrapped.
    pub(crate) key_id: Option<String>,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    /// How long one call may take.
    pub(crate) timeout: Duration,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    /// Host and port, as the request names them.
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) is_encrypted: bool,
}

impl KmsArguments {
    /// What these say, and where they are silent, what `others` say.
    pub(crate) fn or(self, others: Self) -> Self {
        Self {
            endpoint: self.endpoint.or(others.endpoint),
            key_id: self.key_id.or(others.key_id),
            region: self.region.or(others.region),
            timeout_ms: self.timeout_ms.or(others.timeout_ms),
        }
    }

    /// The service that is named, if one is. `environment` gives the value of a variable.
    ///
    /// # Errors
    /// A text that says which value is wrong and what to do.
    pub(crate) fn resolve(
        self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<KmsOptions>, OptionsError> {
        if self == Self::default() {
            return Ok(None);
        }
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let region = self.region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        if !(1..=64).contains(&region.len()) || !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            return refuse(format!(
                "`{region}` is not the name of a region, such as eu-west-1: correct --kms-region or AWS_REGION"
            ));
        }
        let endpoint = match &self.endpoint {
            Some(url) => Endpoint::parse(url)?,
            None => Endpoint::parse(&amazon_url(&region))?,
        };
        if self.key_id.as_deref().is_some_and(|key| !is_visible(key) || key.len() > KEY_ID_BYTES_MAX) {
            return refuse("--kms-key-id is not the id, ARN or alias of a key".to_owned());
        }
        let timeout_ms = self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS);
        if !(1..=TIMEOUT_MS_MAX).contains(&timeout_ms) {
            return refuse(format!("--kms-timeout-ms must be from 1 to {TIMEOUT_MS_MAX}"));
        }
        let needed = |name: &str| match variable(name) {
            Some(value) if is_visible(&value) => Ok(value),
            Some(_) => refuse(format!("{name} in the environment is not a credential of AWS")),
            None => refuse(format!(
                "a key service is named and {name} is not in the environment: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN)"
            )),
        };
        let credentials = Credentials {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key: Zeroizing::new(needed("AWS_SECRET_ACCESS_KEY")?),
            session_token: variable("AWS_SESSION_TOKEN").map(|_| needed("AWS_SESSION_TOKEN")).transpose()?,
        };
        let timeout = Duration::from_millis(timeout_ms);
        Ok(Some(KmsOptions { endpoint, key_id: self.key_id, region, credentials, timeout }))
    }
}

impl Endpoint {
    fn parse(url: &str) -> Result<Self, OptionsError> {
        let wrong = || {
            OptionsError(format!(
                "--kms-endpoint `{url}` is not an address such as https://kms.eu-west-1.amazonaws.com or http://127.0.0.1:4566"
            ))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let (scheme, authority) = (uri.scheme_str().ok_or_else(wrong)?, uri.authority().ok_or_else(wrong)?);
        let is_encrypted = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        // What is signed must be what is sent, letter by letter: nothing that one of the two might write otherwise.
        let path = uri.path();
        let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte));
        let has_dots = path.split('/').any(|part| part == "." || part == "..");
        let is_odd = path.contains("//") || has_dots || !is_plain;
        if is_odd || uri.query().is_some() || url.contains('#') || authority.as_str().contains('@') {
            return Err(wrong());
        }
        if !is_encrypted && !is_loopback(authority.host()) {
            return refuse(format!(
                "--kms-endpoint {url} is not on this machine and would carry master keys in clear over the network: use https"
            ));
        }
        Ok(Self { url: url.to_owned(), authority: authority.as_str().to_owned(), path: path.to_owned(), is_encrypted })
    }
}

fn amazon_url(region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://kms.{region}.amazonaws.com{end}")
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn refuse<T>(reason: String) -> Result<T, OptionsError> {
    Err(OptionsError(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "AWS_ACCESS_KEY_ID" => "AKID",
            "AWS_SECRET_ACCESS_KEY" => "secret",
            "AWS_REGION" => "eu-west-1",
            "AWS_SESSION_TOKEN" => "",
            _ => return None,
        };
        Some(value.to_owned())
    }

    fn arguments(endpoint: &str) -> KmsArguments {
        KmsArguments { endpoint: Some(endpoint.to_owned()), ..KmsArguments::default() }
    }

    #[test]
    fn a_service_is_named_by_any_of_its_flags() {
        assert!(KmsArguments::default().resolve(environment).unwrap().is_none());
        let by_key = KmsArguments { key_id: Some("alias/x".to_owned()), ..KmsArguments::default() };
        let options = by_key.clone().resolve(environment).unwrap().unwrap();
        assert_eq!(options.endpoint.url, "https://kms.eu-west-1.amazonaws.com");
        assert_eq!((options.region.as_str(), options.timeout.as_millis()), ("eu-west-1", 5_000));
        assert_eq!(options.credentials.session_token, None, "an empty variable is none");
        let by_region = KmsArguments { region: Some("cn-north-1".to_owned()), ..by_key };
        let options = by_region.resolve(environment).unwrap().unwrap();
        assert_eq!(options.endpoint.authority, "kms.cn-north-1.amazonaws.com.cn");
        let options = arguments("http://localhost:4566/kms/").resolve(environment).unwrap().unwrap();
        let endpoint = options.endpoint;
        assert_eq!((endpoint.authority.as_str(), endpoint.path.as_str()), ("localhost:4566", "/kms/"));
        assert_eq!((endpoint.is_encrypted, options.key_id), (false, None));
        arguments("http://[::1]:80").resolve(environment).unwrap();
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_text_that_helps() {
        let check = |arguments: KmsArguments, phrase: &str| {
            let error = arguments.resolve(environment).unwrap_err();
            assert!(error.0.contains(phrase), "{error}");
        };
        for url in [
            "",
            "x",
            "ftp://a",
            "https://",
            "https://u@a",
            "https://a/?q",
            "https://a//b",
            "https://a/../b",
            "https://a/%41",
            "https://a/#f",
        ] {
            check(arguments(url), "is not an address");
        }
        check(arguments("http://10.0.0.1:4566"), "in clear over the network");
        check(arguments("http://localhost.example.com"), "in clear over the network");
        let any = || arguments("https://a");
        check(KmsArguments { region: Some("a/b".to_owned()), ..any() }, "--kms-region");
        check(KmsArguments { key_id: Some("a b".to_owned()), ..any() }, "--kms-key-id");
        check(KmsArguments { timeout_ms: Some(0), ..any() }, "--kms-timeout-ms");
        let without = |missing: &'static str| move |name: &str| environment(name).filter(|_| name != missing);
        for missing in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            let error = any().resolve(without(missing)).unwrap_err();
            assert!(error.0.contains(missing), "{error}");
        }
        let garbled = |name: &str| environment(name).map(|value| format!("{value}\n"));
        assert!(any().resolve(garbled).is_err(), "no line may be added to a request");
    }
}
