//! VP8 bitstreams (RFC 6386).

use bytes::Bytes;

use super::keyframe::Keyframe;

/// What follows the frame tag of a keyframe (section 9.1).
const START_CODE: [u8; 3] = [0x9d, 0x01, 0x2a];

/// Width and height in a keyframe's header (section 9.1); `None` for other frames.
pub(super) fn size(frame: &[u8]) -> Option<(u32, u32)> {
    let (tag, rest) = frame.split_first_chunk::<3>()?;
    let (start_code, rest) = rest.split_first_chunk::<3>()?;
    let &[w0, w1, h0, h1, ..] = rest else { return None };
    // The upper two bits of each are a scale that decoders pass over.
    let size = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    (tag[0] & 1 == 0 && *start_code == START_CODE).then(|| (size(w0, w1), size(h0, h1)))
}

/// Whether decoding can start at this frame.
pub(super) fn is_key(frame: &[u8]) -> bool {
    size(frame).is_some()
}

/// The track properties in a keyframe; `None` for other frames.
pub(super) fn keyframe(frame: &[u8]) -> Option<Keyframe> {
    let (width, height) = size(frame)?;
    Some(Keyframe { config: Bytes::new(), width, height, pixel: (1, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyframe_tells_its_size() {
        let frame = [0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x42, 0xff];
        assert_eq!(size(&frame), Some((1280, 720)), "the scale is no part of it");
        assert!((0..10).all(|end| !is_key(&frame[..end])));
    }

    #[test]
    fn other_frames_are_no_keyframes() {
        assert!(!is_key(&[0x11, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02]), "an inter frame");
        assert!(!is_key(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2b, 0x00, 0x05, 0xd0, 0x02]), "no start code");
    }
}
