//! The wire: protobuf messages and the types generated from them.
