use super::{decode::Decode, *};
use crate::{Display, TrackKind, varint::Reader};
use bytes::Bytes;

const VIDEO: usize = 0;
const AUDIO: usize = 1;

/// An Opus packet of 60 ms, and one of 20 ms.
const PACKET: &[u8] = b"\x18";
const SHORT_PACKET: &[u8] = b"\xf8";
/// A VP9 keyframe and a picture that is kept in slot 2, as far as their headers are read.
const KEYFRAME: &[u8] = &[0b1000_0010];
const PICTURE: &[u8] = &[0b1000_0110, 0b0000_0001, 0];

fn track(codec: Codec, kind: TrackKind) -> Track {
    Track { codec, kind, config: Bytes::new(), colour: Bytes::new() }
}

fn video(codec: Codec) -> Track {
    track(codec, TrackKind::Video { width: 1, height: 1, display: Display::coded(1, 1) })
}

fn audio() -> Track {
    track(Codec::Opus, TrackKind::Audio { sample_rate: 48_000, channels: 2 })
}

fn both() -> [Track; 2] {
    [video(Codec::Vp9), audio()]
}

fn packet(track: usize, pts_us: u64, data: &'static [u8]) -> Packet {
    Packet { track, pts_us, dts_us: None, key: true, data: Bytes::from_static(data) }
}

/// Pictures and packets of one kind of input: 30 pictures a second, 60 ms of sound each, in order of time.
fn ordinary(from_ms: u64, to_ms: u64) -> Vec<Packet> {
    let pictures = (from_ms..to_ms).step_by(33).map(|ms| packet(VIDEO, ms * 1000, PICTURE));
    let packets = (from_ms..to_ms).step_by(60).map(|ms| packet(AUDIO, ms * 1000, PACKET));
    let mut input: Vec<_> = pictures.chain(packets).collect();
    input.sort_by_key(|packet| packet.pts_us);
    input
}

/// What a new timeline makes of these runs, each of which ends a segment.
fn frames_of(tracks: &[Track], runs: impl IntoIterator<Item = Vec<Packet>>) -> Vec<Frame> {
    let mut timeline = Timeline::new(tracks, State::default());
    let mut frames = Vec::new();
    for run in runs {
        let start = frames.len();
        run.into_iter().for_each(|packet| timeline.push(packet, &mut frames));
        timeline.finish(tracks, &mut frames[start..]);
        timeline.end_segment();
    }
    frames
}

/// Of each picture of a track: when it is decoded, its duration, and when it is shown.
fn picture_times(codec: Codec, runs: &[&[u64]]) -> Vec<(u64, u64, u64)> {
    let runs = runs.iter().map(|times| times.iter().map(|&pts_us| packet(VIDEO, pts_us, PICTURE)).collect());
    let frames = frames_of(&[video(codec)], runs);
    frames.iter().map(|frame| (frame.dts_us, frame.duration_us, frame.pts_us)).collect()
}

/// When each frame of a track is shown or heard, and when it ends.
fn spans(frames: &[Frame], track: usize) -> Vec<(u64, u64)> {
    let of_track = frames.iter().filter(|frame| frame.track == track);
    of_track.map(|frame| (frame.pts_us, frame.pts_us + frame.duration_us)).collect()
}

/// Sound has no hole that a player would stop at, and no packet that begins before another one.
fn assert_whole_sound(frames: &[Frame]) {
    for pair in spans(frames, AUDIO).windows(2) {
        assert!(pair[0].0 < pair[1].0 && pair[1].0 < pair[0].1 + LEAST_GAP_US, "{pair:?}");
    }
}

fn gaps(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| frame.is_gap()).count()
}

#[test]
fn ordinary_input_keeps_its_times() {
    let input = ordinary(5_000, 9_000);
    let times: Vec<_> = input.iter().map(|packet| (packet.track, packet.pts_us)).collect();
    let frames = frames_of(&both(), [input]);
    assert_eq!(frames.iter().map(|frame| (frame.track, frame.pts_us)).collect::<Vec<_>>(), times);
}

#[test]
fn time_that_falls_goes_on_and_keeps_the_tracks_in_sync() {
    let input = [ordinary(0, 4_000), ordinary(0, 3_000)].concat();
    let frames = frames_of(&both(), [input]);
    let last = |track| frames.iter().rfind(|frame| frame.track == track).unwrap().pts_us;
    assert!(last(AUDIO).abs_diff(7_000_000) < 100_000, "{}", last(AUDIO));
    // As in the input, where the last picture is at 2970 ms and the last packet at 2940.
    assert_eq!(last(VIDEO) - last(AUDIO), 30_000);
    assert_whole_sound(&frames);
}

#[test]
fn tracks_that_cross_a_fall_apart_get_one_offset() {
    let (old, new) = (ordinary(0, 4_000), ordinary(0, 3_000));
    for late in [VIDEO, AUDIO] {
        // The late track has its last second of the old times behind the first of the new ones.
        let (early, held): (Vec<_>, Vec<_>) =
            old.iter().cloned().partition(|packet| packet.track != late || packet.pts_us < 3_000_000);
        let crossing: Vec<_> =
            new.iter().filter(|packet| packet.track != late && packet.pts_us < 1_000_000).cloned().collect();
        let rest =
            new.iter().filter(|packet| packet.track == late || packet.pts_us >= 1_000_000).cloned().collect();
        let frames = frames_of(&both(), [early, crossing, held, rest]);
        let last = |track| frames.iter().rfind(|frame| frame.track == track).unwrap().pts_us;
        assert_eq!(last(VIDEO) - last(AUDIO), 30_000, "track {late} crosses later");
    }
}

#[test]
fn a_jump_of_hours_takes_no_time_and_no_frames() {
    let hours = 5 * 3_600_000;
    let frames = frames_of(&both(), [ordinary(0, 2_000), ordinary(hours, hours + 2_000)]);
    assert!(frames.iter().all(|frame| frame.pts_us < 4_100_000));
    assert_eq!(gaps(&frames), 0);
    assert_whole_sound(&frames);
}

#[test]
fn a_pause_of_seconds_keeps_its_length_and_is_silent() {
    let frames = frames_of(&both(), [ordinary(0, 2_000), ordinary(7_000, 9_000)]);
    assert!(frames.iter().any(|frame| frame.track == VIDEO && frame.pts_us == 7_000_000));
    assert_whole_sound(&frames);
}

#[test]
fn pictures_whose_time_stands_follow_each_other_as_before() {
    let standing = (0..60).map(|_| packet(VIDEO, 2_013_000, PICTURE)).collect();
    let frames = frames_of(
        &[video(Codec::Vp9)],
        [ordinary(0, 2_000).into_iter().filter(|packet| packet.track == VIDEO).collect(), standing],
    );
    assert!(frames.windows(2).all(|pair| pair[0].pts_us < pair[1].pts_us));
    assert!(frames.last().unwrap().pts_us > 3_500_000, "{:?}", frames.last());
}

#[test]
fn sound_whose_time_stands_goes_on() {
    let standing = (0..50).map(|_| packet(0, 1_000_000, PACKET)).collect();
    let frames = frames_of(&[audio()], [standing]);
    let spans = spans(&frames, 0);
    assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "{spans:?}");
}

#[test]
fn sound_that_falls_a_little_is_in_sync_again_at_once() {
    let input = [ordinary(0, 2_040), ordinary(1_980, 4_000)].concat();
    let frames = frames_of(&both(), [input]);
    let last = |track| frames.iter().rfind(|frame| frame.track == track).unwrap().pts_us;
    assert_eq!((last(VIDEO), last(AUDIO)), (3_993_000, 3_960_000));
    assert_whole_sound(&frames);
}

#[test]
fn lost_packets_are_filled_and_jitter_is_not() {
    let times = [0, 61_000, 119_000, 195_000, 375_000];
    let frames = frames_of(&[audio()], [times.map(|pts_us| packet(0, pts_us, PACKET)).to_vec()]);
    let found: Vec<_> = frames.iter().map(|frame| (frame.pts_us, frame.is_gap())).collect();
    let packets = times.map(|pts_us| (pts_us, false));
    assert_eq!(found, [&packets[..4], &[(255_000, true)], &packets[4..]].concat());
    assert_eq!(frames[4].duration_us, 120_000);
}

#[test]
fn sound_that_ends_is_silence_from_then_on() {
    let pictures =
        ordinary(0, 60_000).into_iter().filter(|packet| packet.track == VIDEO || packet.pts_us < 4_000_000);
    let frames = frames_of(&both(), pictures.collect::<Vec<_>>().chunks(4).map(<[_]>::to_vec));
    assert_whole_sound(&frames);
    // From when it is known to be away, it is never further behind than a gap frame.
    let mut heard_us = 0;
    for frame in &frames {
        if frame.track == AUDIO {
            heard_us = frame.pts_us + frame.duration_us;
        } else if frame.pts_us > 4_000_000 + SOUND_AWAY_US {
            assert!(frame.pts_us < heard_us + 2 * PROMPT_GAP_US, "{heard_us}, {}", frame.pts_us);
        }
    }
}

#[test]
fn sound_that_comes_back_is_heard_at_once() {
    let input = ordinary(0, 6_000).into_iter();
    let input =
        input.filter(|packet| packet.track == VIDEO || !(1_000_000..4_000_000).contains(&packet.pts_us));
    let frames = frames_of(&both(), [input.collect()]);
    assert_whole_sound(&frames);
    let back =
        frames.iter().find(|frame| frame.track == AUDIO && !frame.is_gap() && frame.pts_us > 3_000_000);
    assert!(back.unwrap().pts_us <= 4_060_000, "{back:?}");
}

#[test]
fn sound_that_begins_late_is_silence_before() {
    let input = ordinary(1_000, 6_000).into_iter();
    let input = input.filter(|packet| packet.track == VIDEO || packet.pts_us > 4_000_000);
    let frames = frames_of(&both(), [input.collect()]);
    assert_eq!(spans(&frames, AUDIO)[0].0, 1_000_000);
    assert_whole_sound(&frames);
}

#[test]
fn tracks_in_blocks_one_behind_the_other_lose_one_block_at_most() {
    for late in [AUDIO, VIDEO] {
        let block = |at: u64| {
            let (early, late): (Vec<_>, Vec<_>) =
                ordinary(at * 3_000, (at + 1) * 3_000).into_iter().partition(|packet| packet.track != late);
            [early, late].concat()
        };
        let frames = frames_of(&both(), (0..5).map(block));
        let of_late = || frames.iter().filter(|frame| frame.track == late && frame.pts_us > 6_100_000);
        assert!(of_late().all(|frame| !frame.is_gap() && frame.data[..] != [0b1000_1010]), "track {late}");
        assert!(of_late().count() >= 9_000 / 60 - 5, "track {late}");
        let ends: Vec<_> =
            [VIDEO, AUDIO].map(|track| spans(&frames, track).last().copied().unwrap()).to_vec();
        assert!(ends.iter().all(|end| end.0 < 15_000_000), "track {late}: {ends:?}");
    }
}

#[test]
fn a_picture_that_stands_is_shown_again() {
    let input = ordinary(0, 9_000).into_iter();
    let input =
        input.filter(|packet| packet.track == AUDIO || !(2_000_000..7_000_000).contains(&packet.pts_us));
    let frames = frames_of(&both(), [input.collect()]);
    let pictures: Vec<_> = frames.iter().filter(|frame| frame.track == VIDEO).collect();
    assert!(pictures.windows(2).all(|pair| pair[1].pts_us - pair[0].pts_us <= 2 * REPEAT_US));
    let again: Vec<_> = pictures.iter().filter(|frame| frame.data.len() == 1).collect();
    assert!(again.iter().all(|frame| frame.data[..] == [0b1000_1010] && !frame.key), "{again:?}");
    assert!(
        pictures.iter().any(|frame| frame.pts_us == 7_029_000 && frame.data.len() > 1),
        "the next one at its time"
    );
}

#[test]
fn a_still_screen_is_left_alone() {
    let input = ordinary(0, 9_000).into_iter();
    let input = input.filter(|packet| packet.track == AUDIO || packet.pts_us % 1_000_000 < 33_000);
    let frames = frames_of(&both(), [input.collect()]);
    assert!(frames.iter().all(|frame| frame.track == AUDIO || frame.data[..] == *PICTURE));
}

#[test]
fn made_frames_are_bounded_whatever_the_times() {
    let sparse = |at: u64| packet(VIDEO, at * 9_000_000, KEYFRAME);
    let frames = frames_of(&both(), [(0..10_000).map(sparse).collect()]);
    assert!(frames.len() <= 10_000 + 512 + 10_000 / 16, "{}", frames.len());
}

#[test]
fn last_picture_of_a_run_lasts_as_long_as_the_one_before() {
    assert_eq!(
        picture_times(Codec::Vp9, &[&[0, 30_000], &[60_000], &[130_000]]),
        [(0, 30_000, 0), (30_000, 30_000, 30_000), (60_000, 30_000, 60_000), (90_000, 70_000, 130_000),]
    );
}

#[test]
fn decode_times_have_no_hole_where_the_screen_stood_still_and_durations_stay_true() {
    let runs: &[&[u64]] =
        &[&[0, 33_000, 66_000], &[1_066_000, 1_100_000], &[4_000_000], &[4_033_000, 4_066_000]];
    let times = picture_times(Codec::Vp9, runs);
    for (before, next) in times.iter().zip(&times[1..]) {
        assert!(next.0 <= before.0 + before.1 && next.0 > before.0, "{times:?}");
    }
    let shown: Vec<_> = times.iter().map(|(_, _, shown)| *shown).collect();
    assert_eq!(shown, runs.concat());
    assert!(times.iter().all(|(decoded, _, shown)| decoded <= shown));
    // Firefox drops pictures that are shown while another one claims to be.
    assert_eq!(times[3], (99_000, 34_000, 1_066_000));
}

#[test]
fn a_hole_too_long_for_its_field_stays() {
    let tracks = [video(Codec::Vp9)];
    let mut timeline = Timeline::new(&tracks, State::default());
    let mut decode = Decode::default();
    let mut frames = Vec::new();
    timeline.push(packet(VIDEO, 0, PICTURE), &mut frames);
    frames.push(Frame { pts_us: 3_600_000_000, dts_us: 3_600_000_000, ..frames[0].clone() });
    for frame in &mut frames {
        decode.finish(0, &tracks[0], None, std::slice::from_mut(frame));
    }
    assert_eq!(frames[1].dts_us, 3_600_000_000);
}

#[test]
fn last_packet_of_a_run_lasts_as_it_says() {
    let frames = frames_of(&[audio()], [vec![packet(0, 0, PACKET), packet(0, 61_000, SHORT_PACKET)]]);
    assert_eq!(spans(&frames, 0), [(0, 61_000), (61_000, 81_000)]);
}

#[test]
fn b_frames_are_decoded_in_their_order_before_they_are_shown() {
    // I P B b b P B b b …, 40 ms each, in runs of whatever length.
    let order = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12, 10, 9, 11, 16, 14, 13, 15];
    for (start_us, run) in [(0, 17), (0, 5), (80_000, 17), (80_000, 3), (1_000_000, 4)] {
        let times: Vec<_> = order.iter().map(|at| start_us + at * 40_000).collect();
        let runs: Vec<_> = times.chunks(run).collect();
        let found = picture_times(Codec::H264, &runs);
        assert_eq!(found.iter().map(|times| times.2).collect::<Vec<_>>(), times, "runs of {run}");
        assert!(found.iter().all(|(decoded, _, shown)| decoded <= shown), "runs of {run}: {found:?}");
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "runs of {run}: {found:?}");
    }
}

#[test]
fn decode_times_of_the_container_are_kept() {
    let picture = |pts_us, dts_us| Packet { dts_us: Some(dts_us), ..packet(VIDEO, pts_us, PICTURE) };
    let input = vec![
        picture(80_000, 0),
        picture(240_000, 40_000),
        picture(160_000, 80_000),
        picture(120_000, 120_000),
    ];
    let frames = frames_of(&[video(Codec::H264)], [input]);
    let times: Vec<_> = frames.iter().map(|frame| (frame.pts_us, frame.dts_us)).collect();
    assert_eq!(times, [(80_000, 0), (240_000, 40_000), (160_000, 80_000), (120_000, 120_000)]);
}

#[test]
fn every_state_can_be_gone_on_from() {
    let odd =
        ordinary(0, 3_000).into_iter().filter(|packet| packet.track == VIDEO || packet.pts_us < 500_000);
    let input: Vec<_> = odd.chain(ordinary(0, 500)).chain(ordinary(90_000, 91_000)).collect();
    let tracks = both();
    let whole = frames_of(&tracks, input.chunks(5).map(<[_]>::to_vec));
    let (mut state, mut frames) = (State::default(), Vec::new());
    for segment in input.chunks(5) {
        let mut timeline = Timeline::new(&tracks, state);
        let start = frames.len();
        segment.iter().cloned().for_each(|packet| timeline.push(packet, &mut frames));
        timeline.finish(&tracks, &mut frames[start..]);
        let mut point = Vec::new();
        timeline.state().write(&mut point);
        state = State::read(&mut Reader(&point)).unwrap();
        assert_eq!(&state, timeline.state());
    }
    assert_eq!(frames, whole);
}
