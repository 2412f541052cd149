//! Owner of a hash range of a table on one core: decides, proposes, applies, reads.
