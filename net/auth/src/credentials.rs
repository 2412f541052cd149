//! What a caller signs with.

use std::fmt;
use zeroize::Zeroizing;

/// An access key with its secret. The secret is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct Credentials {
    /// Says who calls.
    pub access_key_id: String,
    /// Known to the caller and the server alone.
    pub secret_access_key: Zeroizing<String>,
    /// Of temporary credentials.
    pub session_token: Option<String>,
}

impl Credentials {
    /// Lasting credentials.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Credentials {
        Credentials {
            access_key_id: access_key_id.into(),
            secret_access_key: Zeroizing::new(secret_access_key.into()),
            session_token: None,
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Credentials({})", self.access_key_id)
    }
}
