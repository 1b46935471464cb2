//! The wire: protobuf messages and the types generated from them.
//!
//! The `.proto` files under `worldflow/v1/` are written for engine teams and documented there;
//! `views.proto` is generated from the catalog of views. The same types are the JSON of the socket,
//! through serde; [`json`] holds the few whose JSON is not the plain mapping of their fields.

mod json;

/// Version 1 of the protocol, as `prost` makes it from the `.proto` files.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/worldflow.v1.rs"));
}

/// The compiled `.proto` files, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
