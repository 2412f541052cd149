//! ListTagsOfResource: the tags of a table, by its ARN.

use super::resource_arn::{check_resource_arn, resolve_resource_arn};
use crate::{Error, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTagsOfResource {
    /// The table's ARN.
    pub resource_arn: Option<Text>,
    /// Where to go on; all tags fit into one reply, so that none is ever given out.
    pub next_token: Option<Text>,
}

impl ListTagsOfResource {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_resource_arn(self.resource_arn.as_ref())?;
        if self.next_token.is_some() {
            return Err(Error::validation("Invalid NextToken"));
        }
        Ok(())
    }

    /// The name of the table, once the request is validated.
    pub fn resolve(&self) -> Result<&str, Error> {
        resolve_resource_arn(self.resource_arn.as_ref(), "ListTagsOfResource")
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTagsOfResourceReply {
    /// Key and value, in the order in which they were given.
    pub tags: Vec<(Text, Text)>,
}
