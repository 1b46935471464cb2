//! The worldflow command line.
fn main() {}
