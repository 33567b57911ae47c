//! A song becomes two stems: whatever it is cut into, and in the formats that players take.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::common::{Bench, Counter, encoded, ffmpeg_samples, similarity_db};
use job_kinds::{Failed, Report, VocalsModel};
use protocol::{
    item::ManifestTake,
    job::{Failure, Join, Output, Piece, Separate, Sound, Stem, Work},
};

/// A voice in the middle over tones at the sides.
const SONG: &str = "-f lavfi -i aevalsrc=\
    0.3*sin(2*PI*(220*t+3*sin(5*t)))+0.2*sin(2*PI*330*t)|0.3*sin(2*PI*(220*t+3*sin(5*t)))-0.2*sin(2*PI*330*t):s=44100:d=";

/// Separates a sound in pieces with so many seconds to keep.
fn separated(bench: &Bench, sound: &Sound, seconds: u32) -> Vec<Piece> {
    let pieces = ::stems::plan::pieces(sound.samples, sound.rate, seconds);
    let run = |piece: &::stems::plan::Piece| {
        let work = Work::Separate(Separate {
            sound: sound.clone(),
            read_from: piece.read.start,
            read_to: piece.read.end,
            keep_from: piece.keep.start,
            keep_to: piece.keep.end,
            model: None,
        });
        match bench.run(&work).unwrap() {
            Output::Piece(piece) => piece,
            other => panic!("{other:?}"),
        }
    };
    pieces.iter().map(run).collect()
}

/// Joins pieces: the take, its length, and its size.
fn joined(bench: &Bench, sound: &Sound, pieces: &[Piece], stem: Stem) -> (ManifestTake, u64, u64) {
    let work = Work::Join(Join { sound: sound.clone(), pieces: pieces.to_vec(), stem });
    match bench.run(&work).unwrap() {
        Output::Media { takes, duration_ms, bytes } => {
            let mut takes: Vec<ManifestTake> = bench.json(&takes);
            assert_eq!(takes.len(), 1);
            (takes.remove(0), duration_ms, bytes)
        }
        other => panic!("{other:?}"),
    }
}

fn song(bench: &Bench, name: &str, seconds: u32) -> Sound {
    let path = encoded(name, &format!("{SONG}{seconds} -c:a flac"));
    bench.decoded(vec![bench.uploaded(&path)])
}

#[test]
fn however_a_song_is_cut_its_stems_are_the_same_bytes() {
    let bench = Bench::new();
    let sound = song(&bench, "cut.flac", 35);
    let whole = separated(&bench, &sound, 45);
    assert_eq!(whole.len(), 1);
    let cut = separated(&bench, &sound, 9);
    assert_eq!(cut.len(), 4);
    for stem in [Stem::Vocals, Stem::Accompaniment] {
        assert_eq!(joined(&bench, &sound, &whole, stem), joined(&bench, &sound, &cut, stem), "{stem:?}");
    }
}

#[test]
fn stems_play_as_they_were_separated_in_both_formats() {
    let bench = Bench::new();
    let sound = song(&bench, "plays.flac", 21);
    let pieces = separated(&bench, &sound, 45);
    let mix = bench.samples(&sound.blobs);
    let vocals = bench.samples(&pieces[0].blobs);
    assert_eq!((pieces[0].channels, vocals.len() as u64), (1, sound.samples));
    let rest: Vec<f32> = mix.iter().enumerate().map(|(n, mix)| mix - vocals[n / 2]).collect();
    for (stem, channels, wanted) in [(Stem::Vocals, 1, &vocals), (Stem::Accompaniment, 2, &rest)] {
        let (take, duration_ms, bytes) = joined(&bench, &sound, &pieces, stem);
        assert_eq!(duration_ms, 21_000);
        let times: Vec<_> = take.fragments.iter().map(|part| (part.start_ms, part.duration_ms)).collect();
        assert_eq!(times, [(0, 10_000), (10_000, 10_000), (20_000, 1_000)]);
        assert_eq!(bytes, take.fragments.iter().map(|fragment| fragment.blob.bytes).sum::<u64>());
        assert_eq!(take.mime, "audio/mp4;codecs=\"flac\"");
        let name = format!("{stem:?}");
        let flac = bench.saved(&format!("{name}.mp4"), take.init.as_ref(), &take.fragments);
        let flac = ffmpeg_samples(&flac, "", "");
        assert_eq!(flac.len(), wanted.len(), "{stem:?}");
        assert!(similarity_db(wanted, &flac) > 70.0, "{stem:?}: {} dB", similarity_db(wanted, &flac));

        let [opus] = &take.alternatives[..] else { panic!("{take:?}") };
        assert_eq!(opus.mime, "audio/webm;codecs=\"opus\"");
        let of_opus: Vec<_> = opus.fragments.iter().map(|part| (part.start_ms, part.duration_ms)).collect();
        assert_eq!(of_opus, times);
        let path = bench.saved(&format!("{name}.webm"), opus.init.as_ref(), &opus.fragments);
        let opus = ffmpeg_samples(&path, "-c:a libopus", "-ar 44100");
        let (short, long) = (wanted.len(), wanted.len() + 882 * channels);
        assert!((short..long + 882 * channels).contains(&opus.len()), "{stem:?}: {} of {short}", opus.len());
        assert!(similarity_db(wanted, &opus) > 15.0, "{stem:?}: {} dB", similarity_db(wanted, &opus));
    }
}

#[test]
fn a_song_in_mono_has_stems_in_mono() {
    let bench = Bench::new();
    let path = encoded("mono.flac", "-f lavfi -i sine=300:r=22050:d=2 -c:a flac");
    let sound = bench.decoded(vec![bench.uploaded(&path)]);
    assert_eq!((sound.rate, sound.channels), (22_050, 1));
    let pieces = separated(&bench, &sound, 22);
    for stem in [Stem::Vocals, Stem::Accompaniment] {
        let (take, ..) = joined(&bench, &sound, &pieces, stem);
        let path = bench.saved("mono.mp4", take.init.as_ref(), &take.fragments);
        assert_eq!(ffmpeg_samples(&path, "", "").len() as u64, sound.samples);
    }
}

#[test]
fn pieces_that_are_not_of_the_song_fail_for_good() {
    let bench = Bench::new();
    let sound = song(&bench, "other.flac", 2);
    let pieces = separated(&bench, &sound, 22);
    let join = Join { sound: sound.clone(), pieces: Vec::new(), stem: Stem::Vocals };
    let fails = |work: Work| bench.run(&work).unwrap_err().failure;
    assert_eq!(fails(Work::Join(join.clone())), Failure::ForGood, "too few");
    let twice = [pieces.clone(), pieces.clone()].concat();
    assert_eq!(fails(Work::Join(Join { pieces: twice, ..join.clone() })), Failure::ForGood, "too many");
    let piece = |read_from, read_to, keep_from, keep_to| {
        let sound = Sound { samples: sound.samples, ..sound.clone() };
        Work::Separate(Separate { sound, read_from, read_to, keep_from, keep_to, model: None })
    };
    let Work::Separate(named) = piece(0, 1_000, 0, 1_000) else { panic!("it is one") };
    let named = Work::Separate(Separate { model: Some("a".repeat(64)), ..named });
    assert_eq!(fails(named), Failure::Again, "a worker with that model does it");
    assert_eq!(fails(piece(0, 1_000, 500, 400)), Failure::ForGood, "backwards");
    assert_eq!(fails(piece(0, u64::MAX, 0, 1_000)), Failure::ForGood, "beyond the end");
    let minute = Sound { samples: 60 * 44_100, ..sound.clone() };
    let (read_to, keep_to) = (minute.samples, minute.samples);
    let work = Separate { sound: minute, read_from: 0, read_to, keep_from: 0, keep_to, model: None };
    let refused = bench.run(&Work::Separate(work)).unwrap_err();
    assert!(refused.reason.contains("longer than 45 s"), "{}", refused.reason);
    let longer = Sound { samples: u64::MAX, ..sound.clone() };
    let join = Join { sound: longer, pieces, stem: Stem::Vocals };
    assert_eq!(fails(Work::Join(join)), Failure::ForGood, "another length than its blobs");
}

/// A model of the operator's.
struct Model(fn(&::stems::Stereo) -> Result<::stems::Stereo, String>);

impl VocalsModel for Model {
    fn hash(&self) -> &str {
        "of the operator's"
    }

    fn vocals(
        &self,
        mix: &::stems::Stereo,
        rate: u32,
        start: u64,
        _: &dyn Report,
    ) -> Result<::stems::Stereo, Failed> {
        assert_eq!((rate, start), (44_100, 0));
        (self.0)(mix).map_err(Failed::for_good)
    }
}

#[test]
fn vocals_of_a_model_have_two_sides_and_a_model_that_fails_ends_its_task_alone() {
    let bench = Bench::new();
    let sound = song(&bench, "model.flac", 2);
    let samples = sound.samples;
    let work = Work::Separate(Separate {
        sound: sound.clone(),
        read_from: 0,
        read_to: samples,
        keep_from: 0,
        keep_to: samples,
        model: Some("of the operator's".into()),
    });
    let Output::Piece(piece) = bench.run_with(&work, Some(&Model(|mix| Ok(mix.clone())))).unwrap() else {
        panic!("no piece")
    };
    assert_eq!(piece.channels, 2);
    assert_eq!(bench.samples(&piece.blobs), bench.samples(&sound.blobs));
    let (take, ..) = joined(&bench, &sound, &[piece], Stem::Accompaniment);
    let path = bench.saved("nothing.mp4", take.init.as_ref(), &take.fragments);
    assert!(ffmpeg_samples(&path, "", "").iter().all(|&sample| sample == 0.0), "the mix without itself");
    let fails = |model: Model| bench.run_with(&work, Some(&model)).unwrap_err();
    let shorter = fails(Model(|mix| Ok(mix.slice(0..100))));
    let refused = fails(Model(|_| Err("no weights".into())));
    let panicked = fails(Model(|_| panic!("a bug")));
    assert_eq!([&shorter, &refused, &panicked].map(|failed| failed.failure), [Failure::ForGood; 3]);
    assert_eq!(refused.reason, "no weights");
}

#[test]
fn a_cancelled_separation_ends_within_its_work() {
    let bench = Bench::cancelled_after(u32::MAX);
    let sound = song(&bench, "cancelled-song.flac", 12);
    let samples = sound.samples;
    let (read_from, keep_from, read_to, keep_to) = (0, 0, samples, samples);
    let work = Work::Separate(Separate { sound, read_from, read_to, keep_from, keep_to, model: None });
    let before = bench.counter.reports.load(Ordering::Relaxed);
    assert!(matches!(bench.run(&work), Ok(Output::Piece(_))));
    let reports = bench.counter.reports.load(Ordering::Relaxed) - before;
    assert!(reports > 10, "{reports} looks at whether it goes on");
    // Two before it separates, and some within.
    let cancelled = Bench { counter: Counter { reports: AtomicU32::new(0), most: 6 }, ..bench };
    assert_eq!(cancelled.run(&work).unwrap_err().failure, Failure::HandedBack);
    assert_eq!(cancelled.counter.reports.load(Ordering::Relaxed), 7);
}
