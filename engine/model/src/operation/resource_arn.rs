//! `ResourceArn`: the table that a request about tags is for.
//!
//! In the way of a request: the first check of `validate()`, then the router, which needs the name.

use super::table_name::{invalid_arn, split_arn};
use crate::table::{ACCOUNT_ID, REGION};
use crate::{Error, ErrorKind, Text};

/// Checks that an ARN is given and can be a table's.
// DynamoDB: observed: neither a missing ARN nor one of another form is worded as a constraint failure.
pub(crate) fn check_resource_arn(arn: Option<&Text>) -> Result<(), Error> {
    let Some(arn) = arn else {
        return Err(Error::validation("Invalid TableArn"));
    };
    split_arn(arn).map(|_| ()).ok_or_else(|| invalid_arn(arn))
}

/// The name of the table that a checked ARN means, for the operation of that name.
pub(crate) fn resolve_resource_arn<'a>(arn: Option<&'a Text>, operation: &str) -> Result<&'a str, Error> {
    let arn = arn.map_or("", Text::as_str);
    let (region, account, name) = split_arn(arn).ok_or_else(|| invalid_arn(arn))?;
    if account != ACCOUNT_ID {
        // DynamoDB: observed (2026): what another account has is not even said to be missing.
        return Err(Error::new(
            ErrorKind::AccessDenied,
            format!(
                "User: arn:aws:iam::{ACCOUNT_ID}:root is not authorized to perform: dynamodb:{operation} on resource: \
                 {arn} because no resource-based policy allows the dynamodb:{operation} action"
            ),
        ));
    }
    if region == REGION { Ok(name) } else { Err(resource_not_found(arn)) }
}

/// The error for an ARN that names no table.
// DynamoDB: observed: "ResourcArn" is spelt so.
pub fn resource_not_found(arn: &str) -> Error {
    Error::new(ErrorKind::ResourceNotFound, format!("Requested resource not found: ResourcArn: {arn} not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_checked_and_resolved() {
        let arn = |account: &str, region: &str| Text::from(format!("arn:aws:dynamodb:{region}:{account}:table/abc"));
        let message = |result: Result<(), Error>| result.unwrap_err().message.into_owned();
        assert_eq!(message(check_resource_arn(None)), "Invalid TableArn");
        assert_eq!(
            message(check_resource_arn(Some(&Text::from("x")))),
            "Invalid TableArn: Invalid ResourceArn provided as input x"
        );
        let own = arn(ACCOUNT_ID, REGION);
        assert_eq!(check_resource_arn(Some(&own)), Ok(()));
        assert_eq!(resolve_resource_arn(Some(&own), "TagResource"), Ok("abc"));
        let elsewhere = resolve_resource_arn(Some(&arn(ACCOUNT_ID, "eu-west-1")), "TagResource").map(str::to_owned);
        assert_eq!(elsewhere.unwrap_err().kind, ErrorKind::ResourceNotFound);
        let foreign = arn("000000000000", REGION);
        let error = resolve_resource_arn(Some(&foreign), "TagResource").unwrap_err();
        assert_eq!(error.kind, ErrorKind::AccessDenied);
        assert!(error.message.contains("dynamodb:TagResource on resource: arn:aws:dynamodb:us-east-1:000000000000:"));
    }
}
