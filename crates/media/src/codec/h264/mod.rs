//! H.264 bitstreams: from whichever form a recorder writes to the one form frames have here.
//!
//! Recorders write Annex B (start codes; ITU-T H.264 annex B) into Matroska, without a decoder configuration, and
//! length-prefixed units (ISO 14496-15, section 5.3.3) into MP4. Frames here are length-prefixed with four bytes, and
//! the configuration (`avcC`) is made from the parameter sets inside the first keyframe where the container has none.
//! Parameter sets stay inside the keyframes too, so decoding continues when the picture size changes within a take.

mod avcc;
mod leading;
mod sei;
mod sps;
mod units;
mod vui;

use super::{
    keyframe::Keyframe,
    picture_order::{PictureOrder, Sequence},
};
use crate::Error;
use avcc::AvcC;
pub(crate) use avcc::codec_string;
use bytes::{BufMut, Bytes};
pub(super) use leading::Leading;
use leading::MAX_LEADING_UNITS;
use sps::Sps;
use units::{AnnexBUnits, NAL_PPS, NAL_SPS, PrefixedUnits, malformed};
pub(super) use units::{NAL_IDR, NAL_SLICE, unit_type, without_emulation_prevention as payload};

/// The most NAL units of a frame that is rewritten. Each costs much more than its bytes; a slice has thousands of pixels, so
/// that an encoder makes some hundred at most.
const MAX_UNITS: u64 = 1 << 14;

/// Brings the frames of one H.264 track into the form of [`crate::Codec::H264`] and finds the track's `avcC`. It keeps nothing of the
/// frames that it was given.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct H264Normalizer {
    form: Form,
    /// The container's `avcC`, if it has one with parameter sets.
    avcc: Option<Bytes>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    AnnexB,
    /// Each NAL unit behind its length in this many bytes.
    Prefixed(usize),
}

impl H264Normalizer {
    /// For a track with this decoder configuration; empty where the container has none, which means Annex B frames.
    pub(crate) fn new(codec_private: &[u8]) -> Result<Self, Error> {
        if codec_private.is_empty() {
            return Ok(Self { form: Form::AnnexB, avcc: None });
        }
        let config = AvcC::parse(codec_private)?;
        let form = Form::Prefixed(config.length_size);
        Ok(Self { form, avcc: config.with_four_byte_lengths().write()? })
    }

    /// The frame with a four-byte length before every NAL unit, and how many units were read for that. `Malformed` for frames of
    /// more than [`MAX_UNITS`] that have to be rewritten.
    pub(crate) fn normalize(&self, frame: Bytes) -> Result<(Bytes, u64), Error> {
        let mut units = 0;
        let normal = match self.form {
            Form::Prefixed(4) if frame.len() > 4 => frame,
            Form::Prefixed(4) => return Err(malformed("frame without NAL units")),
            Form::Prefixed(length_size) => {
                with_four_byte_lengths(frame.len(), PrefixedUnits::new(&frame, length_size), &mut units)?
            }
            Form::AnnexB => {
                with_four_byte_lengths(frame.len(), AnnexBUnits::new(&frame)?.map(Ok), &mut units)?
            }
        };
        if normal.is_empty() {
            return Err(malformed("frame without NAL units"));
        }
        Ok((normal, units))
    }

    /// The decoder configuration with which this normalized keyframe is decoded: the container's, or the one that the frame's own
    /// parameter sets make; `None` where neither has an SPS and a PPS. Reads no more units than [`Leading::of`].
    pub(crate) fn avcc(&self, keyframe: &[u8]) -> Result<Option<Bytes>, Error> {
        match &self.avcc {
            Some(avcc) => Ok(Some(avcc.clone())),
            None => avcc_from(keyframe),
        }
    }
}

/// Whether decoding can start at a frame whose units up to its first slice are these: an IDR picture, or one at which a recovery
/// point says that all from here on is right (ITU-T H.264, section D.2.8).
pub(super) fn is_key(leading: &Leading<'_>) -> bool {
    leading.slice.is_some_and(|slice| unit_type(slice) == Some(NAL_IDR) || leading.recovers)
}

/// What a keyframe says whose configuration is `avcc`; size 0 where its SPS cannot be read.
pub(super) fn keyframe(avcc: Bytes) -> Keyframe {
    let (width, height, pixel) =
        sps_of(&avcc).map_or((0, 0, (1, 1)), |sps| (sps.width, sps.height, sps.pixel));
    Keyframe { config: avcc, width, height, pixel }
}

/// Errors where these bytes are no decoder configuration.
pub(super) fn check_config(avcc: &[u8]) -> Result<(), Error> {
    AvcC::parse(avcc).map(drop)
}

/// What the first SPS of a configuration says about the order of pictures.
pub(super) fn picture_order(avcc: &[u8]) -> PictureOrder {
    sps_of(avcc).map_or_else(PictureOrder::default, |sps| PictureOrder {
        reordered: sps.reorder_depth.map(usize::from),
        sequence: sps.sequence,
    })
}

/// What an SPS, with its NAL unit header, says about the headers of slices.
pub(super) fn sequence(sps: &[u8]) -> Option<Sequence> {
    Sps::parse(sps)?.sequence
}

fn sps_of(avcc: &[u8]) -> Option<Sps> {
    Sps::parse(AvcC::parse(avcc).ok()?.sps.first()?)
}

/// Writes the `units` of a frame of `frame_bytes`, and counts them.
fn with_four_byte_lengths<'a>(
    frame_bytes: usize,
    units: impl Iterator<Item = Result<&'a [u8], Error>>,
    count: &mut u64,
) -> Result<Bytes, Error> {
    // Start codes of three bytes and shorter lengths grow; most frames have few units.
    let mut out = Vec::with_capacity(frame_bytes + 16);
    for unit in units {
        let unit = unit?;
        *count += 1;
        if *count > MAX_UNITS {
            return Err(malformed(format!("frame of more than {MAX_UNITS} NAL units")));
        }
        out.put_u32(u32::try_from(unit.len()).map_err(|_| malformed("NAL unit over 4 GiB"))?);
        out.put_slice(unit);
    }
    // Annex B may end in any number of zeros, which are dropped: the frame must not keep their memory.
    out.shrink_to_fit();
    Ok(out.into())
}

/// The decoder configuration that the parameter sets before a frame's first slice make; `None` without at least one SPS and one PPS.
fn avcc_from(frame: &[u8]) -> Result<Option<Bytes>, Error> {
    let (mut sps, mut pps) = (Vec::new(), Vec::new());
    for unit in PrefixedUnits::new(frame, 4).take(MAX_LEADING_UNITS) {
        let unit = unit?;
        // One more than may be is enough for `write` to refuse them.
        match unit_type(unit) {
            Some(NAL_SLICE..=NAL_IDR) => break,
            Some(NAL_SPS) if sps.len() <= avcc::MAX_SPS => sps.push(unit),
            Some(NAL_PPS) if pps.len() <= avcc::MAX_PPS => pps.push(unit),
            _ => {}
        }
    }
    AvcC { length_size: 4, sps, pps }.write()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter sets and the start of a keyframe as Chromium's recorder writes them into Matroska.
    const SPS: &[u8] = &[
        0x67, 0x42, 0xc0, 0x20, 0x8c, 0x8d, 0x40, 0x28, 0x02, 0xdd, 0x35, 0x01, 0x01, 0x01, 0x07, 0x84, 0x42,
        0x35,
    ];
    const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];
    const SLICE: &[u8] = &[0x65, 0xb8, 0x00, 0x04, 0x00, 0x0c];

    fn annex_b(units: &[&[u8]]) -> Bytes {
        units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect()
    }

    fn prefixed(units: &[&[u8]], length_size: usize) -> Bytes {
        units.iter().flat_map(|unit| [&unit.len().to_be_bytes()[8 - length_size..], unit].concat()).collect()
    }

    #[test]
    fn annex_b_becomes_four_byte_lengths() {
        let normalizer = H264Normalizer::new(&[]).unwrap();
        let normal = normalizer.normalize(annex_b(&[SPS, PPS, SLICE])).unwrap().0;
        assert_eq!(normal, prefixed(&[SPS, PPS, SLICE], 4));
    }

    #[test]
    fn three_byte_start_codes_and_trailing_zeros_are_no_part_of_a_unit() {
        let normalizer = H264Normalizer::new(&[]).unwrap();
        let frame = [&[0, 0, 0, 0, 1], SPS, &[0, 0, 1], PPS, &[0, 0, 0, 0, 0, 1], SLICE, &[0, 0]].concat();
        assert_eq!(normalizer.normalize(frame.into()).unwrap().0, prefixed(&[SPS, PPS, SLICE], 4));
    }

    #[test]
    fn shorter_lengths_become_four_bytes() {
        for length_size in [1, 2, 4] {
            let config = AvcC { length_size, sps: vec![SPS], pps: vec![PPS] }.write().unwrap().unwrap();
            let normalizer = H264Normalizer::new(&config).unwrap();
            let normal = normalizer.normalize(prefixed(&[PPS, SLICE], length_size)).unwrap().0;
            assert_eq!(normal, prefixed(&[PPS, SLICE], 4));
            let avcc = normalizer.avcc(&prefixed(&[SLICE], 4)).unwrap().unwrap();
            assert_eq!(AvcC::parse(&avcc).unwrap().length_size, 4);
        }
    }

    #[test]
    fn configuration_comes_from_a_keyframe_with_both_parameter_sets() {
        let normalizer = H264Normalizer::new(&[]).unwrap();
        assert_eq!(normalizer.avcc(&prefixed(&[SPS, SLICE], 4)), Ok(None));
        let avcc = normalizer.avcc(&prefixed(&[SPS, PPS, SLICE], 4)).unwrap().unwrap();
        assert_eq!(codec_string(&avcc).unwrap(), "avc1.42c020");
        let config = AvcC::parse(&avcc).unwrap();
        assert_eq!((config.sps, config.pps), (vec![SPS], vec![PPS]));
    }

    #[test]
    fn container_configuration_without_parameter_sets_waits_for_a_keyframe() {
        let empty = [1, 0x42, 0xc0, 0x20, 0xff, 0xe0, 0];
        let normalizer = H264Normalizer::new(&empty).unwrap();
        assert_eq!(normalizer.avcc(&prefixed(&[SLICE], 4)), Ok(None));
        assert!(normalizer.avcc(&prefixed(&[SPS, PPS, SLICE], 4)).unwrap().is_some());
    }

    #[test]
    fn trailing_zeros_keep_no_memory() {
        let frame = [&[0, 0, 1][..], SLICE, &[0; 30_000]].concat();
        let (normal, units) = H264Normalizer::new(&[]).unwrap().normalize(frame.into()).unwrap();
        assert_eq!((&normal, units), (&prefixed(&[SLICE], 4), 1));
        let capacity = normal.try_into_mut().unwrap().capacity();
        assert!(capacity < 100, "{capacity} bytes for a slice of six");
    }

    #[test]
    fn broken_frames_are_refused() {
        let normalizer = H264Normalizer::new(&[]).unwrap();
        for frame in [&b""[..], b"\x00\x00", b"\x00\x00\x01\x00", b"\x65\x00\x00\x01\x65"] {
            assert!(normalizer.normalize(Bytes::copy_from_slice(frame)).is_err(), "{frame:?}");
        }
        let config = AvcC { length_size: 2, sps: vec![SPS], pps: vec![PPS] }.write().unwrap().unwrap();
        let normalizer = H264Normalizer::new(&config).unwrap();
        for frame in [&b"\x00"[..], b"\x00\x02\x65", b"\xff\xff\x65"] {
            assert!(normalizer.normalize(Bytes::copy_from_slice(frame)).is_err(), "{frame:?}");
        }
    }
}
