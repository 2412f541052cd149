//! UpdateTable: JSON to the model's request, its reply to JSON.

use model::operation::{UpdateTable, UpdateTableReply};
use serde::de::MapAccess;

use super::table_description;
use crate::json::members::{Member, Members, Outline};
use crate::json::writer::Writer;

impl Members for UpdateTable {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "AttributeDefinitions" => self.attribute_definitions = value.structures("AttributeDefinition")?,
            "BillingMode" => self.billing_mode = value.choice()?,
            "ProvisionedThroughput" => self.provisioned_throughput = value.structure("ProvisionedThroughput")?,
            "OnDemandThroughput" => self.on_demand_throughput = value.structure("OnDemandThroughput")?,
            "WarmThroughput" => self.warm_throughput = value.structure("WarmThroughput")?,
            "TableClass" => self.table_class = value.choice()?,
            "DeletionProtectionEnabled" => self.deletion_protection_enabled = value.boolean()?,
            "SSESpecification" => self.sse_specification = value.structure("SSESpecification")?,
            _ => refuse_member(name, value, &mut self.refused)?,
        }
        Ok(())
    }
}

/// The members that ask for what is not built.
fn refuse_member<'de, A: MapAccess<'de>>(
    name: &str,
    value: Member<'_, '_, A>,
    refused: &mut Option<&'static str>,
) -> Result<(), A::Error> {
    let (outline, name) = match name {
        "GlobalSecondaryIndexUpdates" => (Outline::List, "GlobalSecondaryIndexUpdates"),
        "VectorIndexUpdates" => (Outline::List, "VectorIndexUpdates"),
        "ReplicaUpdates" => (Outline::List, "ReplicaUpdates"),
        "GlobalTableWitnessUpdates" => (Outline::List, "GlobalTableWitnessUpdates"),
        "StreamSpecification" => (Outline::Structure("StreamSpecification"), "StreamSpecification"),
        "MultiRegionConsistency" => (Outline::Text, "MultiRegionConsistency"),
        "GlobalTableSettingsReplicationMode" => (Outline::Text, "GlobalTableSettingsReplicationMode"),
        "DisassociationProtectionEnabled" => {
            if value.boolean()?.is_some() {
                refused.get_or_insert("DisassociationProtectionEnabled");
            }
            return Ok(());
        }
        _ => return value.ignore(),
    };
    value.refuse(outline, name, refused)
}

pub(super) fn write(reply: &UpdateTableReply, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"TableDescription\":");
        table_description::write(&reply.table, writer);
    });
}
