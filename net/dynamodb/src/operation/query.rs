//! Query: JSON to the model's request. Its reply is a page, see [`super::page`].

use model::operation::Query;
use serde::de::MapAccess;

use crate::json::members::{Member, Members};

impl Members for Query {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            "KeyConditionExpression" => self.key_condition_expression = value.text()?,
            "ExpressionAttributeNames" => self.expression_attribute_names = value.texts_by_name()?,
            "ExpressionAttributeValues" => self.expression_attribute_values = value.attributes()?,
            "Limit" => self.limit = value.integer()?,
            "ScanIndexForward" => self.scan_index_forward = value.boolean()?.unwrap_or(true),
            "ExclusiveStartKey" => self.exclusive_start_key = value.attributes()?,
            "Select" => self.select = value.choice()?,
            "ConsistentRead" => self.consistent_read = value.flag()?,
            "ReturnConsumedCapacity" => self.return_consumed_capacity = value.choice()?,
            "IndexName" => self.index_name = value.text()?,
            "FilterExpression" => self.filter_expression = value.text()?,
            "ProjectionExpression" => self.projection_expression = value.text()?,
            "AttributesToGet" => self.attributes_to_get = value.texts()?,
            "KeyConditions" => self.key_conditions = value.structures_by_name("Condition")?,
            "QueryFilter" => self.query_filter = value.structures_by_name("Condition")?,
            "ConditionalOperator" => self.conditional_operator = value.choice()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
