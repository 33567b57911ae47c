//! Opus (RFC 6716), as containers have it (RFC 7845, section 5.1).
//!
//! The decoder works with whole numbers, so all machines come to the same samples.

use ropus::OpusMSDecoder;

/// Samples a second, whatever was encoded.
pub(super) const RATE: u32 = 48_000;

/// Samples of each channel in the longest packet: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5_760;

/// The most streams and channels that are decoded: those of 7.1.
const MAX_CHANNELS: u8 = 8;

/// How much earlier than its packets sound is heard, in µs: what an `OpusHead` says decoders have to drop.
pub(super) fn delay_us(head: &[u8]) -> i64 {
    let pre_skip = head.get(10..12).map_or(0, |bytes| i64::from(bytes[0]) | i64::from(bytes[1]) << 8);
    pre_skip * 1_000_000 / i64::from(RATE)
}

/// Decodes packets of one or more streams.
pub(super) struct Decoder {
    inner: OpusMSDecoder,
    channels: usize,
    /// What samples are multiplied by.
    gain: f32,
    samples: Vec<i16>,
}

/// The packet is not Opus of this layout.
#[derive(Debug)]
pub(super) struct Damaged;

impl Decoder {
    /// For an `OpusHead`; none for layouts other than those of loudspeakers.
    pub(super) fn new(head: &[u8]) -> Option<Self> {
        let &channels = head.get(9)?;
        let gain = i16::from_le_bytes([*head.get(16)?, *head.get(17)?]);
        let (streams, coupled, mapping) = match head.get(18)? {
            0 => (1, channels.checked_sub(1)?, &[0, 1][..]),
            _ => (*head.get(19)?, *head.get(20)?, head.get(21..)?),
        };
        let is_known = (1..=MAX_CHANNELS).contains(&channels)
            && streams <= MAX_CHANNELS
            && coupled <= streams.min(1 + MAX_CHANNELS - streams)
            && mapping.len() >= channels.into();
        if !is_known {
            return None;
        }
        let (count, streams, coupled) = (channels.into(), streams.into(), coupled.into());
        let inner = OpusMSDecoder::new(RATE as i32, count, streams, coupled, mapping).ok()?;
        let gain = 10_f32.powf(f32::from(gain) / (20.0 * 256.0));
        let channels = usize::from(channels);
        Some(Self { inner, channels, gain, samples: vec![0; MAX_PACKET_SAMPLES * channels] })
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Appends the interleaved samples of a packet.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut Vec<f32>) -> Result<(), Damaged> {
        let bytes = i32::try_from(packet.len()).ok().filter(|&bytes| bytes > 0).ok_or(Damaged)?;
        let most = MAX_PACKET_SAMPLES as i32;
        let decoded = self.inner.decode(Some(packet), bytes, &mut self.samples, most, false);
        let count = decoded.ok().and_then(|count| usize::try_from(count).ok()).ok_or(Damaged)?;
        let samples = self.samples.get(..count * self.channels).ok_or(Damaged)?;
        out.extend(samples.iter().map(|&sample| f32::from(sample) / 32_768.0 * self.gain));
        Ok(())
    }
}
