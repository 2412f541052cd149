//! ListTagsOfResource: the tags of a table, by its ARN.

use super::table_name::{invalid_arn, resolve_table_name, split_arn};
use crate::{Error, ErrorKind, Text};

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
        // DynamoDB: observed: neither a missing ARN nor one of another form is worded as a constraint failure.
        let Some(arn) = &self.resource_arn else {
            return Err(Error::validation("Invalid TableArn"));
        };
        if split_arn(arn).is_none() {
            return Err(invalid_arn(arn));
        }
        if self.next_token.is_some() {
            return Err(Error::validation("Invalid NextToken"));
        }
        Ok(())
    }

    /// The name of the table, once the request is validated; an ARN of another place names no table here.
    pub fn resolve(&self) -> Result<&str, Error> {
        let arn = self.resource_arn.as_ref().map_or("", Text::as_str);
        resolve_table_name(arn).map_err(|_| ListTagsOfResource::not_found(arn))
    }

    /// The error for an ARN that names no table.
    // DynamoDB: observed: "ResourcArn" is spelt so.
    pub fn not_found(arn: &str) -> Error {
        Error::new(ErrorKind::ResourceNotFound, format!("Requested resource not found: ResourcArn: {arn} not found"))
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTagsOfResourceReply {
    /// Key and value, in the order in which they were given.
    pub tags: Vec<(Text, Text)>,
}
