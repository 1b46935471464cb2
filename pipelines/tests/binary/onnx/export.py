"""Writes a BERT, given as safetensors, as an ONNX model that gives the vectors of its tokens.

    python3 export.py FOLDER MODEL.onnx

FOLDER holds config.json and model.safetensors. Needs nothing but Python: the fields of ONNX's messages that a graph takes are
few (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto), and weights are copied as they are.
"""

import json
import math
import struct
import sys
from pathlib import Path

FLOAT, INT64 = 1, 7


def varint(number):
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A field of a message of protobuf: a number, a text, or bytes that are a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, kind, dims, data):
    shape = b"".join(field(1, dim) for dim in dims)
    return shape + field(2, kind) + field(8, name) + field(9, data)


def attribute(name, value):
    """A number, or a list of whole ones."""
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    return field(1, name) + b"".join(field(8, number) for number in value) + field(20, 7)


def outlet(name, kind, dims):
    """An input or output; a dimension without a fixed length has a name."""
    shape = b"".join(field(1, field(2 if isinstance(dim, str) else 1, dim)) for dim in dims)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


class Graph:
    """Nodes and constants in the order in which they are made. A node is called by its output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def node(self, kind, *inputs, **attributes):
        output = f"{kind.lower()}_{len(self.nodes)}"
        return self.named(output, kind, *inputs, **attributes)

    def named(self, output, kind, *inputs, **attributes):
        given = b"".join(field(1, name) for name in inputs)
        attributes = b"".join(field(5, attribute(*one)) for one in attributes.items())
        self.nodes.append(given + field(2, output) + field(3, output) + field(4, kind) + attributes)
        return output

    def constant(self, kind, dims, data):
        name = f"constant_{len(self.constants)}"
        self.constants.append(tensor(name, kind, dims, data))
        return name

    def number(self, number):
        return self.constant(FLOAT, [], struct.pack("<f", number))

    def numbers(self, *numbers):
        return self.constant(INT64, [len(numbers)], struct.pack(f"<{len(numbers)}q", *numbers))


def weights(path):
    """The tensors of a file of safetensors: the length of its head, the head in JSON, and what it speaks of."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, about in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in about["data_offsets"])
            tensors[name] = (about["dtype"], about["shape"], data[start:end])
    return tensors


class Bert:
    """The layers of a BERT, as nodes of a graph."""

    def __init__(self, config, tensors):
        self.graph, self.config, self.tensors = Graph(), config, tensors

    def weight(self, name):
        kind, dims, data = self.tensors[name]
        assert kind == "F32", f"{name} is {kind}"
        return self.graph.constant(FLOAT, dims, data)

    def dense(self, name, x):
        weight = self.graph.node("Transpose", self.weight(f"{name}.weight"), perm=[1, 0])
        return self.graph.node("Add", self.graph.node("MatMul", x, weight), self.weight(f"{name}.bias"))

    def norm(self, name, x, output=None):
        output = output or f"norm_{len(self.graph.nodes)}"
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        epsilon = float(self.config["layer_norm_eps"])
        return self.graph.named(output, "LayerNormalization", x, weight, bias, axis=-1, epsilon=epsilon)

    def embeddings(self):
        node, numbers = self.graph.node, self.graph.numbers
        length = node("Slice", node("Shape", "input_ids"), numbers(1), numbers(2))
        places = self.weight("embeddings.position_embeddings.weight")
        places = node("Slice", places, numbers(0), length, numbers(0))
        words = node("Gather", self.weight("embeddings.word_embeddings.weight"), "input_ids")
        kinds = node("Gather", self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids")
        return self.norm("embeddings.LayerNorm", node("Add", node("Add", words, kinds), places))

    def mask(self):
        """Nothing where there is a token, and so little where there is none that no attention goes there."""
        node, number = self.graph.node, self.graph.number
        there = node("Cast", "attention_mask", to=FLOAT)
        away = node("Mul", node("Sub", number(1.0), there), number(-10_000.0))
        return node("Unsqueeze", away, self.graph.numbers(1, 2))

    def attention(self, name, x, mask):
        node, numbers = self.graph.node, self.graph.numbers
        heads, width = self.config["num_attention_heads"], self.config["hidden_size"]
        split = numbers(0, 0, heads, width // heads)

        def part(which, order):
            return node("Transpose", node("Reshape", self.dense(f"{name}.self.{which}", x), split), perm=order)

        query, key = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1])
        root = self.graph.number(math.sqrt(width // heads))
        scores = node("Add", node("Div", node("MatMul", query, key), root), mask)
        seen = node("MatMul", node("Softmax", scores, axis=-1), part("value", [0, 2, 1, 3]))
        seen = node("Reshape", node("Transpose", seen, perm=[0, 2, 1, 3]), numbers(0, 0, width))
        out = node("Add", self.dense(f"{name}.output.dense", seen), x)
        return self.norm(f"{name}.output.LayerNorm", out)

    def gelu(self, x):
        node, number = self.graph.node, self.graph.number
        erf = node("Erf", node("Div", x, number(math.sqrt(2.0))))
        return node("Mul", node("Mul", x, number(0.5)), node("Add", erf, number(1.0)))

    def model(self):
        assert self.config["hidden_act"] == "gelu", self.config["hidden_act"]
        x, mask = self.embeddings(), self.mask()
        layers = self.config["num_hidden_layers"]
        for layer in range(layers):
            name = f"encoder.layer.{layer}"
            x = self.attention(f"{name}.attention", x, mask)
            inner = self.gelu(self.dense(f"{name}.intermediate.dense", x))
            out = self.graph.node("Add", self.dense(f"{name}.output.dense", inner), x)
            x = self.norm(f"{name}.output.LayerNorm", out, "last_hidden_state" if layer + 1 == layers else None)
        tokens = ["batch", "tokens"]
        inputs = ["input_ids", "attention_mask", "token_type_ids"]
        graph = b"".join(field(1, node) for node in self.graph.nodes) + field(2, "bert")
        graph += b"".join(field(5, constant) for constant in self.graph.constants)
        graph += b"".join(field(11, outlet(name, INT64, tokens)) for name in inputs)
        graph += field(12, outlet("last_hidden_state", FLOAT, [*tokens, self.config["hidden_size"]]))
        # Version 8 of the format, version 17 of the operators: the first with LayerNormalization.
        return field(1, 8) + field(2, "worldflow") + field(7, graph) + field(8, field(2, 17))


def main():
    folder, model = map(Path, sys.argv[1:])
    config = json.loads((folder / "config.json").read_text())
    model.write_bytes(Bert(config, weights(folder / "model.safetensors")).model())


main()
