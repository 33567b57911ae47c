//! VP9 bitstreams (*VP9 Bitstream & Decoding Process Specification*) and `vpcC` (*VP Codec ISO Media File Format Binding*,
//! section 2.2).

use bytes::Bytes;

use super::bits::Bits;
use crate::Packet;

/// What follows the frame type of a keyframe (section 7.2).
const SYNC_CODE: u64 = 0x49_8342;
/// The value of `color_space` whose pictures are not subsampled.
const RGB: u64 = 7;
/// `matrix_coefficients` (ISO 23091-2) for each `color_space`; 2 is "unspecified".
const MATRICES: [u8; 8] = [2, 5, 1, 6, 7, 9, 2, 0];
/// "Unspecified" for primaries and transfer.
const UNSPECIFIED: u8 = 2;
/// The most luma samples of a picture in each level, and the level: of those with the same limit the one that allows 60
/// pictures a second (annex A).
const LEVELS: [(u64, u8); 8] = [
    (36_864, 10),
    (73_728, 11),
    (122_880, 20),
    (245_760, 21),
    (552_960, 30),
    (983_040, 31),
    (2_228_224, 41),
    (8_912_896, 51),
];
const HIGHEST_LEVEL: u8 = 62;

/// What the header of a keyframe says (section 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KeyframeHeader {
    profile: u8,
    bit_depth: u8,
    /// `chromaSubsampling` of `vpcC`.
    subsampling: u8,
    full_range: bool,
    matrix: u8,
    width: u32,
    height: u32,
}

impl KeyframeHeader {
    /// Reads the uncompressed header at the start of a frame; `None` where that is no keyframe.
    fn parse(frame: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(frame);
        if bits.number(2)? != 2 {
            return None;
        }
        let profile = u8::from(bits.bit()?) | u8::from(bits.bit()?) << 1;
        if profile == 3 && bits.bit()? {
            return None;
        }
        let (shows_existing, is_inter) = (bits.bit()?, bits.bit()?);
        if shows_existing || is_inter {
            return None;
        }
        bits.skip(2)?; // show_frame, error_resilient_mode
        if bits.number(24)? != SYNC_CODE {
            return None;
        }
        let bit_depth = match (profile >= 2).then(|| bits.bit()) {
            None => 8,
            Some(twelve) => {
                if twelve? {
                    12
                } else {
                    10
                }
            }
        };
        let color_space = bits.number(3)?;
        let (full_range, subsampling) = if color_space == RGB { (true, 3) } else { (bits.bit()?, 1) };
        let subsampling = match profile & 1 {
            0 => subsampling.min(1),
            _ if color_space == RGB => {
                bits.skip(1)?;
                3
            }
            _ => {
                let (x, y) = (bits.bit()?, bits.bit()?);
                bits.skip(1)?;
                match (x, y) {
                    (true, true) => 1,
                    (true, false) => 2,
                    _ => 3,
                }
            }
        };
        let (width, height) = (bits.number(16)? as u32 + 1, bits.number(16)? as u32 + 1);
        let matrix = MATRICES[color_space as usize];
        Some(Self { profile, bit_depth, subsampling, full_range, matrix, width, height })
    }

    /// The body of `vpcC` after version and flags.
    fn vpcc(&self) -> Bytes {
        let samples = u64::from(self.width) * u64::from(self.height);
        let level =
            LEVELS.iter().find(|(most, _)| samples <= *most).map_or(HIGHEST_LEVEL, |(_, level)| *level);
        let shape = self.bit_depth << 4 | self.subsampling << 1 | u8::from(self.full_range);
        Bytes::copy_from_slice(&[self.profile, level, shape, UNSPECIFIED, UNSPECIFIED, self.matrix, 0, 0])
    }
}

/// Looks for a track's configuration.
#[derive(Debug)]
pub(crate) struct Inspector {
    config: Option<Bytes>,
}

impl Inspector {
    pub(crate) fn new(config: Option<Bytes>) -> Self {
        Self { config }
    }

    pub(crate) fn config(&self) -> Option<&Bytes> {
        self.config.as_ref()
    }

    pub(crate) fn inspect(&mut self, packet: &mut Packet) {
        if self.config.is_none() && packet.key {
            self.config = KeyframeHeader::parse(&packet.data).map(|header| header.vpcc());
        }
    }
}

/// `vp09.PP.LL.DD` (VP Codec ISO Media File Format Binding, section 5) from the body of a `vpcC`.
pub(crate) fn codec_string(vpcc: &[u8]) -> Option<String> {
    let &[profile, level, shape, ..] = vpcc else { return None };
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", shape >> 4))
}
