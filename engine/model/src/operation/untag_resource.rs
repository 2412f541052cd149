//! UntagResource: take tags off a table, by its ARN.

use super::constraint::Constraints;
use super::resource_arn::{check_resource_arn, resolve_resource_arn};
use crate::limits::{TAG_COUNT_MAX, TAG_KEY_CHARACTER_COUNT_MAX};
use crate::{Error, TableDefinition, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UntagResource {
    /// The table's ARN.
    pub resource_arn: Option<Text>,
    /// The keys of the tags; those that the table does not have are nothing to do.
    pub tag_keys: Option<Vec<Text>>,
}

impl UntagResource {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_resource_arn(self.resource_arn.as_ref())?;
        let keys = self.tag_keys.as_deref().unwrap_or_default();
        if keys.is_empty() {
            // DynamoDB: observed.
            return Err(Error::validation("Atleast one Tag Key needs to be provided as Input."));
        }
        let is_length_right = |key: &Text| (1..=TAG_KEY_CHARACTER_COUNT_MAX).contains(&key.chars().count());
        let mut constraints = Constraints::new();
        if !keys.iter().all(is_length_right) {
            let shown: Vec<&str> = keys.iter().take(TAG_COUNT_MAX).map(Text::as_str).collect();
            let text = format_args!(
                "Member must satisfy constraint: [Member must have length less than or equal to \
                 {TAG_KEY_CHARACTER_COUNT_MAX}, Member must have length greater than or equal to 1]"
            );
            constraints.fail("tagKeys", format_args!("[{}]", shown.join(", ")), text);
        }
        constraints.finish()
    }

    /// The name of the table, once the request is validated.
    pub fn resolve(&self) -> Result<&str, Error> {
        resolve_resource_arn(self.resource_arn.as_ref(), "UntagResource")
    }

    /// The table's next definition.
    pub fn apply(&self, current: &TableDefinition) -> TableDefinition {
        let keys = self.tag_keys.as_deref().unwrap_or_default();
        let mut next = current.clone();
        next.tags.retain(|tag| !keys.iter().any(|key| key.as_str() == tag.key));
        next
    }
}

/// The reply: nothing to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UntagResourceReply;
