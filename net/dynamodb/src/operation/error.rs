//! An error's body: `{"__type":"namespace#Name","message":"..."}`.

use model::{Error, ErrorKind};

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
    });
}
