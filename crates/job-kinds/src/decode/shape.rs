//! The form of an item's decoded sound: sample rate, channels and length.

/// The sample rates of decoded sound. Higher ones add nothing audible, and cost time and memory.
const RATES: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Rate, channels and length of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Samples a second, one of [`RATES`].
    pub(crate) rate: u32,
    /// 1 or 2.
    pub(crate) channels: u32,
    /// Samples of each channel.
    pub(crate) samples: u64,
}

impl Shape {
    /// The form for a source with this rate, these channels and this length. Other rates than [`RATES`] become 44,100 or 48,000.
    pub(crate) fn new(source_rate: u32, channels: u32, duration_ms: u64) -> Self {
        let rate = match source_rate {
            known if RATES.contains(&known) => known,
            multiple if multiple > 0 && multiple.is_multiple_of(44_100) => 44_100,
            _ => 48_000,
        };
        let shape = Self { rate, channels: channels.clamp(1, 2), samples: 0 };
        Self { samples: shape.samples_at(duration_ms), ..shape }
    }

    /// The first sample at or after a time of the item.
    pub(crate) fn samples_at(&self, time_ms: u64) -> u64 {
        (time_ms * u64::from(self.rate)).div_ceil(1000)
    }

    /// Length in ms, rounded up.
    pub(crate) fn duration_ms(&self) -> u64 {
        (self.samples * 1000).div_ceil(self.rate.into())
    }
}
