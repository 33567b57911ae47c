//! The times of blocks (RFC 9559, section 11.1), in µs from the start of the take.
//!
//! Some muxers write the first blocks before time 0, where encoders have what decoders need first or where they are told to
//! start earlier. A take then starts with its first block, and all times are that much later.

use crate::{
    Error,
    ebml::{self, id, malformed},
    frame::MAX_PTS_US,
};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Ticks {
    /// Nanoseconds per tick; not 0.
    scale: u64,
    /// How many ticks the first block is before 0; `None` before it came.
    early: Option<u16>,
}

impl Default for Ticks {
    fn default() -> Self {
        Self { scale: 1_000_000, early: None }
    }
}

impl Ticks {
    pub(super) fn scale(&self) -> u64 {
        self.scale
    }

    /// A tick lasts so many nanoseconds. `Malformed` for 0.
    pub(super) fn set_scale(&mut self, scale: u64) -> Result<(), Error> {
        self.scale = scale;
        if scale == 0 { Err(malformed("a TimestampScale of 0")) } else { Ok(()) }
    }

    /// The time of the next block, so many `ticks` after its Cluster; `None` where it is before that of the first.
    pub(super) fn pts_us(&mut self, cluster: u64, ticks: i16) -> Result<Option<u64>, Error> {
        let told = i128::from(cluster) + i128::from(ticks);
        let early = *self.early.get_or_insert_with(|| u16::try_from(-told).unwrap_or(0));
        let ticks = told + i128::from(early);
        if ticks < 0 {
            return Ok(None);
        }
        let nanos = ticks.checked_mul(i128::from(self.scale));
        // A division of 128 bits costs ten times one of 64, which is enough for centuries.
        let pts_us =
            nanos.map(|nanos| u64::try_from(nanos).map_or(nanos / 1000, |nanos| (nanos / 1000).into()));
        match pts_us {
            Some(pts_us) if pts_us <= MAX_PTS_US.into() => Ok(Some(pts_us as u64)),
            _ => Err(malformed(format!("a timestamp of {ticks} ticks of {} ns", self.scale))),
        }
    }

    /// How long so many ticks are for each of `frames`; `None` where that is out of range.
    pub(super) fn frame_us(&self, ticks: u64, frames: usize) -> Option<u64> {
        let block_us = u128::from(ticks) * u128::from(self.scale) / 1000;
        let frame_us = u64::try_from(block_us / frames.max(1) as u128).ok();
        frame_us.filter(|&frame_us| frame_us <= MAX_PTS_US)
    }

    /// Writes a Cluster with a block at the time of the first, if that came. It is of track 0, which no track is, so it gives no
    /// frame.
    pub(super) fn write_first(&self, out: &mut Vec<u8>) {
        let Some(early) = self.early else { return };
        let [high, low] = early.wrapping_neg().to_be_bytes();
        ebml::write_unknown_size(out, id::CLUSTER);
        ebml::write_uint(out, id::TIMESTAMP, 0);
        ebml::write_bytes(out, id::SIMPLE_BLOCK, &[0x80, high, low, 0]);
    }
}
