//! Shifts the times of fragments by changing bytes in place, so that fragments of several takes follow each other in one file whose
//! size is known before any of them is read.
//!
//! Only fragments that this crate's muxers wrote can be shifted: each Cluster has a known size and begins with its Timestamp in enough bytes,
//! and each `traf` has its decode time.

use crate::{
    Error,
    boxes::{self, Boxes, Fields},
    ebml::{self, id},
};

/// The magic number of a file in EBML (RFC 8794, section 11.2.1).
const EBML: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// Moves fragments of one take in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    container: Container,
    by_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Container {
    Webm,
    /// The id of each track and how many ticks a second it has.
    Mp4(Vec<(u32, u32)>),
}

/// Bytes of a fragment to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Where in the fragment they begin.
    pub at: usize,
    value: [u8; 8],
    len: usize,
}

impl Edit {
    /// `value` in `len` bytes.
    fn of(at: usize, value: u64, len: usize) -> Option<Self> {
        let fits = len >= 8 || (len > 0 && value >> (8 * len) == 0);
        fits.then(|| Self { at, value: value.to_be_bytes(), len: len.min(8) })
    }

    /// What to put there.
    pub fn bytes(&self) -> &[u8] {
        &self.value[8 - self.len..]
    }
}

impl Shift {
    /// Shifts fragments that follow the init segment `init` by `by_ms`.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` where `init` is neither WebM nor MP4.
    pub fn new(init: &[u8], by_ms: i64) -> Result<Self, Error> {
        let container = if init.starts_with(&EBML) {
            Container::Webm
        } else if init.get(4..8) == Some(b"ftyp") {
            Container::Mp4(timescales(init)?)
        } else {
            return Err(Error::Unsupported("shifting what is neither WebM nor MP4".into()));
        };
        Ok(Self { container, by_ms })
    }

    /// How far it shifts.
    pub fn by_ms(&self) -> i64 {
        self.by_ms
    }

    /// What to change in a whole fragment. A time before 0 becomes 0.
    ///
    /// # Errors
    /// `Malformed`; `Unsupported` where a time has no room in its bytes.
    pub fn edits(&self, fragment: &[u8]) -> Result<Vec<Edit>, Error> {
        match &self.container {
            Container::Webm => self.webm_edits(fragment),
            Container::Mp4(timescales) => self.mp4_edits(fragment, timescales),
        }
    }

    /// Where the chunks of a whole fragment begin in it, and when: shifted, in ms. Each chunk can be decoded after the ones before.
    ///
    /// # Errors
    /// As [`Self::edits`].
    pub fn chunks(&self, fragment: &[u8]) -> Result<Vec<(usize, u64)>, Error> {
        let (mut chunks, mut end) = (Vec::new(), 0);
        let mut add = |payload: &[u8], time_ms: Option<u64>| {
            chunks.extend(time_ms.map(|time_ms| (end, time_ms)));
            end = offset_of(payload, fragment) + payload.len();
        };
        match &self.container {
            Container::Webm => {
                for element in ebml::children(fragment) {
                    let (id, payload) = element?;
                    let time_ms = match ebml::children(payload).next() {
                        Some(Ok((id::TIMESTAMP, timestamp))) if id == id::CLUSTER => {
                            Some(ebml::uint(timestamp)?)
                        }
                        _ => None,
                    };
                    add(payload, time_ms.map(|time_ms| time_ms.saturating_add_signed(self.by_ms)));
                }
            }
            Container::Mp4(timescales) => {
                for found in Boxes::new(fragment) {
                    let (kind, payload) = found?;
                    let traf = if &kind == b"moof" { Some(boxes::expect(payload, b"traf")?) } else { None };
                    add(payload, traf.map(|traf| self.traf_ms(fragment, traf, timescales)).transpose()?);
                }
            }
        }
        Ok(chunks)
    }

    fn webm_edits(&self, fragment: &[u8]) -> Result<Vec<Edit>, Error> {
        let mut edits = Vec::new();
        for element in ebml::children(fragment) {
            let (id::CLUSTER, cluster) = element? else { continue };
            let first = ebml::children(cluster).next();
            let Some((id::TIMESTAMP, timestamp)) = first.transpose()? else {
                return Err(Error::Unsupported("a Cluster that does not begin with its Timestamp".into()));
            };
            let time = ebml::uint(timestamp)?.saturating_add_signed(self.by_ms);
            edits.push(edit(offset_of(timestamp, fragment), time, timestamp.len())?);
        }
        Ok(edits)
    }

    fn mp4_edits(&self, fragment: &[u8], timescales: &[(u32, u32)]) -> Result<Vec<Edit>, Error> {
        let mut edits = Vec::new();
        for found in Boxes::new(fragment) {
            let (kind, moof) = found?;
            if &kind != b"moof" {
                continue;
            }
            for found in Boxes::new(moof) {
                match found? {
                    (kind, traf) if &kind == b"traf" => {
                        edits.push(self.traf_edit(fragment, traf, timescales)?)
                    }
                    _ => {}
                }
            }
        }
        Ok(edits)
    }

    fn traf_edit(&self, fragment: &[u8], traf: &[u8], timescales: &[(u32, u32)]) -> Result<Edit, Error> {
        let DecodeTime { at, ticks, len, .. } = self.decode_time(fragment, traf, timescales)?;
        edit(at, ticks, len)
    }

    fn traf_ms(&self, fragment: &[u8], traf: &[u8], timescales: &[(u32, u32)]) -> Result<u64, Error> {
        let DecodeTime { ticks, timescale, .. } = self.decode_time(fragment, traf, timescales)?;
        let time_ms = u128::from(ticks) * 1000 / u128::from(timescale.max(1));
        Ok(u64::try_from(time_ms).unwrap_or(u64::MAX))
    }

    fn decode_time(
        &self,
        fragment: &[u8],
        traf: &[u8],
        timescales: &[(u32, u32)],
    ) -> Result<DecodeTime, Error> {
        let track_id = Fields::full(boxes::expect(traf, b"tfhd")?)?.2.u32()?;
        let timescale = timescales.iter().find(|(id, _)| *id == track_id).map(|(_, timescale)| *timescale);
        let timescale =
            timescale.ok_or_else(|| boxes::malformed("a fragment of a track that there is not"))?;
        let tfdt = boxes::expect(traf, b"tfdt")?;
        let (version, _, mut fields) = Fields::full(tfdt)?;
        let (time, len) = if version == 1 { (fields.u64()?, 8) } else { (fields.u32()?.into(), 4) };
        let ticks = i128::from(self.by_ms) * i128::from(timescale) / 1000;
        let ticks = i64::try_from(ticks).map_err(|_| boxes::malformed("a shift past all times"))?;
        // After version and flags.
        let at = offset_of(tfdt, fragment) + 4;
        Ok(DecodeTime { at, ticks: time.saturating_add_signed(ticks), len, timescale })
    }
}

/// The shifted decode time of a `traf`.
struct DecodeTime {
    /// Where in the fragment it is.
    at: usize,
    ticks: u64,
    len: usize,
    timescale: u32,
}

fn edit(at: usize, time: u64, len: usize) -> Result<Edit, Error> {
    Edit::of(at, time, len).ok_or_else(|| Error::Unsupported(format!("a time of {time} in {len} bytes")))
}

/// Where `part` begins in `whole`, which it is a part of.
fn offset_of(part: &[u8], whole: &[u8]) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

/// The id of each track and its ticks a second (ISO 14496-12, sections 8.3.2 and 8.4.2).
fn timescales(init: &[u8]) -> Result<Vec<(u32, u32)>, Error> {
    let mut timescales = Vec::new();
    for found in Boxes::new(boxes::expect(init, b"moov")?) {
        let (kind, trak) = found?;
        if &kind != b"trak" {
            continue;
        }
        let track_id = after_times(boxes::expect(trak, b"tkhd")?)?;
        let mdhd = boxes::expect(boxes::expect(trak, b"mdia")?, b"mdhd")?;
        timescales.push((track_id, after_times(mdhd)?));
    }
    Ok(timescales)
}

/// The field after the times of creation and modification.
fn after_times(full_box: &[u8]) -> Result<u32, Error> {
    let (version, _, mut fields) = Fields::full(full_box)?;
    for _ in 0..2 {
        if version == 1 {
            fields.u64()?;
        } else {
            fields.u32()?;
        }
    }
    fields.u32()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::{Bytes, BytesMut};

    use super::*;
    use crate::{Codec, Frame, Muxer, Rendition, Run, Track, TrackKind};

    const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00";

    fn muxer(format: Rendition) -> Muxer {
        let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
        let config = Bytes::from_static(OPUS_HEAD);
        let track = Track { codec: Codec::Opus, kind, config, colour: Bytes::new() };
        Muxer::new(format, Arc::new([track])).unwrap()
    }

    fn run(at_ms: u64) -> Run {
        let frame = |pts_us| Frame {
            track: 0,
            pts_us,
            dts_us: pts_us,
            duration_us: 20_000,
            key: true,
            data: Bytes::from_static(&[0xfc, 0xff, 0xfe]),
        };
        Run { group: 0, index: 0, frames: vec![frame(at_ms * 1000), frame(at_ms * 1000 + 20_000)] }
    }

    /// Two chunks from a time on.
    fn fragment(muxer: &Muxer, at_ms: u64) -> Vec<u8> {
        let mut out = BytesMut::new();
        muxer.write_chunk(&run(at_ms), &mut out);
        muxer.write_chunk(&run(at_ms + 40), &mut out);
        out.to_vec()
    }

    fn shifted(shift: &Shift, mut fragment: Vec<u8>) -> Vec<u8> {
        for edit in shift.edits(&fragment).unwrap() {
            fragment[edit.at..][..edit.bytes().len()].copy_from_slice(edit.bytes());
        }
        fragment
    }

    #[test]
    fn a_shifted_fragment_is_the_one_that_would_have_been_written_at_that_time() {
        for muxer in [muxer(Rendition::WebM), muxer(Rendition::Mp4)] {
            for (from, to) in [(0, 0), (0, 3_600_000), (250, 86_400_000), (86_400_000, 100), (1000, 0)] {
                let shift = Shift::new(&muxer.init().data, to as i64 - from as i64).unwrap();
                assert_eq!(shifted(&shift, fragment(&muxer, from)), fragment(&muxer, to), "{from} to {to}");
            }
        }
    }

    #[test]
    fn chunks_are_found_with_their_shifted_times() {
        for muxer in [muxer(Rendition::WebM), muxer(Rendition::Mp4)] {
            let whole = fragment(&muxer, 250);
            let mut first = BytesMut::new();
            muxer.write_chunk(&run(250), &mut first);
            let shift = Shift::new(&muxer.init().data, 1000).unwrap();
            assert_eq!(shift.chunks(&whole).unwrap(), [(0, 1250), (first.len(), 1290)]);
            assert!(shift.chunks(&whole[..whole.len() - 1]).is_err());
        }
    }

    #[test]
    fn what_this_crate_did_not_write_is_refused() {
        assert!(Shift::new(b"ID3", 1).is_err() && Shift::new(b"", 1).is_err());
        let webm = Shift::new(&EBML, 1).unwrap();
        for fragment in [&[0x1f, 0x43, 0xb6, 0x75][..], &[0x1f, 0x43, 0xb6, 0x75, 0x81, 0], &[0xff; 16]] {
            assert!(webm.edits(fragment).is_err(), "{fragment:?}");
        }
        let one_byte = [0x1f, 0x43, 0xb6, 0x75, 0x83, 0xe7, 0x81, 0xff];
        assert!(matches!(webm.edits(&one_byte), Err(Error::Unsupported(_))));
    }
}
