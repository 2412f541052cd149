//! Query: the items of one partition key, in the order of their sort keys.

use super::constraint::{Constraints, enveloped};
use super::refusal::check_no_substitutions;
use super::start_key::{check_start_key_values, check_within_condition, encode_query_start_key};
use super::table_name::{TableNameWording, check_table_name};
use super::{
    Attributes, Choice, ConditionalOperator, ConsumedCapacity, Evaluator, LegacyCondition, Page, PageBuilder,
    PageReader, ReturnConsumedCapacity, Select, UnitsByIndex,
};
use crate::expression::KeyCondition;
use crate::table::TableDefinition;
use crate::{Error, Item, KeyRange, Text};

/// The request.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// Which items.
    pub key_condition_expression: Option<Text>,
    /// `#name` to attribute name, in the order given; none when not given.
    pub expression_attribute_names: Option<Vec<(Text, Text)>>,
    /// `:name` to value.
    pub expression_attribute_values: Attributes,
    /// How many items to evaluate at most.
    pub limit: Option<i64>,
    /// Ascending when true, which is the default.
    pub scan_index_forward: bool,
    /// The key after which to go on.
    pub exclusive_start_key: Attributes,
    /// What to give back of each item.
    pub select: Choice<Select>,
    /// A read of the newest acknowledged writes.
    pub consistent_read: bool,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// Which items, in the form from before expressions, by attribute name.
    pub key_conditions: Option<Vec<(Text, LegacyCondition)>>,
    /// A local index to read instead of the table.
    pub index_name: Option<Text>,
    /// Which of the items read are given back.
    pub filter_expression: Option<Text>,
    /// The paths wanted of each.
    pub projection_expression: Option<Text>,
    /// Names of attributes wanted of each, in the form from before expressions.
    pub attributes_to_get: Option<Vec<Text>>,
    /// Which items are given back, in the form from before expressions, by attribute name.
    pub query_filter: Option<Vec<(Text, LegacyCondition)>>,
    /// How the entries of `query_filter` are joined.
    pub conditional_operator: Choice<ConditionalOperator>,
}

/// What a Query reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRange {
    /// The place of the local index in the table's definition; none for the table itself.
    pub index: Option<usize>,
    /// The encoded keys, of items or of entries of the index.
    pub keys: KeyRange,
}

impl Default for Query {
    fn default() -> Query {
        Query {
            table_name: None,
            key_condition_expression: None,
            expression_attribute_names: None,
            expression_attribute_values: Attributes::Absent,
            limit: None,
            scan_index_forward: true,
            exclusive_start_key: Attributes::Absent,
            select: Choice::Absent,
            consistent_read: false,
            return_consumed_capacity: Choice::Absent,
            key_conditions: None,
            index_name: None,
            filter_expression: None,
            projection_expression: None,
            attributes_to_get: None,
            query_filter: None,
            conditional_operator: Choice::Absent,
        }
    }
}

impl Query {
    /// Checks all that needs no table.
    pub fn validate(&self, _evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemRead)?;
        let mut constraints = Constraints::new();
        constraints.choice("select", &self.select);
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        if self.limit.is_some_and(|limit| limit < 1) {
            // DynamoDB: observed (2026): Query words this one without the value and with a capital letter.
            constraints.record(
                "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
            );
        }
        constraints.finish()?;
        if self.key_condition_expression.is_none() {
            check_no_substitutions(
                self.expression_attribute_names.is_some(),
                self.expression_attribute_values.is_given(),
                "FilterExpression and KeyConditionExpression are",
            )?;
        }
        check_start_key_values(&self.exclusive_start_key)?;
        self.check_select()?;
        self.key_condition().map(|_| ())
    }

    /// The key condition, parsed and checked.
    pub fn key_condition(&self) -> Result<KeyCondition<'_>, Error> {
        let Some(expression) = &self.key_condition_expression else {
            return Err(Error::validation(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.",
            ));
        };
        if let Attributes::Invalid(invalid) = &self.expression_attribute_values {
            return Err(Error::validation(format!(
                "ExpressionAttributeValues contains invalid value: {} for key {}",
                invalid.error.message, invalid.attribute_name
            )));
        }
        let names = self.expression_attribute_names.as_deref();
        let values = self.expression_attribute_values.item().map(Item::as_ref);
        KeyCondition::parse(expression, names, values)
    }

    /// Which encoded keys to read, of the table or of which local index, from the start key on in the query's direction.
    ///
    /// # Errors
    /// Validation: what only the table's definition can tell.
    // DynamoDB: observed: the start key's form is checked before the condition, its place after.
    pub fn bind(&self, _evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<QueryRange, Error> {
        let schema = &definition.key_schema;
        let start_item = self.exclusive_start_key.item();
        let start_key = start_item.map(|key| encode_query_start_key(key, schema)).transpose()?;
        let condition = self.key_condition()?.resolve(schema)?;
        if let Some(key) = start_item {
            check_within_condition(key, schema, &condition)?;
        }
        let range = condition.range(schema)?;
        let keys = match start_key {
            None => range,
            Some(key) if self.scan_index_forward => range.after_key(&key),
            Some(key) => range.before_key(&key),
        };
        Ok(QueryRange { index: None, keys })
    }

    /// What reads the items of the range that `bind` gave.
    pub fn reader<'a>(
        &'a self,
        _evaluator: &mut Evaluator,
        definition: &'a TableDefinition,
        range: &QueryRange,
    ) -> PageReader<'a> {
        PageReader::new(definition, range.index)
    }

    /// An empty page to fill.
    pub fn page(&self) -> PageBuilder {
        PageBuilder::new(self.limit, &self.select)
    }

    /// What a page has cost so far.
    pub fn units(&self, page: &PageBuilder, range: &QueryRange) -> UnitsByIndex {
        page.units(range.index, self.consistent_read)
    }

    /// The reply for a filled page of that range; `last_evaluated_key` is the key of its last item if it is full.
    pub fn reply(
        &self,
        definition: &TableDefinition,
        range: &QueryRange,
        page: PageBuilder,
        last_evaluated_key: Option<Item>,
    ) -> QueryReply {
        let (asked, name) = (&self.return_consumed_capacity, self.table_name.as_ref());
        let consumed = ConsumedCapacity::answer(asked, name, definition, &self.units(&page, range));
        page.finish(last_evaluated_key, consumed)
    }

    fn check_select(&self) -> Result<(), Error> {
        match self.select.known() {
            Some(Select::AllProjectedAttributes) => {
                Err(Error::validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
            }
            // DynamoDB: observed (2026): Query puts this into the form of a constraint failure, Scan does not.
            Some(Select::SpecificAttributes) => Err(enveloped(SPECIFIC_WITHOUT_PROJECTION)),
            Some(Select::Count | Select::AllAttributes) | None => Ok(()),
        }
    }
}

/// The text for `SPECIFIC_ATTRIBUTES` that are not named.
pub(crate) const SPECIFIC_WITHOUT_PROJECTION: &str =
    "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES";

/// The reply.
pub type QueryReply = Page;
