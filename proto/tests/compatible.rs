//! What is on the wire may grow and never change: every field that was ever published keeps its number,
//! name, type and label, every value of an enum its number and name, every method its messages.
//!
//! `worldflow/v1/published.txt` lists them. What is new is a new line; `WORLDFLOW_UPDATE=1` adds it.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet, ServiceDescriptorProto};

fn published() -> BTreeSet<String> {
    lines_of(&FileDescriptorSet::decode(worldflow_proto::DESCRIPTORS).expect("the build wrote it"))
}

fn lines_of(files: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in &files.file {
        let package = file.package();
        file.message_type.iter().for_each(|message| fields(package, message, &mut lines));
        file.enum_type.iter().for_each(|of| values(package, of, &mut lines));
        file.service.iter().for_each(|service| methods(package, service, &mut lines));
    }
    lines
}

fn values(parent: &str, of: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{parent}.{}", of.name());
    lines.insert(format!("enum {name}"));
    lines.extend(of.value.iter().map(|value| format!("{name} {} = {}", value.number(), value.name())));
}

fn methods(parent: &str, service: &ServiceDescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{parent}.{}", service.name());
    lines.insert(format!("service {name}"));
    let side = |streaming: bool, of: &str| format!("{}{of}", if streaming { "stream " } else { "" });
    lines.extend(service.method.iter().map(|method| {
        let takes = side(method.client_streaming(), method.input_type());
        let gives = side(method.server_streaming(), method.output_type());
        format!("{name} {}({takes}) -> {gives}", method.name())
    }));
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
    message.nested_type.iter().for_each(|nested| fields(&name, nested, lines));
    message.enum_type.iter().for_each(|of| values(&name, of, lines));
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

/// There are neither enums nor services yet; the first will be held to its word as well.
#[test]
fn enums_and_services_are_published_too() {
    use prost_types::{EnumValueDescriptorProto, FileDescriptorProto, MethodDescriptorProto};
    let value = |name: &str, number| EnumValueDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        ..EnumValueDescriptorProto::default()
    };
    let mood = |values| EnumDescriptorProto {
        name: Some("Mood".to_owned()),
        value: values,
        ..EnumDescriptorProto::default()
    };
    let method = MethodDescriptorProto {
        name: Some("Follow".to_owned()),
        input_type: Some(".p.Ask".to_owned()),
        output_type: Some(".p.Row".to_owned()),
        server_streaming: Some(true),
        ..MethodDescriptorProto::default()
    };
    let file = |values| FileDescriptorProto {
        package: Some("p".to_owned()),
        message_type: vec![DescriptorProto {
            name: Some("Ask".to_owned()),
            enum_type: vec![mood(vec![value("CALM", 0)])],
            ..DescriptorProto::default()
        }],
        enum_type: vec![mood(values)],
        service: vec![ServiceDescriptorProto {
            name: Some("Views".to_owned()),
            method: vec![method.clone()],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let lines = |values| lines_of(&FileDescriptorSet { file: vec![file(values)] });
    let old = lines(vec![value("CALM", 0), value("WILD", 1)]);
    for line in [
        "enum p.Ask.Mood",
        "p.Ask.Mood 0 = CALM",
        "p.Mood 1 = WILD",
        "service p.Views",
        "p.Views Follow(.p.Ask) -> stream .p.Row",
    ] {
        assert!(old.contains(line), "no `{line}` in {old:#?}");
    }
    assert_eq!(broken(&old, &lines(vec![value("CALM", 0), value("WILD", 2)])), ["p.Mood 1 = WILD"]);
    assert!(broken(&old, &lines(vec![value("CALM", 0), value("WILD", 1), value("SAD", 2)])).is_empty());
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
