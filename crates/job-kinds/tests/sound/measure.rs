//! Peaks, loudness and true peak of an item's sound, compared with ffmpeg's own meter.

use std::path::Path;

use crate::common::{Bench, encoded, run};
use protocol::job::{Output, Waveform, Work};

/// Waveform, loudness in LUFS and true peak in dBTP of a file.
fn measured(path: &Path) -> (Waveform, Option<f64>, Option<f64>) {
    let bench = Bench::new();
    let work = Work::Measure(bench.source(vec![bench.uploaded(path)]));
    match bench.run(&work).unwrap() {
        Output::Measured { waveform, loudness_centi_lufs, true_peak_centi_db } => {
            let decibels = |hundredths: Option<i32>| hundredths.map(|value| f64::from(value) / 100.0);
            (bench.json(&waveform), decibels(loudness_centi_lufs), decibels(true_peak_centi_db))
        }
        other => panic!("{other:?}"),
    }
}

/// Integrated loudness and true peak as ffmpeg measures them.
fn ffmpeg_measured(path: &Path) -> (f64, f64) {
    let filter = "-af ebur128=peak=true:dualmono=true -f null -";
    let (_, report) = run("ffmpeg", &format!("-nostdin -i {} -vn {filter}", path.display()));
    let summary = report.rsplit_once("Summary:").unwrap().1;
    let value = |name: &str| {
        let line = summary.lines().find(|line| line.trim().starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    };
    (value("I:"), value("Peak:"))
}

#[test]
fn loudness_and_true_peak_are_those_of_ffmpeg() {
    // Between the samples of noise, filters find peaks of their own.
    for (name, source, tolerance) in [
        (
            "swell.flac",
            "aevalsrc=0.5*sin(2*PI*440*t)*(0.2+0.8*sin(t)*sin(t))|0.4*sin(2*PI*900*t):s=44100:d=20",
            0.1,
        ),
        ("one-speaker.flac", "aevalsrc=0.4*sin(2*PI*900*t):s=48000:d=5", 0.1),
        ("noise.flac", "anoisesrc=r=48000:a=0.3:seed=5:d=12", 1.0),
        ("between.flac", "aevalsrc=0.9*sin(2*PI*6000*t+0.5)*sin(t):s=48000:d=3", 0.3),
    ] {
        let path = encoded(name, &format!("-f lavfi -i {source} -c:a flac"));
        let (_, loudness, true_peak) = measured(&path);
        let (wanted, wanted_peak) = ffmpeg_measured(&path);
        assert!((loudness.unwrap() - wanted).abs() <= 0.1, "{name}: {loudness:?} LUFS, not {wanted}");
        assert!(
            (true_peak.unwrap() - wanted_peak).abs() <= tolerance,
            "{name}: {true_peak:?} dBTP, not {wanted_peak}"
        );
    }
}

#[test]
fn peaks_follow_the_sound_and_silence_has_no_loudness() {
    let ramp = "-f lavfi -i aevalsrc=sin(2*PI*1000*t)*t/10:s=44100:d=10 -c:a flac";
    let (Waveform { peak_ms, peaks }, ..) = measured(&encoded("ramp.flac", ramp));
    assert_eq!((peak_ms, peaks.len()), (10, 1_000));
    for (n, &peak) in peaks.iter().enumerate() {
        let wanted = 255.0 * (n as f64 + 1.0) / 1_000.0;
        assert!((f64::from(peak) - wanted).abs() < 2.0, "{n}: {peak}, not {wanted}");
    }
    let silence = "-f lavfi -i anullsrc=r=8000:cl=mono:d=90 -c:a flac";
    let (Waveform { peak_ms, peaks }, loudness, true_peak) = measured(&encoded("silence.flac", silence));
    assert_eq!((peak_ms, peaks.len()), (22, 4_091));
    assert!(peaks.iter().all(|&peak| peak == 0));
    assert_eq!((loudness, true_peak), (None, None));
}
