//! Reads the samples of a stem from the mix and the separated pieces.

use std::ops::Range;

use protocol::job::{Join, Stem};

use crate::{Failed, Tools, sound::Reader};

/// Reads a stem from front to back.
pub(super) struct StemReader<'a> {
    mix: Reader<'a>,
    stem: Stem,
    /// The pieces that were not begun, each with its first sample in the song.
    pieces: std::vec::IntoIter<(u64, Reader<'a>)>,
    /// The piece that is read, and its first sample in the song.
    piece: Option<(u64, Reader<'a>)>,
    channels: usize,
    /// The vocals of the range that is read.
    vocals: Vec<f32>,
}

impl<'a> StemReader<'a> {
    /// Fails for good if the pieces together are not as long as the mix.
    pub(super) fn open(work: &Join, tools: Tools<'a>) -> Result<Self, Failed> {
        let mix = Reader::of_sound(tools, &work.sound)?;
        let mut pieces = Vec::with_capacity(work.pieces.len());
        let (mut start, mut widest) = (0_u64, 1);
        for piece in &work.pieces {
            let reader = Reader::new(tools, piece.channels, &piece.blobs)?;
            widest = widest.max(reader.channels());
            let samples = reader.samples();
            pieces.push((start, reader));
            start = start.saturating_add(samples);
        }
        if start != mix.samples() {
            return Err(Failed::for_good("the pieces are not as long as the mix"));
        }
        let channels = match work.stem {
            Stem::Vocals => widest.min(mix.channels()),
            Stem::Accompaniment => mix.channels(),
        };
        let mut pieces = pieces.into_iter();
        let piece = pieces.next();
        Ok(Self { mix, stem: work.stem, pieces, piece, channels, vocals: Vec::new() })
    }

    /// Channels: 1 or 2.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Samples of each channel.
    pub(super) fn samples(&self) -> u64 {
        self.mix.samples()
    }

    /// Appends the interleaved samples of `range` to `out`. Each range begins where the previous one ended.
    pub(super) fn read(&mut self, range: Range<u64>, out: &mut Vec<f32>) -> Result<(), Failed> {
        self.read_vocals(range.clone())?;
        match self.stem {
            Stem::Vocals => out.extend_from_slice(&self.vocals),
            Stem::Accompaniment => {
                let start = out.len();
                self.mix.read(range, out)?;
                out[start..].iter_mut().zip(&self.vocals).for_each(|(mix, vocals)| *mix -= vocals);
            }
        }
        Ok(())
    }

    fn read_vocals(&mut self, range: Range<u64>) -> Result<(), Failed> {
        self.vocals.clear();
        let mut at = range.start;
        let mut samples = Vec::new();
        while at < range.end {
            let Some((start, reader)) = &mut self.piece else {
                return Err(Failed::for_good("the pieces are not as long as the mix"));
            };
            let end = range.end.min(*start + reader.samples());
            samples.clear();
            reader.read(at - *start..end - *start, &mut samples)?;
            match_channels(&samples, reader.channels(), self.channels, &mut self.vocals);
            at = end;
            if at == *start + reader.samples() {
                self.piece = self.pieces.next();
            }
        }
        Ok(())
    }
}

/// Converts interleaved samples between mono and stereo.
fn match_channels(samples: &[f32], from: usize, to: usize, out: &mut Vec<f32>) {
    match (from, to) {
        (1, 2) => out.extend(samples.iter().flat_map(|&sample| [sample, sample])),
        (2, 1) => out.extend(samples.chunks_exact(2).map(|frame| (frame[0] + frame[1]) / 2.0)),
        _ => out.extend_from_slice(samples),
    }
}
