//! Makes a tiny ONNX model, without a library for ONNX.

// Every test program uses its own part of this.
#![allow(dead_code)]

/// A protobuf field with a length: a message, a text or packed bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    put_varint(&mut out, content.len() as u64);
    out.extend_from_slice(content);
    out
}

/// A protobuf field with a number.
fn number(number: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, number << 3);
    put_varint(&mut out, value);
    out
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A `ValueInfoProto` of a tensor of floats; a size of 0 is open.
fn value(name: &str, shape: &[u64]) -> Vec<u8> {
    let dimension = |&size: &u64| field(1, &if size == 0 { field(2, b"n") } else { number(1, size) });
    let shape: Vec<u8> = shape.iter().flat_map(dimension).collect();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// An `AttributeProto` of integers.
fn attribute(name: &str, values: &[u64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| number(8, value)).collect();
    [field(1, name.as_bytes()), values, number(20, 7)].concat()
}

/// A model whose vocals are the mean of both channels, averaged over three samples: one convolution. `samples` is the length of its
/// input, 0 for an open one; `rate` is its metadata `sample_rate`.
pub(crate) fn model(samples: u64, rate: Option<&str>) -> Vec<u8> {
    weighted(samples, rate, 1.0 / 6.0)
}

/// The same with another weight of each sample.
pub(crate) fn weighted(samples: u64, rate: Option<&str>, weight: f32) -> Vec<u8> {
    let weights: Vec<u8> = [weight; 12].iter().flat_map(|weight| weight.to_le_bytes()).collect();
    let shape = [2, 2, 3].map(|size| number(1, size)).concat();
    let weights = [shape, number(2, 1), field(8, b"w"), field(9, &weights)].concat();
    let node = [
        field(1, b"mix"),
        field(1, b"w"),
        field(2, b"vocals"),
        field(4, b"Conv"),
        field(5, &attribute("kernel_shape", &[3])),
        field(5, &attribute("pads", &[1, 1])),
    ];
    let (input, output) = (value("mix", &[1, 2, samples]), value("vocals", &[1, 2, samples]));
    let graph =
        [field(1, &node.concat()), field(2, b"g"), field(5, &weights), field(11, &input), field(12, &output)];
    let mut model = [number(1, 8), field(7, &graph.concat()), field(8, &number(2, 17))].concat();
    if let Some(rate) = rate {
        model.extend(field(14, &[field(1, b"sample_rate"), field(2, rate.as_bytes())].concat()));
    }
    model
}
