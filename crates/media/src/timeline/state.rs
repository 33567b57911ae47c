//! What a timeline knows between runs, and how a resume point has it.

use super::{clock::Clock, decode::Decode};
use crate::{
    codec::Repeat,
    varint::{MAX_NUMBER, Reader, put, put_option},
};

/// The longest that a track has to be away, where the input has the tracks in blocks, one behind the other.
pub(super) const MAX_AWAY_US: u64 = 15_000_000;

/// See the [module](self).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    pub(super) clock: Clock,
    /// When the first frame of the take is decoded.
    pub(super) begin_us: Option<u64>,
    /// The latest time at which a frame is shown.
    pub(super) latest_us: Option<u64>,
    pub(super) tracks: [TrackState; 2],
}

/// What it knows of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TrackState {
    pub(super) decode: Decode,
    /// Duration of the newest packet, or distance of the newest picture to the one before.
    pub(super) step_us: u64,
    /// Whether the newest frame was made here, because the track is away.
    pub(super) filled: bool,
    /// The latest time that a frame of the input was given.
    pub(super) given_us: Option<u64>,
    /// When the newest frame that was made here ends, or, of a picture, is shown.
    pub(super) made_us: Option<u64>,
    /// How long this track has to be away, where that is longer than for others.
    pub(super) away_us: u64,
    /// The newest frame's time in the input, and how many pictures in a row had the same.
    pub(super) input_us: Option<u64>,
    pub(super) standing: u64,
    pub(super) repeat: Repeat,
    /// The latest time at which a picture is shown.
    pub(super) shown_us: Option<u64>,
}

impl State {
    /// Appends it to a resume point.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.clock.write(out);
        put_option(out, self.begin_us);
        put_option(out, self.latest_us);
        for track in &self.tracks {
            track.decode.write(out);
            put(out, track.step_us);
            put(out, track.filled.into());
            put_option(out, track.given_us);
            put_option(out, track.made_us);
            put(out, track.away_us);
            put_option(out, track.input_us);
            put(out, track.standing);
            track.repeat.write(out);
            put_option(out, track.shown_us);
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let mut state = Self {
            clock: Clock::read(input)?,
            begin_us: input.option()?,
            latest_us: input.option()?,
            ..Self::default()
        };
        for track in &mut state.tracks {
            track.decode = Decode::read(input)?;
            track.step_us = input.number(MAX_NUMBER)?;
            track.filled = input.number(1)? == 1;
            track.given_us = input.option()?;
            track.made_us = input.option()?;
            track.away_us = input.number(MAX_AWAY_US)?;
            track.input_us = input.option()?;
            track.standing = input.number(MAX_NUMBER)?;
            track.repeat = Repeat::read(input)?;
            track.shown_us = input.option()?;
        }
        Some(state)
    }
}
