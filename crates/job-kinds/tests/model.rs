//! A model of ONNX separates vocals: a tiny one, whose bytes are made here.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use job_kinds::{Cancelled, Model, ModelError, Report, VocalsModel};
use stems::{Stereo, plan};

/// A field of protobuf with a length: a message, a text or packed bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    put_varint(&mut out, content.len() as u64);
    out.extend_from_slice(content);
    out
}

/// A field of protobuf with a number.
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

/// ONNX's `ValueInfoProto` of floats; a size of 0 is open.
fn value(name: &str, shape: &[u64]) -> Vec<u8> {
    let dimension = |&size: &u64| field(1, &if size == 0 { field(2, b"n") } else { number(1, size) });
    let shape: Vec<u8> = shape.iter().flat_map(dimension).collect();
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// Whole numbers as an attribute of a node.
fn attribute(name: &str, values: &[u64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| number(8, value)).collect();
    [field(1, name.as_bytes()), values, number(20, 7)].concat()
}

/// Half of what both channels have in common, averaged over three samples, in each channel: a convolution.
fn model(samples: u64, rate: Option<&str>) -> Vec<u8> {
    let weights: Vec<u8> = [1.0_f32 / 6.0; 12].iter().flat_map(|weight| weight.to_le_bytes()).collect();
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

struct Quiet;

impl Report for Quiet {
    fn progress(&self, _: f32) -> Result<(), Cancelled> {
        Ok(())
    }
}

/// A song whose channels have something in common.
fn song(length: usize) -> Stereo {
    let common = |n: usize| (n as f32 * 0.05).sin() * 0.5;
    let left = (0..length).map(|n| common(n) + (n as f32 * 0.11).sin() * 0.2).collect();
    let right = (0..length).map(|n| common(n) - (n as f32 * 0.11).sin() * 0.2).collect();
    Stereo { left, right }
}

#[test]
fn a_model_gives_its_vocals_in_pieces_as_in_whole() {
    let model = Model::from_bytes(model(0, Some("8000"))).unwrap();
    let song = song(40 * 8_000);
    let whole = model.vocals(&song, 8_000, 0, &Quiet).unwrap();
    for n in 1..song.len() - 1 {
        let expected = (n - 1..=n + 1).map(|at| song.left[at] + song.right[at]).sum::<f32>() / 6.0;
        assert!((whole.left[n] - expected).abs() < 1e-3, "{n}: {} instead of {expected}", whole.left[n]);
    }
    for plan::Piece { read, keep } in plan::pieces(song.len() as u64, 8_000, 15) {
        let mix = song.slice(read.start as usize..read.end as usize);
        let vocals = model.vocals(&mix, 8_000, read.start, &Quiet).unwrap();
        let kept = vocals.slice((keep.start - read.start) as usize..(keep.end - read.start) as usize);
        let of_whole = whole.slice(keep.start as usize..keep.end as usize);
        assert!(kept == of_whole, "{keep:?} differs from the whole");
    }
}

#[test]
fn songs_with_another_rate_are_converted_and_pieces_still_fit() {
    let model = Model::from_bytes(model(0, Some("8000"))).unwrap();
    let song = song(40 * 12_000);
    let whole = model.vocals(&song, 12_000, 0, &Quiet).unwrap();
    assert_eq!(whole.len(), song.len());
    // The tone that both channels have is slow, so the model keeps it.
    for n in (100..song.len() - 100).step_by(7) {
        let common = (n as f32 * 0.05).sin() * 0.5;
        assert!((whole.left[n] - common).abs() < 0.02, "{n}: {} instead of {common}", whole.left[n]);
    }
    for plan::Piece { read, keep } in plan::pieces(song.len() as u64, 12_000, 15) {
        let mix = song.slice(read.start as usize..read.end as usize);
        let vocals = model.vocals(&mix, 12_000, read.start, &Quiet).unwrap();
        let kept = vocals.slice((keep.start - read.start) as usize..(keep.end - read.start) as usize);
        assert!(
            kept == whole.slice(keep.start as usize..keep.end as usize),
            "{keep:?} differs from the whole"
        );
    }
}

#[test]
fn a_model_says_its_rate_and_the_length_of_its_chunks() {
    let fixed = Model::from_bytes(model(4096, Some("48000"))).unwrap();
    let song = song(48_000);
    let vocals = fixed.vocals(&song, 48_000, 0, &Quiet).unwrap();
    assert_eq!(vocals.len(), song.len());
    let other = Model::from_bytes(model(4098, Some("48000"))).unwrap();
    assert!(other.hash().len() == 64 && other.hash() != fixed.hash());
}

#[test]
fn what_does_not_fit_is_refused_at_the_start() {
    let refused = |onnx: Vec<u8>| Model::from_bytes(onnx).err().unwrap().to_string();
    assert!(refused(b"no model".to_vec()).contains("cannot be loaded"));
    assert!(refused(Vec::new()).contains("model"));
    assert!(refused(model(4097, None)).contains("even"));
    assert!(refused(model(1 << 20, None)).contains("at most"));
    assert!(refused(model(0, Some("fast"))).contains("sample_rate"));
    let whole = model(0, None);
    for length in [10, whole.len() / 2, whole.len() - 10] {
        assert!(Model::from_bytes(whole[..length].to_vec()).is_err(), "cut at {length}");
    }
    assert!(matches!(Model::load(std::path::Path::new("/no/such/model")), Err(ModelError::Io(_))));
}
