//! How long an Opus packet sounds, from its first bytes (RFC 6716, section 3.1). Nothing is decoded.

use std::borrow::Cow;

/// The longest duration a packet may have (RFC 6716, section 3.2.5, requirement R5).
const MAX_PACKET_US: u64 = 120_000;

/// Duration of `packet` in µs; `None` when it is empty, lacks its frame count, or claims more than the 120 ms allowed.
pub(crate) fn packet_duration_us(packet: &[u8]) -> Option<u64> {
    let toc = *packet.first()?;
    let frames = match toc & 0b11 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 0x3f),
    };
    let duration = frames * frame_us(toc >> 3);
    (1..=MAX_PACKET_US).contains(&duration).then_some(duration)
}

/// Duration of one frame in configuration `config`, the upper five bits of the TOC byte (RFC 6716, table 2).
fn frame_us(config: u8) -> u64 {
    const SILK: [u64; 4] = [10_000, 20_000, 40_000, 60_000];
    const CELT: [u64; 4] = [2_500, 5_000, 10_000, 20_000];
    let size = usize::from(config & 0b11);
    match config {
        0..=11 => SILK[size],
        12..=15 => SILK[size & 1],
        _ => CELT[size],
    }
}

/// A packet without sound data for a track with this `OpusHead`, as long as may be within `duration_us`. `None` for more
/// streams than any layout of loudspeakers has.
pub(crate) fn silence(head: &[u8], duration_us: u64) -> Option<Cow<'static, [u8]>> {
    /// Where an `OpusHead` has its mapping family and, behind families other than 0, its number of streams.
    const FAMILY: usize = 18;
    const STREAMS: usize = 19;
    const MAX_STREAMS: usize = 32;
    let packet = stream_silence(duration_us);
    match (head.get(FAMILY), head.get(STREAMS)) {
        (Some(1..), Some(&streams)) if streams > 1 => {
            let streams = usize::from(streams);
            // All streams but the last say where they end (RFC 7845, section 3; RFC 6716, appendix B): after 0 bytes.
            let packets = || [[packet, &[0]].concat().repeat(streams - 1), packet.to_vec()].concat();
            (streams <= MAX_STREAMS).then(|| Cow::Owned(packets()))
        }
        _ => Some(Cow::Borrowed(packet)),
    }
}

/// One stream's packet, for which a decoder conceals the loss (RFC 6716, section 3.2.1: a frame of 0 bytes): CELT frames of
/// 20 ms, at most six, or one of 10, 5 or 2.5 ms.
fn stream_silence(duration_us: u64) -> &'static [u8] {
    const FRAMES: [[u8; 2]; 6] = [[0xfb, 1], [0xfb, 2], [0xfb, 3], [0xfb, 4], [0xfb, 5], [0xfb, 6]];
    match duration_us {
        20_000.. => &FRAMES[(duration_us.min(MAX_PACKET_US) / 20_000 - 1) as usize],
        10_000.. => &[0xf0],
        5_000.. => &[0xe8],
        _ => &[0xe0],
    }
}

#[cfg(test)]
mod tests {
    use super::{packet_duration_us, silence};

    #[test]
    fn silence_is_as_long_as_may_be() {
        for (room_us, duration_us) in
            [(2_500, 2_500), (19_999, 10_000), (20_000, 20_000), (61_000, 60_000), (1 << 40, 120_000)]
        {
            assert_eq!(
                packet_duration_us(&silence(&[], room_us).unwrap()),
                Some(duration_us),
                "{room_us} µs"
            );
        }
    }

    #[test]
    fn toc_byte_gives_duration() {
        assert_eq!(packet_duration_us(&[3 << 3]), Some(60_000), "SILK, one frame of 60 ms");
        assert_eq!(packet_duration_us(&[13 << 3]), Some(20_000), "hybrid, one frame of 20 ms");
        assert_eq!(packet_duration_us(&[16 << 3]), Some(2_500), "CELT, one frame of 2.5 ms");
        assert_eq!(packet_duration_us(&[31 << 3 | 1]), Some(40_000), "CELT, two equal frames of 20 ms");
        assert_eq!(packet_duration_us(&[0xff, 0x83]), Some(60_000), "CELT, three frames, variable bitrate");
    }

    #[test]
    fn invalid_packets_have_no_duration() {
        assert_eq!(packet_duration_us(&[]), None, "empty");
        assert_eq!(packet_duration_us(&[0xff]), None, "frame count missing");
        assert_eq!(packet_duration_us(&[0xff, 0]), None, "no frames");
        assert_eq!(packet_duration_us(&[0xff, 7]), None, "140 ms");
    }
}
