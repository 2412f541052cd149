//! Every lock-free structure under loom.
