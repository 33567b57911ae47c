//! Of every format: fragments have the very packets of the file at their times, and each plays alone. Needs `ffmpeg` and `ffprobe`.

#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::path::Path;

use common::{PICTURES, Read, SOUND, encoded, packets, read};
use media_file::Error;

/// Times differ by what a container rounds them to: milliseconds.
const ROUNDING_S: f64 = 0.001;

/// Checks that a format's fragments have the file's packets, those of a stream.
fn assert_same_packets(file: &Path, read: &Read, format: usize, stream: &str, rounding_s: f64) {
    let what = format!("{} {stream} as {}", read.name, read.formats[format].mime);
    let given = packets(&read.saved(format, read.all()), stream);
    let expected = packets(file, stream);
    assert_eq!(given.len(), expected.len(), "{what}");
    let (given_0, expected_0) = (given[0].pts_s, expected[0].pts_s);
    for (at, (given, expected)) in given.iter().zip(&expected).enumerate() {
        assert_eq!(given.hash, expected.hash, "{what}: packet {at}");
        let apart_s = (given.pts_s - given_0) - (expected.pts_s - expected_0);
        assert!(apart_s.abs() <= rounding_s, "{what}: packet {at} at {} not {}", given.pts_s, expected.pts_s);
    }
}

/// Checks that sound and pictures are as far apart as in the file.
fn assert_in_step(file: &Path, read: &Read) {
    let apart_s = |path: &Path| packets(path, "v:0")[0].pts_s - packets(path, "a:0")[0].pts_s;
    let (given_s, expected_s) = (apart_s(&read.saved(0, read.all())), apart_s(file));
    assert!((given_s - expected_s).abs() < 0.001, "{}: {given_s} s apart, not {expected_s}", read.name);
}

/// Checks that fragments follow each other, and that each decodes alone.
fn assert_fragments(read: &Read) {
    let mut end_ms = 0;
    for (at, fragment) in read.fragments.iter().enumerate() {
        assert_eq!(fragment.start_ms, end_ms, "{}: fragment {at}", read.name);
        end_ms += fragment.duration_ms;
        for format in 0..read.formats.len() {
            let (_, complaints) = common::decoded(&read.saved(format, at..at + 1), "-map 0");
            // A frame of MP3 may need bits of those before it, and bare ones do not tell how many follow.
            let expected = ["invalid new backstep", "Estimating duration"];
            let is_expected = |line: &&str| expected.iter().any(|known| line.contains(known));
            let complaints: Vec<_> = complaints.lines().filter(|line| !is_expected(line)).collect();
            assert!(complaints.is_empty(), "{}: fragment {at}: {complaints:?}", read.name);
        }
    }
}

#[test]
fn mp3_is_given_in_mp4_and_bare() {
    for (name, options) in [("cbr.mp3", "-b:a 128k"), ("vbr.mp3", "-q:a 4"), ("mono.mp3", "-ac 1 -ar 22050")]
    {
        let file = encoded(name, &format!("{SOUND}23 -c:a libmp3lame {options}"));
        let read = read(&file);
        let mimes: Vec<_> = read.formats.iter().map(|format| format.mime.as_str()).collect();
        assert_eq!(mimes, ["audio/mp4;codecs=\"mp3\"", "audio/mpeg"]);
        assert_eq!(read.fragments.len(), 3, "{name}");
        assert_same_packets(&file, &read, 0, "a:0", 0.000_002);
        assert_same_packets(&file, &read, 1, "a:0", 0.000_002);
        assert_fragments(&read);
        assert!(read.duration_ms().abs_diff(23_000) < 30, "{name}: {} ms", read.duration_ms());
    }
}

#[test]
fn webm_and_matroska_keep_packets_and_times() {
    for (name, options, mime) in [
        (
            "vp8.webm",
            "-c:v libvpx -deadline realtime -cpu-used 8 -g 24 -b:v 200k -c:a libvorbis",
            "video/webm;codecs=\"vp8,vorbis\"",
        ),
        (
            "vp9.webm",
            "-c:v libvpx-vp9 -g 30 -deadline realtime -cpu-used 8 -c:a libopus",
            "video/webm;codecs=\"vp9,opus\"",
        ),
        (
            "h264.mkv",
            "-c:v libx264 -preset veryfast -g 24 -bf 2 -c:a aac",
            "video/mp4;codecs=\"avc1.64000a,mp4a.40.2\"",
        ),
        (
            "flac.mkv",
            "-c:v libx264 -preset veryfast -g 24 -bf 0 -c:a flac",
            "video/mp4;codecs=\"avc1.64000a,flac\"",
        ),
    ] {
        let file = encoded(name, &format!("{PICTURES}24 {SOUND}24 {options} -pix_fmt yuv420p"));
        let read = read(&file);
        assert_eq!(read.formats[0].mime, mime);
        assert_same_packets(&file, &read, 0, "v:0", ROUNDING_S);
        assert_same_packets(&file, &read, 0, "a:0", 1.5 * ROUNDING_S);
        assert_fragments(&read);
        assert!(read.fragments.len() >= 2, "{name}: {} fragments", read.fragments.len());
        assert!(read.duration_ms().abs_diff(24_000) <= 60, "{name}: {} ms", read.duration_ms());
    }
}

#[test]
fn mp4_keeps_packets_and_times_wherever_its_index_is() {
    const SHORT: &str = "-c:v libx264 -preset veryfast -g 24 -c:a aac";
    const FRAGMENTED: &str = "-movflags +frag_keyframe+delay_moov+default_base_moof";
    for (name, options) in [
        ("end.mp4", format!("{SHORT} -bf 2")),
        ("front.mp4", format!("{SHORT} -bf 0 -movflags +faststart")),
        ("fragmented.mp4", format!("{SHORT} -bf 2 {FRAGMENTED}")),
        ("quicktime.mov", format!("{SHORT} -bf 3")),
        (
            "av1.mp4",
            "-c:v libaom-av1 -cpu-used 8 -usage realtime -g 24 -b:v 100k -c:a libopus -strict -2".into(),
        ),
        ("vp9-flac.mp4", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 24 -c:a flac -strict -2".into()),
        ("negative.mp4", format!("{SHORT} -bf 2 -movflags +negative_cts_offsets")),
    ] {
        let file = encoded(name, &format!("{PICTURES}24 {SOUND}24 {options} -pix_fmt yuv420p"));
        let read = read(&file);
        assert_same_packets(&file, &read, 0, "v:0", 0.000_1);
        assert_same_packets(&file, &read, 0, "a:0", 0.000_1);
        assert_in_step(&file, &read);
        assert_fragments(&read);
        assert!(read.fragments.len() >= 2, "{name}: {} fragments", read.fragments.len());
        assert!(read.duration_ms().abs_diff(24_000) <= 90, "{name}: {} ms", read.duration_ms());
    }
}

#[test]
fn sound_alone_is_cut_at_any_packet() {
    for (name, options, mime) in [
        ("lc.m4a", "-c:a aac", "audio/mp4;codecs=\"mp4a.40.2\""),
        ("adts.aac", "-c:a aac", "audio/mp4;codecs=\"mp4a.40.2\""),
        ("opus.ogg", "-c:a libopus", "audio/webm;codecs=\"opus\""),
        ("vorbis.ogg", "-c:a libvorbis", "audio/webm;codecs=\"vorbis\""),
        ("native.flac", "-c:a flac", "audio/mp4;codecs=\"flac\""),
        ("ogg.oga", "-c:a flac", "audio/mp4;codecs=\"flac\""),
        ("sound.webm", "-c:a libopus", "audio/webm;codecs=\"opus\""),
        ("flac.m4a", "-c:a flac -strict -2 -f mp4", "audio/mp4;codecs=\"flac\""),
    ] {
        let file = encoded(name, &format!("{SOUND}23 {options}"));
        let read = read(&file);
        assert_eq!(read.formats[0].mime, mime, "{name}");
        assert_eq!(read.fragments.len(), 3, "{name}");
        let rounding_s = if mime.contains("webm") { ROUNDING_S } else { 0.000_002 };
        // ffprobe shows frames of ADTS with their headers.
        let file = if name == "adts.aac" {
            encoded("adts.m4a", &format!("-i {} -c copy", file.display()))
        } else {
            file
        };
        assert_same_packets(&file, &read, 0, "a:0", rounding_s);
        assert_fragments(&read);
        assert!(read.duration_ms().abs_diff(23_000) <= 48, "{name}: {} ms", read.duration_ms());
    }
}

#[test]
fn lossless_sound_decodes_to_the_same_samples() {
    for (name, options, samples) in [
        ("s16.wav", "-c:a pcm_s16le", "s16le"),
        ("u8.wav", "-c:a pcm_u8 -ac 1 -ar 8000", "u8"),
        ("s24.wav", "-c:a pcm_s24le -ar 96000", "s24le"),
        ("s24-192.wav", "-c:a pcm_s24le -ar 192000", "s24le"),
        ("s32.wav", "-af aformat=s16 -c:a pcm_s32le", "s32le"),
        ("f32.wav", "-af aformat=s16 -c:a pcm_f32le -ar 44100", "s24le"),
        ("surround.wav", "-af pan=5.1|c0=c0|c1=c1|c2=c0|c3=c1|c4=c0|c5=c1 -c:a pcm_s16le", "s16le"),
        ("rf64.wav", "-c:a pcm_s16le -rf64 always", "s16le"),
        ("odd.wav", "-af atrim=end_sample=942085 -c:a pcm_s16le", "s16le"),
        ("s16.flac", "-c:a flac", "s16le"),
        ("s24.flac", "-sample_fmt s32 -c:a flac -ar 192000", "s32le"),
    ] {
        let file = encoded(name, &format!("{SOUND}23 {options}"));
        let read = read(&file);
        let options = format!("-map 0:a -c:a pcm_{samples}");
        let (given, complaints) = common::decoded(&read.saved(0, read.all()), &options);
        assert_eq!((given, complaints.as_str()), (common::decoded(&file, &options).0, ""), "{name}");
        assert!(read.fragments.len() >= 2, "{name}");
    }
}

#[test]
fn samples_that_flac_cannot_keep_are_refused() {
    for (name, options, said) in [
        ("noise.wav", "-c:a pcm_f32le", "floating point"),
        ("double.wav", "-c:a pcm_f64le", "64 bits"),
        ("adpcm.wav", "-c:a adpcm_ms", "codec 0x0002"),
    ] {
        let file = encoded(name, &format!("{SOUND}1 {options}"));
        let error = common::open(&file).unwrap_err();
        assert!(matches!(&error, Error::Unsupported(reason) if reason.contains(said)), "{name}: {error}");
    }
}

#[test]
fn what_browsers_do_not_play_is_refused_by_name() {
    let both = format!("{PICTURES}1 {SOUND}1");
    for (name, input, options, said) in [
        ("hevc.mp4", &both, "-c:v libx265 -x265-params log-level=none -c:a aac", "HEVC"),
        ("hevc.mkv", &both, "-c:v libx265 -x265-params log-level=none -c:a aac", "HEVC"),
        ("mpeg4.avi", &both, "-c:v mpeg4", "AVI"),
        ("ac3.mkv", &both, "-c:v libx264 -c:a ac3", "Dolby"),
        ("ac3.mp4", &both, "-c:v libx264 -c:a ac3", "Dolby"),
        ("dts.mkv", &both, "-c:v libx264 -c:a dca -strict -2", "DTS"),
        ("mp3.mp4", &both, "-c:v libx264 -c:a libmp3lame", "sound in MP3"),
        ("vorbis.mkv", &both, "-c:v libx264 -c:a libvorbis", "together"),
        ("alac.m4a", &format!("{SOUND}1"), "-c:a alac", "ALAC"),
        ("wma.wma", &format!("{SOUND}1"), "-c:a wmav2", "Windows Media"),
        ("raw.ac3", &format!("{SOUND}1"), "-c:a ac3", "AC-3"),
        ("raw.dts", &format!("{SOUND}1"), "-c:a dca -strict -2", "DTS"),
        ("sound.aiff", &format!("{SOUND}1"), "", "AIFF"),
        ("stream.ts", &both, "-c:v libx264 -c:a aac", "transport"),
        ("picture.png", &format!("{PICTURES}1"), "-frames:v 1", "picture"),
        ("picture.avif", &format!("{PICTURES}1"), "-frames:v 1 -c:v libaom-av1 -cpu-used 8", "picture"),
        ("speex.ogg", &format!("{SOUND}1"), "-c:a libspeex -ar 16000", "Speex"),
        ("theora.ogv", &both, "-c:v libtheora -c:a libvorbis", "Theora"),
        (
            "encrypted.mp4",
            &both,
            "-c:v libx264 -c:a aac -encryption_scheme cenc-aes-ctr -encryption_key \
             00112233445566778899aabbccddeeff -encryption_kid 00112233445566778899aabbccddeeff",
            "encrypted",
        ),
    ] {
        let file = encoded(name, &format!("{input} {options}"));
        let error = common::open(&file).unwrap_err();
        assert!(matches!(&error, Error::Unsupported(reason) if reason.contains(said)), "{name}: {error}");
    }
}

#[test]
fn missing_sound_is_silence() {
    let pictures = format!("{PICTURES}25");
    let late = format!("{pictures} -itsoffset 1.5 {SOUND}23");
    let short = format!("{pictures} {SOUND}5");
    for (name, input, options) in [
        ("late.mp4", &late, "-c:v libx264 -preset ultrafast -g 12 -c:a aac"),
        ("late.webm", &late, "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 100k -g 12 -c:a libopus"),
        ("short.mp4", &short, "-c:v libx264 -preset ultrafast -g 12 -c:a aac"),
        ("short.mkv", &short, "-c:v libx264 -preset ultrafast -g 12 -c:a aac"),
    ] {
        let file = encoded(name, &format!("{input} {options} -pix_fmt yuv420p"));
        let read = read(&file);
        assert_same_packets(&file, &read, 0, "v:0", ROUNDING_S);
        // The last fragment may end with its pictures alone: the end of the file comes after them.
        let times: Vec<_> =
            packets(&read.saved(0, read.all()), "a:0").iter().map(|shown| shown.pts_s).collect();
        assert!(times[0] < 0.03, "{name} begins at {} s", times[0]);
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] < 0.15), "{name}: {times:?}");
        let last_ms = read.fragments.last().unwrap().start_ms;
        assert!(
            times.last().unwrap() * 1000.0 + 150.0 > last_ms as f64,
            "{name} ends at {:?} s",
            times.last()
        );
    }
}

#[test]
fn pictures_stay_turned_and_in_shape() {
    for (name, options) in [
        ("turned.mp4", "-c:v libx264 -preset ultrafast -metadata:s:v:0 rotate=90"),
        ("wide.mp4", "-c:v libx264 -preset ultrafast -aspect 2:1"),
        ("wide.webm", "-c:v libvpx -deadline realtime -cpu-used 8 -aspect 2:1"),
    ] {
        let file = encoded(name, &format!("{PICTURES}2 {options} -pix_fmt yuv420p"));
        let read = read(&file);
        let shape = |file: &Path| {
            let entries = "stream=display_aspect_ratio,width,height:stream_side_data=rotation";
            common::run(
                "ffprobe",
                &format!("-v error -show_entries {entries} -of default=nw=1 {}", file.display()),
            )
        };
        assert_eq!(shape(&read.saved(0, read.all())), shape(&file), "{name}");
    }
}

#[test]
fn subtitles_and_further_tracks_are_left_out() {
    let words = common::path("words.srt");
    std::fs::write(&words, "1\n00:00:00,000 --> 00:00:01,000\nWords\n").unwrap();
    for (name, options) in
        [("many.mkv", "-c:v libx264 -c:a aac -c:s srt"), ("many.mp4", "-c:v libx264 -c:a aac -c:s mov_text")]
    {
        let input = format!("{PICTURES}2 {SOUND}2 -i {}", words.display());
        let file =
            encoded(name, &format!("{input} -map 2 -map 1 -map 0 -map 1 -map 0 {options} -pix_fmt yuv420p"));
        let read = read(&file);
        let kinds: Vec<_> = read.file.tracks().into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["video", "audio"], "{name}");
        assert_same_packets(&file, &read, 0, "v:0", ROUNDING_S);
        assert_same_packets(&file, &read, 0, "a:0", 1.5 * ROUNDING_S);
    }
}

#[test]
fn what_a_decoder_needs_first_is_not_heard() {
    for (name, options) in [("gapless.mp3", "-c:a libmp3lame"), ("gapless.m4a", "-c:a aac")] {
        let file = encoded(name, &format!("{SOUND}2 {options}"));
        let given = packets(&read(&file).saved(0, 0..1), "a:0");
        let heard = given.iter().filter(|shown| shown.pts_s >= -0.000_1).count();
        assert!(given[0].pts_s < -0.02 && heard < given.len(), "{name} begins at {} s", given[0].pts_s);
    }
}

#[test]
fn mp3_is_read_behind_garbage_and_between_it() {
    let file =
        encoded("clean.mp3", &format!("{SOUND}4 -c:a libmp3lame -b:a 128k -write_xing 0 -id3v2_version 0"));
    let frames = std::fs::read(&file).unwrap();
    let (first, rest) = frames.split_at(frames.len() / 2);
    let garbage = b"\xff\xfb no frame \0\xff\xe3".repeat(200);
    let damaged = common::path("garbage.mp3");
    std::fs::write(&damaged, [&garbage[..], first, &garbage, rest, b"TAG", &[0; 125]].concat()).unwrap();
    let (given, clean) = (read(&damaged), read(&file));
    let hashes = |read: &Read| packets(&read.saved(0, read.all()), "a:0").into_iter().map(|shown| shown.hash);
    let (given, clean): (Vec<_>, Vec<_>) = (hashes(&given).collect(), hashes(&clean).collect());
    let missing = clean.iter().filter(|hash| !given.contains(hash)).count();
    assert!(
        missing <= 1 && given.len() <= clean.len() + 1,
        "{missing} of {} missing, {}",
        clean.len(),
        given.len()
    );
}
