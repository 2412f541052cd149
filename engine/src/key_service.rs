//! A service that keeps the keys which wrap master keys: what the engine asks of it, and how often.
//!
//! Worker 0 alone asks: at a start, and when the master key rotates. Each call is made on a thread of its own, so no core waits for it; the task that asked
//! does. Deliberately not here: any protocol. The server brings the service (`EngineOptions::key_service`), the simulator a simulated one.

use runtime::Runtime;
use security::{MasterKey, Secret, WrappedKey};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a call is made before its failure counts.
const ATTEMPT_COUNT_MAX: u32 = 3;
/// How long to wait before the second attempt; before each further one, twice as long.
const RETRY_DELAY: Duration = Duration::from_millis(200);
const THREAD_NAME: &str = "stator-kms";

/// A key service. Its calls may block, for a bounded time; each is one attempt.
pub trait KeyService: fmt::Debug + Send + Sync {
    /// Whether new master keys are its to make. If not, they are drawn here and stand in the keyring in clear, and it unwraps those it has made before.
    fn makes_keys(&self) -> bool;

    /// Makes a master key: 32 bytes that nobody can guess, in clear and wrapped. `now_ms` is the time since 1970, for calls that are signed.
    ///
    /// # Errors
    /// [`KeyServiceError`].
    fn make(&self, now_ms: u64) -> Result<(Secret, WrappedKey), KeyServiceError>;

    /// Unwraps a master key.
    ///
    /// # Errors
    /// [`KeyServiceError`].
    fn unwrap(&self, wrapped: &WrappedKey, now_ms: u64) -> Result<Secret, KeyServiceError>;
}

/// Why a key service gives no key. The text is one phrase that names the service, the key and the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyServiceError {
    /// It may if it is asked again.
    Unavailable(String),
    /// It will not.
    Refused(String),
}

impl fmt::Display for KeyServiceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unavailable(reason) | Self::Refused(reason)) = self;
        out.write_str(reason)
    }
}

impl std::error::Error for KeyServiceError {}

/// A new master key, of which it is known that the service unwraps it again: a key that it may make and not unwrap would lock the node out at its next start.
pub(crate) async fn make(
    service: &Arc<dyn KeyService>,
    runtime: &Runtime,
) -> Result<(Secret, WrappedKey), KeyServiceError> {
    let (secret, wrapped) = call(service, runtime, |service, now_ms| service.make(now_ms)).await?;
    let again = unwrap(service, runtime, &wrapped).await?;
    if again != secret {
        let (made, found) = (MasterKey::new(secret).id(), MasterKey::new(again).id());
        let service_key = wrapped.service_key();
        let reason = format!("key {service_key} of the key service made master key {made} and unwraps it as {found}");
        return Err(KeyServiceError::Refused(reason));
    }
    Ok((secret, wrapped))
}

/// What the service has wrapped.
pub(crate) async fn unwrap(
    service: &Arc<dyn KeyService>,
    runtime: &Runtime,
    wrapped: &WrappedKey,
) -> Result<Secret, KeyServiceError> {
    let wrapped = wrapped.clone();
    call(service, runtime, move |service, now_ms| service.unwrap(&wrapped, now_ms)).await
}

async fn call<T: Send + 'static>(
    service: &Arc<dyn KeyService>,
    runtime: &Runtime,
    work: impl Fn(&dyn KeyService, u64) -> Result<T, KeyServiceError> + Clone + Send + 'static,
) -> Result<T, KeyServiceError> {
    let (mut attempt, mut delay) = (1, RETRY_DELAY);
    loop {
        let (service, work, now_ms) = (Arc::clone(service), work.clone(), runtime.wall_clock_ms());
        let answered = runtime.call_on_thread(THREAD_NAME, move || work(&*service, now_ms)).await;
        match answered.unwrap_or_else(|error| Err(KeyServiceError::Unavailable(error.to_string()))) {
            Err(KeyServiceError::Unavailable(reason)) if attempt < ATTEMPT_COUNT_MAX => {
                tracing::warn!(reason, "the key service is asked again");
                runtime.sleep(delay).await;
                attempt += 1;
                delay *= 2;
            }
            done => return done,
        }
    }
}
