//! A model of one node, for what the real one does not do: it gives the numbers of the tokens.
//!
//! The fields are those of ONNX's messages, <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.

/// 32-bit floats, among ONNX's kinds of numbers.
pub(super) const FLOAT: u8 = 1;

/// 64-bit integers.
pub(super) const INT64: u8 = 7;

/// What every model is given.
pub(super) const INPUTS: [&str; 2] = ["input_ids", "attention_mask"];

/// A model with these inputs, of which the first becomes the output, as numbers of a kind.
pub(super) fn model(inputs: &[&str], output: &str, kind: u8) -> Vec<u8> {
    let to = [text(1, "to"), number(3, kind), number(20, 2)].concat();
    let node = [text(1, inputs[0]), text(2, output), text(4, "Cast"), field(5, &to)].concat();
    let mut graph = [field(1, &node), text(2, "tiny")].concat();
    inputs.iter().for_each(|name| graph.extend(field(11, &outlet(name, INT64))));
    graph.extend(field(12, &outlet(output, kind)));
    [number(1, 8), field(7, &graph), field(8, &number(2, 17))].concat()
}

/// An input or output whose dimensions are texts and tokens.
fn outlet(name: &str, kind: u8) -> Vec<u8> {
    let dim = |name: &str| field(1, &text(2, name));
    let shape = [dim("texts"), dim("tokens")].concat();
    let tensor = [number(1, kind), field(2, &shape)].concat();
    [text(1, name), field(2, &field(1, &tensor))].concat()
}

fn text(key: u8, text: &str) -> Vec<u8> {
    field(key, text.as_bytes())
}

fn number(key: u8, number: u8) -> Vec<u8> {
    [key_of(key, 0), varint(usize::from(number))].concat()
}

fn field(key: u8, bytes: &[u8]) -> Vec<u8> {
    [key_of(key, 2), varint(bytes.len()), bytes.to_vec()].concat()
}

fn key_of(key: u8, kind: usize) -> Vec<u8> {
    varint(usize::from(key) << 3 | kind)
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
    out
}
