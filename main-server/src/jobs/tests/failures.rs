//! Whatever fails between two writes, nothing is lost, and no result is made twice.

use std::{collections::BTreeMap, fs};

use objects::Location;
use protocol::{
    ItemId,
    item::{Blob, Item, Kind},
    job::{ClaimedTask, JobCreated, Output, State, Work},
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Hand, output, pair, put_json, server, show, song, start, try_start, until_state};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member as Server, until},
    jobs::{
        Key,
        job::{Ended, Phase, Record},
    },
};

const GONE: StatusCode = StatusCode::CONFLICT;
const OK: StatusCode = StatusCode::NO_CONTENT;

/// The media of the items that a job made.
async fn media(server: &Server, items: &[ItemId]) -> Vec<Vec<String>> {
    let mut media = Vec::new();
    for item_id in items {
        let manifest = server.library.manifest(*item_id, None).await.unwrap().manifest.unwrap();
        let fragments = manifest.takes.iter().flat_map(|take| &take.fragments);
        media.push(fragments.map(|fragment| fragment.blob.hash.clone()).collect());
    }
    media
}

/// Turns a done job into one whose results are still to be made.
fn reopen(record: &mut Record, _: u64) {
    record.phase = Phase::Open;
    (record.result, record.ended_at_ms) = (vec![], None);
}

#[tokio::test]
async fn a_task_of_a_worker_that_died_is_anothers_and_what_the_first_sends_late_harms_nothing() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let (dead, other) = (Hand::new("dead"), Hand::new("other"));
    let first = dead.claim(&server).await;
    // The lease expires.
    let second = other.claim(&server).await;
    assert_eq!((&second.key, second.attempt), (&first.key, 2));
    assert_eq!(dead.lost(&server, &[&first]).await, [&*first.key]);
    assert_eq!(dead.progress(&server, &first, 9).await, GONE);
    let sound = output(&server, &first.work).await;
    assert_eq!(dead.done(&server, &first, &sound).await, OK, "the first output counts");
    assert_eq!(dead.done(&server, &first, &sound).await, OK, "the answer may be lost");
    assert_eq!(other.progress(&server, &second, 9).await, GONE);
    assert_eq!(other.done(&server, &second, &sound).await, OK);
    let job = other.finish(&server, job_id).await;
    assert_eq!((job.state, job.tasks.len()), (State::Done, 6));
    assert!(job.tasks[1..].iter().all(|task| task.attempts == 1), "{:?}", job.tasks);
}

#[tokio::test]
async fn what_a_server_did_not_do_after_a_write_another_does() {
    let (_folder, a, mut b) = pair().await;
    let job_id = start(&a, "stems", song(&a, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    // The job has each output, but nothing else was done, as if the server had died after that write.
    for _ in 0..6 {
        let task = hand.claim(&a).await;
        let output = output(&a, &task.work).await;
        let done = |record: &mut crate::jobs::Record, now_ms| {
            record.done(task.n, &output, &Ended::default(), now_ms).unwrap()
        };
        b.jobs.find(job_id).await.unwrap();
        b.jobs.change(job_id, done).await.unwrap();
    }
    b.crash().await;
    let job = until_state(&a, job_id, State::Done).await;
    assert_eq!(job.result.len(), 2);
    until("the queue is empty", async || a.jobs.tasks.waiting() == 0).await;
    // Their leases expire, and the next claims find that they are done.
    assert!(hand.try_claim(&a, 5_000).await.is_none());
}

#[tokio::test]
async fn results_are_made_once_by_however_many_servers_and_begun_ones_are_completed() {
    let (_folder, a, b) = pair().await;
    let source = song(&a, "a", |_| {}).await;
    let job_id = start(&a, "stems", source).await;
    let hand = Hand::new("a");
    hand.finish(&a, job_id).await;
    let job = show(&a, job_id).await;
    let expected = media(&a, &job.result).await;

    // Tries every prefix of the writes: an item that has some of them gets the rest.
    let record = a.jobs.find(job_id).await.unwrap();
    for begun in [1, 2] {
        for item_id in &job.result[..begun] {
            a.library.remove(*item_id, |_| true).await.unwrap();
        }
        a.jobs.change(job_id, reopen).await.unwrap();
        let (first, second) = tokio::join!(a.jobs.advance(job_id), b.jobs.advance(job_id));
        first.and(second).unwrap();
        let again = until_state(&a, job_id, State::Done).await;
        assert_eq!(again.result, job.result);
        assert_eq!(media(&a, &again.result).await, expected);
    }
    let made = a.library.first(100, |_, item| item.kind == Kind::Job);
    assert_eq!(made.len(), 2, "{:?}", record.generation);
}

#[tokio::test]
async fn an_item_that_a_job_has_made_already_needs_no_more_room() {
    let unbounded = server().await;
    let job_id = start(&unbounded, "stems", song(&unbounded, "a", |_| {}).await).await;
    Hand::new("a").finish(&unbounded, job_id).await;
    let items = unbounded.library.first(10, |_, _| true);
    let quota = items.iter().map(|(_, item)| item.bytes).sum();

    let server = Cluster::new().await.member(|config| config.library.quota_bytes = quota).await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let job = Hand::new("a").finish(&server, job_id).await;
    assert_eq!(job.state, State::Done, "there is room for both items: {job:?}");
    server.library.remove(job.result[0], |_| true).await.unwrap();
    server.jobs.change(job_id, reopen).await.unwrap();
    server.jobs.advance(job_id).await.unwrap();
    assert_eq!(show(&server, job_id).await.state, State::Done, "one of them was there");
}

#[tokio::test]
async fn a_job_whose_blobs_are_gone_begins_again_and_in_the_end_fails() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    for generation in 0..3 {
        let task = hand.work(&server).await;
        assert!(matches!(task.work, Work::Decode(_)));
        assert_eq!(task.key.parse::<Key>().unwrap().generation, generation);
        let piece = loop {
            let piece = hand.claim(&server).await;
            assert_eq!(piece.key.parse::<Key>().unwrap().generation, generation, "one attempt is not enough");
            assert_eq!(hand.failed(&server, &piece, "input_gone").await, OK);
            if piece.attempt > 1 {
                break piece;
            }
        };
        assert_eq!(hand.done(&server, &piece, &output(&server, &piece.work).await).await, GONE);
    }
    let job = until_state(&server, job_id, State::Failed).await;
    assert!(job.error.unwrap().contains("deleted"));
    assert!(hand.try_claim(&server, 0).await.is_none());
    assert_eq!(server.jobs.counts.failed.get(), 1);
}

#[tokio::test]
async fn a_run_that_ends_while_its_results_are_made_leaves_no_items_and_does_not_end_the_next_run() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let job = Hand::new("a").finish(&server, job_id).await;
    // Restores the state in which all tasks were done.
    for item_id in job.result {
        server.library.remove(item_id, |_| true).await.unwrap();
    }
    server.jobs.change(job_id, reopen).await.unwrap();
    let first = server.jobs.find(job_id).await.unwrap();
    let path = format!("/api/jobs/{job_id}");
    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, OK);
    assert!(server.operate(Method::POST, &format!("{path}/retry"), vec![]).await.status.is_success());

    server.jobs.finish(job_id, &first).await.unwrap();
    assert!(server.library.first(10, |_, item| item.kind == Kind::Job).is_empty());
    let mut unusable = first.clone();
    let takes = put_json(&server, &json!([])).await;
    unusable.tasks[4].output = Some(Output::Media { takes, duration_ms: 1, bytes: 1 });
    server.jobs.finish(job_id, &unusable).await.unwrap();
    let second = server.jobs.find(job_id).await.unwrap();
    assert!(second.is_open() && second.generation == first.generation + 1);
}

#[tokio::test]
async fn a_job_whose_result_is_damaged_begins_again() {
    let server = server().await;
    let item_id = song(&server, "a", |_| {}).await;
    let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3" } });
    assert_eq!(try_start(&server, body).await.status, StatusCode::CREATED);
    let hand = Hand::with_ffmpeg("a");
    let task = hand.claim(&server).await;
    let made = output(&server, &task.work).await;
    let Output::File { blobs, .. } = &made else { panic!("a file") };
    let Location::Folder(folder) = &server.context().config.objects else { panic!("a folder") };
    let hash = &blobs.hash;
    let found = fs::read_dir(folder.join("blobs")).unwrap().map(|part| part.unwrap().path().join(hash));
    let path = found.into_iter().find(|path| path.exists()).expect("the list of blobs");
    fs::write(&path, b"damaged").unwrap();
    hand.done(&server, &task, &made).await;
    assert_ne!(hand.claim(&server).await.key, task.key);
}

#[tokio::test]
async fn what_a_job_left_long_ago_is_cleared_by_a_server_that_starts() {
    let cluster = Cluster::new().await;
    let server = cluster.member(|_| {}).await;
    let item_id = song(&server, "a", |_| {}).await;
    let job_id = start(&server, "waveform", item_id).await;
    let key = Key::of(job_id, &server.jobs.records.get(&job_id).unwrap(), 0);
    until("the task waits", async || server.jobs.tasks.knows(key)).await;
    let cancel = |record: &mut Record, _| {
        record.cancel(1);
    };
    server.jobs.change(job_id, cancel).await.unwrap();
    let other = cluster.member(|_| {}).await;
    until("the task is removed", async || !other.jobs.tasks.knows(key)).await;
}

#[tokio::test]
async fn a_stem_whose_fragments_are_gone_is_not_made() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    for _ in 0..4 {
        hand.work(&server).await;
    }
    for _ in 0..2 {
        let task = hand.claim(&server).await;
        let missing = json!([{ "mime": "audio/mp4", "fragments": [{ "hash": "0".repeat(64), "bytes": 1, "start_ms": 0, "duration_ms": 1 }] }]);
        let output = Output::Media { takes: put_json(&server, &missing).await, duration_ms: 1, bytes: 1 };
        assert_eq!(hand.done(&server, &task, &output).await, OK);
    }
    let task = hand.claim(&server).await;
    assert_eq!((task.n, task.key.parse::<Key>().unwrap().generation), (0, 1), "it begins again");
    assert_eq!(show(&server, job_id).await.state, State::Running);
    assert!(server.library.first(10, |_, item| item.kind == Kind::Job).is_empty());
}

#[tokio::test]
async fn what_a_worker_makes_wrongly_is_refused_or_fails_the_job() {
    let server = server().await;
    let job_id = start(&server, "waveform", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    let task = hand.claim(&server).await;
    let other = Output::Pictures { pictures: vec![] };
    assert_eq!(hand.done(&server, &task, &other).await, StatusCode::BAD_REQUEST);
    let waveform = put_json(&server, &json!({ "peak_ms": 1, "peaks": vec![0; 5_000] })).await;
    let large = Output::Measured { waveform, loudness_centi_lufs: None, true_peak_centi_db: None };
    assert_eq!(hand.done(&server, &task, &large).await, OK);
    let job = until_state(&server, job_id, State::Failed).await;
    assert!(job.error.unwrap().contains("cannot be used"));
}

#[tokio::test]
async fn an_output_without_hashes_is_refused_and_the_sizes_of_blobs_are_checked() {
    let server = server().await;
    let item_id = song(&server, "a", |_| {}).await;
    let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3" } });
    let job_id = try_start(&server, body).await.read::<JobCreated>().job_id;
    let hand = Hand::with_ffmpeg("a");
    let task = hand.claim(&server).await;
    let right = output(&server, &task.work).await;
    let with = |list: Blob| {
        let Output::File { extension, mime, bytes, .. } = right.clone() else { panic!("a file") };
        Output::File { extension, mime, bytes, blobs: list }
    };
    let wrong = with(Blob { hash: "a".repeat(100_000), bytes: 1 });
    assert_eq!(hand.done(&server, &task, &wrong).await, StatusCode::BAD_REQUEST);
    assert_eq!(show(&server, job_id).await.state, State::Running, "the worker may send another one");
    // Two blobs of 6 bytes; the size of one is reported larger.
    let Output::File { blobs, .. } = &right else { panic!("a file") };
    let list = server.context().objects.get(&blobs.hash.parse().unwrap(), None).await.unwrap();
    let mut list: Vec<Blob> = serde_json::from_slice(&list).unwrap();
    (list[0].bytes, list[1].bytes) = (7, 5);
    let wrong = with(put_json(&server, &list).await);
    assert_eq!(hand.done(&server, &task, &wrong).await, OK);
    let job = until_state(&server, job_id, State::Failed).await;
    assert!(job.error.unwrap().contains("cannot be used"));
}

#[tokio::test]
async fn a_job_ends_with_its_item() {
    let server = server().await;
    let source = song(&server, "a", |_| {}).await;
    let job_id = start(&server, "stems", source).await;
    let hand = Hand::new("a");
    let task = hand.claim(&server).await;
    server.library.delete(source, Now::read()).await.unwrap();
    until_state(&server, job_id, State::Cancelled).await;
    assert_eq!(hand.progress(&server, &task, 1).await, GONE);
    let answer = server.operate(Method::POST, &format!("/api/jobs/{job_id}/retry"), vec![]).await;
    assert_eq!(answer.code(), protocol::ErrorCode::UnknownItem);
}

#[tokio::test]
async fn a_job_goes_on_after_all_servers_were_restarted() {
    let cluster = Cluster::new().await;
    let folder = tempfile::tempdir().unwrap();
    let set =
        |config: &mut crate::Config| config.objects = objects::Location::Folder(folder.path().to_owned());
    let mut server = cluster.member(set).await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    let task = hand.claim(&server).await;
    server.crash().await;
    let server = cluster.member(set).await;
    // The earlier claim still counts.
    assert_eq!(hand.progress(&server, &task, 30).await, OK);
    assert_eq!(show(&server, job_id).await.tasks[0].progress, 0.3);
    assert_eq!(hand.done(&server, &task, &output(&server, &task.work).await).await, OK);
    let job = hand.finish(&server, job_id).await;
    assert_eq!((job.state, job.tasks[0].attempts), (State::Done, 1));
    let item: Item = server.get(&format!("/api/library/{}", job.result[0])).await.read();
    assert_eq!(item.title, "a (vocals)");
}

#[tokio::test]
async fn workers_that_crash_at_random_change_nothing_in_the_result() {
    let (_folder, a, b) = pair().await;
    let servers = [&a, &b];
    let source = song(&a, "a", |_| {}).await;
    let undisturbed = Hand::new("a").finish(&a, start(&a, "stems", source).await).await;
    let other = song(&a, "b", |_| {}).await;
    let job_id = start(&b, "stems", other).await;
    let mut random = 7_u64;
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    let mut kept: Vec<ClaimedTask> = Vec::new();
    for step in 0.. {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let server = servers[(random >> 33) as usize % 2];
        if !matches!(show(&a, job_id).await.state, State::Waiting | State::Running) {
            break;
        }
        assert!(step < 200, "it does not end");
        let hand = Hand::new(&format!("worker {step}"));
        let Some(task) = hand.try_claim(server, 4_000).await else { continue };
        *given.entry(task.key.clone()).or_default() += 1;
        match (random >> 40) % 4 {
            // The worker dies, and returns much later.
            0 if kept.len() < 2 => kept.push(task),
            1 => drop(hand.failed(server, &task, "again").await),
            _ => drop(hand.done(server, &task, &output(server, &task.work).await).await),
        }
    }
    let job = until_state(&a, job_id, State::Done).await;
    for task in kept {
        let late = Hand::new("late");
        late.done(&b, &task, &output(&b, &task.work).await).await;
    }
    assert_eq!(show(&b, job_id).await.result, job.result);
    assert_eq!(media(&a, &job.result).await, media(&a, &undisturbed.result).await);
    assert!(given.values().any(|count| *count > 1), "{given:?}");
}
