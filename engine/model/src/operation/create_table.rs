//! CreateTable: a new, empty table.

use std::fmt::Display;

use super::constraint::{Constraints, echo};
use super::refusal::check_refused;
use super::table_name::{TableNameWording, check_table_name, resolve_table_name};
use super::{Choice, KeyRole, Parameter, TableDescription};
use crate::limits::{
    KEY_ATTRIBUTE_NAME_BYTES_MAX, KEY_SCHEMA_ELEMENT_COUNT_MAX, TAG_COUNT_MAX, TAG_KEY_CHARACTER_COUNT_MAX,
    TAG_VALUE_CHARACTER_COUNT_MAX,
};
use crate::table::{
    AttributeDefinition, BillingMode, OnDemandThroughput, ProvisionedThroughput, TableClass, TableHistory, TableStatus,
    Tag,
};
use crate::{Error, KeyAttribute, KeySchema, KeyType, TableDefinition, TableId, Text};

/// The largest provisioned throughput, in units a second.
// DynamoDB: observed: larger values are out of bounds.
const CAPACITY_UNITS_MAX: i64 = 1_000_000_000_000;

/// The request.
///
/// A parameter that only says what is so anyway (streams disabled, encryption with the default key) is left out by
/// the decoder; one that asks for more than Stator has yet goes into `refused`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateTable {
    /// The name.
    pub table_name: Option<Text>,
    /// The types of the key attributes.
    pub attribute_definitions: Option<Vec<AttributeDefinitionParameter>>,
    /// Partition key first.
    pub key_schema: Option<Vec<KeySchemaElement>>,
    /// `PROVISIONED` when not given.
    pub billing_mode: Choice<BillingMode>,
    /// Required when provisioned.
    pub provisioned_throughput: Option<ThroughputParameter>,
    /// Tags on the table.
    pub tags: Option<Vec<TagParameter>>,
    /// `STANDARD` when not given.
    pub table_class: Choice<TableClass>,
    /// Off when not given.
    pub deletion_protection_enabled: Option<bool>,
    /// The first parameter given that Stator does not support yet.
    pub refused: Option<&'static str>,
}

impl CreateTable {
    /// Checks everything; a new table has no past that could speak against it, but for its name.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::CreateTable)?;
        let mut constraints = Constraints::new();
        self.constrain_attribute_definitions(&mut constraints);
        constraints.choice("billingMode", &self.billing_mode);
        self.constrain_throughput(&mut constraints);
        self.constrain_key_schema(&mut constraints);
        constraints.choice("tableClass", &self.table_class);
        self.constrain_tags(&mut constraints);
        constraints.finish()?;
        check_refused("CreateTable", self.refused)?;
        self.check_billing()?;
        self.check_key_schema()?;
        self.check_tags()
    }

    /// The key schema; the error when it is none.
    pub fn key_schema(&self) -> Result<KeySchema, Error> {
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        let key_attribute = |element: &KeySchemaElement| {
            let name = element.attribute_name.as_ref()?;
            let definition = definitions.iter().find(|given| given.attribute_name.as_ref() == Some(name))?;
            Some(KeyAttribute { name: name.to_string(), key_type: definition.attribute_type.known()? })
        };
        let mut attributes = self.key_schema.iter().flatten().map(key_attribute);
        let partition_key = attributes.next().flatten().ok_or_else(undefined_key)?;
        let sort_key = attributes.next().map(|attribute| attribute.ok_or_else(undefined_key)).transpose()?;
        Ok(KeySchema { partition_key, sort_key })
    }

    /// The definition of the new table, being created; the error when the request was not validated.
    pub fn definition(&self, identity: TableIdentity) -> Result<TableDefinition, Error> {
        let name = resolve_table_name(self.table_name.as_deref().unwrap_or_default())?;
        let key_schema = self.key_schema()?;
        let throughput = self.provisioned_throughput.unwrap_or_default();
        let units = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok()).unwrap_or_default();
        let definitions = self.attribute_definitions.iter().flatten();
        let tags = self.tags.iter().flatten();
        Ok(TableDefinition {
            id: identity.id,
            uuid: identity.uuid,
            name: name.to_owned(),
            attribute_definitions: definitions.filter_map(AttributeDefinitionParameter::definition).collect(),
            key_schema,
            local_indexes: Vec::new(),
            billing_mode: self.billing_mode(),
            provisioned_throughput: ProvisionedThroughput {
                read_capacity_units: units(throughput.read_capacity_units),
                write_capacity_units: units(throughput.write_capacity_units),
            },
            on_demand_throughput: OnDemandThroughput::default(),
            warm_throughput: None,
            table_class: self.table_class.known().unwrap_or(TableClass::Standard),
            deletion_protection: self.deletion_protection_enabled.unwrap_or(false),
            time_to_live: None,
            tags: tags.filter_map(TagParameter::tag).collect(),
            created_at_ms: identity.created_at_ms,
            history: TableHistory {
                on_demand_since_ms: (self.billing_mode() == BillingMode::PayPerRequest)
                    .then_some(identity.created_at_ms),
                ..TableHistory::default()
            },
            status: TableStatus::Creating,
        })
    }

    /// `PROVISIONED` when not given.
    pub fn billing_mode(&self) -> BillingMode {
        self.billing_mode.known().unwrap_or(BillingMode::Provisioned)
    }

    fn constrain_attribute_definitions(&self, constraints: &mut Constraints) {
        constraints.not_null("attributeDefinitions", self.attribute_definitions.is_some());
        for (index, definition) in self.attribute_definitions.iter().flatten().enumerate() {
            if constraints.is_full() {
                return;
            }
            let path = format!("attributeDefinitions.{}.member", index + 1);
            constrain_attribute_name(constraints, &path, definition.attribute_name.as_ref());
            constrain_token(constraints, format_args!("{path}.attributeType"), &definition.attribute_type);
        }
    }

    fn constrain_throughput(&self, constraints: &mut Constraints) {
        let Some(throughput) = &self.provisioned_throughput else {
            return;
        };
        for (path, units) in [
            ("provisionedThroughput.writeCapacityUnits", throughput.write_capacity_units),
            ("provisionedThroughput.readCapacityUnits", throughput.read_capacity_units),
        ] {
            constraints.not_null(path, units.is_some());
            if let Some(units) = units {
                constraints.value_within(path, units, 1, i64::MAX);
            }
        }
    }

    fn constrain_key_schema(&self, constraints: &mut Constraints) {
        constraints.not_null("keySchema", self.key_schema.is_some());
        let elements = self.key_schema.as_deref().unwrap_or_default();
        if self.key_schema.is_some() && elements.is_empty() {
            constraints.fail("keySchema", "[]", "Member must have length greater than or equal to 1");
        }
        if elements.len() > KEY_SCHEMA_ELEMENT_COUNT_MAX {
            let shown: Vec<String> = elements.iter().take(SHOWN_ELEMENT_COUNT_MAX).map(shown_element).collect();
            let text = format_args!("Member must have length less than or equal to {KEY_SCHEMA_ELEMENT_COUNT_MAX}");
            constraints.fail("keySchema", format_args!("[{}]", shown.join(", ")), text);
        }
        for (index, element) in elements.iter().enumerate() {
            if constraints.is_full() {
                return;
            }
            let path = format!("keySchema.{}.member", index + 1);
            constrain_attribute_name(constraints, &path, element.attribute_name.as_ref());
            constrain_token(constraints, format_args!("{path}.keyType"), &element.key_type);
        }
    }

    fn constrain_tags(&self, constraints: &mut Constraints) {
        for (index, tag) in self.tags.iter().flatten().enumerate() {
            if constraints.is_full() {
                return;
            }
            let path = format!("tags.{}.member", index + 1);
            for (member, text, min, max) in [
                ("key", &tag.key, 1, TAG_KEY_CHARACTER_COUNT_MAX),
                ("value", &tag.value, 0, TAG_VALUE_CHARACTER_COUNT_MAX),
            ] {
                let path = format!("{path}.{member}");
                constraints.not_null(&path, text.is_some());
                if let Some(text) = text {
                    constraints.length_within(&path, text, min, max);
                }
            }
        }
    }

    fn check_billing(&self) -> Result<(), Error> {
        match (self.billing_mode(), &self.provisioned_throughput) {
            (BillingMode::PayPerRequest, None) => Ok(()),
            (BillingMode::PayPerRequest, Some(_)) => Err(Error::invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
                 PAY_PER_REQUEST",
            )),
            (BillingMode::Provisioned, None) => Err(Error::invalid_parameter(
                "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
            )),
            (BillingMode::Provisioned, Some(throughput)) => {
                check_bounds("ReadCapacityUnits", throughput.read_capacity_units)?;
                check_bounds("WriteCapacityUnits", throughput.write_capacity_units)
            }
        }
    }

    // DynamoDB: observed: in this order.
    fn check_key_schema(&self) -> Result<(), Error> {
        let elements = self.key_schema.as_deref().unwrap_or_default();
        let keys: Vec<&str> = elements.iter().filter_map(|element| element.attribute_name.as_deref()).collect();
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        let defined: Vec<&str> = definitions.iter().filter_map(|given| given.attribute_name.as_deref()).collect();
        if keys.len() > defined.len() {
            return Err(undefined_key());
        }
        if keys.iter().any(|key| !defined.contains(key)) {
            return Err(Error::invalid_parameter(format_args!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{}], \
                 AttributeDefinitions: [{}]",
                keys.join(", "),
                echo(&defined.join(", "))
            )));
        }
        if keys.len() == 2 && keys[0] == keys[1] {
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
        if keys.len() != defined.len() {
            return Err(Error::invalid_parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        Ok(())
    }

    fn check_tags(&self) -> Result<(), Error> {
        let tags = self.tags.as_deref().unwrap_or_default();
        if tags.len() > TAG_COUNT_MAX {
            return Err(Error::invalid_parameter(format_args!(
                "Too many tags: {}, the limit is {TAG_COUNT_MAX}",
                tags.len()
            )));
        }
        let mut keys: Vec<&str> = tags.iter().filter_map(|tag| tag.key.as_deref()).collect();
        // DynamoDB: developer guide, "Tagging restrictions": `aws:` is reserved.
        if let Some(key) = keys.iter().find(|key| key.starts_with("aws:")) {
            return Err(Error::invalid_parameter(format_args!("Tag keys starting with aws: are reserved: {key}")));
        }
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::invalid_parameter(format_args!("Duplicate tag key: {}", pair[0]))),
            None => Ok(()),
        }
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

impl TagParameter {
    fn tag(&self) -> Option<Tag> {
        Some(Tag { key: self.key.as_ref()?.to_string(), value: self.value.as_ref()?.to_string() })
    }
}

/// How many elements of a key schema that is too long are shown.
const SHOWN_ELEMENT_COUNT_MAX: usize = 10;

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

fn check_bounds(name: &str, units: Option<i64>) -> Result<(), Error> {
    match units {
        Some(units) if units > CAPACITY_UNITS_MAX => {
            Err(Error::validation(format!("Given value {units} for {name} is out of bounds")))
        }
        _ => Ok(()),
    }
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

/// `ProvisionedThroughput`, as given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThroughputParameter {
    /// Units a second.
    pub read_capacity_units: Option<i64>,
    /// Units a second.
    pub write_capacity_units: Option<i64>,
}

/// A member of `Tags`, as given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TagParameter {
    /// 1 to 128 characters.
    pub key: Option<Text>,
    /// At most 256 characters.
    pub value: Option<Text>,
}

/// The reply.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTableReply {
    /// The table, being created.
    pub table: TableDescription,
}

#[cfg(test)]
mod tests;
