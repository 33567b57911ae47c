//! Real recordings, replayed over and over, stay one valid take.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use media::{Output, TakeParser};
use perf_analysis::recording::Recording;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/media/fixtures")
}

/// Parses the first `loops` loops; returns the start of every run in ms, with whether it is a keyframe.
fn chunks(recording: &Recording, loops: u32) -> Vec<(u64, bool)> {
    let mut parser = TakeParser::new(&recording.mime).unwrap();
    let mut chunks = Vec::new();
    for segment in
        (0..).map(|seq| recording.segment(seq)).take_while(|segment| segment.due < recording.period() * loops)
    {
        for output in parser.push_segment(segment.bytes).unwrap() {
            if let Output::Run(run) = output {
                chunks.push((run.pts_us() / 1000, run.key()));
            }
        }
    }
    chunks
}

#[test]
fn every_webm_recording_continues_in_the_next_loop() {
    let mut looped = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("stream.webm").exists() && !path.join("stream.mkv").exists() {
            continue;
        }
        let recording = Recording::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let chunks = chunks(&recording, 3);
        assert!(chunks.is_sorted_by_key(|&(pts_ms, _)| pts_ms), "{}", path.display());
        let period_ms = recording.period().as_millis() as u64;
        let second = |&&(pts_ms, _): &&(u64, bool)| pts_ms / period_ms == 1;
        assert!(chunks.iter().filter(second).any(|&(_, key)| key), "{}", path.display());
        let longest = |until_ms| {
            let within: Vec<u64> =
                chunks.iter().map(|chunk| chunk.0).take_while(|&pts_ms| pts_ms < until_ms).collect();
            within.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
        };
        // A loop of a single chunk has no distances of its own; there the next one is a period away.
        let allowed = if longest(period_ms) == 0 { period_ms } else { 2 * longest(period_ms) };
        assert!(longest(u64::MAX) <= allowed, "{} has a hole", path.display());
        looped += 1;
    }
    assert!(looped >= 5, "only {looped} recordings were found");
}

#[test]
fn other_containers_are_refused_with_a_reason() {
    let error = Recording::load(&fixtures().join("mp4-avc1-opus-250ms")).unwrap_err().to_string();
    assert!(error.contains("only WebM and Matroska"), "{error}");
}
