//! Packets that show the picture that is on screen once more: in VP9 and AV1 a decoder keeps eight pictures, and one of a byte or
//! three names the one to show (`show_existing_frame`). The other codecs have no such packet.

use bytes::Bytes;

use super::{av1, vp9};
use crate::{Codec, Track};

/// Where the picture that was shown last is kept: a number from 0 to 7.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Repeat(Option<u8>);

impl Repeat {
    /// What [`Self::slot`] gave.
    pub(crate) fn resume(slot: Option<u8>) -> Self {
        Self(slot.filter(|slot| *slot < 8))
    }

    pub(crate) fn slot(self) -> Option<u8> {
        self.0
    }

    /// Reads what a packet of the track shows and keeps. It costs a few bits of its headers.
    pub(crate) fn inspect(&mut self, track: &Track, packet: &[u8]) {
        self.0 = match track.codec {
            Codec::Vp9 => vp9::shown_slot(self.0, packet),
            Codec::Av1 => av1::shown_slot(self.0, &track.config, packet),
            _ => None,
        }
    }

    /// The packet that shows the picture once more; `None` where there is none.
    pub(crate) fn packet(self, track: &Track) -> Option<Bytes> {
        match track.codec {
            Codec::Vp9 => Some(vp9::show_again(&track.config, self.0?)),
            Codec::Av1 => Some(av1::show_again(self.0?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Display, TrackKind};

    fn track(codec: Codec, config: &'static [u8]) -> Track {
        let display = Display::coded(64, 32);
        let kind = TrackKind::Video { width: 64, height: 32, display };
        Track { codec, kind, config: Bytes::from_static(config), colour: Bytes::new() }
    }

    /// The slot after each of these packets.
    fn slots(track: &Track, packets: &[&[u8]]) -> Vec<Option<u8>> {
        let mut repeat = Repeat::default();
        let slot_after = |packet: &&[u8]| {
            repeat.inspect(track, packet);
            repeat.slot()
        };
        packets.iter().map(slot_after).collect()
    }

    #[test]
    fn vp9_pictures_are_shown_from_where_they_are_kept() {
        const KEYFRAME: &[u8] = &[0b1000_0010];
        const KEPT_IN_2: &[u8] = &[0b1000_0110, 0b0000_0001, 0];
        const NOT_KEPT: &[u8] = &[0b1000_0110, 0, 0];
        const HIDDEN_IN_2: &[u8] = &[0b1000_0100, 0b0000_0000, 0b1000_0000];
        const SHOWS_5: &[u8] = &[0b1000_1101];
        let vp9 = track(Codec::Vp9, &[0, 31, 0x82]);
        let packets = [KEYFRAME, KEPT_IN_2, HIDDEN_IN_2, NOT_KEPT, SHOWS_5, HIDDEN_IN_2, b"", KEYFRAME];
        assert_eq!(slots(&vp9, &packets), [Some(0), Some(2), None, None, Some(5), Some(5), None, Some(0)]);
        assert_eq!(Repeat(Some(5)).packet(&vp9).as_deref(), Some(SHOWS_5));
    }

    #[test]
    fn vp9_superframes_are_read_frame_by_frame() {
        // Hidden, in slots 0 and 1, then shown, in slot 2, then the index: two frames of 3 bytes.
        let superframe = [0x84, 0, 0xc0, 0x86, 1, 0, 0xc1, 3, 3, 0xc1];
        assert_eq!(slots(&track(Codec::Vp9, &[]), &[&superframe]), [Some(2)]);
        assert_eq!(
            slots(&track(Codec::Vp9, &[]), &[&superframe[5..]]),
            [None],
            "an index of more than there is"
        );
    }

    #[test]
    fn other_codecs_have_no_such_packet() {
        let h264 = track(Codec::H264, &[]);
        assert_eq!(slots(&h264, &[&[0x82]]), [None]);
        assert_eq!(Repeat(Some(1)).packet(&h264), None);
    }

    #[test]
    fn state_is_gone_on_from() {
        assert_eq!(Repeat::resume(Repeat(Some(3)).slot()), Repeat(Some(3)));
        assert_eq!(Repeat::resume(Some(8)), Repeat(None));
    }
}
