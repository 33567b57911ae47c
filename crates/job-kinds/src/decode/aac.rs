//! Reduces the configuration of AAC (ISO 14496-3, section 1.6.2.1) to what the decoder takes: AAC-LC with one or two channels.
//!
//! HE-AAC has an AAC-LC core with half the sample rate. Its extensions (spectral band replication, parametric stereo) are left out, so the
//! core alone is decoded.

/// Audio object types (ISO 14496-3, table 1.17).
const LOW_COMPLEXITY: u32 = 2;
const BAND_REPLICATION: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// The index that says that the sample rate follows in 24 bits.
const EXPLICIT_RATE: u32 = 15;

/// Why AAC with a configuration is not decoded. The text is the subject of "… is not supported".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("AAC whose configuration is cut short")]
    CutShort,
    #[error("AAC of object type {0}, which is neither AAC-LC nor HE-AAC,")]
    ObjectType(u32),
    #[error("AAC without a channel configuration")]
    UnknownChannels,
    #[error("AAC with more than two channels")]
    ManyChannels,
}

/// The configuration of the AAC-LC core of `config`.
pub(super) fn core(config: &[u8]) -> Result<Vec<u8>, Refused> {
    let Head { object, rate, channels, flags } = Head::read(config).ok_or(Refused::CutShort)?;
    if object != LOW_COMPLEXITY {
        return Err(Refused::ObjectType(object));
    }
    match channels {
        // The frames have it.
        0 => return Err(Refused::UnknownChannels),
        1 | 2 => {}
        _ => return Err(Refused::ManyChannels),
    }
    let head_bits = 5 + rate.bits;
    let head = u64::from(LOW_COMPLEXITY) << rate.bits | rate.value;
    let packed = head << 7 | u64::from(channels << 3 | flags);
    let bytes = (head_bits + 7).div_ceil(8);
    let aligned = packed << (8 * bytes - head_bits - 7);
    Ok(aligned.to_be_bytes()[8 - bytes as usize..].to_vec())
}

/// The start of a configuration.
struct Head {
    /// Audio object type of the core.
    object: u32,
    /// Sample rate of the core.
    rate: Rate,
    /// Channel configuration (ISO 14496-3, table 1.19).
    channels: u32,
    /// Of the core: length of its frames, dependence on a core coder, extension.
    flags: u32,
}

impl Head {
    /// `None` if it is cut short.
    fn read(config: &[u8]) -> Option<Self> {
        let mut bits = Bits { bytes: config, at: 0 };
        let mut object = bits.take(5)?;
        let rate = Rate::read(&mut bits)?;
        let channels = bits.take(4)?;
        if object == BAND_REPLICATION || object == PARAMETRIC_STEREO {
            let _extension_rate = Rate::read(&mut bits)?;
            object = bits.take(5)?;
        }
        Some(Self { object, rate, channels, flags: bits.take(3)? })
    }
}

/// A sample rate as a configuration has it: an index, or an index and the rate itself.
struct Rate {
    value: u64,
    /// How many bits of `value` are used.
    bits: u32,
}

impl Rate {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let index = bits.take(4)?;
        if index != EXPLICIT_RATE {
            return Some(Self { value: index.into(), bits: 4 });
        }
        Some(Self { value: u64::from(index) << 24 | u64::from(bits.take(24)?), bits: 28 })
    }
}

/// Reads numbers of some bits.
struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits taken so far.
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> Option<u32> {
        let bit = |at: usize| self.bytes.get(at / 8).map(|byte| u32::from(byte >> (7 - at % 8) & 1));
        let value = (self.at..self.at + count).try_fold(0, |value, at| Some(value << 1 | bit(at)?));
        self.at += count;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::{Refused, core};

    #[test]
    fn low_complexity_stays_and_extensions_are_left_out() {
        assert_eq!(core(&[0x12, 0x10]).unwrap(), [0x12, 0x10], "44.1 kHz, stereo");
        assert_eq!(
            core(&[0x12, 0x10, 0x56, 0xe5, 0x00]).unwrap(),
            [0x12, 0x10],
            "an extension after the core"
        );
        // Object type 5 (band replication), core 22.05 kHz, stereo, extension 44.1 kHz, object type 2.
        assert_eq!(core(&[0x2b, 0x92, 0x08, 0x00]).unwrap(), [0x13, 0x90]);
        // An explicit rate of 37,800 Hz, mono.
        assert_eq!(core(&[0x17, 0x80, 0x49, 0xd4, 0x08]).unwrap(), [0x17, 0x80, 0x49, 0xd4, 0x08]);
    }

    #[test]
    fn what_the_decoder_does_not_take_is_refused_with_its_reason() {
        for (config, refused) in [
            (&[0x0a, 0x10][..], Refused::ObjectType(1)),
            (&[0x12, 0x00], Refused::UnknownChannels),
            (&[0x12, 0x30], Refused::ManyChannels),
            (&[0x12], Refused::CutShort),
            (&[], Refused::CutShort),
        ] {
            assert_eq!(core(config), Err(refused), "{config:02x?}");
        }
    }
}
