//! A take's bytes in, runs of frames out; runs in, chunks of a rendition out.
//!
//! ```text
//! recorder bytes ── demux ── codec ── timeline ── take ──► tracks, runs of frames
//! runs of frames ── mux ──► WebM Clusters │ CMAF fragments │ bare frames
//! ```
//!
//! Sans-IO: no clock, no sockets, no tasks. Nothing in here panics on any input, work is proportional to the bytes pushed, and
//! memory stays under a stated bound.

pub mod boxes;
mod codec;
mod colour;
pub mod demux;
pub mod ebml;
mod error;
mod frame;
mod frame_records;
mod mux;
mod rendition;
mod seekable;
mod shift;
mod sound;
mod take;
mod timeline;
mod varint;

pub use codec::{Inspector, packet_duration_us};
pub use error::Error;
pub use frame::{Codec, Display, Frame, Packet, Rotation, Run, Track, TrackKind};
pub use mux::{Init, Muxer, most_chunk_bytes, payload};
pub use rendition::Rendition;
pub use seekable::{FilePart, webm_head};
pub use shift::{Edit, Shift};
pub use sound::Sound;
pub use take::{Output, Progress, TakeParser};
pub use timeline::gap as gap_frame;
