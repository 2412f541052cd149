//! TagResource: stick tags to a table, by its ARN.

use super::constraint::Constraints;
use super::resource_arn::{check_resource_arn, resolve_resource_arn};
use super::tags::{TagParameter, check_count, check_tags, constrain_tags};
use crate::{Error, TableDefinition, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagResource {
    /// The table's ARN.
    pub resource_arn: Option<Text>,
    /// The tags; one with a key that the table has replaces its value.
    pub tags: Option<Vec<TagParameter>>,
}

impl TagResource {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_resource_arn(self.resource_arn.as_ref())?;
        let tags = self.tags.as_deref().unwrap_or_default();
        if tags.is_empty() {
            // DynamoDB: observed.
            return Err(Error::validation("Atleast one Tag needs to be provided as Input."));
        }
        let mut constraints = Constraints::new();
        constrain_tags(&mut constraints, tags);
        constraints.finish()?;
        check_tags(tags)
    }

    /// The name of the table, once the request is validated.
    pub fn resolve(&self) -> Result<&str, Error> {
        resolve_resource_arn(self.resource_arn.as_ref(), "TagResource")
    }

    /// The table's next definition.
    pub fn apply(&self, current: &TableDefinition) -> Result<TableDefinition, Error> {
        let mut next = current.clone();
        for tag in self.tags.iter().flatten().filter_map(TagParameter::tag) {
            match next.tags.iter_mut().find(|known| known.key == tag.key) {
                Some(known) => known.value = tag.value,
                None => next.tags.push(tag),
            }
        }
        check_count(next.tags.len())?;
        Ok(next)
    }
}

/// The reply: nothing to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TagResourceReply;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Request, UntagResource};
    use crate::table::table_arn;
    use crate::{KeyAttribute, KeySchema, KeyType};

    fn tag(key: &str, value: &str) -> TagParameter {
        TagParameter { key: Some(Text::from(key)), value: Some(Text::from(value)) }
    }

    fn request(tags: &[(&str, &str)]) -> TagResource {
        let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
        TagResource { resource_arn: Some(Text::from(table_arn("abc"))), tags: Some(tags) }
    }

    fn untag(keys: &[&str]) -> UntagResource {
        let tag_keys = Some(keys.iter().map(|key| Text::from(*key)).collect());
        UntagResource { resource_arn: Some(Text::from(table_arn("abc"))), tag_keys }
    }

    #[track_caller]
    fn check(request: Request, expected: &str) {
        let message = request
            .validate(&mut crate::operation::Evaluator::new())
            .err()
            .map(|error| error.message.into_owned())
            .unwrap_or_default();
        assert_eq!(message, expected);
    }

    #[test]
    fn requests_are_checked() {
        let tagging = |tags: &[(&str, &str)]| Request::TagResource(request(tags));
        check(tagging(&[("k", "")]), "");
        check(Request::TagResource(TagResource::default()), "Invalid TableArn");
        check(tagging(&[]), "Atleast one Tag needs to be provided as Input.");
        check(
            tagging(&[("", "v")]),
            "1 validation error detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must \
             have length greater than or equal to 1",
        );
        check(tagging(&[("k", "1"), ("k", "2")]), "One or more parameter values were invalid: Duplicate tag key: k");
        check(Request::UntagResource(untag(&["k"])), "");
        check(Request::UntagResource(UntagResource::default()), "Invalid TableArn");
        check(Request::UntagResource(untag(&[])), "Atleast one Tag Key needs to be provided as Input.");
        check(
            Request::UntagResource(untag(&["k", ""])),
            "1 validation error detected: Value '[k, ]' at 'tagKeys' failed to satisfy constraint: Member must satisfy \
             constraint: [Member must have length less than or equal to 128, Member must have length greater than or \
             equal to 1]",
        );
    }

    #[test]
    fn tags_come_change_and_go() {
        let partition_key = KeyAttribute { name: "pk".to_owned(), key_type: KeyType::String };
        let table = TableDefinition::new("abc", KeySchema { partition_key, sort_key: None });
        let shown = |table: &TableDefinition| {
            table.tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect::<Vec<_>>().join(" ")
        };
        let two = request(&[("a", "1"), ("b", "2")]).apply(&table).unwrap();
        assert_eq!(shown(&two), "a=1 b=2");
        let changed = request(&[("a", "3"), ("c", "4")]).apply(&two).unwrap();
        assert_eq!(shown(&changed), "a=3 b=2 c=4");
        assert_eq!(shown(&untag(&["a", "c", "x"]).apply(&changed)), "b=2");
        let keys: Vec<String> = (0..49).map(|number| format!("k{number}")).collect();
        let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        let error = request(&many).apply(&two).unwrap_err();
        assert_eq!(error.message, "One or more parameter values were invalid: Too many tags: 51, the limit is 50");
        assert_eq!(request(&many[..48]).apply(&two).unwrap().tags.len(), 50);
    }
}
