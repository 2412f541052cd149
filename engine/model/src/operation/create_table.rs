//! CreateTable: a new, empty table.

mod indexes;

pub use indexes::{IndexParameter, ProjectionParameter, ProjectionType};

use std::collections::BTreeSet;
use std::fmt::Display;

use super::constraint::{Constraints, echo};
use super::encryption::EncryptionParameter;
use super::refusal::check_refused;
use super::table_name::{TableNameWording, check_table_name, resolve_table_name};
use super::tags::{TagParameter, check_tags, constrain_tags};
use super::throughput::{
    OnDemandThroughputParameter, ThroughputParameter, WarmThroughputParameter, check_billing, check_on_demand,
};
use super::{Choice, KeyRole, Parameter, TableDescription};
use crate::limits::{KEY_ATTRIBUTE_NAME_BYTES_MAX, KEY_SCHEMA_ELEMENT_COUNT_MAX};
use crate::table::{AttributeDefinition, BillingMode, OnDemandThroughput, TableClass, TableHistory};
use crate::{Error, KeyAttribute, KeySchema, KeyType, TableDefinition, TableId, Text};

/// The request.
///
/// A parameter that only says what is so anyway (streams disabled) is left out by
/// the decoder; one that asks for more than Stator has yet goes into `refused`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateTable {
    /// The name.
    pub table_name: Option<Text>,
    /// The types of the key attributes.
    pub attribute_definitions: Option<Vec<AttributeDefinitionParameter>>,
    /// Partition key first.
    pub key_schema: Option<Vec<KeySchemaElement>>,
    /// Other orders of the items of one partition key.
    pub local_secondary_indexes: Option<Vec<IndexParameter>>,
    /// Checked, then refused: Stator has none yet.
    pub global_secondary_indexes: Option<Vec<IndexParameter>>,
    /// `PROVISIONED` when not given.
    pub billing_mode: Choice<BillingMode>,
    /// Required when provisioned.
    pub provisioned_throughput: Option<ThroughputParameter>,
    /// Only of tables by request.
    pub on_demand_throughput: Option<OnDemandThroughputParameter>,
    /// At least what every such table has.
    pub warm_throughput: Option<WarmThroughputParameter>,
    /// Tags on the table.
    pub tags: Option<Vec<TagParameter>>,
    /// `STANDARD` when not given.
    pub table_class: Choice<TableClass>,
    /// Off when not given.
    pub deletion_protection_enabled: Option<bool>,
    /// Whether the description is to name the key.
    pub sse_specification: Option<EncryptionParameter>,
    /// The first parameter given that Stator does not support yet.
    pub refused: Option<&'static str>,
}

impl CreateTable {
    /// Checks everything; a new table has no past that could speak against it, but for its name.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::CreateTable)?;
        let mut constraints = Constraints::new();
        constraints.not_null("attributeDefinitions", self.attribute_definitions.is_some());
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        constrain_attribute_definitions(&mut constraints, definitions);
        constraints.choice("billingMode", &self.billing_mode);
        if let Some(throughput) = &self.provisioned_throughput {
            throughput.constrain(&mut constraints, "provisionedThroughput");
        }
        constraints.not_null("keySchema", self.key_schema.is_some());
        constrain_key_schema(&mut constraints, "keySchema", self.key_schema.as_deref());
        self.constrain_indexes(&mut constraints);
        if let Some(encryption) = &self.sse_specification {
            encryption.constrain(&mut constraints);
        }
        constrain_tags(&mut constraints, self.tags.as_deref().unwrap_or_default());
        if let Some(warm) = &self.warm_throughput {
            warm.constrain(&mut constraints);
        }
        constraints.finish()?;
        check_table_class(&self.table_class)?;
        check_billing(self.billing_mode(), self.provisioned_throughput.as_ref(), None)?;
        check_on_demand(self.billing_mode(), self.on_demand_throughput.as_ref())?;
        self.check_key_schema()?;
        self.check_indexes()?;
        self.check_definitions_are_used()?;
        check_tags(self.tags.as_deref().unwrap_or_default())?;
        self.check_warm_throughput()?;
        check_refused("CreateTable", self.refused)?;
        self.sse_specification.as_ref().map_or(Ok(()), |encryption| encryption.check("CreateTable"))?;
        check_refused("CreateTable", self.global_secondary_indexes.as_ref().map(|_| "GlobalSecondaryIndexes"))
    }

    /// The key schema; the error when it is none.
    pub fn key_schema(&self) -> Result<KeySchema, Error> {
        let mut attributes = self.key_schema.iter().flatten().map(|element| self.key_attribute(element));
        let partition_key = attributes.next().flatten().ok_or_else(undefined_key)?;
        let sort_key = attributes.next().map(|attribute| attribute.ok_or_else(undefined_key)).transpose()?;
        Ok(KeySchema { partition_key, sort_key })
    }

    /// The definition of the new table, being created; the error when the request was not validated.
    pub fn definition(&self, identity: TableIdentity) -> Result<TableDefinition, Error> {
        let name = resolve_table_name(self.table_name.as_deref().unwrap_or_default())?;
        let definitions = self.attribute_definitions.iter().flatten();
        let is_on_demand = self.billing_mode() == BillingMode::PayPerRequest;
        let mut definition = TableDefinition {
            id: identity.id,
            uuid: identity.uuid,
            attribute_definitions: definitions.filter_map(AttributeDefinitionParameter::definition).collect(),
            local_indexes: self.local_indexes(),
            billing_mode: self.billing_mode(),
            provisioned_throughput: self.provisioned_throughput.unwrap_or_default().throughput(),
            on_demand_throughput: self.on_demand_throughput.unwrap_or_default().merge(OnDemandThroughput::default()),
            table_class: self.table_class.known().unwrap_or(TableClass::Standard),
            deletion_protection: self.deletion_protection_enabled.unwrap_or(false),
            tags: self.tags.iter().flatten().filter_map(TagParameter::tag).collect(),
            created_at_ms: identity.created_at_ms,
            history: TableHistory {
                on_demand_since_ms: is_on_demand.then_some(identity.created_at_ms),
                ..TableHistory::default()
            },
            ..TableDefinition::new(name, self.key_schema()?)
        };
        if let Some(warm) = &self.warm_throughput {
            definition.warm_throughput = Some(warm.grown_from(definition.warm_throughput_in_force())?);
        }
        Ok(definition)
    }

    /// `PROVISIONED` when not given.
    pub fn billing_mode(&self) -> BillingMode {
        self.billing_mode.known().unwrap_or(BillingMode::Provisioned)
    }

    fn check_warm_throughput(&self) -> Result<(), Error> {
        let identity = TableIdentity { id: TableId(0), uuid: String::new(), created_at_ms: 0 };
        self.definition(identity).map(|_| ())
    }

    fn key_attribute(&self, element: &KeySchemaElement) -> Option<KeyAttribute> {
        let name = element.attribute_name.as_ref()?;
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        let definition = definitions.iter().find(|given| given.attribute_name.as_ref() == Some(name))?;
        Some(KeyAttribute { name: name.to_string(), key_type: definition.attribute_type.known()? })
    }

    fn defined_names(&self) -> DefinedNames<'_> {
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        let in_order: Vec<&str> = definitions.iter().filter_map(|given| given.attribute_name.as_deref()).collect();
        DefinedNames { sorted: in_order.iter().copied().collect(), in_order }
    }

    // DynamoDB: observed: in this order.
    fn check_key_schema(&self) -> Result<(), Error> {
        let elements = self.key_schema.as_deref().unwrap_or_default();
        let defined = self.defined_names();
        if elements.len() > defined.in_order.len() {
            return Err(undefined_key());
        }
        check_keys_are_defined(elements, &defined)?;
        check_roles(elements)
    }

    /// Every attribute that is defined is part of a key.
    fn check_definitions_are_used(&self) -> Result<(), Error> {
        let defined = self.defined_names().in_order;
        let mut seen = BTreeSet::new();
        if let Some(name) = defined.iter().find(|name| !seen.insert(**name)) {
            return Err(Error::invalid_parameter(format_args!(
                "Duplicate AttributeName in AttributeDefinitions: {}",
                echo(name)
            )));
        }
        let mut used = Vec::new();
        let keys = self.key_schema.iter().chain(self.indexes().filter_map(|index| index.key_schema.as_ref()));
        for name in keys.flatten().filter_map(|element| element.attribute_name.as_deref()) {
            if !used.contains(&name) {
                used.push(name);
            }
        }
        if used.len() == defined.len() {
            return Ok(());
        }
        if self.indexes().next().is_none() {
            return Err(Error::invalid_parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        Err(Error::invalid_parameter(format_args!(
            "Some AttributeDefinitions are not used. AttributeDefinitions: [{}], keys used: [{}]",
            echo(&defined.join(", ")),
            echo(&used.join(", "))
        )))
    }
}

impl AttributeDefinitionParameter {
    fn definition(&self) -> Option<AttributeDefinition> {
        Some(AttributeDefinition {
            name: self.attribute_name.as_ref()?.to_string(),
            key_type: self.attribute_type.known()?,
        })
    }
}

/// How many elements of a key schema that is too long are shown.
const SHOWN_ELEMENT_COUNT_MAX: usize = 10;

// DynamoDB: observed: the words for a class that there is not are its own.
pub(crate) fn check_table_class(class: &Choice<TableClass>) -> Result<(), Error> {
    match class {
        Choice::Absent | Choice::Known(_) => Ok(()),
        Choice::Unknown(_) => Err(Error::validation(
            "Invalid table-class parameter provided. Please try again with a valid table-class value: [STANDARD, \
             STANDARD_INFREQUENT_ACCESS].",
        )),
    }
}

/// Constrains the members of `attributeDefinitions`.
pub(crate) fn constrain_attribute_definitions(
    constraints: &mut Constraints,
    definitions: &[AttributeDefinitionParameter],
) {
    for (index, definition) in definitions.iter().enumerate() {
        if constraints.is_full() {
            return;
        }
        let path = format!("attributeDefinitions.{}.member", index + 1);
        constrain_attribute_name(constraints, &path, definition.attribute_name.as_ref());
        constrain_token(constraints, format_args!("{path}.attributeType"), &definition.attribute_type);
    }
}

/// Constrains a key schema at `path`, where one is given.
pub(crate) fn constrain_key_schema(constraints: &mut Constraints, path: &str, key_schema: Option<&[KeySchemaElement]>) {
    let elements = key_schema.unwrap_or_default();
    if key_schema.is_some() && elements.is_empty() {
        constraints.fail(path, "[]", "Member must have length greater than or equal to 1");
    }
    if elements.len() > KEY_SCHEMA_ELEMENT_COUNT_MAX {
        let shown: Vec<String> = elements.iter().take(SHOWN_ELEMENT_COUNT_MAX).map(shown_element).collect();
        let text = format_args!("Member must have length less than or equal to {KEY_SCHEMA_ELEMENT_COUNT_MAX}");
        constraints.fail(path, format_args!("[{}]", shown.join(", ")), text);
    }
    for (index, element) in elements.iter().enumerate() {
        if constraints.is_full() {
            return;
        }
        let path = format!("{path}.{}.member", index + 1);
        constrain_attribute_name(constraints, &path, element.attribute_name.as_ref());
        constrain_token(constraints, format_args!("{path}.keyType"), &element.key_type);
    }
}

/// The names in `AttributeDefinitions`. A request may have tens of thousands of them, and of indexes that look them up.
struct DefinedNames<'a> {
    /// In the order of the request.
    in_order: Vec<&'a str>,
    sorted: BTreeSet<&'a str>,
}

/// Every key attribute is defined.
fn check_keys_are_defined(elements: &[KeySchemaElement], defined: &DefinedNames<'_>) -> Result<(), Error> {
    let keys: Vec<&str> = elements.iter().filter_map(|element| element.attribute_name.as_deref()).collect();
    if keys.iter().all(|key| defined.sorted.contains(key)) {
        return Ok(());
    }
    Err(Error::invalid_parameter(format_args!(
        "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], AttributeDefinitions: [{}]",
        keys.join(", "),
        echo(&defined.in_order.join(", "))
    )))
}

/// One partition key, then at most one sort key, which is another attribute.
fn check_roles(elements: &[KeySchemaElement]) -> Result<(), Error> {
    if let [first, second] = elements
        && first.attribute_name == second.attribute_name
    {
        return Err(Error::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        ));
    }
    let expected = [("first", KeyRole::Hash, "HASH"), ("second", KeyRole::Range, "RANGE")];
    for (element, (position, role, token)) in elements.iter().zip(expected) {
        if element.key_type.known() != Some(role) {
            return Err(Error::validation(format!(
                "Invalid KeySchema: The {position} KeySchemaElement is not a {token} key type"
            )));
        }
    }
    Ok(())
}

fn constrain_attribute_name(constraints: &mut Constraints, path: &str, name: Option<&Text>) {
    constraints.not_null(format_args!("{path}.attributeName"), name.is_some());
    if let Some(name) = name {
        constraints.length_within(format_args!("{path}.attributeName"), name, 1, KEY_ATTRIBUTE_NAME_BYTES_MAX);
    }
}

/// A token that must be given.
fn constrain_token<T: Parameter>(constraints: &mut Constraints, path: impl Display, token: &Choice<T>) {
    constraints.not_null(&path, token.is_given());
    constraints.choice(&path, token);
}

fn shown_element(element: &KeySchemaElement) -> String {
    let name = element.attribute_name.as_deref().unwrap_or("null");
    let key_type = match &element.key_type {
        Choice::Absent => "null",
        Choice::Known(role) => role.token(),
        Choice::Unknown(token) => token,
    };
    format!("KeySchemaElement(attributeName={name}, keyType={key_type})")
}

fn undefined_key() -> Error {
    Error::validation("Invalid KeySchema: Some index key attribute have no definition")
}

/// What a new table gets from whoever creates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity {
    /// The id inside of Stator.
    pub id: TableId,
    /// The id that users see.
    pub uuid: String,
    /// In milliseconds since 1970.
    pub created_at_ms: u64,
}

/// A member of `AttributeDefinitions`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttributeDefinitionParameter {
    /// The attribute.
    pub attribute_name: Option<Text>,
    /// Its type.
    pub attribute_type: Choice<KeyType>,
}

/// A member of `KeySchema`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeySchemaElement {
    /// The attribute.
    pub attribute_name: Option<Text>,
    /// The part it plays.
    pub key_type: Choice<KeyRole>,
}

/// The reply.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTableReply {
    /// The table, being created.
    pub table: TableDescription,
}

#[cfg(test)]
mod tests;
