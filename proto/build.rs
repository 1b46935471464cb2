//! Compiles the .proto files without a protoc binary.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 3] =
    ["worldflow/v1/values.proto", "worldflow/v1/views.proto", "worldflow/v1/socket.proto"];

/// Messages of socket.proto that hold typed rows: in JSON their rows are plain objects, which the
/// socket writes straight from a view's columns.
const WITH_ROWS: [&str; 6] = ["ClientFrame", "ServerFrame", "Snapshot", "Delta", "ViewDelta", "Events"];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;

    let mut build = prost_build::Config::new();
    build.btree_map(["."]);
    let socket = descriptors.file.iter().find(|file| file.name().ends_with("socket.proto"));
    for message in socket.into_iter().flat_map(|file| &file.message_type) {
        if WITH_ROWS.contains(&message.name()) {
            continue;
        }
        let path = format!(".worldflow.v1.{}", message.name());
        build.message_attribute(&path, "#[derive(::serde::Serialize, ::serde::Deserialize)]");
        build.message_attribute(&path, "#[serde(default, deny_unknown_fields)]");
        for field in message.field.iter().filter(|field| field.proto3_optional() || is_message(field)) {
            let path = format!("{path}.{}", field.name());
            build.field_attribute(&path, "#[serde(skip_serializing_if = \"Option::is_none\")]");
        }
    }
    build.compile_fds(descriptors)?;
    Ok(())
}

fn is_message(field: &prost_types::FieldDescriptorProto) -> bool {
    use prost_types::field_descriptor_proto::{Label, Type};
    field.r#type() == Type::Message && field.label() != Label::Repeated
}
