//! Reads audio and video files: gives their tags, and fragments for players ([`open`]) or one file in another container ([`open_as`]). Only
//! WAV is re-encoded: it becomes FLAC.
//!
//! ```text
//! bytes of a file ── sniff ──► a source: packets and their times ── cutter ──► fragments ── media::Muxer ──► MP4 │ WebM │ bare MP3
//! ```
//!
//! [`open`] tells the format by content. Symphonia reads FLAC and Ogg, lofty the tags, `media` WebM, Matroska and fragmented
//! MP4; MP3, ADTS, WAV and the sample tables of MP4 are read here. A file is read once, from front to back but for MP4's tables and
//! for tags at the end. Reading blocks: call it where that is allowed.
//!
//! Memory does not depend on the file's size: see [`MAX_FRAGMENT_BYTES`] and `README.md`. Damaged files give an error or what can be
//! read of them ([`MediaFile::damage`]).

mod ahead;
mod audio;
mod bare;
mod cutter;
mod error;
mod file;
mod flac;
mod flac_head;
mod format;
mod frame_header;
mod frames;
mod input;
mod kind;
mod matroska;
mod mp4;
mod ogg;
mod part;
mod probe;
mod sniff;
mod source;
mod streamed;
mod tags;
mod target;
mod text_tags;
mod timing;
mod wav;
mod writer;

pub use cutter::MAX_FRAGMENT_BYTES;
pub use error::Error;
pub use file::{Damage, Fragment, MediaFile, open, open_as};
pub use flac::{FlacEncoder, FlacShape};
pub use format::Format;
pub use frame_header::Mp3Frame;
pub use tags::{Cover, MAX_COVER_BYTES, Tags};
pub use target::{Container, Target};
pub use text_tags::TextTags;
pub use writer::write_fragment;
