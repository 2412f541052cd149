//! What DynamoDB means: values, items, keys, operations, limits and errors. Pure: no I/O, no clock.
