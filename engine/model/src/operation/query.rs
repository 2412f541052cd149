//! Query: the items of one partition key, in the order of their sort keys.

use super::constraint::{Constraints, enveloped};
use super::expression_texts::ExpressionTexts;
use super::legacy_condition::{bind_key_conditions, check_conditions, constrain_conditions};
use super::parameter_style::ParameterStyle;
use super::read_parameters::ReadParameters;
use super::start_key::{check_start_key_values, check_within_condition, encode_query_start_key};
use super::table_name::{TableNameWording, check_table_name};
use super::{
    Attributes, Choice, ConditionalOperator, ConsumedCapacity, Evaluator, LegacyCondition, Page, PageBuilder,
    PageReader, ReturnConsumedCapacity, Select, UnitsByIndex,
};
use crate::expression::{ConditionKind, KeyCondition};
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
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemRead)?;
        self.check_constraints()?;
        self.check_style()?;
        let parameters = self.parameters();
        check_conditions(self.query_filter.as_deref())?;
        parameters.check_names()?;
        check_start_key_values(&self.exclusive_start_key)?;
        if self.key_conditions.is_none() && self.key_condition_expression.is_none() {
            return Err(missing_key_condition());
        }
        // DynamoDB: observed (2026): Query puts this into the form of a constraint failure, Scan does not.
        parameters.check_select().map_err(|error| enveloped(error.message))?;
        let key_condition = self.key_condition_expression.as_ref();
        ExpressionTexts { key_condition, ..parameters.texts() }.check(evaluator)?;
        if let Some(conditions) = &self.key_conditions {
            check_conditions(Some(conditions))?;
            bind_key_conditions(conditions)?;
        }
        Ok(())
    }

    /// Which encoded keys to read, of the table or of which local index, from the start key on in the query's direction.
    ///
    /// # Errors
    /// Validation: what only the table's definition can tell.
    // DynamoDB: observed: the start key's form is checked before the condition, its place after.
    pub fn bind(&self, evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<QueryRange, Error> {
        let parameters = self.parameters();
        let position = parameters.find_index(definition)?;
        let index = position.map(|position| &definition.local_indexes[position]);
        let index_schema = index.map(|index| index.key_schema(&definition.key_schema));
        let schema = index_schema.as_ref().unwrap_or(&definition.key_schema);
        let start_item = self.exclusive_start_key.item();
        let start_key = start_item.map(|key| encode_query_start_key(key, definition, index)).transpose()?;
        let parsed;
        let substitutions;
        let condition = if let Some(text) = &self.key_condition_expression {
            parsed = evaluator.expressions.condition(ConditionKind::KeyCondition, text)?;
            substitutions = parameters.substitutions();
            KeyCondition::of_condition(&parsed, &substitutions)?
        } else {
            bind_key_conditions(self.key_conditions.as_deref().ok_or_else(missing_key_condition)?)?
        };
        let bound = condition.resolve(schema)?;
        if let Some(key) = start_item {
            check_within_condition(key, schema, &bound)?;
        }
        parameters.check_paths(evaluator, definition, Some(schema))?;
        let range = if index.is_some() { bound.range_in_index(schema)? } else { bound.range(schema)? };
        let keys = match start_key {
            None => range,
            Some(key) if self.scan_index_forward => range.after_key(&key),
            Some(key) => range.before_key(&key),
        };
        Ok(QueryRange { index: position, keys })
    }

    /// What reads the items of the range that `bind` gave.
    pub fn reader<'a>(
        &'a self,
        evaluator: &mut Evaluator,
        definition: &'a TableDefinition,
        range: &QueryRange,
    ) -> PageReader<'a> {
        PageReader::new(&self.parameters(), evaluator, definition, range.index)
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

    fn parameters(&self) -> ReadParameters<'_> {
        ReadParameters {
            index_name: self.index_name.as_ref(),
            select: &self.select,
            filter_expression: self.filter_expression.as_ref(),
            legacy_filter: self.query_filter.as_deref(),
            conditional_operator: &self.conditional_operator,
            projection_expression: self.projection_expression.as_ref(),
            attributes_to_get: self.attributes_to_get.as_deref(),
            names: self.expression_attribute_names.as_deref(),
            values: &self.expression_attribute_values,
        }
    }

    fn check_constraints(&self) -> Result<(), Error> {
        let mut constraints = Constraints::new();
        constraints.choice("select", &self.select);
        constraints.index_name(self.index_name.as_ref());
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constrain_conditions(&mut constraints, "queryFilter", self.query_filter.as_deref());
        constraints.choice("conditionalOperator", &self.conditional_operator);
        constraints.attributes_to_get("attributesToGet", self.attributes_to_get.as_deref());
        if self.limit.is_some_and(|limit| limit < 1) {
            // DynamoDB: observed (2026): Query words this one without the value and with a capital letter.
            constraints.record(
                "Value at 'Limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
            );
        }
        constrain_conditions(&mut constraints, "keyConditions", self.key_conditions.as_deref());
        constraints.finish()
    }

    fn check_style(&self) -> Result<(), Error> {
        // DynamoDB: observed: KeyConditions may go with expressions for other things.
        let is_key_twice = self.key_conditions.is_some() && self.key_condition_expression.is_some();
        let style = ParameterStyle {
            legacy: &[
                ("AttributesToGet", self.attributes_to_get.is_some()),
                ("QueryFilter", self.query_filter.is_some()),
                ("ConditionalOperator", self.conditional_operator.is_given()),
                ("KeyConditions", is_key_twice),
            ],
            expressions: &[
                ("ProjectionExpression", self.projection_expression.is_some()),
                ("FilterExpression", self.filter_expression.is_some()),
                ("KeyConditionExpression", self.key_condition_expression.is_some()),
            ],
            joined_condition_count: self.parameters().joined_condition_count(),
            has_names: self.expression_attribute_names.is_some(),
            has_values: self.expression_attribute_values.is_given(),
        };
        style.check()
    }
}

fn missing_key_condition() -> Error {
    Error::validation("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
}

/// The reply.
pub type QueryReply = Page;
