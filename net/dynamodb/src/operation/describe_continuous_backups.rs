//! DescribeContinuousBackups: JSON to the model's request, its reply to JSON.

use model::operation::{DescribeContinuousBackups, DescribeContinuousBackupsReply};
use serde::de::MapAccess;

use crate::json::members::{Member, Members};
use crate::json::writer::Writer;

impl Members for DescribeContinuousBackups {
    fn member<'de, A: MapAccess<'de>>(&mut self, name: &str, value: Member<'_, '_, A>) -> Result<(), A::Error> {
        match name {
            "TableName" => self.table_name = value.text()?,
            _ => value.ignore()?,
        }
        Ok(())
    }
}

pub(super) fn write(_: &DescribeContinuousBackupsReply, writer: &mut Writer<'_>) {
    writer.raw(
        br#"{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}"#,
    );
}
