//! `SSESpecification` as CreateTable and UpdateTable take it: whether a table's description names a key.
//!
//! In the way of a request: part of `validate()`, then of the definition that the request makes. Every table is encrypted with keys
//! of its own, whatever is asked for; the key that wraps them is the node's own master key, or the key of a key service that wraps that one: the only
//! one that can be named. Deliberately not here: keys (`security`).

use super::constraint::Constraints;
use super::refusal::check_refused;
use super::{Choice, Parameter};
use crate::table::{key_arn, key_id};
use crate::{Error, Text};

/// What stands for the key that is there without being asked for.
const DEFAULT_KEY: &str = "alias/aws/dynamodb";

/// `SSESpecification`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EncryptionParameter {
    /// Whether the key is to be named.
    pub enabled: Option<bool>,
    /// Only `KMS` can be had.
    pub sse_type: Choice<EncryptionType>,
    /// Id or ARN of the node's own key, or the alias of the default one.
    pub kms_master_key_id: Option<Text>,
}

/// Who keeps the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionType {
    /// The database.
    Aes256,
    /// A key service.
    Kms,
}

impl Parameter for EncryptionType {
    // DynamoDB: service model: the set in the model's order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("AES256", EncryptionType::Aes256), ("KMS", EncryptionType::Kms)];
}

impl EncryptionParameter {
    pub(crate) fn constrain(&self, constraints: &mut Constraints) {
        constraints.choice("sSESpecification.sSEType", &self.sse_type);
    }

    /// Refuses by name what asks for other keys than there are.
    pub(crate) fn check(&self, operation: &str) -> Result<(), Error> {
        let is_enabled = self.enabled == Some(true);
        let is_other_type =
            self.sse_type.is_given() && (!is_enabled || self.sse_type.known() != Some(EncryptionType::Kms));
        check_refused(operation, is_other_type.then_some("SSESpecification.SSEType"))?;
        let is_idle_key = self.kms_master_key_id.is_some() && !is_enabled;
        check_refused(operation, is_idle_key.then_some("SSESpecification.KMSMasterKeyId"))
    }

    /// The key that the table's description names from now on. `own_key` is the node's key: an id, or an ARN of a key service.
    ///
    /// # Errors
    /// Validation if another key is asked for.
    pub fn key(&self, operation: &str, own_key: &str) -> Result<Option<String>, Error> {
        if self.enabled != Some(true) {
            return Ok(None);
        }
        let asked = self.kms_master_key_id.as_deref().unwrap_or(DEFAULT_KEY);
        let is_own = [DEFAULT_KEY, key_id(own_key), &key_arn(own_key)].contains(&asked);
        check_refused(operation, (!is_own).then_some("SSESpecification.KMSMasterKeyId"))?;
        Ok(Some(own_key.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KMS_KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234";

    /// The key that is named, or the parameter that is refused, where the node's own key is `own`.
    fn check(enabled: Option<bool>, sse_type: &str, key: Option<&str>, expect: Result<Option<&str>, &str>) {
        check_of("own", (enabled, sse_type, key), expect);
    }

    fn check_of(
        own: &str,
        (enabled, sse_type, key): (Option<bool>, &str, Option<&str>),
        expect: Result<Option<&str>, &str>,
    ) {
        let sse_type = if sse_type.is_empty() { Choice::Absent } else { Choice::from_token(sse_type) };
        let parameter = EncryptionParameter { enabled, sse_type, kms_master_key_id: key.map(Text::from) };
        let named = parameter.check("CreateTable").and_then(|()| parameter.key("CreateTable", own));
        let told = named.as_ref().map(Option::as_deref).map_err(|error| error.message.to_string());
        let refusal =
            |name| format!("Stator does not support the parameter SSESpecification.{name} of CreateTable yet");
        assert_eq!(told, expect.map_err(refusal), "{parameter:?}");
    }

    #[test]
    fn a_key_of_a_key_service_is_named_by_its_arn() {
        for key in [None, Some(KMS_KEY), Some("1234"), Some("alias/aws/dynamodb")] {
            check_of(KMS_KEY, (Some(true), "KMS", key), Ok(Some(KMS_KEY)));
        }
        let elsewhere = "arn:aws:kms:us-east-1:123456789012:key/1234";
        check_of(KMS_KEY, (Some(true), "KMS", Some(elsewhere)), Err("KMSMasterKeyId"));
        assert_eq!((key_arn(KMS_KEY).as_str(), key_arn("1234").as_str()), (KMS_KEY, elsewhere));
    }

    #[test]
    fn the_nodes_own_key_is_the_only_one() {
        check(None, "", None, Ok(None));
        check(Some(false), "", None, Ok(None));
        check(Some(true), "", None, Ok(Some("own")));
        check(Some(true), "KMS", None, Ok(Some("own")));
        for key in ["own", "arn:aws:kms:us-east-1:123456789012:key/own", "alias/aws/dynamodb"] {
            check(Some(true), "KMS", Some(key), Ok(Some("own")));
        }
        check(Some(true), "KMS", Some("other"), Err("KMSMasterKeyId"));
        check(Some(true), "AES256", None, Err("SSEType"));
        check(Some(false), "KMS", None, Err("SSEType"));
        check(None, "", Some("own"), Err("KMSMasterKeyId"));
    }
}
