//! A lock-free skiplist with one writer and many readers.
