//! Sound of every codec and container comes out as ffmpeg decodes it, at the right time, and as long as the item.

use crate::common::{Bench, encoded, ffmpeg_samples, moved, similarity_db};
use protocol::{
    item::ManifestTake,
    job::{Failure, Work},
};

/// A sound that never repeats, other on each side, so that every shift in time shows.
const SOUND: &str = "-f lavfi -i aevalsrc=sin(300*t*t)*0.4|sin(440*2*PI*t+3*sin(2*t))*0.3:s=44100:d=";

/// Samples at the start that are looked at for themselves: they tell whether the encoder's delay was left out.
const EDGE: usize = 4_096;

struct Case {
    file: &'static str,
    arguments: &'static str,
    rate: u32,
    channels: u32,
    /// Least likeness to ffmpeg's samples.
    db: f64,
}

const fn case(file: &'static str, arguments: &'static str, rate: u32, channels: u32, db: f64) -> Case {
    Case { file, arguments, rate, channels, db }
}

#[test]
fn each_codec_decodes_as_with_ffmpeg() {
    let cases = [
        case("a.flac", "-c:a flac", 44_100, 2, 150.0),
        case("24.flac", "-c:a flac -sample_fmt s32 -ar 96000", 48_000, 2, 90.0),
        case("a.wav", "-c:a pcm_s16le -ac 1", 44_100, 1, 150.0),
        case("a.mp3", "-c:a libmp3lame -b:a 128k", 44_100, 2, 110.0),
        case("low.mp3", "-c:a libmp3lame -b:a 32k -ar 22050 -ac 1", 22_050, 1, 110.0),
        case("a.m4a", "-c:a aac -b:a 128k", 44_100, 2, 110.0),
        case("mono.m4a", "-c:a aac -b:a 64k -ac 1 -ar 32000", 32_000, 1, 110.0),
        case("a.ogg", "-c:a libvorbis -q:a 4", 44_100, 2, 110.0),
        case("a.opus", "-c:a libopus -b:a 96k", 48_000, 2, 65.0),
        case("voice.opus", "-c:a libopus -b:a 16k -application voip -ac 1", 48_000, 1, 65.0),
        case(
            "a.webm",
            "-f lavfi -i testsrc2=s=160x120:r=12:d=12 -c:v libvpx -b:v 100k -c:a libopus",
            48_000,
            2,
            65.0,
        ),
        case(
            "a.mp4",
            "-f lavfi -i testsrc2=s=160x120:r=12:d=12 -c:v libx264 -bf 2 -g 24 -c:a aac",
            44_100,
            2,
            110.0,
        ),
    ];
    for Case { file, arguments, rate, channels, db } in cases {
        let path = encoded(file, &format!("{SOUND}12 {arguments}"));
        let bench = Bench::new();
        let take = bench.uploaded(&path);
        let codecs = take.mime.clone();
        let end_ms = take.fragments.last().map(|last| last.start_ms + last.duration_ms).unwrap();
        let sound = bench.decoded(vec![take]);
        assert_eq!((sound.rate, sound.channels), (rate, channels), "{file}");
        assert_eq!(sound.samples, (end_ms * u64::from(rate)).div_ceil(1000), "{file}");
        let samples = bench.samples(&sound.blobs);
        assert_eq!(samples.len() as u64, sound.samples * u64::from(channels), "{file}");
        // Its own decoder of Opus is not that of the standard.
        let is_opus = codecs.contains("opus");
        let decoder = if is_opus { "-c:a libopus" } else { "" };
        let mut wanted = ffmpeg_samples(&path, decoder, &format!("-ar {rate}"));
        if file == "a.ogg" {
            // The item begins with the packet that only primes the decoder: two milliseconds, as WebM rounds them.
            wanted.splice(..0, [0.0; 2 * 88]);
        }
        let shortest = samples.len().min(wanted.len());
        assert!(shortest > 11 * (rate * channels) as usize, "{file}: {shortest}");
        let range = EDGE..shortest - EDGE;
        let likeness = similarity_db(&wanted[range.clone()], &samples[range]);
        assert!(likeness > db, "{file}: {likeness} dB");
        let start = similarity_db(&wanted[..EDGE], &samples[..EDGE]);
        assert!(start > 60.0, "{file}: {start} dB at the start");
    }
}

/// The largest amplitude of stretches of the sound, from and to so many ms.
fn loudest(samples: &[f32], rate: u32, channels: usize, from_ms: usize, to_ms: usize) -> f32 {
    let place = |ms: usize| ms * rate as usize / 1000 * channels;
    samples[place(from_ms)..place(to_ms)].iter().fold(0.0, |largest, sample| sample.abs().max(largest))
}

#[test]
fn takes_follow_one_another_at_one_rate_and_holes_are_silent() {
    let bench = Bench::new();
    let first = bench.uploaded(&encoded("first.m4a", &format!("{SOUND}3 -c:a aac")));
    let second = bench.uploaded(&encoded("second.opus", &format!("{SOUND}3 -ac 1 -c:a libopus")));
    let silent = "-f lavfi -i testsrc2=s=160x120:r=12:d=2 -c:v libvpx -b:v 100k";
    let silent = bench.uploaded(&encoded("silent.webm", silent));
    // From 0 to 3 s, 4 to 6 s without sound, 6 to 9 s.
    let sound = bench.decoded(vec![first, moved(silent, 4_000), moved(second, 6_000)]);
    assert_eq!((sound.rate, sound.channels), (44_100, 2));
    assert!(sound.samples.abs_diff(9 * 44_100) < 1_024, "{}", sound.samples);
    let samples = bench.samples(&sound.blobs);
    assert!(loudest(&samples, 44_100, 2, 2_900, 2_980) > 0.2);
    assert_eq!(loudest(&samples, 44_100, 2, 3_030, 6_000), 0.0);
    let wanted = ffmpeg_samples(
        &crate::common::path("second.opus"),
        "-c:a libopus",
        "-af pan=stereo|c0=c0|c1=c0 -ar 44100",
    );
    let (from, count) = (6 * 88_200, 2 * 88_200);
    let likeness = similarity_db(&wanted[..count], &samples[from..from + count]);
    // Two resamplers are not the same, but in time.
    assert!(likeness > 60.0, "{likeness} dB");
}

#[test]
fn a_recording_that_begins_within_its_take_is_in_time() {
    let bench = Bench::new();
    let mut take = bench.uploaded(&encoded("long.opus", &format!("{SOUND}25 -c:a libopus")));
    let whole = bench.samples(&bench.decoded(vec![take.clone()]).blobs);
    take.fragments.remove(0);
    let cut_ms = take.fragments[0].start_ms;
    take.fragments.iter_mut().for_each(|fragment| fragment.start_ms -= cut_ms);
    take.offset_ms = -(cut_ms as i64);
    let rest = bench.samples(&bench.decoded(vec![take]).blobs);
    let cut = cut_ms as usize * 96;
    // A decoder that begins in the middle comes to the same within 80 ms.
    let settled = 48 * 2 * 100;
    let likeness = similarity_db(&whole[cut + settled..], &rest[settled..]);
    assert!(likeness > 50.0, "{likeness} dB");
}

#[test]
fn bare_mp3_decodes_as_its_frames_do_in_mp4() {
    let bench = Bench::new();
    let take = bench.uploaded(&encoded("bare.mp3", &format!("{SOUND}22 -c:a libmp3lame -b:a 128k")));
    let bare = &take.alternatives[0];
    assert_eq!(bare.init, None);
    let bare = ManifestTake {
        mime: bare.mime.clone(),
        init: None,
        fragments: bare.fragments.clone(),
        alternatives: Vec::new(),
        ..take.clone()
    };
    let (boxed, bare) = (bench.decoded(vec![take]), bench.decoded(vec![bare]));
    let (boxed, bare) = (bench.samples(&boxed.blobs), bench.samples(&bare.blobs));
    // Bare frames cannot say that the first 1,105 samples only prime a decoder.
    assert_eq!(boxed[..40 * 44_100], bare[2 * 1_105..][..40 * 44_100]);
}

#[test]
fn what_is_damaged_fails_for_good() {
    let bench = Bench::new();
    let take = bench.uploaded(&encoded("sound.m4a", &format!("{SOUND}3 -c:a aac")));
    let with = |change: &dyn Fn(&mut ManifestTake)| {
        let mut take = take.clone();
        change(&mut take);
        bench.run(&Work::Decode(bench.source(vec![take]))).map_err(|failed| failed.failure)
    };
    let garbage = bench.put(vec![0x55; 10_000]);
    assert_eq!(with(&|take| take.init = Some(garbage.clone())).err(), Some(Failure::ForGood));
    assert_eq!(with(&|take| take.init = None).err(), Some(Failure::ForGood));
    assert_eq!(with(&|take| take.fragments[0].blob = garbage.clone()).err(), Some(Failure::ForGood));
    assert_eq!(with(&|take| take.fragments[0].duration_ms = u64::MAX).err(), Some(Failure::ForGood));
    assert_eq!(with(&|take| take.fragments[0].blob.bytes = 1 << 40).err(), Some(Failure::ForGood));
    let gone = "00".repeat(32);
    assert_eq!(with(&|take| take.fragments[0].blob.hash = gone.clone()).err(), Some(Failure::InputGone));
    assert_eq!(with(&|take| take.fragments.clear()).err(), Some(Failure::ForGood), "no sound");
    let not_json = Work::Decode(protocol::job::Source { manifest: garbage.clone() });
    assert_eq!(bench.run(&not_json).unwrap_err().failure, Failure::ForGood);
}

#[test]
fn a_damaged_packet_is_silent_and_the_rest_stays_in_time() {
    let bench = Bench::new();
    let take = bench.uploaded(&encoded("hurt.flac", &format!("{SOUND}3 -c:a flac")));
    let blob = take.fragments[0].blob.clone();
    let mut bytes = bench.bytes(&blob);
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0xff);
    let mut hurt = take.clone();
    hurt.fragments[0].blob = bench.put(bytes);
    let whole = bench.samples(&bench.decoded(vec![take]).blobs);
    let hurt = bench.samples(&bench.decoded(vec![hurt]).blobs);
    assert_eq!(whole.len(), hurt.len());
    let other = whole.iter().zip(&hurt).filter(|(a, b)| a != b).count();
    assert!((1..4 * 4_608).contains(&other), "{other} samples differ");
    assert_eq!(whole[whole.len() - 20_000..], hurt[whole.len() - 20_000..]);
}

#[test]
fn a_cancelled_task_is_handed_back() {
    let bench = Bench::cancelled_after(1);
    let take = bench.uploaded(&encoded("cancelled.flac", &format!("{SOUND}25 -c:a flac")));
    let failed = bench.run(&Work::Decode(bench.source(vec![take]))).unwrap_err();
    assert_eq!(failed.failure, Failure::HandedBack);
}

#[test]
fn sound_that_is_longer_than_its_item_is_given_up() {
    let bench = Bench::new();
    let mut take = bench.uploaded(&encoded("again.flac", &format!("{SOUND}9 -c:a flac")));
    let fragment = take.fragments[0].clone();
    take.fragments = vec![fragment; 9];
    take.fragments[8].duration_ms += 1_000;
    let failed = bench.run(&Work::Decode(bench.source(vec![take]))).unwrap_err();
    assert_eq!(failed.failure, Failure::ForGood, "{}", failed.reason);
}

#[test]
fn what_no_decoder_takes_is_refused_by_name() {
    let bench = Bench::new();
    let surround = "-f lavfi -i anullsrc=cl=5.1:r=48000:d=1 -c:a";
    let aac = bench.uploaded(&encoded("surround.m4a", &format!("{surround} aac")));
    let failed = bench.run(&Work::Decode(bench.source(vec![aac]))).unwrap_err();
    assert_eq!(failed.failure, Failure::ForGood);
    assert!(failed.reason.contains("AAC with more than two channels is not supported"), "{}", failed.reason);
    for (name, codec) in [("surround.flac", "flac"), ("surround.opus", "libopus -mapping_family 1")] {
        let take = bench.uploaded(&encoded(name, &format!("{surround} {codec}")));
        assert_eq!(bench.decoded(vec![take]).channels, 2, "{name}");
    }
}
