//! An error's body: `{"__type":"namespace#Name","message":"..."}`, and what some exceptions tell besides.

use model::{Error, ErrorDetail, ErrorKind, ThrottlingReason};

use crate::json::item::write_item;
use crate::json::writer::Writer;

pub(crate) fn write(error: &Error, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"__type\":");
        writer.joined(&[error.kind.namespace(), "#", error.kind.exception_name()]);
        if !error.message.is_empty() {
            // DynamoDB: observed: this one exception spells its member with a capital.
            writer.known_name(match error.kind {
                ErrorKind::Serialization => "\"Message\":",
                _ => "\"message\":",
            });
            writer.string(&error.message);
        }
        match error.detail.as_deref() {
            None => {}
            Some(ErrorDetail::Item(item)) => {
                writer.known_name("\"Item\":");
                write_item(item.as_ref(), writer);
            }
            Some(ErrorDetail::ThrottlingReasons(reasons)) => {
                // DynamoDB: service model: this one exception spells its member without a capital.
                writer.known_name(match error.kind {
                    ErrorKind::Throttling => "\"throttlingReasons\":",
                    _ => "\"ThrottlingReasons\":",
                });
                writer.list(|writer| reasons.iter().for_each(|reason| write_reason(reason, writer)));
            }
        }
    });
}

fn write_reason(reason: &ThrottlingReason, writer: &mut Writer<'_>) {
    writer.object(|writer| {
        writer.known_name("\"reason\":");
        writer.string(&reason.reason);
        writer.known_name("\"resource\":");
        writer.string(&reason.resource);
    });
}
