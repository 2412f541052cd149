//! The expressions of one request, with its placeholders: read and checked together in `validate()`.
//!
//! Whoever evaluates one of them later asks the cache for it again, which costs a hash of its text.

use super::Attributes;
use crate::expression::{ConditionKind, ExpressionRef, KeyCondition, Substitutions};
use crate::operation::Evaluator;
use crate::{Error, Item, Text};

/// The expressions that a request may have; those of other operations are absent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExpressionTexts<'a> {
    pub(crate) update: Option<&'a Text>,
    pub(crate) condition: Option<&'a Text>,
    pub(crate) key_condition: Option<&'a Text>,
    pub(crate) filter: Option<&'a Text>,
    pub(crate) projection: Option<&'a Text>,
    /// `#name` to attribute name; none when not given.
    pub(crate) names: Option<&'a [(Text, Text)]>,
    /// `:name` to value; none when the operation has no such parameter.
    pub(crate) values: Option<&'a Attributes>,
}

impl ExpressionTexts<'_> {
    /// Checks the placeholders, then every expression, then that no placeholder is left over, then what a key condition may
    /// be.
    // DynamoDB: observed: expressions are looked at in this order, each as a whole.
    pub(crate) fn check(&self, evaluator: &mut Evaluator) -> Result<(), Error> {
        if !self.has_any() {
            return Ok(());
        }
        let substitutions = self.checked_substitutions()?;
        let expressions = &mut evaluator.expressions;
        let update = self.update.map(|text| expressions.update(text)).transpose()?;
        update.as_ref().map_or(Ok(()), |update| update.check(&substitutions))?;
        let mut conditions = [None, None, None];
        let kinds = [
            (ConditionKind::Condition, self.condition),
            (ConditionKind::KeyCondition, self.key_condition),
            (ConditionKind::Filter, self.filter),
        ];
        for ((kind, text), place) in kinds.into_iter().zip(&mut conditions) {
            let Some(text) = text else { continue };
            let condition = expressions.condition(kind, text)?;
            condition.check(&substitutions)?;
            *place = Some(condition);
        }
        let projection = self.projection.map(|text| expressions.projection(text)).transpose()?;
        projection.as_ref().map_or(Ok(()), |projection| projection.check(&substitutions))?;

        let mut all: [Option<ExpressionRef<'_>>; 5] = [None; 5];
        all[0] = update.as_deref().map(ExpressionRef::Update);
        for (place, condition) in all[1..4].iter_mut().zip(&conditions) {
            *place = condition.as_deref().map(ExpressionRef::Condition);
        }
        all[4] = projection.as_deref().map(ExpressionRef::Projection);
        let given: Vec<ExpressionRef<'_>> = all.into_iter().flatten().collect();
        substitutions.check_all_used(&given)?;
        if let Some(condition) = &conditions[1] {
            KeyCondition::of_condition(condition, &substitutions)?;
        }
        Ok(())
    }

    fn has_any(&self) -> bool {
        let texts = [self.update, self.condition, self.key_condition, self.filter, self.projection];
        texts.iter().any(Option::is_some)
    }

    fn checked_substitutions(&self) -> Result<Substitutions<'_>, Error> {
        if let Some(Attributes::Invalid(invalid)) = self.values {
            Substitutions::new(self.names, None)?;
            return Err(Error::validation(format!(
                "ExpressionAttributeValues contains invalid value: {} for key {}",
                invalid.error.message, invalid.attribute_name
            )));
        }
        Substitutions::new(self.names, self.values.and_then(Attributes::item).map(Item::as_ref))
    }
}

/// What the placeholders of a validated request stand for.
pub(crate) fn substitutions<'a>(names: Option<&'a [(Text, Text)]>, values: &'a Attributes) -> Substitutions<'a> {
    Substitutions::new(names, values.item().map(Item::as_ref)).expect("validated: the placeholders are well formed")
}
