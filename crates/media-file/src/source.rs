//! What a file is read as, whatever its format.

use bytes::Bytes;
use media::{Rendition, Track, TrackKind};

use crate::{Error, tags::Tags};

/// Gives a file's packets.
pub(crate) trait Source: Send {
    /// The next packet, in the order of the file; `None` at the end. Within a track packets come in the order of decoding.
    fn next_packet(&mut self) -> Result<Option<Packet>, Error>;
}

/// What a file says of itself before its packets.
pub(crate) struct Opened {
    pub(crate) source: Box<dyn Source>,
    /// At most one of video and one of audio.
    pub(crate) tracks: Vec<SourceTrack>,
    /// The container to write, where it holds the tracks: that which the file is most like.
    pub(crate) prefers: Rendition,
    /// What the file says, which may be wrong.
    pub(crate) duration_us: Option<u64>,
    pub(crate) tags: Tags,
    /// How much the times of packets are ahead of the times at which they are shown and heard, in µs: packets that decoders need before the
    /// start are counted in.
    pub(crate) late_us: i64,
}

/// A track of a file.
#[derive(Clone, Debug)]
pub(crate) struct SourceTrack {
    pub(crate) track: Track,
    /// Samples of sound that decode before it starts and are not heard, where packets count them as before time 0.
    pub(crate) lead: u32,
}

impl SourceTrack {
    /// Samples a second of sound; `None` for pictures.
    pub(crate) fn sample_rate(&self) -> Option<u32> {
        match self.track.kind {
            TrackKind::Audio { sample_rate, .. } => Some(sample_rate),
            TrackKind::Video { .. } => None,
        }
    }

    pub(crate) fn new(track: Track) -> Self {
        Self { track, lead: 0 }
    }
}

/// A frame as its file has it.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// Index of its track.
    pub(crate) track: usize,
    /// When it is shown or heard, in µs of the file's time; below 0 for sound that only primes a decoder.
    pub(crate) pts_us: i64,
    /// How long it lasts, where the file says so.
    pub(crate) duration_us: Option<u64>,
    /// Whether decoding can start here. Sources need not know: the bitstream tells.
    pub(crate) key: bool,
    pub(crate) data: Bytes,
}

/// What a packet takes in memory besides its data: small files may have endless packets of a byte.
const PACKET_BYTES: usize = 128;

impl Packet {
    /// What it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + PACKET_BYTES
    }

    /// When it ends, in µs of the file's time, as far as that is known.
    pub(crate) fn end_us(&self) -> i64 {
        self.pts_us.saturating_add_unsigned(self.duration_us.unwrap_or(0))
    }
}

/// The time of a number of samples, in µs, rounded to the nearest, so that converting back gives the same number.
pub(crate) fn samples_us(samples: i64, sample_rate: u32) -> i64 {
    ticks_us(samples, sample_rate)
}

/// The time of a number of ticks, in µs, rounded to the nearest; the largest there is where it is out of range.
pub(crate) fn ticks_us(ticks: i64, ticks_a_second: u32) -> i64 {
    let (ticks, rate) = (i128::from(ticks), i128::from(ticks_a_second.max(1)));
    let micros = (ticks * 1_000_000 + rate / 2).div_euclid(rate);
    i64::try_from(micros).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX })
}
