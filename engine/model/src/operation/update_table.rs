//! UpdateTable: change how a table is billed, what it can take, its class, its protection.
//!
//! `validate()` checks what needs no table; `apply` decides against the table as it is and makes its next definition.

use super::constraint::Constraints;
use super::create_table::{check_table_class, constrain_attribute_definitions};
use super::encryption::EncryptionParameter;
use super::refusal::check_refused;
use super::table_name::{TableNameWording, check_table_name};
use super::throughput::{
    OnDemandThroughputParameter, ThroughputParameter, WarmThroughputParameter, check_billing, check_on_demand,
};
use super::{AttributeDefinitionParameter, Choice, TableDescription};
use crate::table::{BillingMode, OnDemandThroughput, ProvisionedThroughput, TableClass, TableHistory, TableStatus};
use crate::{Error, TableDefinition, Text};

/// The request.
///
/// A parameter that asks for more than Stator has yet goes into `refused`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateTable {
    /// Name or ARN.
    pub table_name: Option<Text>,
    /// Only new global indexes need any.
    pub attribute_definitions: Option<Vec<AttributeDefinitionParameter>>,
    /// How throughput is to be accounted.
    pub billing_mode: Choice<BillingMode>,
    /// Required when provisioned.
    pub provisioned_throughput: Option<ThroughputParameter>,
    /// Only of tables by request.
    pub on_demand_throughput: Option<OnDemandThroughputParameter>,
    /// At least what there is.
    pub warm_throughput: Option<WarmThroughputParameter>,
    /// The class of storage.
    pub table_class: Choice<TableClass>,
    /// Whether DeleteTable is to be refused.
    pub deletion_protection_enabled: Option<bool>,
    /// Whether the description is to name the key.
    pub sse_specification: Option<EncryptionParameter>,
    /// The first parameter given that Stator does not support yet.
    pub refused: Option<&'static str>,
}

impl UpdateTable {
    /// Checks all that needs no table.
    pub fn validate(&self) -> Result<(), Error> {
        check_table_name(self.table_name.as_ref(), TableNameWording::Table)?;
        let mut constraints = Constraints::new();
        let definitions = self.attribute_definitions.as_deref().unwrap_or_default();
        constrain_attribute_definitions(&mut constraints, definitions);
        constraints.choice("billingMode", &self.billing_mode);
        if let Some(throughput) = &self.provisioned_throughput {
            throughput.constrain(&mut constraints, "provisionedThroughput");
        }
        if let Some(encryption) = &self.sse_specification {
            encryption.constrain(&mut constraints);
        }
        if let Some(warm) = &self.warm_throughput {
            warm.constrain(&mut constraints);
        }
        constraints.finish()?;
        check_table_class(&self.table_class)?;
        match self.billing_mode.known() {
            Some(BillingMode::Provisioned) if self.provisioned_throughput.is_none() => {
                return Err(Error::invalid_parameter(
                    "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
                ));
            }
            Some(mode) => {
                check_billing(mode, self.provisioned_throughput.as_ref(), None)?;
                check_on_demand(mode, self.on_demand_throughput.as_ref())?;
            }
            None => self.provisioned_throughput.map_or(Ok(()), |throughput| throughput.check_bounds(""))?,
        }
        check_refused("UpdateTable", self.refused)?;
        self.sse_specification.as_ref().map_or(Ok(()), |encryption| encryption.check("UpdateTable"))?;
        self.check_class_count()
    }

    /// The table's next definition, ACTIVE again; the error when the change is not possible, or none.
    pub fn apply(&self, current: &TableDefinition, now_ms: u64) -> Result<TableDefinition, Error> {
        let mut next = current.clone();
        self.apply_throughput(&mut next, now_ms)?;
        check_on_demand(next.billing_mode, self.on_demand_throughput.as_ref())?;
        if let Some(bounds) = &self.on_demand_throughput {
            next.on_demand_throughput = bounds.merge(current.on_demand_throughput);
        }
        if let Some(warm) = &self.warm_throughput {
            next.warm_throughput = Some(warm.grown_from(current.warm_throughput_in_force())?);
        }
        if let Some(table_class) = self.table_class.known().filter(|class| *class != current.table_class) {
            next.table_class = table_class;
            next.history.table_class_changed_at_ms = Some(now_ms);
        }
        if let Some(is_protected) = self.deletion_protection_enabled {
            next.deletion_protection = is_protected;
        }
        next.history.updated_at_ms = Some(now_ms);
        next.status = TableStatus::Active;
        Ok(next)
    }

    /// The definition that the reply tells.
    // DynamoDB: CLI reference, examples of update-table: other units are told once they are there; another billing
    // mode at once, but not since when.
    pub fn told(current: &TableDefinition, next: &TableDefinition, now_ms: u64) -> TableDefinition {
        let mut shown = next.clone();
        shown.status = TableStatus::Updating;
        shown.history.on_demand_since_ms = current.history.on_demand_since_ms;
        if current.billing_mode == next.billing_mode {
            shown.provisioned_throughput = current.provisioned_throughput;
            shown.history = TableHistory { time_to_live: shown.history.time_to_live, ..current.history.clone() };
        }
        shown.history.throughput_decrease_count = shown.history.decrease_count_today(now_ms);
        shown
    }

    /// Throughput, in whichever form, is one class of change; each other setting is one of its own, but the protection, which goes with throughput.
    fn check_class_count(&self) -> Result<(), Error> {
        let is_throughput = self.billing_mode.is_given()
            || self.provisioned_throughput.is_some()
            || self.on_demand_throughput.is_some();
        let classes = [
            is_throughput,
            self.warm_throughput.is_some(),
            self.table_class.is_given(),
            self.deletion_protection_enabled.is_some(),
            self.sse_specification.is_some(),
        ];
        let is_protection_beside_throughput = is_throughput && self.deletion_protection_enabled.is_some();
        match classes.iter().filter(|is_given| **is_given).count() - usize::from(is_protection_beside_throughput) {
            // DynamoDB: observed: the text for a request that changes nothing.
            0 => Err(Error::validation(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates \
                 or SSESpecification or ReplicaUpdates is required",
            )),
            1 => Ok(()),
            // DynamoDB: API reference: one class of change a call; Terraform sends protection together with throughput. The words are ours.
            _ => Err(Error::invalid_parameter(
                "Only one of throughput, WarmThroughput, TableClass, DeletionProtectionEnabled and SSESpecification can be \
                 changed by one UpdateTable",
            )),
        }
    }

    fn apply_throughput(&self, next: &mut TableDefinition, now_ms: u64) -> Result<(), Error> {
        let mode = self.billing_mode.known().unwrap_or(next.billing_mode);
        let is_switched = mode != next.billing_mode;
        next.billing_mode = mode;
        match (mode, &self.provisioned_throughput) {
            (BillingMode::PayPerRequest, Some(_)) => {
                return check_billing(mode, self.provisioned_throughput.as_ref(), None);
            }
            (BillingMode::PayPerRequest, None) if is_switched => {
                next.provisioned_throughput = ProvisionedThroughput::default();
                next.history.on_demand_since_ms = Some(now_ms);
            }
            (BillingMode::Provisioned, Some(throughput)) => {
                let throughput = throughput.throughput();
                if is_switched {
                    next.on_demand_throughput = OnDemandThroughput::default();
                } else {
                    note_change(next, throughput, now_ms)?;
                }
                next.provisioned_throughput = throughput;
            }
            _ => {}
        }
        Ok(())
    }
}

/// Notes that provisioned throughput is raised or lowered; refuses what changes nothing.
fn note_change(next: &mut TableDefinition, to: ProvisionedThroughput, now_ms: u64) -> Result<(), Error> {
    let from = next.provisioned_throughput;
    if from == to {
        // DynamoDB: observed.
        return Err(Error::validation(format!(
            "The provisioned throughput for the table will not change. The requested value equals the current value. \
             Current ReadCapacityUnits provisioned for the table: {}. Requested ReadCapacityUnits: {}. Current \
             WriteCapacityUnits provisioned for the table: {}. Requested WriteCapacityUnits: {}. Refer to the Amazon \
             DynamoDB Developer Guide for current limits and how to request higher limits.",
            from.read_capacity_units, to.read_capacity_units, from.write_capacity_units, to.write_capacity_units
        )));
    }
    if to.read_capacity_units > from.read_capacity_units || to.write_capacity_units > from.write_capacity_units {
        next.history.throughput_increased_at_ms = Some(now_ms);
    }
    if to.read_capacity_units < from.read_capacity_units || to.write_capacity_units < from.write_capacity_units {
        next.history.note_decrease(now_ms);
    }
    Ok(())
}

/// The reply.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateTableReply {
    /// The table, being updated.
    pub table: TableDescription,
}

#[cfg(test)]
mod tests;
