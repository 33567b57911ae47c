//! What init segment and fragments tell alike of a track.

use crate::{Codec, Track, TrackKind};

/// `track_ID` of the track at this index.
pub(super) fn track_id(index: usize) -> u32 {
    index as u32 + 1
}

/// Ticks a second: microseconds for pictures, samples for sound, which Opus's encapsulation demands (section 4.3).
pub(super) fn timescale(track: &Track) -> u32 {
    match track.kind {
        TrackKind::Video { .. } => 1_000_000,
        TrackKind::Audio { sample_rate, .. } => match track.codec {
            Codec::Opus => 48_000,
            _ => sample_rate.max(1),
        },
    }
}
