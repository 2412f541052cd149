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

/// Refuses substitutions that no expression can use, because there is none.
///
/// `expressions` names the ones that could use values, for the text.
// DynamoDB: observed: names are checked before values.
pub(crate) fn check_no_substitutions(has_names: bool, has_values: bool, expressions: &str) -> Result<(), Error> {
    if has_names {
        return Err(Error::validation("ExpressionAttributeNames can only be specified when using expressions"));
    }
    if has_values {
        return Err(Error::validation(format!(
            "ExpressionAttributeValues can only be specified when using expressions: {expressions} null"
        )));
    }
    Ok(())
}
