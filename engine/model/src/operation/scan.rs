//! Scan: all items of a table, or of one of several segments of it.

use super::constraint::Constraints;
use super::legacy_condition::{check_conditions, constrain_conditions};
use super::parameter_style::ParameterStyle;
use super::read_parameters::ReadParameters;
use super::start_key::{check_start_key_values, encode_scan_start_key, outside_segment};
use super::table_name::{TableNameWording, check_table_name};
use super::{
    Attributes, Choice, ConditionalOperator, ConsumedCapacity, Evaluator, LegacyCondition, Page, PageBuilder,
    PageReader, ReturnConsumedCapacity, Select, UnitsByIndex,
};
use crate::limits::SCAN_SEGMENT_COUNT_MAX;
use crate::table::{HashRange, TableDefinition};
use crate::{Error, Item, KeyHash, Text};

/// The request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// How many items to evaluate at most.
    pub limit: Option<i64>,
    /// Which segment, from 0.
    pub segment: Option<i64>,
    /// How many segments the callers share the table in.
    pub total_segments: Option<i64>,
    /// The key after which to go on.
    pub exclusive_start_key: Attributes,
    /// What to give back of each item.
    pub select: Choice<Select>,
    /// A read of the newest acknowledged writes.
    pub consistent_read: bool,
    /// Whether the reply tells the capacity.
    pub return_consumed_capacity: Choice<ReturnConsumedCapacity>,
    /// `#name` to attribute name, in the order given; none when not given.
    pub expression_attribute_names: Option<Vec<(Text, Text)>>,
    /// `:name` to value.
    pub expression_attribute_values: Attributes,
    /// A local index to read instead of the table.
    pub index_name: Option<Text>,
    /// Which of the items read are given back.
    pub filter_expression: Option<Text>,
    /// The paths wanted of each.
    pub projection_expression: Option<Text>,
    /// Names of attributes wanted of each, in the form from before expressions.
    pub attributes_to_get: Option<Vec<Text>>,
    /// Which items are given back, in the form from before expressions, by attribute name.
    pub scan_filter: Option<Vec<(Text, LegacyCondition)>>,
    /// How the entries of `scan_filter` are joined.
    pub conditional_operator: Choice<ConditionalOperator>,
}

/// What a Scan reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanRange {
    /// The place of the local index in the table's definition; none for the table itself.
    pub index: Option<usize>,
    /// The hashes of the segment.
    pub hashes: HashRange,
    /// The encoded key, of an item or of an entry of the index, after which to start.
    pub start_key: Option<Vec<u8>>,
}

impl Scan {
    /// Checks all that needs no table.
    pub fn validate(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::ItemRead)?;
        self.check_constraints()?;
        self.check_style()?;
        let parameters = self.parameters();
        parameters.check_names()?;
        check_conditions(self.scan_filter.as_deref())?;
        check_start_key_values(&self.exclusive_start_key)?;
        self.check_segments()?;
        parameters.check_select()?;
        parameters.texts().check(evaluator)
    }

    /// What to read, of the table or of which local index.
    ///
    /// Segments are equal parts of the hashes, so that each item lies in exactly one.
    ///
    /// # Errors
    /// Validation: what only the table's definition can tell.
    pub fn bind(&self, evaluator: &mut Evaluator, definition: &TableDefinition) -> Result<ScanRange, Error> {
        let parameters = self.parameters();
        let position = parameters.find_index(definition)?;
        let index = position.map(|position| &definition.local_indexes[position]);
        let (segment, total_segments) = (self.segment.unwrap_or(0), self.total_segments.unwrap_or(1));
        let hashes = segment_hashes(segment, total_segments);
        let start_item = self.exclusive_start_key.item();
        let start_key = start_item.map(|key| encode_scan_start_key(key, definition, index)).transpose()?;
        let start_hash = start_key.as_deref().and_then(KeyHash::of_encoded_key);
        if start_hash.is_some_and(|hash| !hashes.contains(hash)) {
            return Err(outside_segment(segment, total_segments));
        }
        parameters.check_paths(evaluator, definition, None)?;
        Ok(ScanRange { index: position, hashes, start_key })
    }

    /// What reads the items of the range that `bind` gave. `index` is that range's.
    pub fn reader<'a>(
        &'a self,
        evaluator: &mut Evaluator,
        definition: &'a TableDefinition,
        index: Option<usize>,
    ) -> PageReader<'a> {
        PageReader::new(&self.parameters(), evaluator, definition, index)
    }

    /// An empty page to fill.
    pub fn page(&self) -> PageBuilder {
        PageBuilder::new(self.limit, &self.select)
    }

    /// What a page has cost so far. `index` is the range's.
    pub fn units(&self, page: &PageBuilder, index: Option<usize>) -> UnitsByIndex {
        page.units(index, self.consistent_read)
    }

    /// The reply for a filled page; `index` is the range's, `last_evaluated_key` is the key of the page's last item if it is
    /// full.
    pub fn reply(
        &self,
        definition: &TableDefinition,
        index: Option<usize>,
        page: PageBuilder,
        last_evaluated_key: Option<Item>,
    ) -> ScanReply {
        let (asked, name) = (&self.return_consumed_capacity, self.table_name.as_ref());
        let consumed = ConsumedCapacity::answer(asked, name, definition, &self.units(&page, index));
        page.finish(last_evaluated_key, consumed)
    }

    fn check_segments(&self) -> Result<(), Error> {
        match (self.segment, self.total_segments) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(Error::validation(
                "The TotalSegments parameter is required but was not present in the request when Segment parameter \
                 is present",
            )),
            (None, Some(_)) => Err(Error::validation(
                "The Segment parameter is required but was not present in the request when parameter TotalSegments \
                 is present",
            )),
            (Some(segment), Some(total)) if segment >= total => Err(Error::validation(format!(
                "The Segment parameter is zero-based and must be less than parameter TotalSegments: \
                 Segment: {segment} is not less than TotalSegments: {total}"
            ))),
            (Some(_), Some(_)) => Ok(()),
        }
    }

    fn parameters(&self) -> ReadParameters<'_> {
        ReadParameters {
            index_name: self.index_name.as_ref(),
            select: &self.select,
            filter_expression: self.filter_expression.as_ref(),
            legacy_filter: self.scan_filter.as_deref(),
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
        if let Some(total_segments) = self.total_segments {
            constraints.value_within("totalSegments", total_segments, 1, SCAN_SEGMENT_COUNT_MAX);
        }
        constraints.choice("returnConsumedCapacity", &self.return_consumed_capacity);
        constraints.choice("conditionalOperator", &self.conditional_operator);
        constrain_conditions(&mut constraints, "scanFilter", self.scan_filter.as_deref());
        if let Some(segment) = self.segment {
            constraints.value_within("segment", segment, 0, SCAN_SEGMENT_COUNT_MAX - 1);
        }
        if let Some(limit) = self.limit {
            constraints.value_within("limit", limit, 1, i64::MAX);
        }
        constraints.attributes_to_get("attributesToGet", self.attributes_to_get.as_deref());
        constraints.finish()
    }

    fn check_style(&self) -> Result<(), Error> {
        let style = ParameterStyle {
            legacy: &[
                ("AttributesToGet", self.attributes_to_get.is_some()),
                ("ScanFilter", self.scan_filter.is_some()),
                ("ConditionalOperator", self.conditional_operator.is_given()),
            ],
            expressions: &[
                ("ProjectionExpression", self.projection_expression.is_some()),
                ("FilterExpression", self.filter_expression.is_some()),
            ],
            joined_condition_count: self.parameters().joined_condition_count(),
            has_names: self.expression_attribute_names.is_some(),
            has_values: self.expression_attribute_values.is_given(),
        };
        style.check()
    }
}

/// The hashes of one of `total_segments` equal parts.
fn segment_hashes(segment: i64, total_segments: i64) -> HashRange {
    assert!(0 <= segment && segment < total_segments, "segment {segment} of {total_segments} was not validated");
    let widen = |number: i64| u128::try_from(number).expect("neither is negative");
    let first_of = |segment: i64| (widen(segment) << 64).div_ceil(widen(total_segments));
    let narrow = |hash: u128| KeyHash(u64::try_from(hash).expect("a segment's hashes lie below 2^64"));
    HashRange::new(narrow(first_of(segment)), narrow(first_of(segment + 1) - 1)).expect("a segment is never empty")
}

/// The reply.
pub type ScanReply = Page;
