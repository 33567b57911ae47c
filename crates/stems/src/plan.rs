//! How a song is cut into pieces that can be separated one by one.

use std::ops::Range;

use crate::CONTEXT_S;

/// Samples between two frames, of the rate 44,100.
const HOP: u32 = 1024;

/// Samples between two frames: about 23 ms.
pub fn hop(rate: u32) -> usize {
    let times = f64::from(rate) / 44_100.0;
    let exponent = times.log2().round();
    (f64::from(HOP) * exponent.exp2()) as usize
}

/// A piece of a song, in samples of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What has to be separated: it begins at a multiple of [`hop`].
    pub read: Range<u64>,
    /// What of it is the result; the results of all pieces are the song.
    pub keep: Range<u64>,
}

impl Piece {
    /// The place of [`Self::keep`] within [`Self::read`].
    pub fn kept(&self) -> Range<usize> {
        let place = |at: u64| usize::try_from(at - self.read.start).unwrap_or(usize::MAX);
        place(self.keep.start)..place(self.keep.end)
    }
}

/// Cuts a song of `samples` samples into pieces with `seconds` to keep, the last one up to half as much more or less. No piece is
/// without samples, and a song without any has no pieces.
pub fn pieces(samples: u64, rate: u32, seconds: u32) -> Vec<Piece> {
    let hop = hop(rate) as u64;
    let margin = ((f64::from(rate) * CONTEXT_S / hop as f64).ceil() as u64 + MARGIN_FRAMES) * hop;
    let wanted = (u64::from(rate) * u64::from(seconds.max(1))).div_ceil(hop).max(1) * hop;
    let count = ((samples + wanted / 2) / wanted).max(u64::from(samples > 0));
    let piece = |n: u64| {
        let keep = n * wanted..if n + 1 == count { samples } else { (n + 1) * wanted };
        let read = keep.start.saturating_sub(margin)..samples.min(keep.end + margin);
        Piece { read, keep }
    };
    (0..count).map(piece).collect()
}

/// Frames more than [`CONTEXT_S`] that a piece overlaps the next one by: those of a window that begin before a sample and end after
/// it, twice (from samples to frames and back), and those over which masks are averaged.
const MARGIN_FRAMES: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_parts_of_all_pieces_are_the_song_and_overlap_is_around_them() {
        for (samples, seconds) in
            [(1, 30), (44_100, 30), (180 * 44_100, 22), (45 * 44_100, 30), (7_777_777, 10)]
        {
            let pieces = pieces(samples, 44_100, seconds);
            assert_eq!(pieces.first().map(|piece| piece.keep.start), Some(0));
            assert_eq!(pieces.last().map(|piece| piece.keep.end), Some(samples));
            assert!(pieces.windows(2).all(|two| two[0].keep.end == two[1].keep.start));
            for Piece { read, keep } in &pieces {
                assert!(
                    read.start % 1024 == 0
                        && read.start <= keep.start
                        && keep.end <= read.end
                        && !keep.is_empty()
                );
                assert!(read.start == 0 || keep.start - read.start > 6 * 44_100);
                assert!(read.end == samples || read.end - keep.end > 6 * 44_100);
            }
        }
        assert!(pieces(0, 44_100, 30).is_empty());
    }

    #[test]
    fn the_hop_follows_the_rate_by_powers_of_two() {
        assert_eq!([8_000, 22_050, 44_100, 48_000, 96_000].map(hop), [256, 512, 1024, 1024, 2048]);
    }
}
