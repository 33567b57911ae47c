//! The headers of frames of MP3 and of AAC in ADTS.

use crate::kind::Kind;

/// The contents of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: Kind,
    /// Bytes of the whole frame, and of what is before its payload: of MP3, the header is part of that.
    pub(crate) bytes: usize,
    pub(crate) payload_at: usize,
    /// Samples of each channel.
    pub(crate) samples: u32,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u32,
    /// What is the same in all frames of a file.
    constant: [u8; 3],
}

/// Samples a second of MPEG-1, by their index; MPEG-2 has half, MPEG-2.5 a quarter.
const MP3_SAMPLE_RATES: [u32; 3] = [44_100, 48_000, 32_000];

/// ISO 14496-3, table 1.18.
const AAC_SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// The header of an MP3 frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mp3Frame {
    /// Bytes of the whole frame, header included; not 0.
    pub bytes: usize,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u32,
}

impl Mp3Frame {
    /// Reads the header at the start of `data`; `None` if `data` does not begin with one.
    pub fn read(data: &[u8]) -> Option<Self> {
        let header = FrameHeader::read(data).filter(|header| header.kind == Kind::Mp3 && header.bytes > 0)?;
        let FrameHeader { bytes, sample_rate, channels, .. } = header;
        Some(Self { bytes, sample_rate, channels })
    }
}

impl FrameHeader {
    /// Reads the header at the start of `data`.
    pub(crate) fn read(data: &[u8]) -> Option<Self> {
        match data {
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Self::read_adts(data),
            [0xff, second, ..] if second & 0xe6 == 0xe2 => Self::read_mp3(data),
            _ => None,
        }
    }

    /// Whether both can be frames of one file.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.kind, self.constant) == (other.kind, other.constant)
    }

    /// ISO 11172-3, section 2.4.1.3. Frames without a bit rate of their own ("free format") are not read.
    fn read_mp3(data: &[u8]) -> Option<Self> {
        const KBITS: [[u32; 15]; 2] = [
            [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
            [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        ];
        let &[_, second, third, fourth, ..] = data else { return None };
        let (halvings, samples) = match second >> 3 & 3 {
            0 => (2, 576),
            2 => (1, 576),
            3 => (0, 1152),
            _ => return None,
        };
        let kbits =
            *KBITS[usize::from(halvings == 0)].get(usize::from(third >> 4)).filter(|&&kbits| kbits > 0)?;
        let sample_rate = MP3_SAMPLE_RATES.get(usize::from(third >> 2 & 3))? >> halvings;
        let padding = u32::from(third >> 1 & 1);
        let is_mono = fourth >> 6 == 3;
        Some(Self {
            kind: Kind::Mp3,
            bytes: (samples / 8 * kbits * 1000 / sample_rate + padding) as usize,
            payload_at: 0,
            samples,
            sample_rate,
            channels: if is_mono { 1 } else { 2 },
            constant: [second & 0xfe, third & 0x0c, u8::from(is_mono)],
        })
    }

    /// ISO 13818-7, section 6.2. Frames of several access units are not read: no encoder writes them.
    fn read_adts(data: &[u8]) -> Option<Self> {
        let &[_, second, third, fourth, fifth, sixth, seventh, ..] = data else { return None };
        let bytes = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
        let payload_at = if second & 1 == 0 { 9 } else { 7 };
        let sample_rate = *AAC_SAMPLE_RATES.get(usize::from(third >> 2 & 15))?;
        let channels = match (third & 1) << 2 | fourth >> 6 {
            0 => 2, // the bitstream tells
            7 => 8,
            count => count.into(),
        };
        (bytes > payload_at && seventh & 3 == 0).then_some(Self {
            kind: Kind::Adts,
            bytes,
            payload_at,
            samples: 1024,
            sample_rate,
            channels,
            // Profile, rate and channels.
            constant: [second & 0xf8, third & 0xfd, fourth & 0xc0],
        })
    }
}
