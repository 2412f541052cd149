//! Scan: JSON to the model's request. Its reply is a page, see [`super::page`].

use model::operation::Scan;
use serde::de::MapAccess;

use crate::json::members::{Member, Members};

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
            "ExpressionAttributeNames" => self.expression_attribute_names = value.texts_by_name()?,
            "ExpressionAttributeValues" => self.expression_attribute_values = value.attributes()?,
            "IndexName" => self.index_name = value.text()?,
            "FilterExpression" => self.filter_expression = value.text()?,
            "ProjectionExpression" => self.projection_expression = value.text()?,
            "AttributesToGet" => self.attributes_to_get = value.texts()?,
            "ScanFilter" => self.scan_filter = value.structures_by_name("Condition")?,
            "ConditionalOperator" => self.conditional_operator = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
