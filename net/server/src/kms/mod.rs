//! The client of a key service that speaks AWS KMS's JSON protocol: AWS itself, LocalStack, local-kms, gateways to other vaults.
//!
//! ```text
//! engine        make, unwrap                        on a thread of its own, one attempt each; the engine repeats
//! messages.rs   what is said and answered, as JSON
//! net/auth      AWS Signature Version 4
//! ureq          one POST over TLS, bounded in time and length; no connection is kept
//! options.rs    which service, which key, who asks
//! ```
//!
//! One [`Kms`] a process, shared by the threads that call. Plain keys are wiped from what is ours; what TLS and HTTP buffer is the library's. Deliberately not here:
//! what wrapped keys are for (`engine`).

mod messages;
mod options;

pub(crate) use options::KmsArguments;

use auth::{Message, Scope, Signer, time_text};
use engine::{KeyService, KeyServiceError, Secret, WrappedKey};
use options::KmsOptions;
use std::io::Read;
use std::sync::Arc;
use ureq::Agent;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{RootCerts, TlsConfig};
use zeroize::Zeroizing;

/// An answer that is longer is none of a key service.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const HEAD_BYTES_MAX: usize = 16 << 10;
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// The client of the service that the arguments name, if they name one. Nothing is asked of it yet.
///
/// # Errors
/// One line for the user that says what is wrong and what to do.
pub(crate) fn open(arguments: KmsArguments) -> Result<Option<Arc<dyn KeyService>>, String> {
    let options = arguments.resolve(|name| std::env::var(name).ok()).map_err(|error| error.to_string())?;
    Ok(options.map(|options| Arc::new(Kms::new(options)) as Arc<dyn KeyService>))
}

/// What a service can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    GenerateDataKey,
    Decrypt,
}

impl Operation {
    fn target(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "TrentService.GenerateDataKey",
            Self::Decrypt => "TrentService.Decrypt",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            Self::GenerateDataKey => "kms:GenerateDataKey",
            Self::Decrypt => "kms:Decrypt",
        }
    }
}

/// See the front page.
#[derive(Debug)]
struct Kms {
    agent: Agent,
    options: KmsOptions,
}

impl Kms {
    fn new(options: KmsOptions) -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(provider))
            .build();
        let builder = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(options.timeout))
            .max_response_header_size(HEAD_BYTES_MAX)
            .http_status_as_error(false)
            // A request is signed for one address.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Months lie between two calls.
            .max_idle_connections(0);
        // What is not encrypted stays on this machine.
        let builder = if options.endpoint.is_encrypted { builder } else { builder.proxy(None) };
        Self { agent: builder.build().new_agent(), options }
    }

    /// The body of the answer.
    fn call(
        &self,
        operation: Operation,
        key: &str,
        body: &[u8],
        now_ms: u64,
    ) -> Result<Zeroizing<Vec<u8>>, KeyServiceError> {
        let unavailable = |error: &dyn std::fmt::Display| {
            let url = &self.options.endpoint.url;
            KeyServiceError::Unavailable(format!("the key service {url} (key {key}) does not answer: {error}"))
        };
        let mut response = self.send(operation, body, now_ms).map_err(|error| match untrusted(&error) {
            Some(reason) => self.distrust(key, reason),
            None => unavailable(&error),
        })?;
        // As long as it can get: an allocation that grew would leave a key behind.
        let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES_MAX + 1));
        let mut limited = response.body_mut().with_config().limit(u64::MAX).reader().take(ANSWER_BYTES_MAX as u64 + 1);
        let length = limited.read_to_end(&mut answer);
        let length = length.map_err(|error| unavailable(&error))?;
        if length > ANSWER_BYTES_MAX {
            return Err(self.garbled(operation, key, &format!("it is longer than {ANSWER_BYTES_MAX} bytes")));
        }
        let status = response.status().as_u16();
        if status == 200 {
            Ok(answer)
        } else {
            Err(self.refusal(operation, key, (status, response.headers()), &answer))
        }
    }

    fn send(&self, operation: Operation, body: &[u8], now_ms: u64) -> Result<Response<ureq::Body>, ureq::Error> {
        let KmsOptions { endpoint, credentials, region, .. } = &self.options;
        let time = time_text(now_ms / 1_000);
        let mut headers =
            vec![("content-type", CONTENT_TYPE), ("host", endpoint.authority.as_str()), ("x-amz-date", time.as_str())];
        headers.extend(credentials.session_token.as_deref().map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", operation.target()));
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let message = Message { method: "POST", target: endpoint.path.as_bytes(), headers: lines.as_bytes(), body };
        let scope = Scope { region, service: "kms" };
        let authorization = Signer::new(credentials, scope, &time).authorization(&message);
        let request = self.agent.post(&endpoint.url).header("authorization", authorization);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send(body)
    }

    fn refusal(
        &self,
        operation: Operation,
        key: &str,
        (status, headers): (u16, &HeaderMap),
        body: &[u8],
    ) -> KeyServiceError {
        let (named, message) = messages::decode_refusal(body);
        // Some say it in the head alone, as `DisabledException:http://...`.
        let in_head = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let in_head = messages::shown(in_head.split(':').next().unwrap_or_default());
        let name = if named.is_empty() { &in_head } else { &named };
        let name = if name.is_empty() { "no error of KMS" } else { name };
        let url = &self.options.endpoint.url;
        let mut told = format!("the key service {url} (key {key}) refuses {operation:?}: {name} (status {status})");
        if !message.is_empty() {
            told.push_str(&format!(": {message}"));
        }
        if let Some(advice) = advice(name, operation) {
            told.push_str(&format!("; {advice}"));
        }
        if status >= 500 || status == 429 || is_passing(name) {
            KeyServiceError::Unavailable(told)
        } else {
            KeyServiceError::Refused(told)
        }
    }

    fn distrust(&self, key: &str, reason: &rustls::Error) -> KeyServiceError {
        let url = &self.options.endpoint.url;
        KeyServiceError::Refused(format!(
            "the key service {url} (key {key}) is not to be trusted: {reason}; trusted are the certificates of this machine or, if that is set, those of the file in SSL_CERT_FILE"
        ))
    }

    fn garbled(&self, operation: Operation, key: &str, cause: &str) -> KeyServiceError {
        let url = &self.options.endpoint.url;
        KeyServiceError::Refused(format!(
            "the key service {url} (key {key}) gives {operation:?} an answer that cannot be used: {cause}; does it speak the protocol of AWS KMS?"
        ))
    }
}

impl KeyService for Kms {
    fn makes_keys(&self) -> bool {
        self.options.key_id.is_some()
    }

    fn make(&self, now_ms: u64) -> Result<(Secret, WrappedKey), KeyServiceError> {
        let key = self.options.key_id.as_deref().expect("asked of a service that makes keys");
        let operation = Operation::GenerateDataKey;
        let answer = self.call(operation, key, &messages::encode_generate(key), now_ms)?;
        messages::decode_made(&answer).map_err(|cause| self.garbled(operation, key, &cause))
    }

    fn unwrap(&self, wrapped: &WrappedKey, now_ms: u64) -> Result<Secret, KeyServiceError> {
        let (operation, key) = (Operation::Decrypt, wrapped.service_key());
        let answer = self.call(operation, key, &messages::encode_decrypt(wrapped), now_ms)?;
        messages::decode_unwrapped(&answer).map_err(|cause| self.garbled(operation, key, &cause))
    }
}

/// What is wrong with a certificate, if that is why a call failed.
fn untrusted(error: &ureq::Error) -> Option<&rustls::Error> {
    let ureq::Error::Io(error) = error else { return None };
    error.get_ref()?.downcast_ref().filter(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

/// Whether the same call may succeed later, as AWS's guide to KMS says of its errors, and of those common to its services.
fn is_passing(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "ThrottlingException",
        "KMSInternalException",
        "DependencyTimeoutException",
        "KeyUnavailableException",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeoutException",
    ];
    NAMES.contains(&name)
}

/// What the operator can do.
fn advice(name: &str, operation: Operation) -> Option<String> {
    let advice = match name {
        "AccessDeniedException" => {
            return Some(format!("allow {} with this key to these credentials", operation.permission()));
        }
        "NotFoundException" => "there is no such key there: check --kms-key-id, --kms-region and --kms-endpoint",
        "DisabledException" => "enable the key",
        "KMSInvalidStateException" => "the key cannot be used in its state; if it is about to be deleted, cancel that",
        "InvalidCiphertextException" => {
            "the wrapped key was changed, or wrapped for another purpose: restore the keyring from its copy"
        }
        "IncorrectKeyException" => "another key has wrapped it: restore the keyring from its copy",
        "InvalidKeyUsageException" => "name a symmetric key for encryption",
        "ThrottlingException" => "too many calls; try again later",
        "ExpiredTokenException" => "the credentials have expired: start with new ones in the environment",
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "InvalidClientTokenId"
        | "IncompleteSignatureException" => {
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, the region and the clock"
        }
        _ => return None,
    };
    Some(advice.to_owned())
}
