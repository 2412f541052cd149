//! The secondary indexes of a CreateTable: what may be one.
//!
//! In the way of a request: part of `CreateTable::validate()`, then of the definition that it makes.

use super::{
    CreateTable, DefinedNames, KeySchemaElement, ThroughputParameter, check_billing, check_keys_are_defined,
    check_roles, constrain_key_schema,
};
use crate::limits::{
    GLOBAL_SECONDARY_INDEX_COUNT_MAX, KEY_ATTRIBUTE_NAME_BYTES_MAX, LOCAL_SECONDARY_INDEX_COUNT_MAX,
    NON_KEY_ATTRIBUTE_COUNT_MAX, PROJECTED_ATTRIBUTE_COUNT_MAX, TABLE_NAME_BYTES_MAX, TABLE_NAME_BYTES_MIN,
};
use crate::operation::constraint::Constraints;
use crate::operation::table_name::{NAME_PATTERN, is_name};
use crate::operation::{Choice, Parameter};
use crate::table::{IndexProjection, LocalIndex};
use crate::{Error, Text};
use std::collections::BTreeSet;

/// A member of `LocalSecondaryIndexes` or `GlobalSecondaryIndexes`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IndexParameter {
    /// 3 to 255 characters.
    pub index_name: Option<Text>,
    /// Partition key first.
    pub key_schema: Option<Vec<KeySchemaElement>>,
    /// Which attributes the index holds.
    pub projection: Option<ProjectionParameter>,
    /// Of global indexes of provisioned tables.
    pub provisioned_throughput: Option<ThroughputParameter>,
}

/// `Projection`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectionParameter {
    /// Must be given.
    pub projection_type: Choice<ProjectionType>,
    /// Only with `INCLUDE`.
    pub non_key_attributes: Option<Vec<Text>>,
}

/// Which attributes an index holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionType {
    /// All.
    All,
    /// Keys and those that are named.
    Include,
    /// Keys.
    KeysOnly,
}

impl Parameter for ProjectionType {
    // DynamoDB: observed: the set is printed in this order.
    const CHOICES: &'static [(&'static str, Self)] =
        &[("ALL", ProjectionType::All), ("INCLUDE", ProjectionType::Include), ("KEYS_ONLY", ProjectionType::KeysOnly)];
}

impl CreateTable {
    /// All secondary indexes.
    pub(super) fn indexes(&self) -> impl Iterator<Item = &IndexParameter> {
        self.local_secondary_indexes.iter().chain(&self.global_secondary_indexes).flatten()
    }

    /// The local indexes; what is not validated is left out.
    pub(super) fn local_indexes(&self) -> Vec<LocalIndex> {
        let indexes = self.local_secondary_indexes.iter().flatten();
        let local_index = |index: &IndexParameter| {
            Some(LocalIndex {
                name: index.index_name.as_ref()?.to_string(),
                sort_key: self.key_attribute(index.key_schema.as_ref()?.get(1)?)?,
                projection: index.projection.as_ref()?.projection()?,
            })
        };
        indexes.filter_map(local_index).collect()
    }

    pub(super) fn constrain_indexes(&self, constraints: &mut Constraints) {
        for (list, indexes) in [
            ("localSecondaryIndexes", &self.local_secondary_indexes),
            ("globalSecondaryIndexes", &self.global_secondary_indexes),
        ] {
            for (number, index) in (1..).zip(indexes.iter().flatten()) {
                if constraints.is_full() {
                    return;
                }
                index.constrain(constraints, &format!("{list}.{number}.member"));
            }
        }
    }

    // DynamoDB: observed: each index by itself and in this order, then how many there are.
    pub(super) fn check_indexes(&self) -> Result<(), Error> {
        let defined = self.defined_names();
        let mut names = BTreeSet::new();
        if let Some(indexes) = &self.local_secondary_indexes {
            check_not_empty(indexes, "LocalSecondaryIndexes")?;
            for index in indexes {
                index.check_keys(&defined)?;
                self.check_local_keys(index)?;
                index.check(&mut names)?;
            }
            if indexes.len() > LOCAL_SECONDARY_INDEX_COUNT_MAX {
                return Err(Error::invalid_parameter(format_args!(
                    "Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_SECONDARY_INDEX_COUNT_MAX}"
                )));
            }
        }
        if let Some(indexes) = &self.global_secondary_indexes {
            check_not_empty(indexes, "GlobalSecondaryIndexes")?;
            for index in indexes {
                check_billing(self.billing_mode(), index.provisioned_throughput.as_ref(), Some(index.name()))?;
                index.check_keys(&defined)?;
                index.check(&mut names)?;
            }
            if indexes.len() > GLOBAL_SECONDARY_INDEX_COUNT_MAX {
                return Err(Error::invalid_parameter(format_args!(
                    "GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_SECONDARY_INDEX_COUNT_MAX}"
                )));
            }
        }
        self.check_projected_count()
    }

    /// A local index shares the table's partition key and has another order.
    fn check_local_keys(&self, index: &IndexParameter) -> Result<(), Error> {
        let table = self.key_schema.as_deref().unwrap_or_default();
        if table.len() < 2 {
            return Err(Error::invalid_parameter(
                "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
            ));
        }
        let keys = index.key_schema.as_deref().unwrap_or_default();
        if keys.len() < 2 {
            return Err(Error::invalid_parameter(format_args!(
                "Index KeySchema does not have a range key for index: {}",
                index.name()
            )));
        }
        if keys[0].attribute_name != table[0].attribute_name {
            return Err(Error::invalid_parameter(format_args!(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index: {}. index hash \
                 key: {}, table hash key: {}",
                index.name(),
                keys[0].attribute_name.as_deref().unwrap_or_default(),
                table[0].attribute_name.as_deref().unwrap_or_default()
            )));
        }
        Ok(())
    }

    // DynamoDB: service quotas: 100 over all indexes of a table, an attribute counted once for each. The words are ours.
    fn check_projected_count(&self) -> Result<(), Error> {
        let projections = self.indexes().filter_map(|index| index.projection.as_ref());
        let count: usize = projections.map(|projection| projection.non_key_attributes.iter().flatten().count()).sum();
        if count > PROJECTED_ATTRIBUTE_COUNT_MAX {
            return Err(Error::invalid_parameter(format_args!(
                "Number of NonKeyAttributes over all indexes exceeds per-table limit of {PROJECTED_ATTRIBUTE_COUNT_MAX}"
            )));
        }
        Ok(())
    }
}

impl IndexParameter {
    fn name(&self) -> &str {
        self.index_name.as_deref().unwrap_or_default()
    }

    fn constrain(&self, constraints: &mut Constraints, path: &str) {
        constraints.not_null(format_args!("{path}.projection"), self.projection.is_some());
        if let Some(projection) = &self.projection {
            projection.constrain(constraints, &format!("{path}.projection"));
        }
        let name_path = format!("{path}.indexName");
        constraints.not_null(&name_path, self.index_name.is_some());
        if let Some(name) = &self.index_name {
            if !is_name(name) {
                let pattern = format_args!("Member must satisfy regular expression pattern: {NAME_PATTERN}");
                constraints.fail(&name_path, name, pattern);
            }
            constraints.length_within(&name_path, name, TABLE_NAME_BYTES_MIN, TABLE_NAME_BYTES_MAX);
        }
        if let Some(throughput) = &self.provisioned_throughput {
            throughput.constrain(constraints, &format!("{path}.provisionedThroughput"));
        }
        let keys_path = format!("{path}.keySchema");
        constraints.not_null(&keys_path, self.key_schema.is_some());
        constrain_key_schema(constraints, &keys_path, self.key_schema.as_deref());
    }

    fn check_keys(&self, defined: &DefinedNames<'_>) -> Result<(), Error> {
        let elements = self.key_schema.as_deref().unwrap_or_default();
        check_keys_are_defined(elements, defined)?;
        check_roles(elements)
    }

    /// What is the same for all indexes; `names` are those of the indexes before.
    fn check<'a>(&'a self, names: &mut BTreeSet<&'a str>) -> Result<(), Error> {
        if let Some(projection) = &self.projection {
            projection.check()?;
        }
        if !names.insert(self.name()) {
            return Err(Error::invalid_parameter(format_args!("Duplicate index name: {}", self.name())));
        }
        Ok(())
    }
}

impl ProjectionParameter {
    /// What it stands for, once it is checked.
    fn projection(&self) -> Option<IndexProjection> {
        let names = self.non_key_attributes.iter().flatten();
        Some(match self.projection_type.known()? {
            ProjectionType::All => IndexProjection::All,
            ProjectionType::KeysOnly => IndexProjection::KeysOnly,
            ProjectionType::Include => IndexProjection::Include(names.map(Text::to_string).collect()),
        })
    }

    fn constrain(&self, constraints: &mut Constraints, path: &str) {
        constraints.choice(format_args!("{path}.projectionType"), &self.projection_type);
        let Some(names) = &self.non_key_attributes else {
            return;
        };
        let path = format!("{path}.nonKeyAttributes");
        let shown = || {
            let names: Vec<&str> = names.iter().take(NON_KEY_ATTRIBUTE_COUNT_MAX + 1).map(Text::as_str).collect();
            format!("[{}]", names.join(", "))
        };
        if names.is_empty() {
            constraints.fail(&path, "[]", "Member must have length greater than or equal to 1");
        }
        if names.len() > NON_KEY_ATTRIBUTE_COUNT_MAX {
            let text = format_args!("Member must have length less than or equal to {NON_KEY_ATTRIBUTE_COUNT_MAX}");
            constraints.fail(&path, shown(), text);
        }
        let is_length_right = |name: &Text| (1..=KEY_ATTRIBUTE_NAME_BYTES_MAX).contains(&name.chars().count());
        if !names.iter().all(is_length_right) {
            let text = format_args!(
                "Member must satisfy constraint: [Member must have length less than or equal to \
                 {KEY_ATTRIBUTE_NAME_BYTES_MAX}, Member must have length greater than or equal to 1]"
            );
            constraints.fail(&path, shown(), text);
        }
    }

    // DynamoDB: observed.
    fn check(&self) -> Result<(), Error> {
        match (self.projection_type.known(), &self.non_key_attributes) {
            (None, _) => Err(Error::invalid_parameter("Unknown ProjectionType: null")),
            (Some(ProjectionType::Include), None) => {
                Err(Error::invalid_parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
            }
            (Some(ProjectionType::All | ProjectionType::KeysOnly), None) | (Some(ProjectionType::Include), Some(_)) => {
                Ok(())
            }
            (Some(other), Some(_)) => Err(Error::invalid_parameter(format_args!(
                "ProjectionType is {}, but NonKeyAttributes is specified",
                other.token()
            ))),
        }
    }
}

fn check_not_empty(indexes: &[IndexParameter], parameter: &str) -> Result<(), Error> {
    if indexes.is_empty() {
        return Err(Error::invalid_parameter(format_args!("List of {parameter} is empty")));
    }
    Ok(())
}
