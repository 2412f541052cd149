//! `TableName`: a name or an ARN. Checks it as each operation words it, and finds the name in it.
//!
//! In the way of a request: the first check of `validate()` (DynamoDB reports a bad name alone), then the router,
//! which needs the name itself. Replies echo what the caller wrote, not the name found in it.

use super::constraint::Constraints;
use crate::limits::{TABLE_ARN_BYTES_MAX, TABLE_NAME_BYTES_MAX, TABLE_NAME_BYTES_MIN};
use crate::table::{ACCOUNT_ID, REGION};
use crate::{Error, Text};

/// What every table's ARN starts with, before its name.
const ARN_START: &str = "arn:";
/// The pattern of names, as DynamoDB prints it.
pub(crate) const NAME_PATTERN: &str = "[a-zA-Z0-9_.-]+";

/// How an operation words what is wrong with its `TableName`.
// DynamoDB: observed: the wording differs by operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableNameWording {
    /// Operations on items that write: constraint failures throughout.
    ItemWrite,
    /// Operations on items that read: a sentence for the length.
    ItemRead,
    /// CreateTable: a sentence for a missing name, constraint failures else.
    CreateTable,
    /// Other operations on tables: sentences for a missing name and for the length.
    Table,
}

/// Checks that a table name is given and can be one.
pub(crate) fn check_table_name(table_name: Option<&Text>, wording: TableNameWording) -> Result<(), Error> {
    let Some(reference) = table_name else {
        return Err(missing(wording));
    };
    let is_length_right = (TABLE_NAME_BYTES_MIN..=TABLE_NAME_BYTES_MAX).contains(&reference.bytes().len());
    if is_length_right && are_name_bytes(reference.bytes()) {
        return Ok(());
    }
    let reference = reference.as_str();
    if reference.starts_with(ARN_START) {
        return name_in_arn(reference).map(|_| ());
    }
    let has_sentence = matches!(wording, TableNameWording::ItemRead | TableNameWording::Table);
    if has_sentence && !is_length_right {
        return Err(Error::validation("TableName must be at least 3 characters long and at most 255 characters long"));
    }
    let mut constraints = Constraints::new();
    check_name(&mut constraints, "tableName", reference, wording);
    constraints.finish()
}

/// The table's name: `reference` itself, or the name in it when it is an ARN of a table of this database.
///
/// An ARN of another region or account names a table that cannot be here: `ResourceNotFoundException`.
pub fn resolve_table_name(reference: &str) -> Result<&str, Error> {
    if reference.starts_with(ARN_START) { name_in_arn(reference) } else { Ok(reference) }
}

/// Whether every character may stand in a name of a table or index.
pub(crate) fn is_name(name: &str) -> bool {
    are_name_bytes(name.as_bytes())
}

fn are_name_bytes(name: &[u8]) -> bool {
    /// Of each byte.
    static MAY_STAND: [bool; 256] = {
        let mut may_stand = [false; 256];
        let mut byte = 0;
        while byte <= u8::MAX as usize {
            let character = byte.to_le_bytes()[0];
            may_stand[byte] = character.is_ascii_alphanumeric() || matches!(character, b'_' | b'.' | b'-');
            byte += 1;
        }
        may_stand
    };
    !name.is_empty() && name.iter().all(|byte| MAY_STAND[usize::from(*byte)])
}

fn missing(wording: TableNameWording) -> Error {
    match wording {
        TableNameWording::ItemWrite | TableNameWording::ItemRead => {
            let mut constraints = Constraints::new();
            constraints.not_null("tableName", false);
            constraints.finish().expect_err("one failure was recorded")
        }
        TableNameWording::CreateTable | TableNameWording::Table => {
            Error::validation("The parameter 'TableName' is required but was not present in the request")
        }
    }
}

fn check_name(constraints: &mut Constraints, path: &str, name: &str, wording: TableNameWording) {
    // DynamoDB: observed: an empty name fails the ARN's own shape when an item is written, the name's when a
    // table is created.
    if name.is_empty() && wording != TableNameWording::CreateTable {
        constraints.fail(path, name, "Member must have length greater than or equal to 1");
        return;
    }
    if !is_name(name) {
        constraints.fail(path, name, format_args!("Member must satisfy regular expression pattern: {NAME_PATTERN}"));
    }
    constraints.length_within(path, name, TABLE_NAME_BYTES_MIN, TABLE_NAME_BYTES_MAX);
}

/// The name in `arn:<partition>:dynamodb:<region>:<account>:table/<name>`.
fn name_in_arn(arn: &str) -> Result<&str, Error> {
    let (region, account, name) = split_arn(arn).ok_or_else(|| invalid_arn(arn))?;
    if region == REGION && account == ACCOUNT_ID { Ok(name) } else { Err(Error::resource_not_found()) }
}

pub(crate) fn invalid_arn(arn: &str) -> Error {
    let shown = &arn[..arn.floor_char_boundary(TABLE_ARN_BYTES_MAX)];
    Error::validation(format!("Invalid TableArn: Invalid ResourceArn provided as input {shown}"))
}

/// Region, account and name, when it is the ARN of a table.
pub(crate) fn split_arn(arn: &str) -> Option<(&str, &str, &str)> {
    if arn.len() > TABLE_ARN_BYTES_MAX {
        return None;
    }
    let mut parts = arn.splitn(6, ':');
    let (start, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let name = resource.strip_prefix("table/")?;
    let is_table = start == "arn" && partition.starts_with("aws") && service == "dynamodb" && is_name(name);
    let is_place = is_name(region) && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_length_right = (TABLE_NAME_BYTES_MIN..=TABLE_NAME_BYTES_MAX).contains(&name.len());
    (is_table && is_place && is_length_right).then_some((region, account, name))
}

#[cfg(test)]
mod tests {
    use super::TableNameWording::{CreateTable, ItemRead, ItemWrite, Table};
    use super::*;

    #[track_caller]
    fn check(wording: TableNameWording, name: Option<&str>, expected: &str) {
        let outcome = check_table_name(name.map(Text::from).as_ref(), wording);
        let message = outcome.err().map(|error| error.message.into_owned()).unwrap_or_default();
        assert_eq!(message, expected, "{wording:?} {name:?}");
    }

    #[test]
    fn good_names_and_arns_pass() {
        let longest = "a".repeat(255);
        for wording in [ItemWrite, ItemRead, CreateTable, Table] {
            for name in ["abc", "a_.-9Z", &longest, "arn:aws:dynamodb:us-east-1:123456789012:table/Users"] {
                check(wording, Some(name), "");
            }
        }
    }

    #[test]
    fn each_operation_words_it_in_its_way() {
        let null = "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must \
                    not be null";
        let required = "The parameter 'TableName' is required but was not present in the request";
        let sentence = "TableName must be at least 3 characters long and at most 255 characters long";
        check(ItemWrite, None, null);
        check(ItemRead, None, null);
        check(CreateTable, None, required);
        check(Table, None, required);
        check(
            ItemWrite,
            Some(""),
            "1 validation error detected: Value '' at 'tableName' failed to satisfy constraint: Member must have \
             length greater than or equal to 1",
        );
        check(
            CreateTable,
            Some("ab"),
            "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must have \
             length greater than or equal to 3",
        );
        check(ItemRead, Some("ab"), sentence);
        check(Table, Some(""), sentence);
        check(Table, Some(&"a".repeat(256)), sentence);
        check(
            ItemWrite,
            Some(&"a".repeat(256)),
            &format!(
                "1 validation error detected: Value '{}' at 'tableName' failed to satisfy constraint: Member must \
                 have length less than or equal to 255",
                "a".repeat(256)
            ),
        );
        for wording in [ItemWrite, ItemRead, CreateTable, Table] {
            check(
                wording,
                Some("bad table!@#"),
                "1 validation error detected: Value 'bad table!@#' at 'tableName' failed to satisfy constraint: \
                 Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
            );
        }
    }

    #[test]
    fn an_arn_is_resolved_or_refused() {
        assert_eq!(resolve_table_name("Users"), Ok("Users"));
        assert_eq!(resolve_table_name("arn:aws:dynamodb:us-east-1:123456789012:table/Users"), Ok("Users"));
        for elsewhere in [
            "arn:aws:dynamodb:eu-west-1:123456789012:table/Users",
            "arn:aws:dynamodb:us-east-1:111111111111:table/Users",
        ] {
            assert_eq!(resolve_table_name(elsewhere), Err(Error::resource_not_found()), "{elsewhere}");
        }
        for bad in [
            "arn:",
            "arn:aws:s3:us-east-1:123456789012:table/Users",
            "arn:aws:dynamodb:us-east-1:123456789012:Users",
            "arn:aws:dynamodb:us-east-1:123456789012:table/Us",
            "arn:aws:dynamodb:us-east-1:123456789012:table/Users/index/i",
            "arn:aws:dynamodb:us-east-1:00000:table/Users",
            "arn:aws:dynamodb:us-east-1:123456789012:table/bad name",
        ] {
            let expected = format!("Invalid TableArn: Invalid ResourceArn provided as input {bad}");
            assert_eq!(resolve_table_name(bad), Err(Error::validation(expected)), "{bad}");
        }
        assert!(resolve_table_name(&format!("arn:{}", "é".repeat(4000))).is_err());
    }
}
