//! Decodes Opus (RFC 6716) with the `OpusHead` that containers have (RFC 7845, section 5.1).
//!
//! The decoder computes with integers, so all machines give the same samples.

use ropus::OpusMSDecoder;

/// Samples a second of the output, whatever the rate of the source was.
pub(super) const RATE: u32 = 48_000;

/// Samples of each channel in the longest packet: 120 ms.
const MAX_PACKET_SAMPLES: usize = 5_760;

/// The most streams and channels that are decoded: 7.1.
const MAX_CHANNELS: u8 = 8;

/// The pre-skip of an `OpusHead` in µs: how much decoded sound at the start is dropped.
pub(super) fn delay_us(head: &[u8]) -> i64 {
    let pre_skip = head.get(10..12).map_or(0, |bytes| i64::from(bytes[0]) | i64::from(bytes[1]) << 8);
    pre_skip * 1_000_000 / i64::from(RATE)
}

/// Decodes packets of one or more streams.
pub(super) struct Decoder {
    inner: OpusMSDecoder,
    channels: usize,
    /// Linear output gain.
    gain: f32,
    samples: Vec<i16>,
}

/// The packet cannot be decoded.
#[derive(Debug)]
pub(super) struct Damaged;

impl Decoder {
    /// A decoder for an `OpusHead`; `None` unless its channels are mono, stereo or those of surround sound up to 7.1 (mapping families 0
    /// and 1).
    pub(super) fn new(head: &[u8]) -> Option<Self> {
        let &channels = head.get(9)?;
        let gain = i16::from_le_bytes([*head.get(16)?, *head.get(17)?]);
        let (streams, coupled, mapping) = match head.get(18)? {
            0 => (1, channels.checked_sub(1)?, &[0, 1][..]),
            1 => (*head.get(19)?, *head.get(20)?, head.get(21..)?),
            // Ambisonics, or channels without a meaning.
            _ => return None,
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

#[cfg(test)]
mod tests {
    use super::Decoder;

    #[test]
    fn channels_without_loudspeakers_are_refused() {
        let head = |family: u8| {
            let fixed = [&b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0"[..], &[family]].concat();
            [&fixed[..], &[1, 1, 0, 1]].concat()
        };
        assert!(Decoder::new(&head(0)).is_some(), "stereo");
        assert!(Decoder::new(&head(1)).is_some(), "surround");
        assert!(Decoder::new(&head(2)).is_none(), "ambisonics");
        assert!(Decoder::new(&head(255)).is_none(), "unknown");
        assert!(Decoder::new(&head(1)[..20]).is_none(), "cut short");
    }
}
