//! Packets that show the picture that is on screen once more: in VP9 and AV1 a decoder keeps eight pictures, and one of a byte or
//! three names the one to show (`show_existing_frame`); in VP8 and H.264 it is a picture in which nothing changes.

mod h264;
mod vp8;

use bytes::Bytes;

use super::{av1, picture_order::PictureOrder, vp9};
use crate::{
    Codec, Track,
    varint::{Reader, put_option},
};

/// What the newest packet of a track left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Repeat {
    /// Where the picture that was shown last is kept: a number from 0 to 7.
    slot: Option<u8>,
    /// How frame headers of AV1 are read.
    sequence: Option<av1::Fields>,
    /// The pictures of VP8.
    picture: Option<vp8::Picture>,
    /// The pictures of H.264.
    pictures: Option<h264::Pictures>,
}

/// How many macroblocks cost as much as a frame that is made.
const MACROBLOCKS_PER_FRAME: usize = 64;

impl Repeat {
    /// Appends it to a resume point.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        put_option(out, self.slot.map(u64::from));
        put_option(out, self.sequence.map(av1::Fields::number));
        put_option(out, self.picture.map(vp8::Picture::number));
        let [sequence, pictures] =
            self.pictures.map(|pictures| pictures.numbers().map(Some)).unwrap_or_default();
        put_option(out, sequence);
        put_option(out, pictures);
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(input: &mut Reader<'_>) -> Option<Self> {
        let slot = input.option()?.and_then(|slot| u8::try_from(slot).ok()).filter(|slot| *slot < 8);
        let sequence = input.option()?.and_then(av1::Fields::of_number);
        let picture = input.option()?.and_then(vp8::Picture::of_number);
        let pictures = input.option()?.zip(input.option()?).map(<[u64; 2]>::from);
        Some(Self { slot, sequence, picture, pictures: pictures.and_then(h264::Pictures::of_numbers) })
    }

    /// Reads what a packet of the track, whose configuration says `order`, shows and keeps. It costs a few bits of its headers.
    pub(crate) fn inspect(&mut self, track: &Track, order: PictureOrder, packet: &[u8]) {
        match track.codec {
            Codec::Vp8 => self.picture = vp8::Picture::after(self.picture, packet),
            Codec::H264 => self.pictures = h264::Pictures::after(self.pictures, order.sequence, packet),
            _ => {}
        }
        self.slot = match track.codec {
            Codec::Vp9 => vp9::shown_slot(self.slot, packet),
            Codec::Av1 => av1::shown_slot(self.slot, &mut self.sequence, packet),
            _ => None,
        }
    }

    /// What it costs to make [`Self::packet`], in frames.
    pub(crate) fn cost(self) -> u64 {
        // That of H.264 is as small whatever its size, but costs the decoder the same.
        let macroblocks = self.picture.map(vp8::Picture::macroblocks);
        let macroblocks = macroblocks.or(self.pictures.map(h264::Pictures::macroblocks));
        1 + (macroblocks.unwrap_or(0) / MACROBLOCKS_PER_FRAME) as u64
    }

    /// The packet that shows the picture once more; `None` where there is none.
    pub(crate) fn packet(self, track: &Track) -> Option<Bytes> {
        match track.codec {
            Codec::Vp8 => Some(self.picture?.show_again()),
            Codec::H264 => Some(self.pictures?.show_again()),
            Codec::Vp9 => Some(vp9::show_again(self.slot?)),
            Codec::Av1 => Some(av1::show_again(self.slot?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Display, TrackKind};

    /// The beginnings of a keyframe and of the picture after it, as Chromium's MediaRecorder wrote them.
    const AV1_KEYFRAME: &[u8] = &[
        0x12, 0x00, 0x0a, 0x0e, 0x00, 0x00, 0x00, 0x2d, 0x4c, 0xff, 0xb3, 0xd0, 0x1a, 0x20, 0x20, 0x20, 0x20,
        0x80, 0x32, 0x06, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00,
    ];
    const AV1_PICTURE: &[u8] = &[0x12, 0x00, 0x32, 0x06, 0x32, 0x60, 0x20, 0x7e, 0xfc, 0x33];
    const AV1_SLOT: u8 = 1;
    const AV1_SHOWS_3: &[u8] = &[0x1a, 0x01, 0xb8];

    fn track(codec: Codec, config: &'static [u8]) -> Track {
        let display = Display::coded(64, 32);
        let kind = TrackKind::Video { width: 64, height: 32, display };
        Track { codec, kind, config: Bytes::from_static(config), colour: Bytes::new() }
    }

    /// The slot after each of these packets.
    fn slots(track: &Track, packets: &[&[u8]]) -> Vec<Option<u8>> {
        let mut repeat = Repeat::default();
        let slot_after = |packet: &&[u8]| {
            repeat.inspect(track, PictureOrder::default(), packet);
            repeat.slot
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
        assert_eq!(Repeat { slot: Some(5), ..Repeat::default() }.packet(&vp9).as_deref(), Some(SHOWS_5));
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
    fn state_is_gone_on_from() {
        let mut repeat = Repeat::default();
        repeat.inspect(&track(Codec::Av1, &[]), PictureOrder::default(), AV1_KEYFRAME);
        assert_eq!(repeat.slot, Some(0));
        let keyframe = [0x50, 0, 0, 0x9d, 1, 0x2a, 0, 5, 0xd0, 2];
        repeat.inspect(&track(Codec::Vp8, &[]), PictureOrder::default(), &keyframe);
        assert_eq!(repeat.cost(), 1 + 80 * 45 / 64);
        let mut out = Vec::new();
        repeat.write(&mut out);
        assert_eq!(Repeat::read(&mut Reader(&out)), Some(repeat));
    }

    #[test]
    fn av1_pictures_are_shown_from_where_they_are_kept() {
        let av1 = track(Codec::Av1, &[0x81, 0x09, 0x0c, 0x00]);
        let packets = [AV1_PICTURE, AV1_KEYFRAME, AV1_PICTURE, AV1_SHOWS_3, b"\x32\x05\x32"];
        assert_eq!(slots(&av1, &packets), [None, Some(0), Some(AV1_SLOT), Some(3), Some(3)]);
        assert_eq!(Repeat { slot: Some(3), ..Repeat::default() }.packet(&av1).as_deref(), Some(AV1_SHOWS_3));
    }

    #[test]
    fn pictures_behind_too_many_units_are_not_read() {
        let many = [&[0x12, 0x00].repeat(600)[..], AV1_PICTURE].concat();
        assert_eq!(slots(&track(Codec::Av1, &[]), &[AV1_KEYFRAME, &many]), [Some(0), None]);
    }
}
