//! A take as the node has it, and recordings made for a test.

use std::{fs, path::Path, sync::Arc};

use bytes::{Bytes, BytesMut};
use media::{Frame, Muxer, Output, Packet, Rendition, Run, TakeParser, Track};

use super::{
    Fixture,
    decoding::{Decoding, decode, ffmpeg},
    demux,
};

/// Players go on where frames are decoded at most twice as far apart as the former lasts (Media Source Extensions, *coded frame
/// processing*).
const HOLE_DURATIONS: u64 = 2;

/// A take as the node has it.
pub(crate) struct Take {
    pub(crate) tracks: Arc<[Track]>,
    pub(crate) runs: Vec<Run>,
    pub(crate) corrections: u64,
}

impl Take {
    /// What a parser makes of segments of this type.
    pub(crate) fn parse(mime: &str, segments: impl IntoIterator<Item = Bytes>) -> Self {
        let mut parser = TakeParser::new(mime).unwrap();
        let mut runs = Vec::new();
        for segment in segments {
            let outputs = parser.push_segment(segment).unwrap();
            runs.extend(outputs.into_iter().filter_map(|output| match output {
                Output::Run(run) => Some(run),
                Output::Tracks(_) => None,
            }));
        }
        Self { tracks: parser.tracks().unwrap(), runs, corrections: parser.time_corrections() }
    }

    /// A recording of the fixtures, three times over, as a recorder would write it that had these packets instead. `change` is
    /// told whether a packet is a picture.
    pub(crate) fn odd(fixture: &str, change: impl Fn(Packet, bool) -> Option<Packet>) -> Self {
        let (mime, tracks, packets) = looped(fixture);
        let packets = packets.into_iter().filter_map(|packet| {
            let is_video = tracks[packet.track].is_video();
            change(packet, is_video)
        });
        Self::parse(&mime, written(&tracks, packets.collect()))
    }

    /// The same as it is.
    pub(crate) fn plain(fixture: &str) -> Self {
        Self::odd(fixture, |packet, _| Some(packet))
    }

    pub(crate) fn frames(&self, is_video: bool) -> Vec<&Frame> {
        let frames = self.runs.iter().flat_map(|run| &run.frames);
        frames.filter(|frame| self.tracks[frame.track].is_video() == is_video).collect()
    }

    pub(crate) fn rendition(&self, format: Rendition) -> Vec<u8> {
        let muxer = Muxer::new(format, Arc::clone(&self.tracks)).unwrap();
        let mut out = BytesMut::from(&muxer.init().data[..]);
        for run in &self.runs {
            muxer.write_chunk(run, &mut out);
        }
        out.to_vec()
    }

    /// What ffmpeg decodes of a rendition, without complaint.
    pub(crate) fn decode(&self, format: Rendition) -> Decoding {
        let decoding = decode(self.rendition(format));
        assert_eq!(decoding.complaints, "", "{format:?}");
        decoding
    }

    /// No player stops: neither track has a hole, and both reach the end.
    pub(crate) fn assert_plays_on(&self) {
        let mut ends_us = Vec::new();
        for is_video in [true, false] {
            let frames = self.frames(is_video);
            for pair in frames.windows(2) {
                let apart_us =
                    pair[1].dts_us.checked_sub(pair[0].dts_us).expect("decode times only go forward");
                assert!(apart_us <= HOLE_DURATIONS * pair[0].duration_us, "{pair:?}");
                assert!(pair[0].dts_us <= pair[0].pts_us);
            }
            let last = frames.last().unwrap();
            ends_us.push(last.pts_us + last.duration_us);
        }
        assert!(ends_us[0].abs_diff(ends_us[1]) < 1_500_000, "{ends_us:?}");
    }
}

/// A recording of the fixtures three times over: its type, tracks and packets.
pub(crate) fn looped(fixture: &str) -> (String, Vec<Track>, Vec<Packet>) {
    let fixture = Fixture::load(fixture);
    let (tracks, packets) = demux(&fixture.mime, &fixture.segments);
    let span_us = packets.iter().map(|packet| packet.pts_us).max().unwrap() + 60_000;
    let again = |round: u64| {
        packets.iter().map(move |packet| Packet { pts_us: packet.pts_us + round * span_us, ..packet.clone() })
    };
    (fixture.mime, tracks, (0..3).flat_map(again).collect())
}

/// Packets as a recorder writes them: a segment for each 250 ms, or as soon as time falls.
pub(crate) fn written(tracks: &[Track], packets: Vec<Packet>) -> Vec<Bytes> {
    let muxer = Muxer::new(Rendition::WebM, tracks.into()).unwrap();
    let mut segments = vec![muxer.init().data.clone()];
    let follows = |before: &Packet, next: &Packet| {
        before.pts_us <= next.pts_us && before.pts_us / 250_000 == next.pts_us / 250_000
    };
    for packets in packets.chunk_by(follows) {
        let frame = |packet: &Packet| {
            let Packet { track, pts_us, key, data, .. } = packet.clone();
            Frame { track, pts_us, dts_us: pts_us, duration_us: 0, key, data }
        };
        let run = Run { group: 0, index: 0, frames: packets.iter().map(frame).collect() };
        let mut out = BytesMut::new();
        muxer.write_chunk(&run, &mut out);
        segments.push(out.freeze());
    }
    segments
}

/// A recording by ffmpeg of a test picture and a tone: the file, and the same in slices of 16 KiB.
pub(crate) fn encoded(name: &str, arguments: &str) -> (Vec<u8>, Vec<Bytes>) {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let sources = "-y -f lavfi -i testsrc2=r=30:s=160x90 -f lavfi -i sine -pix_fmt yuv420p";
    ffmpeg(&format!("{sources} {arguments} {}", file.display()), Vec::new());
    let bytes = fs::read(file).unwrap();
    let segments = bytes.chunks(16 << 10).map(Bytes::copy_from_slice).collect();
    (bytes, segments)
}
