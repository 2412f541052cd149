//! CreateTable: JSON to the model's request, its reply to JSON.

use model::operation::{
    AttributeDefinitionParameter, CreateTable, CreateTableReply, EncryptionParameter, IndexParameter, KeySchemaElement,
    OnDemandThroughputParameter, ProjectionParameter, TagParameter, ThroughputParameter, WarmThroughputParameter,
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
            "LocalSecondaryIndexes" => self.local_secondary_indexes = value.structures("LocalSecondaryIndex")?,
            "GlobalSecondaryIndexes" => self.global_secondary_indexes = value.structures("GlobalSecondaryIndex")?,
            "OnDemandThroughput" => self.on_demand_throughput = value.structure("OnDemandThroughput")?,
            "WarmThroughput" => self.warm_throughput = value.structure("WarmThroughput")?,
            "Tags" => self.tags = value.structures("Tag")?,
            "TableClass" => self.table_class = value.choice()?,
            "DeletionProtectionEnabled" => self.deletion_protection_enabled = value.boolean()?,
            "SSESpecification" => self.sse_specification = value.structure("SSESpecification")?,
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
        "VectorIndexes" => value.refuse(Outline::List, "VectorIndexes", refused)?,
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
            "StreamEnabled" => self.is_on |= value.flag()?,
            "StreamViewType" => self.is_on |= value.given(Outline::Text)?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for EncryptionParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "Enabled" => self.enabled = value.boolean()?,
            "SSEType" => self.sse_type = value.choice()?,
            "KMSMasterKeyId" => self.kms_master_key_id = value.text()?,
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

impl Members for IndexParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "IndexName" => self.index_name = value.text()?,
            "KeySchema" => self.key_schema = value.structures("KeySchemaElement")?,
            "Projection" => self.projection = value.structure("Projection")?,
            "ProvisionedThroughput" => self.provisioned_throughput = value.structure("ProvisionedThroughput")?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for ProjectionParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ProjectionType" => self.projection_type = value.choice()?,
            "NonKeyAttributes" => self.non_key_attributes = value.texts()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for OnDemandThroughputParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "MaxReadRequestUnits" => self.max_read_request_units = value.long()?,
            "MaxWriteRequestUnits" => self.max_write_request_units = value.long()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

impl Members for WarmThroughputParameter {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "ReadUnitsPerSecond" => self.read_units_per_second = value.long()?,
            "WriteUnitsPerSecond" => self.write_units_per_second = value.long()?,
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
