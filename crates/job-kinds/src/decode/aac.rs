//! The configuration of AAC (ISO 14496-3, section 1.6.2.1), as far as the decoder takes it: the low-complexity core. Extensions that
//! double the band or make stereo of mono (HE-AAC) are left out: the core alone is sound of half the rate.

/// Object types.
const LOW_COMPLEXITY: u32 = 2;
const BAND_REPLICATION: u32 = 5;
const PARAMETRIC_STEREO: u32 = 29;

/// An index of sample rates that means: 24 bits follow.
const EXPLICIT_RATE: u32 = 15;

/// The configuration of the core of `config`; none for other kinds of AAC.
pub(super) fn core(config: &[u8]) -> Option<Vec<u8>> {
    let mut bits = Bits { bytes: config, at: 0 };
    let mut object = bits.take(5)?;
    let mut rate = Rate::read(&mut bits)?;
    let channels = bits.take(4)?;
    if object == BAND_REPLICATION || object == PARAMETRIC_STEREO {
        Rate::read(&mut bits)?;
        object = bits.take(5)?;
    }
    // The decoder has no more channels, and takes none from the frames.
    if object != LOW_COMPLEXITY || !(1..=2).contains(&channels) {
        return None;
    }
    rate.bits += 5;
    let head = u64::from(LOW_COMPLEXITY) << (rate.bits - 5) | rate.value;
    // Frames of 1024 samples, no core coder, no extension.
    let flags = bits.take(3)?;
    let packed = head << 7 | u64::from(channels << 3 | flags);
    let bytes = (rate.bits + 7).div_ceil(8);
    let aligned = packed << (8 * bytes - rate.bits - 7);
    Some(aligned.to_be_bytes()[8 - bytes as usize..].to_vec())
}

/// A sample rate as it is written.
struct Rate {
    value: u64,
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
    use super::core;

    #[test]
    fn low_complexity_stays_and_extensions_are_left_out() {
        assert_eq!(core(&[0x12, 0x10]).unwrap(), [0x12, 0x10], "44.1 kHz, stereo");
        assert_eq!(core(&[0x12, 0x10, 0x56, 0xe5, 0x00]).unwrap(), [0x12, 0x10], "what is told behind it");
        // Object type 5 (band replication), core 22.05 kHz, stereo, extension 44.1 kHz, object type 2.
        assert_eq!(core(&[0x2b, 0x92, 0x08, 0x00]).unwrap(), [0x13, 0x90]);
        // An explicit rate of 37,800 Hz, mono.
        assert_eq!(core(&[0x17, 0x80, 0x49, 0xd4, 0x08]).unwrap(), [0x17, 0x80, 0x49, 0xd4, 0x08]);
        assert_eq!(core(&[0x0a, 0x10]), None, "main profile");
        assert_eq!(core(&[0x12, 0x30]), None, "5.1");
        assert_eq!(core(&[0x12]), None, "cut short");
    }
}
