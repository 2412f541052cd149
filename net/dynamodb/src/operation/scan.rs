//! Scan: JSON to the model's request. Its reply is a page, see [`super::page`].

use model::operation::Scan;
use serde::de::MapAccess;

use crate::json::members::{Member, Members, Outline};

impl Members for Scan {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "Limit" => self.limit = value.integer()?,
            "Segment" => self.segment = value.integer()?,
            "TotalSegments" => self.total_segments = value.integer()?,
            "ExclusiveStartKey" => self.exclusive_start_key = value.attributes()?,
            "Select" => self.select = value.choice()?,
            "ConsistentRead" => self.consistent_read = value.flag()?,
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            "ExpressionAttributeNames" => self.has_expression_attribute_names = value.given(Outline::TEXTS)?,
            "ExpressionAttributeValues" => self.has_expression_attribute_values = value.given(Outline::ATTRIBUTES)?,
            "IndexName" => value.refuse(Outline::Text, "IndexName", &mut self.refused)?,
            "FilterExpression" => value.refuse(Outline::Text, "FilterExpression", &mut self.refused)?,
            "ProjectionExpression" => value.refuse(Outline::Text, "ProjectionExpression", &mut self.refused)?,
            "AttributesToGet" => value.refuse(Outline::List, "AttributesToGet", &mut self.refused)?,
            "ScanFilter" => value.refuse(Outline::CONDITIONS, "ScanFilter", &mut self.refused)?,
            "ConditionalOperator" => value.refuse(Outline::Text, "ConditionalOperator", &mut self.refused)?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
