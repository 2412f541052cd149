//! Query: JSON to the model's request. Its reply is a page, see [`super::page`].

use model::operation::Query;
use serde::de::MapAccess;

use crate::json::members::{Member, Members, Outline};

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
            "IndexName" => value.refuse(Outline::Text, "IndexName", &mut self.refused)?,
            "FilterExpression" => value.refuse(Outline::Text, "FilterExpression", &mut self.refused)?,
            "ProjectionExpression" => value.refuse(Outline::Text, "ProjectionExpression", &mut self.refused)?,
            "AttributesToGet" => value.refuse(Outline::List, "AttributesToGet", &mut self.refused)?,
            "KeyConditions" => value.refuse(Outline::CONDITIONS, "KeyConditions", &mut self.refused)?,
            "QueryFilter" => value.refuse(Outline::CONDITIONS, "QueryFilter", &mut self.refused)?,
            "ConditionalOperator" => value.refuse(Outline::Text, "ConditionalOperator", &mut self.refused)?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}
