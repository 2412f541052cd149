//! ListTables: the names of all tables, sorted, in pages.

use super::constraint::Constraints;
use super::table_name::{NAME_PATTERN, is_name};
use crate::limits::{LIST_TABLES_COUNT_MAX, TABLE_NAME_BYTES_MAX, TABLE_NAME_BYTES_MIN};
use crate::{Error, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTables {
    /// The name after which to go on; it need not exist.
    pub exclusive_start_table_name: Option<Text>,
    /// 1 to 100 names; 100 when not given.
    pub limit: Option<i64>,
}

impl ListTables {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        let mut constraints = Constraints::new();
        if let Some(name) = &self.exclusive_start_table_name {
            let path = "exclusiveStartTableName";
            if !is_name(name) {
                let pattern = format_args!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
                constraints.fail(path, name, pattern);
            }
            constraints.length_within(path, name, TABLE_NAME_BYTES_MIN, TABLE_NAME_BYTES_MAX);
        }
        if let Some(limit) = self.limit {
            let max = i64::try_from(LIST_TABLES_COUNT_MAX).expect("it is 100");
            constraints.value_within("limit", limit, 1, max);
        }
        constraints.finish()
    }

    /// The reply, from the names of all tables in order.
    pub fn reply<'a>(&self, sorted_names: impl Iterator<Item = &'a Text>) -> ListTablesReply {
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(LIST_TABLES_COUNT_MAX);
        let start = self.exclusive_start_table_name.as_ref();
        let mut rest = sorted_names.filter(|name| start.is_none_or(|start| *name > start));
        let table_names: Vec<Text> = rest.by_ref().take(limit).cloned().collect();
        let last_evaluated_table_name = rest.next().and_then(|_| table_names.last().cloned());
        ListTablesReply { table_names, last_evaluated_table_name }
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListTablesReply {
    /// Sorted.
    pub table_names: Vec<Text>,
    /// The last of them, when there are more.
    pub last_evaluated_table_name: Option<Text>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(start: Option<&str>, limit: Option<i64>, expected: &str) {
        let request = ListTables { exclusive_start_table_name: start.map(Text::from), limit };
        let message = request.validate().err().map(|error| error.message.into_owned()).unwrap_or_default();
        assert_eq!(message, expected);
    }

    #[test]
    fn parameters_are_checked() {
        check(None, None, "");
        check(Some("abc"), Some(100), "");
        check(
            Some("a;"),
            Some(500),
            "3 validation errors detected: Value 'a;' at 'exclusiveStartTableName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; Value 'a;' at \
             'exclusiveStartTableName' failed to satisfy constraint: Member must have length greater than or equal \
             to 3; Value '500' at 'limit' failed to satisfy constraint: Member must have value less than or equal to \
             100",
        );
        check(
            None,
            Some(0),
            "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value \
             greater than or equal to 1",
        );
    }

    #[test]
    fn names_come_in_pages() {
        let names: Vec<Text> = ["a-1", "b-2", "c-3"].map(Text::from).to_vec();
        let page = |start: Option<&str>, limit| {
            let request = ListTables { exclusive_start_table_name: start.map(Text::from), limit };
            let reply = request.reply(names.iter());
            let listed: Vec<String> = reply.table_names.iter().map(Text::to_string).collect();
            (listed.join(" "), reply.last_evaluated_table_name.map(|name| name.to_string()).unwrap_or_default())
        };
        assert_eq!(page(None, None), ("a-1 b-2 c-3".into(), String::new()));
        assert_eq!(page(None, Some(2)), ("a-1 b-2".into(), "b-2".into()));
        assert_eq!(page(None, Some(3)), ("a-1 b-2 c-3".into(), String::new()));
        assert_eq!(page(Some("b-2"), Some(2)), ("c-3".into(), String::new()));
        assert_eq!(page(Some("aaa"), Some(1)), ("b-2".into(), "b-2".into()));
        assert_eq!(page(Some("zzz"), None), (String::new(), String::new()));
    }
}
