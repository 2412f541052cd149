//! Who the load generator says it is: from the environment, as AWS's tools do.

use auth::Credentials;
use std::env;

/// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, where both are there.
pub(crate) fn from_environment() -> Option<Credentials> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    Some(Credentials::new(variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?))
}
