//! Sources: one file each, one list.
