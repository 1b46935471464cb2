//! Sinks: one file each, one list.
