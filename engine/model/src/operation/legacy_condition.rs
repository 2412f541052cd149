//! Conditions from before there were expressions: `Expected`, `QueryFilter`, `ScanFilter` and `KeyConditions`, checked and
//! made into what expressions are made into.
//!
//! In the way of a request: checked in `validate()`, made into conditions by the owner. How they evaluate is not here.

use super::constraint::Constraints;
use super::legacy::{Extent, check_named_once};
use super::{
    Attributes, Choice, ComparisonOperator, ConditionalOperator, ExpectedAttribute, LegacyCondition, Parameter,
    SINGLE_VALUE_NAME,
};
use crate::expression::{
    BoundCondition, Comparator, ConditionBuilder, Join, KeyCondition, KeyConditionBuilder, is_greater,
};
use crate::limits::{EXPECTED_PART_COUNT_MAX, FILTER_PART_COUNT_MAX};
use crate::{AttributeType, Error, Text, ValueRef};

/// A comparison operator with its operands.
struct Test<'a> {
    operator: ComparisonOperator,
    operands: Vec<ValueRef<'a>>,
}

/// The constraints of a map of conditions, of which each must have an operator.
pub(crate) fn constrain_conditions(
    constraints: &mut Constraints,
    parameter: &str,
    conditions: Option<&[(Text, LegacyCondition)]>,
) {
    for (name, condition) in conditions.unwrap_or_default() {
        if constraints.is_full() {
            return;
        }
        let path = format_args!("{parameter}.{name}.member.comparisonOperator").to_string();
        constraints.not_null(&path, condition.comparison_operator.is_given());
        constraints.choice(&path, &condition.comparison_operator);
    }
}

/// The constraints of `Expected`.
pub(crate) fn constrain_expected(constraints: &mut Constraints, expected: Option<&[(Text, ExpectedAttribute)]>) {
    for (name, attribute) in expected.unwrap_or_default() {
        if constraints.is_full() {
            return;
        }
        let path = format_args!("expected.{name}.member.comparisonOperator").to_string();
        constraints.choice(path, &attribute.comparison_operator);
    }
}

/// Checks a map of conditions: how many, then values, operand counts, types.
pub(crate) fn check_conditions(parameter: &str, conditions: Option<&[(Text, LegacyCondition)]>) -> Result<(), Error> {
    let conditions = conditions.unwrap_or_default();
    let mut extent = Extent::default();
    for (_, condition) in conditions {
        extent.add(condition.attribute_value_list.iter().flatten());
    }
    extent.check(parameter, FILTER_PART_COUNT_MAX)?;
    check_named_once(parameter, conditions.iter().map(|(name, _)| name))?;
    conditions.iter().try_for_each(|(_, condition)| condition.test()?.check())
}

/// Checks `Expected`: how many, then which of its members go together, then as conditions.
// DynamoDB: observed: attribute by attribute.
pub(crate) fn check_expected(expected: Option<&[(Text, ExpectedAttribute)]>) -> Result<(), Error> {
    let expected = expected.unwrap_or_default();
    let mut extent = Extent::default();
    for (_, attribute) in expected {
        let value = Some(&attribute.value).filter(|value| value.is_given());
        extent.add(value.into_iter().chain(attribute.attribute_value_list.iter().flatten()));
    }
    extent.check("Expected", EXPECTED_PART_COUNT_MAX)?;
    check_named_once("Expected", expected.iter().map(|(name, _)| name))?;
    expected.iter().try_for_each(|(name, attribute)| attribute.check(name))
}

/// The condition of a checked `Expected`; none when it is empty.
pub(crate) fn bind_expected(
    expected: &[(Text, ExpectedAttribute)],
    operator: &Choice<ConditionalOperator>,
) -> Option<BoundCondition> {
    let mut builder = ConditionBuilder::new();
    for (name, attribute) in expected {
        match attribute.test().expect("validated: the values are well formed") {
            Some(test) => test.add_to(&mut builder, name),
            None if attribute.exists == Some(false) => builder.not_exists(name),
            None => {
                let value = value(&attribute.value).expect("validated: a value is given that must exist");
                builder.compare(name, Comparator::Equal, value);
            }
        }
    }
    finish(builder, operator)
}

/// The condition of a checked filter; none when it is empty.
pub(crate) fn bind_conditions(
    conditions: &[(Text, LegacyCondition)],
    operator: &Choice<ConditionalOperator>,
) -> Option<BoundCondition> {
    let mut builder = ConditionBuilder::new();
    for (name, condition) in conditions {
        condition.test().expect("validated: the values are well formed").add_to(&mut builder, name);
    }
    finish(builder, operator)
}

/// The key condition of checked `KeyConditions`.
///
/// # Errors
/// Validation: none, more than two, or operators that no sorted range answers.
pub(crate) fn bind_key_conditions(conditions: &[(Text, LegacyCondition)]) -> Result<KeyCondition<'_>, Error> {
    let mut builder = KeyConditionBuilder::new();
    for (name, condition) in conditions {
        let test = condition.test().expect("validated: the values are well formed");
        match (test.operator, test.comparator(), &test.operands[..]) {
            (_, Some(comparator), [value]) => builder.compare(name, comparator, *value),
            (ComparisonOperator::Between, _, [lower, upper]) => builder.between(name, *lower, *upper),
            (ComparisonOperator::BeginsWith, _, [start]) => builder.begins_with(name, *start),
            _ => builder.not_indexable(),
        }
    }
    builder.finish()
}

fn finish(builder: ConditionBuilder, operator: &Choice<ConditionalOperator>) -> Option<BoundCondition> {
    let join = match operator.known() {
        Some(ConditionalOperator::Or) => Join::Any,
        Some(ConditionalOperator::And) | None => Join::All,
    };
    builder.finish(join).expect("validated: the values fit into one item")
}

impl LegacyCondition {
    fn test(&self) -> Result<Test<'_>, Error> {
        let operator = self.comparison_operator.known().expect("constrained: an operator is given");
        let operands = values(self.attribute_value_list.as_deref().unwrap_or_default())?;
        Ok(Test { operator, operands })
    }
}

impl ExpectedAttribute {
    /// The comparison that it asks for, if it asks for one.
    fn test(&self) -> Result<Option<Test<'_>>, Error> {
        let Some(operator) = self.comparison_operator.known() else {
            return Ok(None);
        };
        let operands = match &self.attribute_value_list {
            Some(list) => values(list)?,
            None if self.value.is_given() => vec![value(&self.value)?],
            None => Vec::new(),
        };
        Ok(Some(Test { operator, operands }))
    }

    fn check(&self, name: &Text) -> Result<(), Error> {
        let fault = |detail: &str| Err(Error::invalid_parameter(format_args!("{detail} for Attribute: {name}")));
        let has_list = self.attribute_value_list.is_some();
        if has_list && self.value.is_given() {
            return fault("Value and AttributeValueList cannot be used together");
        }
        let Some(operator) = self.comparison_operator.known() else {
            if has_list {
                return fault("AttributeValueList can only be used with a ComparisonOperator");
            }
            return match (self.exists, self.value.is_given()) {
                (None, false) => fault("Value must be provided when Exists is null"),
                (Some(true), false) => fault("Value must be provided when Exists is true"),
                (Some(false), true) => fault("Value cannot be used when Exists is false"),
                (Some(false), false) => Ok(()),
                (None | Some(true), true) => value(&self.value).map(|_| ()),
            };
        };
        if self.exists.is_some() {
            return fault("Exists and ComparisonOperator cannot be used together");
        }
        let takes_operands = !matches!(operator, ComparisonOperator::Null | ComparisonOperator::NotNull);
        if takes_operands && !has_list && !self.value.is_given() {
            let detail =
                format!("Value or AttributeValueList must be used with ComparisonOperator: {}", operator.token());
            return fault(&detail);
        }
        self.test()?.expect("the operator is known").check()
    }
}

impl Test<'_> {
    // DynamoDB: observed: the count, then one type for all, then that type, then the order of the bounds.
    fn check(&self) -> Result<(), Error> {
        let operator = self.operator.token();
        if !self.operator.operand_counts().contains(&self.operands.len()) {
            return Err(Error::invalid_parameter(format_args!(
                "Invalid number of argument(s) for the {operator} ComparisonOperator"
            )));
        }
        let Some(first) = self.operands.first() else {
            return Ok(());
        };
        let attribute_type = first.attribute_type();
        if self.operands.iter().any(|operand| operand.attribute_type() != attribute_type) {
            return Err(Error::invalid_parameter("AttributeValues inside AttributeValueList must be of same type"));
        }
        if !self.operator.takes(attribute_type) {
            return Err(Error::invalid_parameter(format_args!(
                "ComparisonOperator {operator} is not valid for {} AttributeValue type",
                attribute_type.token()
            )));
        }
        match (self.operator, &self.operands[..]) {
            (ComparisonOperator::Between, [lower, upper]) if is_greater(*lower, *upper) => Err(Error::validation(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
            )),
            _ => Ok(()),
        }
    }

    fn comparator(&self) -> Option<Comparator> {
        match self.operator {
            ComparisonOperator::Eq => Some(Comparator::Equal),
            ComparisonOperator::Ne => Some(Comparator::NotEqual),
            ComparisonOperator::Le => Some(Comparator::LessOrEqual),
            ComparisonOperator::Lt => Some(Comparator::Less),
            ComparisonOperator::Ge => Some(Comparator::GreaterOrEqual),
            ComparisonOperator::Gt => Some(Comparator::Greater),
            _ => None,
        }
    }

    fn add_to(&self, builder: &mut ConditionBuilder, name: &str) {
        match (self.operator, self.comparator(), &self.operands[..]) {
            (_, Some(comparator), [value]) => builder.compare(name, comparator, *value),
            (ComparisonOperator::In, _, values) => builder.is_in(name, values.iter().copied()),
            (ComparisonOperator::Between, _, [lower, upper]) => builder.between(name, *lower, *upper),
            (ComparisonOperator::NotNull, ..) => builder.exists(name),
            (ComparisonOperator::Null, ..) => builder.not_exists(name),
            (ComparisonOperator::Contains, _, [value]) => builder.contains(name, *value),
            (ComparisonOperator::NotContains, _, [value]) => builder.not_contains(name, *value),
            (ComparisonOperator::BeginsWith, _, [value]) => builder.begins_with(name, *value),
            (operator, _, operands) => unreachable!("validated: {} with {} operands", operator.token(), operands.len()),
        }
    }
}

impl ComparisonOperator {
    /// How many operands it takes.
    fn operand_counts(self) -> std::ops::RangeInclusive<usize> {
        match self {
            ComparisonOperator::Null | ComparisonOperator::NotNull => 0..=0,
            ComparisonOperator::In => 1..=usize::MAX,
            ComparisonOperator::Between => 2..=2,
            _ => 1..=1,
        }
    }

    /// Whether it takes operands of that type.
    // DynamoDB: API reference, "Condition": equality is told of all types, order of the three that keys have.
    fn takes(self, attribute_type: AttributeType) -> bool {
        match self {
            ComparisonOperator::Eq | ComparisonOperator::Ne => true,
            ComparisonOperator::BeginsWith => {
                matches!(attribute_type, AttributeType::String | AttributeType::Binary)
            }
            _ => matches!(attribute_type, AttributeType::String | AttributeType::Number | AttributeType::Binary),
        }
    }
}

fn values(list: &[Attributes]) -> Result<Vec<ValueRef<'_>>, Error> {
    list.iter().map(value).collect()
}

/// The value of a legacy parameter.
pub(crate) fn value(attributes: &Attributes) -> Result<ValueRef<'_>, Error> {
    attributes.check_values()?;
    let value = attributes.item().and_then(|item| item.as_ref().attribute(SINGLE_VALUE_NAME));
    value.ok_or_else(|| {
        Error::validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    })
}
