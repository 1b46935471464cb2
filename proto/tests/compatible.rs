//! What is on the wire may grow and never change: every field that was ever published keeps its number,
//! name, type and label.
//!
//! `worldflow/v1/published.txt` lists them. A new field is a new line; `WORLDFLOW_UPDATE=1` adds it.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, FileDescriptorSet};

fn published() -> BTreeSet<String> {
    let files = FileDescriptorSet::decode(worldflow_proto::DESCRIPTORS).expect("the build wrote it");
    let mut lines = BTreeSet::new();
    for file in &files.file {
        for message in &file.message_type {
            fields(file.package(), message, &mut lines);
        }
    }
    lines
}

fn fields(parent: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{parent}.{}", message.name());
    lines.insert(format!("message {name}"));
    for field in &message.field {
        let label = match field.label() {
            Label::Repeated => "repeated ",
            _ if field.proto3_optional() => "optional ",
            _ => "",
        };
        let kind = format!("{:?}", field.r#type()).to_lowercase();
        let of = field.type_name();
        let oneof = match field.oneof_index {
            Some(place) if !field.proto3_optional() => {
                let place = usize::try_from(place).expect("an index");
                format!(" in {}", message.oneof_decl[place].name())
            }
            _ => String::new(),
        };
        lines.insert(format!("{name} {} = {} {label}{kind}{of}{oneof}", field.number(), field.name()));
    }
    for nested in &message.nested_type {
        fields(&name, nested, lines);
    }
}

/// What the new wire lacks of the old one.
fn broken(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Vec<String> {
    old.difference(new).cloned().collect()
}

#[test]
fn nothing_that_was_published_has_changed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/worldflow/v1/published.txt");
    let old: BTreeSet<String> =
        std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect();
    let new = published();
    let broken = broken(&old, &new);
    assert!(broken.is_empty(), "the wire lost or changed what clients rely on: {broken:#?}");
    if std::env::var_os("WORLDFLOW_UPDATE").is_some() {
        let text: Vec<&str> = new.iter().map(String::as_str).collect();
        std::fs::write(path, text.join("\n") + "\n").expect("the checkout can be written");
        return;
    }
    let added: Vec<&String> = new.difference(&old).collect();
    assert!(
        added.is_empty(),
        "new on the wire: {added:#?}\nrun WORLDFLOW_UPDATE=1 cargo test -p worldflow-proto, and never take it back"
    );
}

#[test]
fn a_changed_number_name_type_or_label_is_noticed() {
    let new = published();
    for line in [
        "worldflow.v1.Ping 2 = nonce uint64",
        "worldflow.v1.Ping 1 = number uint64",
        "worldflow.v1.Ping 1 = nonce string",
        "worldflow.v1.Ping 1 = nonce repeated uint64",
        "message worldflow.v1.Gone",
    ] {
        let old = BTreeSet::from([line.to_owned()]);
        assert_eq!(broken(&old, &new), [line]);
    }
    let same = BTreeSet::from(["worldflow.v1.Ping 1 = nonce uint64".to_owned()]);
    assert!(broken(&same, &new).is_empty());
}

/// A client of today reads what a newer server sends, and a newer client is read here.
#[test]
fn unknown_fields_are_passed_over() {
    use worldflow_proto::v1;
    let pong = v1::Pong { nonce: 1, tick: 2, utc_ms: 3 };
    let mut bytes = pong.encode_to_vec();
    prost::encoding::string::encode(99, &"from the future".to_owned(), &mut bytes);
    assert_eq!(v1::Pong::decode(&*bytes), Ok(pong));
    assert_eq!(v1::Pong::decode(&[][..]), Ok(v1::Pong::default()));
}
