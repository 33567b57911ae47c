//! AAC: what an `AudioSpecificConfig` (ISO 14496-3, section 1.6.2.1) says.

use bytes::Bytes;

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
    /// `channelConfiguration`; 0 where the bitstream tells.
    channel_configuration: u8,
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
        let channel_configuration = bits.number(4)? as u8;
        (sample_rate > 0).then_some(Self { object_type, sample_rate, channel_configuration })
    }
}

/// How long an access unit sounds, in µs.
pub(crate) fn packet_duration_us(config: &[u8]) -> Option<u64> {
    Config::parse(config).map(|config| SAMPLES * 1_000_000 / u64::from(config.sample_rate))
}

/// The configuration of AAC-LC with this shape, for a track whose container has none.
pub(super) fn config(sample_rate: u32, channels: u32) -> Bytes {
    const LOW_COMPLEXITY: u8 = 2;
    const EXPLICIT: u8 = 15;
    let channels = channels.min(7) as u8;
    match SAMPLE_RATES.iter().position(|&rate| rate == sample_rate) {
        Some(index) => {
            let index = index as u8;
            Bytes::from(vec![LOW_COMPLEXITY << 3 | index >> 1, index << 7 | channels << 3])
        }
        None => {
            let [_, r0, r1, r2] = sample_rate.to_be_bytes();
            let first = LOW_COMPLEXITY << 3 | EXPLICIT >> 1;
            Bytes::from(vec![
                first,
                EXPLICIT << 7 | r0 >> 1,
                r0 << 7 | r1 >> 1,
                r1 << 7 | r2 >> 1,
                r2 << 7 | channels << 3,
            ])
        }
    }
}

/// Samples a second of the core coder, and channels, of which the container says `channels`.
pub(super) fn shape(config: &[u8], channels: u32) -> Option<(u32, u32)> {
    let config = Config::parse(config)?;
    let channels = match config.channel_configuration {
        0 => channels,
        7 => 8,
        count => count.into(),
    };
    Some((config.sample_rate, channels))
}

/// An access unit of silence: one element (section 4.4.2.1) whose channels have no spectrum (`max_sfb` 0), and the end.
/// `None` for more than two channels.
pub(crate) fn silence(config: &[u8]) -> Option<&'static [u8]> {
    match Config::parse(config)?.channel_configuration {
        1 => Some(&[0, 0, 0, 7]),
        2 => Some(&[0x21, 0, 0, 0, 0, 0x1c]),
        _ => None,
    }
}

/// `mp4a.40.N` (RFC 6381, section 3.3).
pub(crate) fn codec_string(config: &[u8]) -> Option<String> {
    Config::parse(config).map(|config| format!("mp4a.40.{}", config.object_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_tells_shape_name_and_duration() {
        let stereo = [0x12, 0x10];
        assert_eq!(shape(&stereo, 9), Some((44_100, 2)));
        assert_eq!(codec_string(&stereo).as_deref(), Some("mp4a.40.2"));
        assert_eq!(packet_duration_us(&stereo), Some(23_219));
        assert_eq!(codec_string(&[0x2b, 0x92, 0x08, 0x00]).as_deref(), Some("mp4a.40.5"), "HE-AAC");
        assert_eq!(shape(&[0x12], 1), None, "cut short");
    }

    #[test]
    fn made_configurations_read_back() {
        for shape_wanted in [(44_100, 1), (48_000, 2), (7_350, 6), (44_000, 2), (0xff_ffff, 2)] {
            let (sample_rate, channels) = shape_wanted;
            assert_eq!(shape(&config(sample_rate, channels), 0), Some(shape_wanted));
        }
    }
}
