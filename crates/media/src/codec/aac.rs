//! AAC: what an `AudioSpecificConfig` (ISO 14496-3, section 1.6.2.1) says.

use super::bits::Bits;

/// `samplingFrequencyIndex` (table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Samples of an access unit of AAC-LC, before any spectral band replication.
const SAMPLES: u64 = 1024;

/// The fields read of an `AudioSpecificConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Config {
    object_type: u8,
    /// Of the core coder, before any spectral band replication.
    sample_rate: u32,
    /// `channelConfiguration` (table 1.19): 1 and 2 are mono and stereo.
    channels: u8,
}

impl Config {
    fn parse(config: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(config);
        let mut object_type = bits.number(5)? as u8;
        if object_type == 31 {
            object_type = 32 + bits.number(6)? as u8;
        }
        let sample_rate = match bits.number(4)? as usize {
            15 => bits.number(24)? as u32,
            index => *SAMPLE_RATES.get(index)?,
        };
        let channels = bits.number(4)? as u8;
        (sample_rate > 0).then_some(Self { object_type, sample_rate, channels })
    }
}

/// How long an access unit sounds, in µs.
pub(crate) fn packet_duration_us(config: &[u8]) -> Option<u64> {
    Config::parse(config).map(|config| SAMPLES * 1_000_000 / u64::from(config.sample_rate))
}

/// An access unit of silence: one element (section 4.4.2.1) whose channels have no spectrum (`max_sfb` 0), and the end.
/// `None` for more than two channels.
pub(crate) fn silence(config: &[u8]) -> Option<&'static [u8]> {
    match Config::parse(config)?.channels {
        1 => Some(&[0, 0, 0, 7]),
        2 => Some(&[0x21, 0, 0, 0, 0, 0x1c]),
        _ => None,
    }
}

/// `mp4a.40.N` (RFC 6381, section 3.3).
pub(crate) fn codec_string(config: &[u8]) -> Option<String> {
    Config::parse(config).map(|config| format!("mp4a.40.{}", config.object_type))
}
