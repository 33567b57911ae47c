//! MP3: the header of a frame (ISO 11172-3, section 2.4.1.3; ISO 13818-3, section 2.4.2.3).

use crate::TrackKind;

/// Samples a second of MPEG-1, by `sampling_frequency`; MPEG-2 has half, MPEG-2.5 a quarter.
const SAMPLE_RATES: [u64; 3] = [44_100, 48_000, 32_000];

/// How long a frame sounds, in µs; `None` where it has no header of layer 3.
pub(crate) fn packet_duration_us(frame: &[u8]) -> Option<u64> {
    let &[0xff, version, rate, ..] = frame else { return None };
    // Sync word, then version (two bits) and layer (two bits, 01 is layer 3).
    if version & 0xe6 != 0xe2 {
        return None;
    }
    let (halvings, samples) = match version >> 3 & 3 {
        0 => (2, 576),
        2 => (1, 576),
        3 => (0, 1152),
        _ => return None,
    };
    let sample_rate = SAMPLE_RATES.get(usize::from(rate >> 2 & 3))? >> halvings;
    Some(samples * 1_000_000 / sample_rate)
}

/// A frame of silence at the least bit rate: a header, and nothing but zeros behind it. `None` for what no MP3 has.
pub(crate) fn silence(kind: TrackKind) -> Option<Vec<u8>> {
    const WITHOUT_CHECKSUM: u8 = 1;
    const LEAST_BIT_RATE: u8 = 1 << 4;
    let TrackKind::Audio { sample_rate, channels } = kind else { return None };
    let mut rates = (0..3).flat_map(|halvings| (0..3).map(move |index| (halvings, index)));
    let (halvings, index) =
        rates.find(|&(halvings, index)| SAMPLE_RATES[index] >> halvings == u64::from(sample_rate))?;
    let (version, bytes_a_second) = [(0xfa, 144 * 32_000), (0xf2, 72 * 8_000), (0xe2, 72 * 8_000)][halvings];
    let mode = if channels == 1 { 0xc0 } else { 0 };
    let mut frame = vec![0xff, version | WITHOUT_CHECKSUM, LEAST_BIT_RATE | (index as u8) << 2, mode];
    frame.resize(bytes_a_second / sample_rate as usize, 0);
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::packet_duration_us;

    #[test]
    fn header_gives_duration() {
        assert_eq!(packet_duration_us(&[0xff, 0xfb, 0x90, 0x00]), Some(26_122), "MPEG-1, 44.1 kHz");
        assert_eq!(packet_duration_us(&[0xff, 0xf3, 0x94, 0x00]), Some(24_000), "MPEG-2, 24 kHz");
        assert_eq!(packet_duration_us(&[0xff, 0xe3, 0x98, 0x00]), Some(72_000), "MPEG-2.5, 8 kHz");
    }

    #[test]
    fn other_headers_have_no_duration() {
        assert_eq!(packet_duration_us(&[]), None);
        assert_eq!(packet_duration_us(&[0xff, 0xfd, 0x90, 0x00]), None, "layer 2");
        assert_eq!(packet_duration_us(&[0xff, 0xfb, 0x9c, 0x00]), None, "no sample rate");
    }
}
