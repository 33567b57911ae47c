//! Items become files in every container, with and without `ffmpeg`, and pictures. Needs `ffmpeg` and `ffprobe`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod copied;
mod encoded;
mod item;
mod pictures;
#[path = "../shared/mod.rs"]
mod shared;
