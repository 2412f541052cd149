//! Parts of the engine measured in process.
