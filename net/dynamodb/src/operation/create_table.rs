//! CreateTable: JSON to the model's request, its reply to JSON.

use model::operation::{
    AttributeDefinitionParameter, CreateTable, CreateTableReply, KeySchemaElement, TagParameter, ThroughputParameter,
};
use serde::de::MapAccess;

use super::table_description;
use crate::json::members::{Member, Members, Outline};
use crate::json::writer::Writer;

impl Members for CreateTable {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "AttributeDefinitions" => self.attribute_definitions = value.structures("AttributeDefinition")?,
            "KeySchema" => self.key_schema = value.structures("KeySchemaElement")?,
            "BillingMode" => self.billing_mode = value.choice()?,
            "ProvisionedThroughput" => self.provisioned_throughput = value.structure("ProvisionedThroughput")?,
            "Tags" => self.tags = value.structures("Tag")?,
            "TableClass" => self.table_class = value.choice()?,
            "DeletionProtectionEnabled" => self.deletion_protection_enabled = value.boolean()?,
            _ => refuse_member(name, value, &mut self.refused)?,
        }
        Ok(())
    }
}

/// The members that ask for what is not built, unless they ask for it to be off.
fn refuse_member<'de, A: MapAccess<'de>>(
    name: &str,
    value: Member<'_, '_, A>,
    refused: &mut Option<&'static str>,
) -> Result<(), A::Error> {
    match name {
        "StreamSpecification" => {
            let stream: Option<Switch> = value.structure("StreamSpecification")?;
            if stream.is_some_and(|stream| stream.is_on) {
                refused.get_or_insert("StreamSpecification");
            }
        }
        "SSESpecification" => {
            let encryption: Option<Switch> = value.structure("SSESpecification")?;
            if encryption.is_some_and(|encryption| encryption.is_on) {
                refused.get_or_insert("SSESpecification");
            }
        }
        "LocalSecondaryIndexes" => value.refuse(Outline::List, "LocalSecondaryIndexes", refused)?,
        "GlobalSecondaryIndexes" => value.refuse(Outline::List, "GlobalSecondaryIndexes", refused)?,
        "VectorIndexes" => value.refuse(Outline::List, "VectorIndexes", refused)?,
        "WarmThroughput" => value.refuse(Outline::Structure("WarmThroughput"), "WarmThroughput", refused)?,
        "OnDemandThroughput" => {
            value.refuse(Outline::Structure("OnDemandThroughput"), "OnDemandThroughput", refused)?;
        }
        "ResourcePolicy" => value.refuse(Outline::Text, "ResourcePolicy", refused)?,
        "GlobalTableSourceArn" => value.refuse(Outline::Text, "GlobalTableSourceArn", refused)?,
        "GlobalTableSettingsReplicationMode" => {
            value.refuse(Outline::Text, "GlobalTableSettingsReplicationMode", refused)?;
        }
        _ => value.ignore()?,
    }
    Ok(())
}

/// A specification that may say no more than that something is off.
#[derive(Default)]
struct Switch {
    is_on: bool,
}

impl Members for Switch {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "StreamEnabled" | "Enabled" => self.is_on |= value.flag()?,
            "StreamViewType" | "SSEType" | "KMSMasterKeyId" => self.is_on |= value.given(Outline::Text)?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for AttributeDefinitionParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "AttributeName" => self.attribute_name = value.text()?,
            "AttributeType" => self.attribute_type = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for KeySchemaElement {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "AttributeName" => self.attribute_name = value.text()?,
            "KeyType" => self.key_type = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for ThroughputParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ReadCapacityUnits" => self.read_capacity_units = value.long()?,
            "WriteCapacityUnits" => self.write_capacity_units = value.long()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for TagParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Key" => self.key = value.text()?,
            "Value" => self.value = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(reply: &CreateTableReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TableDescription\":");
        table_description::write(&reply.table, writer);
    });
}
