//! Any sequence of events ends a job in one way only, and its record always fits the store.

use proptest::prelude::*;
use protocol::{
    ItemId, JobId,
    item::{Blob, Stem},
    job::{Attempt, Kind, Output, Params, Piece, Sound, State, TaskState, Work},
};

use super::{
    Accepted, Again, Ended, NewJob, Phase, Record, Refused, Seen, SeenState, Starter, step::Step, view,
};
use crate::state::catalogue::record::Owner;

fn blob(text: &str) -> Blob {
    Blob { hash: format!("{text:0>64}"), bytes: 7 }
}

fn new_job(kind: Kind) -> NewJob {
    NewJob {
        kind,
        params: Params::default(),
        item_id: ItemId::from_bytes([7; 16]),
        title: "Song".into(),
        artist: None,
        manifest: blob("1"),
        duration_ms: 180_000,
        file_bytes: 0,
        needs_ffmpeg: false,
        stems_model: None,
        owner: None,
        starter: Starter::Server,
    }
}

fn job(kind: Kind) -> Record {
    Record::new(new_job(kind), 1_000)
}

/// The output of task `n` for a song of so many samples.
fn output(record: &Record, n: u32, samples: u64) -> Output {
    match &record.tasks[n as usize].step {
        Step::Decode => {
            let blobs = blob("a");
            Output::Sound(Sound { rate: 44_100, channels: 2, samples, samples_per_blob: 1 << 20, blobs })
        }
        Step::Separate { .. } => Output::Piece(Piece { channels: 2, blobs: blob(&n.to_string()) }),
        Step::Join { .. } => Output::Media { takes: blob(&n.to_string()), duration_ms: 1, bytes: 1 },
        Step::Measure => {
            Output::Measured { waveform: blob("b"), loudness_centi_lufs: None, true_peak_centi_db: None }
        }
        Step::Pictures { .. } => Output::Pictures { pictures: vec![] },
        Step::Export => {
            Output::File { extension: "mp3".into(), mime: "audio/mpeg".into(), blobs: blob("c"), bytes: 1 }
        }
    }
}

fn attempt(n: u32) -> Attempt {
    Attempt {
        n,
        worker: "w".repeat(100),
        began_at_ms: 1 << 42,
        ended_at_ms: Some(1 << 42),
        outcome: Some("ä".repeat(300)),
    }
}

/// Does all open tasks.
fn finish(record: &mut Record, samples: u64) {
    while let Some(n) = record.open_numbers().first().copied() {
        let output = output(record, n, samples);
        assert_eq!(record.done(n, &output, &Ended::default(), 2_000), Ok(Accepted::New));
    }
}

#[test]
fn the_steps_of_stems_follow_each_other_and_join_has_the_pieces_in_order() {
    let mut record = job(Kind::Stems);
    finish(&mut record, 44_100 * 180);
    let names: Vec<_> = record.tasks.iter().map(|task| task.step.name()).collect();
    let pieces = names.iter().filter(|name| **name == "separate").count();
    assert_eq!((names[0], pieces, &names[1 + pieces..]), ("decode", 8, &["join", "join"][..]));
    assert!(record.is_complete() && record.is_open());
    let Some(Work::Join(join)) = record.work(9) else { panic!("it joins") };
    let numbers: Vec<_> =
        join.pieces.iter().map(|piece| piece.blobs.hash.trim_start_matches('0').to_owned()).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert!(record.stem_output(Stem::Accompaniment).is_some());
    record.made(&[record.item_id], None, 9);
    assert_eq!((record.phase, record.ended_at_ms), (Phase::Done, Some(9)));
}

#[test]
fn sound_that_is_empty_or_too_long_fails_the_job() {
    for (samples, reason) in [(0, "no sound"), (44_100 * 22 * 391, "too long"), (u64::MAX, "too long")] {
        let mut record = job(Kind::Stems);
        record.done(0, &output(&record, 0, samples), &Ended::default(), 2).unwrap();
        assert_eq!(record.phase, Phase::Failed);
        assert!(record.error.unwrap().contains(reason));
    }
}

#[test]
fn the_largest_record_and_the_largest_task_fit_the_store() {
    let mut record = job(Kind::Stems);
    record.title = "\u{1f600}".repeat(120);
    record.starter =
        Starter::Account(Owner { account: "a".repeat(64), account_since_ms: u64::MAX, key_id: None });
    while let Some(n) = record.open_numbers().first().copied() {
        let output = output(&record, n, 44_100 * 60 * 140);
        let ended = Ended { attempts: 10, log: (1..=10).map(attempt).collect() };
        record.done(n, &output, &ended, 2).unwrap();
    }
    assert!(record.tasks.len() > 380, "{}", record.tasks.len());
    let json = serde_json::to_vec(&record).unwrap();
    assert!(json.len() < store::MAX_VALUE_BYTES, "{}", json.len());
    assert!(serde_json::from_slice::<Record>(&json).unwrap() == record);
    let last = u32::try_from(record.tasks.len()).unwrap() - 1;
    assert!(serde_json::to_vec(&record.work(last)).unwrap().len() < store::MAX_VALUE_BYTES / 4);
}

#[test]
fn a_task_needs_what_its_work_says() {
    for kind in [Kind::Stems, Kind::Waveform, Kind::Preview, Kind::Export] {
        for needs_ffmpeg in [false, true] {
            let record = Record { needs_ffmpeg, ..job(kind) };
            let needed = record.work(0).unwrap().needs().is_some();
            assert_eq!(record.task_needs_ffmpeg(0), needed, "{kind:?}");
        }
    }
}

#[test]
fn clients_see_who_works_on_what_and_how_long_it_takes() {
    let mut record = job(Kind::Stems);
    let job_id = JobId::from_bytes([1; 16]);
    let waiting = view(job_id, &record, |_| None, 2_000);
    assert_eq!((waiting.state, waiting.progress, waiting.left_ms), (State::Waiting, 0.0, None));
    let log = vec![Attempt { began_at_ms: 1_000, ..attempt(1) }];
    record.done(0, &output(&record, 0, 44_100 * 44), &Ended { attempts: 1, log }, 2_000).unwrap();
    let seen = |n| {
        let claimed = SeenState::Claimed { worker: "b".into(), began_at_ms: 5_000, percent: 50 };
        Some(Seen { state: if n == 1 { claimed } else { SeenState::Waiting }, attempts: 1, log: vec![] })
    };
    let running = view(job_id, &record, seen, 11_000);
    let states: Vec<_> = running.tasks.iter().map(|task| task.state).collect();
    assert_eq!(states, [TaskState::Done, TaskState::Running, TaskState::Waiting]);
    assert_eq!((running.state, running.tasks[1].worker.as_deref()), (State::Running, Some("b")));
    assert!((running.progress - (0.05 + 0.85 / 4.0)).abs() < 1e-9, "{}", running.progress);
    let left_ms = running.left_ms.unwrap();
    assert!((27_000..29_000).contains(&left_ms), "{left_ms} after 10 s");
}

#[derive(Clone, Debug)]
enum Happens {
    Done(prop::sample::Index),
    Other(prop::sample::Index),
    Failed(prop::sample::Index),
    InputGone,
    Cancel,
    Made,
    Restart,
}

fn happens() -> impl Strategy<Value = Happens> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        20 => index().prop_map(Happens::Done),
        2 => index().prop_map(Happens::Other),
        1 => index().prop_map(Happens::Failed),
        1 => Just(Happens::InputGone),
        1 => Just(Happens::Cancel),
        4 => Just(Happens::Made),
        1 => Just(Happens::Restart),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_an_end_is_final_and_the_first_output_counts(steps in prop::collection::vec(happens(), 1..80)) {
        let mut record = job(Kind::Stems);
        for (now_ms, step) in (2_000..).zip(steps) {
            let before = record.clone();
            let n = |index: &prop::sample::Index| u32::try_from(index.index(before.tasks.len())).unwrap();
            match &step {
                Happens::Done(index) => {
                    let output = output(&before, n(index), 44_100 * 66);
                    let expected = match &before.tasks[n(index) as usize].output {
                        Some(known) if *known == output => Ok(Accepted::Again),
                        Some(_) => Ok(Accepted::Other),
                        None if before.is_open() => Ok(Accepted::New),
                        None => Err(Refused::Over),
                    };
                    prop_assert_eq!(record.done(n(index), &output, &Ended::default(), now_ms), expected);
                }
                Happens::Other(index) => {
                    let other = Output::Media { takes: blob("f"), duration_ms: 9, bytes: 9 };
                    let outcome = record.done(n(index), &other, &Ended::default(), now_ms);
                    let task = &before.tasks[n(index) as usize];
                    if !task.step.gives(&other) {
                        prop_assert_eq!(outcome, Err(Refused::Wrong));
                    } else if task.output.is_some() {
                        prop_assert!(matches!(outcome, Ok(Accepted::Other | Accepted::Again)));
                    }
                }
                Happens::Failed(index) => {
                    let fails = record.failed(n(index), "broken", &Ended::default(), now_ms);
                    prop_assert_eq!(fails, before.is_open() && !record.is_open());
                }
                Happens::InputGone => {
                    let expected = match (before.is_open(), record.input_gone(now_ms)) {
                        (false, again) => again == Again::Over,
                        (true, Again::Begun) => record.generation == before.generation + 1,
                        (true, again) => again == Again::Failed && record.phase == Phase::Failed,
                    };
                    prop_assert!(expected);
                }
                Happens::Cancel => record.cancel(now_ms),
                Happens::Made => record.made(&[before.item_id], None, now_ms),
                Happens::Restart if !before.is_open() => {
                    record.restart(new_job(Kind::Stems), now_ms);
                    prop_assert!(record.is_open() && record.generation == before.generation + 1);
                    prop_assert!(record.error.is_none() && record.result.is_empty());
                    continue;
                }
                Happens::Restart => {}
            }
            if !before.is_open() {
                prop_assert_eq!(&record, &before, "{:?} after the end", step);
            }
            if record.generation == before.generation {
                for (earlier, now) in before.tasks.iter().zip(&record.tasks) {
                    prop_assert!(earlier.output.is_none() || earlier.output == now.output, "{:?}", step);
                }
            }
            prop_assert_eq!(record.ended_at_ms.is_some(), !record.is_open());
            prop_assert_eq!(record.error.is_some(), record.phase == Phase::Failed);
            prop_assert!(record.phase != Phase::Done || record.tasks.iter().all(|task| task.output.is_some()));
            prop_assert!(record.restarts <= 2);
            // There is always something to do, or the end.
            prop_assert!(!record.is_open() || record.is_complete() == record.open_numbers().is_empty());
            for n in record.open_numbers() {
                prop_assert!(record.work(n).is_some());
            }
        }
    }
}
