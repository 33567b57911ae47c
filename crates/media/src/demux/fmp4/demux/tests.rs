//! The shapes that fragments may have, and what is refused.

use super::*;
use crate::{Codec, Display, Frame, Muxer, Packet, Rendition, Run, Track, TrackKind, boxes::put_full_box};

const OPUS_HEAD: &[u8] = b"OpusHead\x01\x02\x00\x0f\x80\xbb\x00\x00\x00\x00\x00";
const AVCC: &[u8] = &[1, 0x42, 0xc0, 0x20, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x20, 1, 0, 2, 0x68, 0xce];

fn tracks() -> Vec<Track> {
    let track = |codec, kind, private| Track { codec, kind, config: private, colour: Bytes::new() };
    vec![
        track(
            Codec::H264,
            TrackKind::Video { width: 1280, height: 720, display: Display::coded(1280, 720) },
            Bytes::from_static(AVCC),
        ),
        track(
            Codec::Opus,
            TrackKind::Audio { sample_rate: 48_000, channels: 2 },
            Bytes::from_static(OPUS_HEAD),
        ),
    ]
}

fn frame(track: usize, pts_us: u64, duration_us: u64, key: bool, data: &'static [u8]) -> Frame {
    Frame { track, pts_us, dts_us: pts_us, duration_us, key, data: Bytes::from_static(data) }
}

/// A key picture, 60 ms of Opus, another picture.
fn frames() -> Vec<Frame> {
    vec![
        frame(0, 0, 33_333, true, b"key"),
        frame(1, 7_000, 60_000, true, b"\x18opus"),
        frame(0, 33_333, 33_333, false, b"other"),
    ]
}

fn init() -> Bytes {
    Muxer::new(Rendition::Mp4, tracks().into()).unwrap().init().data.clone()
}

fn chunk() -> Bytes {
    let mut out = BytesMut::new();
    let run = Run { group: 0, index: 0, frames: frames() };
    Muxer::new(Rendition::Mp4, tracks().into()).unwrap().write_chunk(&run, &mut out);
    out.freeze()
}

fn demux(input: &[u8]) -> Result<Vec<Event>, Error> {
    let mut demuxer = Demuxer::new();
    demuxer.push(Bytes::copy_from_slice(input));
    std::iter::from_fn(|| demuxer.next_event().transpose()).collect()
}

fn demux_frames(input: &[u8]) -> Result<Vec<Packet>, Error> {
    let frames = demux(input)?.into_iter().filter_map(|event| match event {
        Event::Packet(packet) => Some(packet),
        Event::Tracks(_) => None,
    });
    Ok(frames.collect())
}

/// `moof` with one video run of two samples of three bytes, 500 ticks (of a µs) each, its fields as given.
struct Fragment<'a> {
    tfhd_flags: u32,
    tfhd_fields: &'a [u8],
    tfdt: Option<i64>,
    trun_flags: u32,
    trun_fields: &'a [u8],
}

const TWO_SAMPLES: Fragment<'static> = Fragment {
    tfhd_flags: 0x2_0038,
    tfhd_fields: &[0, 0, 1, 244, 0, 0, 0, 3, 0, 0, 0, 0],
    tfdt: Some(0),
    trun_flags: 0,
    trun_fields: &[0, 0, 0, 2],
};

impl Fragment<'_> {
    fn moof(&self) -> Vec<u8> {
        let mut out = BytesMut::new();
        put_box(&mut out, b"moof", |out| {
            put_box(out, b"traf", |out| {
                put_full_box(out, b"tfhd", 0, self.tfhd_flags, |out| {
                    out.put_u32(1);
                    out.put_slice(self.tfhd_fields);
                });
                if let Some(tfdt) = self.tfdt {
                    put_full_box(out, b"tfdt", 1, 0, |out| out.put_i64(tfdt));
                }
                put_full_box(out, b"trun", 0, self.trun_flags, |out| out.put_slice(self.trun_fields));
            });
        });
        out.to_vec()
    }

    /// With the data offset of the samples first in its run's fields.
    fn moof_with_offset(&self, offset_after_moof: i32) -> Vec<u8> {
        let with = |offset: i32| {
            let fields = [&self.trun_fields[..4], &offset.to_be_bytes(), &self.trun_fields[4..]].concat();
            Fragment { trun_flags: self.trun_flags | 1, trun_fields: &fields, ..*self }.moof()
        };
        with(with(0).len() as i32 + offset_after_moof)
    }
}

fn mdat(data: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    put_box(&mut out, b"mdat", |out| out.put_slice(data));
    out.to_vec()
}

fn times_and_data(frames: &[Packet]) -> Vec<(u64, &[u8])> {
    frames.iter().map(|frame| (frame.pts_us, &frame.data[..])).collect()
}

#[test]
fn what_the_muxer_writes_reads_back() {
    let mut input = init().to_vec();
    input.extend_from_slice(&chunk());
    let mut expected = vec![Event::Tracks(tracks())];
    expected.extend(frames().into_iter().map(|frame| {
        let Frame { track, pts_us, dts_us, key, data, .. } = frame;
        Event::Packet(Packet { track, pts_us, dts_us: Some(dts_us), key, data })
    }));
    assert_eq!(demux(&input).unwrap(), expected);
}

#[test]
fn any_cutting_gives_the_same_events() {
    let input = [init(), chunk(), chunk()].concat();
    let whole = demux(&input).unwrap();
    let mut demuxer = Demuxer::new();
    let mut events = Vec::new();
    for byte in input {
        demuxer.push(vec![byte]);
        events.extend(std::iter::from_fn(|| demuxer.next_event().unwrap()));
    }
    assert_eq!(events, whole);
}

#[test]
fn resume_prefix_brings_a_new_demuxer_to_the_same_state() {
    let chunk = chunk();
    let untimed = Fragment { tfdt: None, ..TWO_SAMPLES }.moof_with_offset(8);
    let free = b"\0\0\0\x01free\0\0\0\0\0\0\0\x1e0123456789abcd";
    let input = [&init()[..], &chunk, free, &untimed, &mdat(b"onetwo"), &chunk].concat();
    for cut in 0..=input.len() {
        let mut original = Demuxer::new();
        original.push(input[..cut].to_vec());
        let before = std::iter::from_fn(|| original.next_event().unwrap()).count();
        let prefix = original.resume_prefix(usize::MAX).unwrap_or_else(|| panic!("at {cut}"));
        let mut resumed = Demuxer::new();
        resumed.push(prefix);
        let repeated = std::iter::from_fn(|| resumed.next_event().unwrap()).collect::<Vec<_>>();
        assert!(repeated.iter().all(|event| matches!(event, Event::Tracks(_))), "at {cut}");
        assert_eq!(repeated.len(), before.min(1), "at {cut}");
        for demuxer in [&mut original, &mut resumed] {
            demuxer.push(input[cut..].to_vec());
        }
        let rest =
            |demuxer: &mut Demuxer| std::iter::from_fn(|| demuxer.next_event().unwrap()).collect::<Vec<_>>();
        assert_eq!(rest(&mut resumed), rest(&mut original), "at {cut}");
    }
}

#[test]
fn defaults_of_the_track_fragment_stand_in_for_samples_that_say_nothing() {
    let input = [&init()[..], &TWO_SAMPLES.moof_with_offset(8), &mdat(b"onetwo")].concat();
    let frames = demux_frames(&input).unwrap();
    assert_eq!(times_and_data(&frames), [(0, &b"one"[..]), (500, b"two")]);
    assert!(frames.iter().all(|frame| frame.key));
}

#[test]
fn only_the_first_sample_of_a_recorders_run_is_a_keyframe() {
    let flags = [&TWO_SAMPLES.tfhd_fields[..8], &[1, 1, 0, 0]].concat();
    let moof = Fragment {
        tfhd_fields: &flags,
        trun_flags: 4,
        trun_fields: &[0, 0, 0, 2, 2, 0, 0, 0],
        ..TWO_SAMPLES
    };
    let input = [&init()[..], &moof.moof_with_offset(8), &mdat(b"onetwo")].concat();
    let keys: Vec<_> = demux_frames(&input).unwrap().iter().map(|frame| frame.key).collect();
    assert_eq!(keys, [true, false]);
}

#[test]
fn without_decode_time_a_fragment_follows_the_one_before() {
    let timed = Fragment { tfdt: Some(7_000), ..TWO_SAMPLES }.moof_with_offset(8);
    let untimed = Fragment { tfdt: None, ..TWO_SAMPLES }.moof_with_offset(8);
    let input = [&init()[..], &timed, &mdat(b"onetwo"), &untimed, &mdat(b"sixten")].concat();
    let times: Vec<_> = demux_frames(&input).unwrap().iter().map(|frame| frame.pts_us).collect();
    assert_eq!(times, [7_000, 7_500, 8_000, 8_500]);
}

#[test]
fn media_may_come_before_its_fragment_and_be_placed_from_the_start_of_the_input() {
    let init = init();
    let base = (init.len() as u64 + 8).to_be_bytes();
    let fields = [&base[..], TWO_SAMPLES.tfhd_fields].concat();
    let moof = Fragment { tfhd_flags: 0x39, tfhd_fields: &fields, ..TWO_SAMPLES }.moof();
    let input = [&init[..], &mdat(b"onetwo"), &moof].concat();
    assert_eq!(times_and_data(&demux_frames(&input).unwrap()), [(0, &b"one"[..]), (500, b"two")]);
}

#[test]
fn sizes_of_64_bits_and_to_the_end_are_read() {
    let long = b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x16onetwo";
    let to_the_end = b"\0\0\0\0mdatonetwo";
    let input = [&init()[..], &TWO_SAMPLES.moof_with_offset(16), long].concat();
    assert_eq!(demux_frames(&input).unwrap().len(), 2);
    let input = [&init()[..], &TWO_SAMPLES.moof_with_offset(8), to_the_end, b"whatever follows"].concat();
    assert_eq!(demux_frames(&input).unwrap().len(), 2);
}

#[test]
fn unread_boxes_are_dropped_as_they_arrive() {
    let mut demuxer = Demuxer::new();
    demuxer.push(init());
    demuxer.push(&b"\0\0\0\x01free\0\0\x10\0\0\0\0\0"[..]);
    while demuxer.next_event().unwrap().is_some() {}
    for _ in 0..64 {
        demuxer.push(vec![0xff; 1 << 16]);
        assert_eq!(demuxer.next_event(), Ok(None));
        assert!(demuxer.input.is_empty());
    }
}

#[test]
fn composition_offsets_tell_when_samples_are_shown_in_any_order() {
    let with_offsets = |first: u32, second: u32| {
        let fields = [&[0, 0, 0, 2], &first.to_be_bytes()[..], &second.to_be_bytes()].concat();
        let moof = Fragment { trun_flags: 0x800, trun_fields: &fields, ..TWO_SAMPLES }.moof_with_offset(8);
        demux_frames(&[&init()[..], &moof, &mdat(b"onetwo")].concat())
    };
    let times = |packets: Vec<Packet>| -> Vec<_> {
        packets.iter().map(|packet| (packet.pts_us, packet.dts_us)).collect()
    };
    assert_eq!(times(with_offsets(7, 7).unwrap()), [(7, Some(0)), (507, Some(500))]);
    assert_eq!(times(with_offsets(1000, 0).unwrap()), [(1000, Some(0)), (500, Some(500))]);
    let negative = times(with_offsets(0, -100_i32 as u32).unwrap());
    assert_eq!(negative, [(0, None), (400, None)], "no times at which a player could decode");
}

#[test]
fn a_fragment_that_starts_before_0_keeps_the_times_of_what_follows() {
    let early = Fragment { tfdt: Some(-750), ..TWO_SAMPLES }.moof_with_offset(8);
    let untimed = Fragment { tfdt: None, ..TWO_SAMPLES }.moof_with_offset(8);
    let start = [&init()[..], &early, &mdat(b"onetwo")].concat();
    let rest = [untimed, mdat(b"onetwo")].concat();
    let times = |packets: &[Packet]| packets.iter().map(|packet| packet.pts_us).collect::<Vec<_>>();
    let packets = demux_frames(&[&start[..], &rest].concat()).unwrap();
    assert_eq!(times(&packets), [0, 0, 250, 750]);
    let mut first = Demuxer::new();
    first.push(start);
    while first.next_event().unwrap().is_some() {}
    let resumed = [first.resume_prefix(1000).unwrap(), rest].concat();
    assert_eq!(times(&demux_frames(&resumed).unwrap()), [250, 750]);
}

#[test]
fn places_told_from_the_start_are_right_when_resumed_before_the_first() {
    let start = init().len() as u64;
    let with_base = |base: u64| {
        let fields = [&base.to_be_bytes()[..], TWO_SAMPLES.tfhd_fields].concat();
        Fragment { tfhd_flags: TWO_SAMPLES.tfhd_flags & 0xffff | 1, tfhd_fields: &fields, ..TWO_SAMPLES }
            .moof()
    };
    let moof = with_base(start + with_base(0).len() as u64 + 8);
    let rest = [moof, mdat(b"onetwo")].concat();
    let mut first = Demuxer::new();
    first.push(init());
    while first.next_event().unwrap().is_some() {}
    let resumed = [first.resume_prefix(1000).unwrap(), rest.clone()].concat();
    assert_eq!(demux_frames(&resumed), demux_frames(&[&init()[..], &rest].concat()));
    assert_eq!(demux_frames(&resumed).unwrap().len(), 2);
}

#[test]
fn a_movie_may_be_told_again_with_the_same_tracks() {
    let mut again = init().to_vec();
    let mvhd = again.windows(4).position(|kind| kind == b"mvhd").unwrap();
    again[mvhd + 8..mvhd + 16].fill(7); // creation and modification time
    assert_eq!(demux_frames(&[&init()[..], &again, &chunk()].concat()).unwrap().len(), 3);
    let tkhd = again.windows(4).position(|kind| kind == b"tkhd").unwrap();
    again[tkhd + 16..tkhd + 20].fill(7); // track_ID
    assert!(matches!(demux(&[&init()[..], &again].concat()), Err(Error::Malformed { .. })));
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let samples = TWO_SAMPLES.moof_with_offset(8);
    let short = mdat(b"onetw");
    for (what, input) in [
        ("no ftyp", &init()[24..]),
        ("a fragment before moov", &[&init()[..24], &samples].concat()),
        ("a moof after a moof", &[&init()[..], &samples, &samples].concat()),
        ("samples outside their mdat", &[&init()[..], &samples, &short].concat()),
        ("a type that is no text", &[&init()[..], b"\0\0\0\x08\xff\x00\x01\x02"].concat()),
        ("a moof of unknown size", &[&init()[..], b"\0\0\0\0moof"].concat()),
        ("garbage", b"garbage in, errors out"),
    ] {
        assert!(matches!(demux(input), Err(Error::Malformed { .. })), "{what}: {:?}", demux(input));
    }
}

#[test]
fn samples_that_share_bytes_are_refused() {
    let twice = |samples| {
        let mut moof = BytesMut::new();
        put_box(&mut moof, b"moof", |out| {
            for _ in 0..samples {
                put_box(out, b"traf", |out| {
                    put_full_box(out, b"tfhd", 0, 0x2_0010, |out| out.put_slice(&[0, 0, 0, 1, 0, 0, 0, 4]));
                    put_full_box(out, b"trun", 0, 1, |out| out.put_slice(&[0, 0, 0, 1, 0, 0, 0, 128 + 8]));
                });
            }
            let padding = 128 - out.len() - 8;
            put_box(out, b"free", |out| out.put_bytes(0, padding));
        });
        demux_frames(&[&init()[..], &moof, &mdat(b"once")].concat())
    };
    assert_eq!(twice(1).unwrap().len(), 1);
    assert!(matches!(twice(2), Err(Error::Malformed { .. })));
}

#[test]
fn what_is_over_a_bound_is_refused_before_it_arrives() {
    let many = Fragment { trun_fields: &[0xff; 4], ..TWO_SAMPLES }.moof();
    for (what, tail) in [
        ("moof", &b"\x10\0\0\0moof"[..]),
        ("mdat", b"\x10\0\0\0mdat"),
        ("moov", b"\x10\0\0\0moov"),
        ("samples", &many),
    ] {
        let input = [&init()[..], tail].concat();
        assert!(matches!(demux(&input), Err(Error::TooLarge { .. })), "{what}: {:?}", demux(&input));
    }
}

#[test]
fn errors_stay() {
    let mut demuxer = Demuxer::new();
    demuxer.push(&b"garbage in, errors out"[..]);
    let error = demuxer.next_event().unwrap_err();
    demuxer.push(init());
    assert_eq!(demuxer.next_event(), Err(error));
}
