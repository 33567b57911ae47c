//! WebM and the part of Matroska that recorders use (RFC 9559, on EBML, RFC 8794): read in any shape, written in one.

mod demux;
mod ebml;
mod element;
pub(crate) mod mux;
mod tracks;

pub use demux::{Demuxer, MAX_BLOCK_BYTES, MAX_HEADER_BYTES};
