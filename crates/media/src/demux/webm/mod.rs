//! Reads WebM and the part of Matroska that recorders use (RFC 9559, on EBML, RFC 8794), in any shape.

mod demux;
mod lacing;
mod ticks;
mod tracks;

pub use demux::{Demuxer, MAX_BLOCK_BYTES, MAX_HEADER_BYTES};
