//! AAC: the `AudioSpecificConfig` (ISO 14496-3, section 1.6.2.1).

use bytes::Bytes;

use super::bits::Bits;

/// `samplingFrequencyIndex` (table 1.18).
const SAMPLE_RATES: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];

/// Audio object types (table 1.17): AAC Main, LC and LTP, which have the same elements, and those with a bitstream of their own.
const MAIN: u8 = 1;
const LOW_COMPLEXITY: u8 = 2;
const LONG_TERM_PREDICTION: u8 = 4;
const LOW_DELAY: u8 = 23;
const ENHANCED_LOW_DELAY: u8 = 39;

/// Object types that name an extension first, and the core coder after it.
const SPECTRAL_BAND_REPLICATION: u8 = 5;
const PARAMETRIC_STEREO: u8 = 29;

/// The fields read of an `AudioSpecificConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Config {
    object_type: u8,
    /// That of the core coder, where `object_type` is an extension.
    core: u8,
    /// Of the core coder, before any spectral band replication.
    sample_rate: u32,
    /// `channelConfiguration`; 0 if the bitstream has it.
    channel_configuration: u8,
    /// `frameLengthFlag`: access units are a sixteenth shorter.
    is_short: bool,
}

impl Config {
    fn parse(config: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(config);
        let object_type = read_object_type(&mut bits)?;
        let sample_rate = read_sample_rate(&mut bits)?;
        let channel_configuration = bits.number(4)? as u8;
        let core = match object_type {
            SPECTRAL_BAND_REPLICATION | PARAMETRIC_STEREO => read_sample_rate(&mut bits)
                .and_then(|_| read_object_type(&mut bits))
                .unwrap_or(LOW_COMPLEXITY),
            core => core,
        };
        let is_short = bits.bit().unwrap_or(false);
        (sample_rate > 0).then_some(Self { object_type, core, sample_rate, channel_configuration, is_short })
    }

    /// Samples of an access unit, before any spectral band replication.
    fn samples(self) -> u64 {
        let is_low_delay = matches!(self.core, LOW_DELAY | ENHANCED_LOW_DELAY);
        match (is_low_delay, self.is_short) {
            (false, false) => 1024,
            (false, true) => 960,
            (true, false) => 512,
            (true, true) => 480,
        }
    }
}

/// `GetAudioObjectType` (table 1.16).
fn read_object_type(bits: &mut Bits<'_>) -> Option<u8> {
    const ESCAPE: u64 = 31;
    match bits.number(5)? {
        ESCAPE => Some(32 + bits.number(6)? as u8),
        object_type => Some(object_type as u8),
    }
}

fn read_sample_rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.number(4)? as usize {
        15 => Some(bits.number(24)? as u32),
        index => SAMPLE_RATES.get(index).copied(),
    }
}

/// How long an access unit sounds, in µs.
pub(crate) fn packet_duration_us(config: &[u8]) -> Option<u64> {
    Config::parse(config).map(|config| config.samples() * 1_000_000 / u64::from(config.sample_rate))
}

/// The configuration of AAC-LC with this shape, for a track whose container has none.
pub(super) fn config(sample_rate: u32, channels: u32) -> Bytes {
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

/// A syntactic element (section 4.4.2.1) without spectrum.
#[derive(Clone, Copy)]
enum Element {
    Single,
    Pair,
    LowFrequency,
}

impl Element {
    /// Its `id_syn_ele`.
    fn id(self) -> u8 {
        match self {
            Self::Single => 0,
            Self::Pair => 1,
            Self::LowFrequency => 3,
        }
    }

    /// What follows its `element_instance_tag`: a value, and its bits. `max_sfb` is 0, so all is 0 but that the channels of a
    /// pair have one window in common.
    fn body(self) -> (u64, usize) {
        match self {
            Self::Single | Self::LowFrequency => (0, 22),
            Self::Pair => (1 << 35, 36),
        }
    }
}

/// The elements of a channel configuration (table 1.19).
fn elements(channel_configuration: u8) -> Option<&'static [Element]> {
    use Element::{LowFrequency, Pair, Single};
    match channel_configuration {
        1 => Some(&[Single]),
        2 => Some(&[Pair]),
        3 => Some(&[Single, Pair]),
        4 => Some(&[Single, Pair, Single]),
        5 => Some(&[Single, Pair, Pair]),
        6 => Some(&[Single, Pair, Pair, LowFrequency]),
        7 => Some(&[Single, Pair, Pair, Pair, LowFrequency]),
        _ => None,
    }
}

/// An access unit of silence: the elements of the track's channels, and the end. `None` where the bitstream says which channels
/// there are, or has no such elements.
pub(crate) fn silence(config: &[u8]) -> Option<Vec<u8>> {
    /// The `id_syn_ele` that ends an access unit.
    const END: u64 = 7;
    let config = Config::parse(config)
        .filter(|config| matches!(config.core, MAIN | LOW_COMPLEXITY | LONG_TERM_PREDICTION))?;
    let (mut out, mut length) = (Vec::new(), 0);
    let mut put = |value: u64, bits: usize| {
        for bit in (0..bits).rev() {
            out.resize(length / 8 + 1, 0_u8);
            out[length / 8] |= ((value >> bit & 1) as u8) << (7 - length % 8);
            length += 1;
        }
    };
    let mut tags = [0; 4];
    for element in elements(config.channel_configuration)? {
        let tag = &mut tags[usize::from(element.id())];
        put(element.id().into(), 3);
        put(*tag, 4);
        *tag += 1;
        let (value, bits) = element.body();
        put(value, bits);
    }
    put(END, 3);
    Some(out)
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
    fn access_units_last_as_long_as_the_core_coder_says() {
        for (config, samples) in [
            (&[0x11, 0x90][..], 1024),
            (&[0x11, 0x94], 960),
            (&[0xb9, 0x90], 512),
            (&[0xb9, 0x94], 480),
            (&[0xf8, 0xe6, 0x40], 512),
            (&[0x29, 0x91, 0x88], 1024),
            (&[0x29, 0x91, 0x8a], 960),
        ] {
            assert_eq!(packet_duration_us(config), Some(samples * 1_000_000 / 48_000), "{config:x?}");
        }
    }

    #[test]
    fn silence_has_the_elements_of_all_channels() {
        let of = |channels: u8| silence(&[0x12, channels << 3]);
        assert_eq!(of(1).unwrap(), [0, 0, 0, 7]);
        assert_eq!(of(2).unwrap(), [0x21, 0, 0, 0, 0, 0x1c]);
        assert_eq!(of(6).unwrap().len(), (29_usize + 43 + 43 + 29 + 3).div_ceil(8));
        assert_eq!(of(0), None, "the bitstream says which channels there are");
        assert_eq!(silence(&[0xb9, 0x90]), None, "low delay has no such elements");
    }

    #[test]
    fn made_configurations_read_back() {
        for shape_wanted in [(44_100, 1), (48_000, 2), (7_350, 6), (44_000, 2), (0xff_ffff, 2)] {
            let (sample_rate, channels) = shape_wanted;
            assert_eq!(shape(&config(sample_rate, channels), 0), Some(shape_wanted));
        }
    }
}
