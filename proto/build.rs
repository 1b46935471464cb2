//! Compiles the .proto files without a protoc binary.
fn main() {}
