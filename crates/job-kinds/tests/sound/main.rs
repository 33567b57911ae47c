//! Decoding, separating, joining and measuring, compared with ffmpeg.

#![allow(clippy::unwrap_used)]

mod common;
mod damage;
mod decode;
mod measure;
mod same;
#[path = "../shared/mod.rs"]
mod shared;
mod stems;
