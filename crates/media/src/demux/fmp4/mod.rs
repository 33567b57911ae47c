//! Reads fragmented MP4: ISO base media file format (ISO 14496-12) with H.264 (ISO 14496-15), VP9, AV1, AAC, MP3 and Opus
//! (the *Encapsulation of Opus in ISO Base Media File Format*, here "Opus in ISOBMFF").

mod demux;
mod descriptor;
mod edit;
mod fragment;
mod movie;
mod state;

pub use demux::{Demuxer, MAX_FILE_MOOV_BYTES, MAX_MDAT_BYTES, MAX_MOOF_BYTES, MAX_MOOV_BYTES};
pub use movie::{MovieTrack, movie_tracks};
