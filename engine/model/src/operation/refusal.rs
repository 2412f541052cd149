//! Parameters that Stator knows but has not built yet: refused by name, never silently ignored.
//!
//! In the way of a request: decoders note the first such parameter; `validate()` refuses it after the constraints
//! and before all that DynamoDB would check with it. Deliberately not here: which they are; the decoders know.

use crate::Error;

/// Refuses the parameter that the decoder noted, if any.
pub(crate) fn check_refused(operation: &str, refused: Option<&str>) -> Result<(), Error> {
    match refused {
        None => Ok(()),
        Some(parameter) => {
            Err(Error::validation(format!("Stator does not support the parameter {parameter} of {operation} yet")))
        }
    }
}
