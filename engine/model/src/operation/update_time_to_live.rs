//! UpdateTimeToLive: let a table's items expire by an attribute, or no longer.
//!
//! `validate()` checks what needs no table; `apply` decides against the table as it is and makes its next definition.

use super::constraint::Constraints;
use super::table_name::{TableNameWording, check_table_name};
use crate::limits::KEY_ATTRIBUTE_NAME_BYTES_MAX;
use crate::table::TimeToLiveChange;
use crate::{Error, TableDefinition, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateTimeToLive {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// What is asked for.
    pub time_to_live_specification: Option<TimeToLiveSpecification>,
}

/// `TimeToLiveSpecification`, as given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeToLiveSpecification {
    /// Whether items are to expire.
    pub enabled: Option<bool>,
    /// By which attribute.
    pub attribute_name: Option<Text>,
}

impl UpdateTimeToLive {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)?;
        let mut constraints = Constraints::new();
        let path = "timeToLiveSpecification";
        constraints.not_null(path, self.time_to_live_specification.is_some());
        if let Some(specification) = &self.time_to_live_specification {
            let name_path = format!("{path}.attributeName");
            constraints.not_null(&name_path, specification.attribute_name.is_some());
            if let Some(name) = &specification.attribute_name {
                constraints.length_within(&name_path, name, 1, KEY_ATTRIBUTE_NAME_BYTES_MAX);
            }
            constraints.not_null(format_args!("{path}.enabled"), specification.enabled.is_some());
        }
        constraints.finish()
    }

    /// The table's next definition. Changes are refused for `settle_ms` after the last one.
    // DynamoDB: developer guide: one change an hour, while AWS settles it; the texts are observed.
    pub fn apply(&self, current: &TableDefinition, now_ms: u64, settle_ms: u64) -> Result<TableDefinition, Error> {
        let specification = self.time_to_live_specification.clone().unwrap_or_default();
        let name = specification.attribute_name.as_deref().unwrap_or_default();
        let is_enabled = specification.enabled.unwrap_or(false);
        match &current.time_to_live {
            Some(attribute) if attribute != name => {
                return Err(Error::validation(format!(
                    "TimeToLive is active on a different AttributeName: current AttributeName is {attribute}"
                )));
            }
            Some(_) if is_enabled => return Err(Error::validation("TimeToLive is already enabled")),
            None if !is_enabled => return Err(Error::validation("TimeToLive is already disabled")),
            _ => {}
        }
        let changed_at_ms = current.history.time_to_live.as_ref().map(|change| change.changed_at_ms);
        if changed_at_ms.is_some_and(|changed_at_ms| now_ms < changed_at_ms.saturating_add(settle_ms)) {
            return Err(Error::validation("Time to live has been modified multiple times within a fixed interval"));
        }
        let mut next = current.clone();
        next.time_to_live = is_enabled.then(|| name.to_owned());
        next.history.time_to_live = Some(TimeToLiveChange { changed_at_ms: now_ms, attribute_name: name.to_owned() });
        Ok(next)
    }

    /// The reply: what was asked for.
    pub fn reply(&self) -> UpdateTimeToLiveReply {
        let specification = self.time_to_live_specification.clone().unwrap_or_default();
        UpdateTimeToLiveReply {
            enabled: specification.enabled.unwrap_or(false),
            attribute_name: specification.attribute_name.unwrap_or_default(),
        }
    }
}

/// The reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateTimeToLiveReply {
    /// Whether items are to expire.
    pub enabled: bool,
    /// By which attribute they are to, or no longer.
    pub attribute_name: Text,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{DescribeTimeToLiveReply, TimeToLiveStatus};
    use crate::{KeyAttribute, KeySchema, KeyType};

    fn request(enabled: bool, name: &str) -> UpdateTimeToLive {
        UpdateTimeToLive {
            table_name: Some(Text::from("abc")),
            time_to_live_specification: Some(TimeToLiveSpecification {
                enabled: Some(enabled),
                attribute_name: Some(Text::from(name)),
            }),
        }
    }

    fn table() -> TableDefinition {
        let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
        TableDefinition::new("abc", KeySchema { partition_key, sort_key: None })
    }

    #[track_caller]
    fn check(request: &UpdateTimeToLive, expected: &str) {
        let message = request.validate().err().map(|error| error.message.into_owned()).unwrap_or_default();
        assert_eq!(message, expected);
    }

    #[test]
    fn members_are_constrained() {
        check(&request(true, &"é".repeat(255)), "");
        check(
            &UpdateTimeToLive { time_to_live_specification: None, ..request(true, "x") },
            "1 validation error detected: Value null at 'timeToLiveSpecification' failed to satisfy constraint: Member \
             must not be null",
        );
        check(
            &request(true, ""),
            "1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to satisfy \
             constraint: Member must have length greater than or equal to 1",
        );
        let empty = Some(TimeToLiveSpecification::default());
        check(
            &UpdateTimeToLive { time_to_live_specification: empty, ..request(true, "x") },
            "2 validation errors detected: Value null at 'timeToLiveSpecification.attributeName' failed to satisfy \
             constraint: Member must not be null; Value null at 'timeToLiveSpecification.enabled' failed to satisfy \
             constraint: Member must not be null",
        );
    }

    #[test]
    fn expiry_is_switched_on_and_off() {
        let message = |result: Result<TableDefinition, Error>| result.unwrap_err().message.into_owned();
        assert_eq!(message(request(false, "x").apply(&table(), 10, 0)), "TimeToLive is already disabled");
        let enabled = request(true, "x").apply(&table(), 10, 0).unwrap();
        assert_eq!(enabled.time_to_live.as_deref(), Some("x"));
        assert_eq!(message(request(true, "x").apply(&enabled, 11, 0)), "TimeToLive is already enabled");
        for is_enabled in [true, false] {
            assert_eq!(
                message(request(is_enabled, "y").apply(&enabled, 11, 0)),
                "TimeToLive is active on a different AttributeName: current AttributeName is x"
            );
        }
        let too_soon = "Time to live has been modified multiple times within a fixed interval";
        assert_eq!(message(request(false, "x").apply(&enabled, 19, 10)), too_soon);
        let disabled = request(false, "x").apply(&enabled, 20, 10).unwrap();
        assert_eq!(disabled.time_to_live, None);
        let other = request(true, "y").apply(&disabled, 20, 0).unwrap();
        assert_eq!(other.time_to_live.as_deref(), Some("y"));
    }

    #[test]
    fn descriptions_tell_the_state_between() {
        let described = |table: &TableDefinition, now_ms, settle_ms| {
            let reply = DescribeTimeToLiveReply::of(table, now_ms, settle_ms);
            (reply.status, reply.attribute_name.map(|name| name.to_string()))
        };
        let name = || Some("x".to_owned());
        assert_eq!(described(&table(), 0, 0), (TimeToLiveStatus::Disabled, None));
        let enabled = request(true, "x").apply(&table(), 10, 5).unwrap();
        assert_eq!(described(&enabled, 14, 5), (TimeToLiveStatus::Enabling, name()));
        assert_eq!(described(&enabled, 15, 5), (TimeToLiveStatus::Enabled, name()));
        let disabled = request(false, "x").apply(&enabled, 20, 5).unwrap();
        assert_eq!(described(&disabled, 24, 5), (TimeToLiveStatus::Disabling, name()));
        assert_eq!(described(&disabled, 25, 5), (TimeToLiveStatus::Disabled, None));
    }
}
