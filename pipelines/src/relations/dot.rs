//! The relations of a world in the language of Graphviz.

use std::fmt::Write as _;

use super::{Kind, Leads, Node, Relations};

/// A text that `dot` reads.
#[must_use]
pub fn dot(of: &Relations) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&of.world));
    text.push_str("  rankdir=LR;\n  node [fontname=\"sans-serif\", fontsize=11];\n");
    text.push_str("  edge [fontname=\"sans-serif\", fontsize=9];\n");
    for (place, file) in of.files.iter().enumerate() {
        let _infallible = writeln!(text, "  subgraph cluster_{place} {{\n    label={};", quoted(file));
        for (at, node) in of.nodes.iter().enumerate().filter(|(_, node)| node.file == Some(place)) {
            let _infallible = writeln!(text, "    {}", written(at, node));
        }
        text.push_str("  }\n");
    }
    for (at, node) in of.nodes.iter().enumerate().filter(|(_, node)| node.file.is_none()) {
        let _infallible = writeln!(text, "  {}", written(at, node));
    }
    for edge in &of.edges {
        let style = match edge.leads {
            Leads::Requires => "color=\"#2f6f4f\", penwidth=1.6",
            Leads::Gates => "color=\"#2f6f4f\", style=dashed",
            Leads::Changes => "color=\"#a3621b\"",
            Leads::Triggers => "color=\"#3a63a8\"",
            Leads::Emits => "color=\"#8a3f8f\"",
            Leads::Offers => "color=\"#6b7785\", style=dotted, arrowhead=none",
            Leads::TurnsIn => "color=\"#b8503a\"",
            Leads::LeadsOn => "color=\"#2f8f9d\", penwidth=1.6",
        };
        let _infallible =
            writeln!(text, "  n{} -> n{} [label={}, {style}];", edge.from, edge.to, quoted(&edge.label));
    }
    text.push_str("}\n");
    text
}

fn written(at: usize, node: &Node) -> String {
    let shape = match node.kind {
        Kind::Quest => "shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\"",
        Kind::Rule => "shape=hexagon, style=filled, fillcolor=\"#fff3dc\"",
        Kind::Fact => "shape=ellipse, style=filled, fillcolor=\"#e5f3ea\"",
        Kind::View => "shape=folder, style=filled, fillcolor=\"#e6eefb\"",
        Kind::Choice => "shape=diamond, style=filled, fillcolor=\"#eef1f4\"",
        Kind::Npc => "shape=box, style=\"rounded,filled\", fillcolor=\"#fdf0ed\"",
        Kind::Arc => "shape=cds, style=filled, fillcolor=\"#e4f4f6\"",
        Kind::Beat => "shape=box, style=\"rounded,filled\", fillcolor=\"#f1fafb\"",
    };
    let first = match node.kind {
        Kind::Choice => format!("one of {}", node.id),
        _ => node.id.clone(),
    };
    let lines = std::iter::once(&first).chain(Some(&node.title).filter(|title| !title.is_empty()));
    let lines: Vec<&str> = lines.chain(&node.lines).map(String::as_str).collect();
    format!("n{at} [label={}, {shape}];", quoted(&lines.join("\n")))
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
