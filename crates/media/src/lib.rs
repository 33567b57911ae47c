//! Recorder bytes in, init segment and chunks out, for WebM/Matroska and fragmented MP4.
//!
//! Sans-IO: no clock, no sockets, no tasks. Nothing in here panics on any input, work is proportional to the bytes pushed, and
//! memory stays under a stated bound.

mod demuxer;
mod error;
pub mod fmp4;
mod frame;
mod h264;
mod held;
mod mime;
mod opus;
mod packager;
mod pipeline;
mod repackager;
mod resume;
pub mod webm;

pub use error::Error;
pub use frame::{Codec, Event, Frame, Track, TrackKind};
pub use repackager::{Chunk, Init, Output, Progress, Repackager};
