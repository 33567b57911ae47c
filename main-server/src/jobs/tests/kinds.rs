//! The results of each kind of job.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, SystemTime},
};

use objects::Location;
use protocol::{
    ErrorCode,
    item::{Item, Kind, State as ItemState, Stem, Stems},
    job::{ClaimTask, JobPage, State, TaskState, Work},
    stream::Visibility,
    upkeep::Line,
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use store::{Entry, Namespace};

use super::super::{
    automatic::Failed,
    bounds::{JOBS_MEASURING, JOBS_PICTURING},
    job::Record,
};
use super::{Hand, account, call_as, server, show, song, start, states, try_start, until_state};
use crate::{
    clock::Now,
    cluster::tests::{Cluster, Member as Server, until},
    library::tests::item,
};

#[tokio::test]
async fn stems_are_two_items_with_what_describes_their_source() {
    let server = server().await;
    let cookie = account(&server, "ann").await;
    let owner = server.jobs.broadcasters.owner("ann");
    let source = song(&server, "Night drive", |new| {
        new.owner = owner;
        new.visibility = Visibility::Unlisted;
        new.text.artist = Some("Ann".into());
        new.text.tags = vec!["rock".into()];
    })
    .await;
    let answer =
        call_as(&server, &cookie, Method::POST, "/api/jobs", json!({ "kind": "stems", "item_id": source }))
            .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let job_id = answer.json["job_id"].as_str().unwrap().parse().unwrap();
    let hand = Hand::new("a");
    assert!(matches!(hand.work(&server).await.work, Work::Decode(_)));
    for _ in 0..3 {
        assert!(matches!(hand.work(&server).await.work, Work::Separate(_)));
    }
    let job = show(&server, job_id).await;
    assert!(job.progress > 0.85 && job.progress < 0.95, "{}", job.progress);
    assert_eq!(job.started_by.as_deref(), Some("ann"));
    for _ in 0..2 {
        let Work::Join(join) = hand.work(&server).await.work else { panic!("it joins last") };
        assert_eq!(join.pieces.len(), 3);
    }
    let job = until_state(&server, job_id, State::Done).await;
    assert_eq!((job.progress, job.result.len(), job.left_ms), (1.0, 2, None));
    assert!(job.ended_at_ms.is_some() && job.tasks.iter().all(|task| task.log.len() == 1));
    let stems = Stems { vocals: job.result[0], accompaniment: job.result[1] };
    for (item_id, stem, title) in [
        (stems.vocals, Stem::Vocals, "Night drive (vocals)"),
        (stems.accompaniment, Stem::Accompaniment, "Night drive (accompaniment)"),
    ] {
        let item: Item = server.operate(Method::GET, &format!("/api/library/{item_id}"), vec![]).await.read();
        assert_eq!((&*item.title, item.kind, item.state), (title, Kind::Job, ItemState::Ready));
        assert_eq!((item.source, item.stem, item.stems), (Some(source), Some(stem), Some(stems)));
        assert_eq!(
            (item.duration_ms, item.artist.as_deref(), item.owner.as_deref()),
            (50_000, Some("Ann"), Some("ann"))
        );
        assert_eq!((item.visibility, item.tags), (Visibility::Unlisted, vec!["rock".to_owned()]));
        let manifest = server.library.manifest(item_id, None).await.unwrap().manifest.unwrap();
        assert_eq!((manifest.takes[0].fragments.len(), manifest.takes[0].alternatives.len()), (1, 1));
    }
    let shown: Item = server.get(&format!("/api/library/{source}")).await.read();
    assert_eq!(shown.stems, Some(stems));

    let of_stem = try_start(&server, json!({ "kind": "stems", "item_id": stems.vocals })).await;
    assert_eq!(of_stem.code(), ErrorCode::InvalidRequest);

    // The same job again has its results at once, until one is deleted.
    let again = json!({ "kind": "stems", "item_id": source });
    assert_eq!(try_start(&server, again.clone()).await.status, StatusCode::OK);
    server.operate(Method::DELETE, &format!("/api/library/{}", stems.vocals), vec![]).await;
    assert_eq!(try_start(&server, again).await.status, StatusCode::CREATED);
    let job = hand.finish(&server, job_id).await;
    assert_eq!(job.state, State::Done);
    assert!(!job.result.contains(&stems.vocals), "other items");
}

#[tokio::test]
async fn stems_outlive_the_record_of_their_job_and_the_end_of_a_later_run() {
    let server = server().await;
    let source = song(&server, "Song", |_| {}).await;
    let job_id = start(&server, "stems", source).await;
    let stems = Hand::new("a").finish(&server, job_id).await.result;
    assert_eq!(stems.len(), 2);
    // Simulates the state 7 days later.
    server.jobs.records.remove(&job_id).await.unwrap();
    assert_eq!(start(&server, "stems", source).await, job_id);
    let cancelled = server.operate(Method::DELETE, &format!("/api/jobs/{job_id}"), vec![]).await;
    assert_eq!(cancelled.status, StatusCode::NO_CONTENT);
    for item_id in stems {
        assert_eq!(server.library.get(item_id).await.unwrap().state, ItemState::Ready);
    }
}

#[tokio::test]
async fn items_are_measured_by_themselves_and_on_request() {
    let server = Cluster::new().await.member(|config| config.jobs.auto_waveform = true).await;
    let item_id = song(&server, "Song", |_| {}).await;
    let silent = item(&server, "no media", |_| {}).await;
    let hand = Hand::new("a");
    let Work::Measure(source) = hand.work(&server).await.work else { panic!("it is measured") };
    let objects = &server.context().objects;
    let manifest = objects.get(&source.manifest.hash.parse().unwrap(), None).await.unwrap();
    let manifest: protocol::item::Manifest = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((manifest.item_id, manifest.takes.len()), (item_id, 1));
    let shown = async || server.get(&format!("/api/library/{item_id}")).await.read::<Item>();
    until("it is measured", async || shown().await.waveform_url.is_some()).await;
    let item = shown().await;
    assert_eq!((item.loudness_centi_lufs, item.true_peak_centi_db), (Some(-1_410), Some(-30)));
    let url = item.waveform_url.unwrap();
    assert_eq!(server.get(&url).await.json, json!({ "peak_ms": 100, "peaks": [1, 2, 255] }));
    assert!(hand.try_claim(&server, 1_500).await.is_none(), "once");
    let again = try_start(&server, json!({ "kind": "waveform", "item_id": item_id })).await;
    assert_eq!(again.status, StatusCode::OK);
    let refused = try_start(&server, json!({ "kind": "waveform", "item_id": silent })).await;
    assert_eq!(refused.code(), ErrorCode::InvalidRequest, "it has no sound");
}

#[tokio::test]
async fn pictures_need_a_worker_with_ffmpeg() {
    let server = server().await;
    let item_id = song(&server, "Film", |_| {}).await;
    let job_id = start(&server, "preview", item_id).await;
    assert!(Hand::new("a").try_claim(&server, 200).await.is_none());
    assert_eq!(states(&show(&server, job_id).await), [("pictures".into(), TaskState::Waiting)]);
    let task = Hand::with_ffmpeg("b").work(&server).await;
    let Work::Pictures(pictures) = task.work else { panic!("pictures") };
    assert_eq!((pictures.duration_ms, pictures.every_ms), (50_000, 2_000));
    until_state(&server, job_id, State::Done).await;
    let item: Item = server.get(&format!("/api/library/{item_id}")).await.read();
    assert_eq!(item.previews.len(), 1);
    assert_eq!(item.previews[0].at_ms, 2_000);
    let record = server.library.get(item_id).await.unwrap();
    let previews = server.library.previews(item_id, &record).await.unwrap();
    assert_eq!(record.poster, Some(previews.pictures[0].blob.clone()), "it had no poster");
}

#[tokio::test]
async fn videos_without_pictures_get_them_once_if_a_worker_has_ffmpeg() {
    let server = Cluster::new().await.member(|config| config.jobs.auto_waveform = true).await;
    let item_id = song(&server, "Film", |_| {}).await;
    let look = async || {
        server.jobs.picture_items(&mut Failed::default(), Now::read()).await.unwrap();
        let of_kind = |record: &&Record| record.kind == protocol::job::Kind::Preview;
        server.jobs.records.with(|records| records.iter().map(|(_, record)| record).filter(of_kind).count())
    };
    let aged = async || {
        let age = |record: &mut crate::library::Record| record.created_at_ms -= 61_000;
        server.library.change(item_id, age).await.unwrap();
    };
    assert!(matches!(Hand::new("a").work(&server).await.work, Work::Measure(_)));
    let hand = Hand::with_ffmpeg("b");
    assert!(hand.try_claim(&server, 200).await.is_none());
    assert_eq!(look().await, 0, "the item came just now: the page may bring pictures");
    aged().await;
    assert_eq!(look().await, 1);
    let Work::Pictures(_) = hand.work(&server).await.work else { panic!("pictures") };
    until("it has pictures", async || server.library.get(item_id).await.unwrap().previews > 0).await;
    server.library.change(item_id, |record| record.previews = 0).await.unwrap();
    assert_eq!(look().await, 1);
    assert!(hand.try_claim(&server, 200).await.is_none(), "once");
}

#[tokio::test]
async fn without_a_worker_that_has_ffmpeg_no_pictures_are_asked_for() {
    let server = Cluster::new().await.member(|config| config.jobs.auto_waveform = true).await;
    let item_id = song(&server, "Film", |_| {}).await;
    server.library.change(item_id, |record| record.created_at_ms -= 61_000).await.unwrap();
    assert!(matches!(Hand::new("a").work(&server).await.work, Work::Measure(_)));
    server.jobs.picture_items(&mut Failed::default(), Now::read()).await.unwrap();
    let kinds =
        server.jobs.records.with(|records| records.iter().map(|(_, record)| record.kind).collect::<Vec<_>>());
    assert_eq!(kinds, [protocol::job::Kind::Waveform]);
}

#[tokio::test]
async fn items_whose_manifest_cannot_be_read_do_not_hold_up_others_and_are_tried_again_later() {
    let cluster = Cluster::new().await;
    let first = cluster.member(|_| {}).await;
    let kv = &first.context().store.kv;
    let manifests = Namespace::new("library-manifests");
    let readable = song(&first, "readable", |_| {}).await;
    first.library.change(readable, |record| record.created_at_ms -= 1_000).await.unwrap();
    for number in 0..10 {
        song(&first, &format!("damaged {number}"), |_| {}).await;
    }
    let entries = kv.entries(manifests, "").await.unwrap();
    let damaged = |entry: &&Entry| !entry.key.starts_with(&readable.to_string());
    for entry in entries.iter().filter(damaged) {
        kv.put(manifests, &entry.key, b"no JSON".as_slice().into(), None).await.unwrap();
    }
    // A server that has no manifest in memory, and that starts no jobs but here.
    let server = cluster.member(|_| {}).await;
    let mut failed = Failed::default();
    let now = Now::read();
    let measured = || {
        server
            .jobs
            .records
            .with(|records| records.iter().map(|(_, job)| job.item_id).collect::<BTreeSet<_>>())
    };
    server.jobs.measure_items(&mut failed, now).await.unwrap();
    assert_eq!(measured(), BTreeSet::from([readable]));
    for entry in entries.iter().filter(damaged) {
        kv.put(manifests, &entry.key, entry.value.clone(), None).await.unwrap();
    }
    server.jobs.measure_items(&mut failed, now).await.unwrap();
    assert_eq!(measured().len(), 1, "they were tried a moment ago");
    server.jobs.measure_items(&mut failed, now + Duration::from_secs(60 * 60)).await.unwrap();
    assert_eq!(measured().len(), JOBS_MEASURING, "as many as there is room for");
}

#[tokio::test]
async fn jobs_that_servers_start_themselves_are_bounded() {
    let server = server().await;
    for number in 0..JOBS_MEASURING + 2 {
        let item_id = song(&server, &format!("Film {number}"), |_| {}).await;
        server.library.change(item_id, |record| record.created_at_ms -= 61_000).await.unwrap();
    }
    assert!(Hand::with_ffmpeg("a").try_claim(&server, 1).await.is_none());
    for _ in 0..2 {
        server.jobs.measure_items(&mut Failed::default(), Now::read()).await.unwrap();
        server.jobs.picture_items(&mut Failed::default(), Now::read()).await.unwrap();
    }
    let count = |kind| {
        server.jobs.records.with(|records| records.iter().filter(|(_, record)| record.kind == kind).count())
    };
    assert_eq!(count(protocol::job::Kind::Waveform), JOBS_MEASURING);
    assert_eq!(count(protocol::job::Kind::Preview), JOBS_PICTURING);
}

#[tokio::test]
async fn an_export_is_a_file_with_ranges_that_the_collection_of_garbage_keeps() {
    let server = server().await;
    let item_id = song(&server, "Größe/1", |_| {}).await;
    let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3" } });
    assert_eq!(
        try_start(&server, json!({ "kind": "export", "item_id": item_id })).await.code(),
        ErrorCode::InvalidRequest
    );
    let (cookie, stranger) = (account(&server, "ann").await, account(&server, "stranger").await);
    let answer = call_as(&server, &cookie, Method::POST, "/api/jobs", body).await;
    let job_id = answer.read::<protocol::job::JobCreated>().job_id;
    Hand::with_ffmpeg("a").work(&server).await;
    let job = until_state(&server, job_id, State::Done).await;
    let file = job.file.unwrap();
    assert_eq!((&*file.name, file.bytes, &*file.mime), ("Größe_1.mp3", 12, "audio/mpeg"));
    assert_eq!(file.url, format!("/api/jobs/{job_id}/file"));
    assert_eq!(
        call_as(&server, &stranger, Method::GET, &file.url, json!(null)).await.code(),
        ErrorCode::UnknownJob
    );
    let get = async |range: Option<&str>| {
        let mut headers = vec![("cookie", cookie.as_str())];
        headers.extend(range.map(|range| ("range", range)));
        server.call(Method::GET, &file.url, &headers, vec![]).await
    };
    let whole = get(None).await;
    assert_eq!(whole.headers()["content-length"], "12");
    assert!(whole.headers()["content-disposition"].to_str().unwrap().starts_with("attachment; filename="));
    assert_eq!(whole.text().await.unwrap(), "first second");
    let part = get(Some("bytes=3-8")).await;
    assert_eq!(
        (part.status(), &part.headers()["content-range"]),
        (StatusCode::PARTIAL_CONTENT, &"bytes 3-8/12".parse().unwrap())
    );
    assert_eq!(part.text().await.unwrap(), "st sec");
    assert_eq!(get(Some("bytes=12-")).await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    make_old(&server);
    let gc = server.operate(Method::POST, "/api/library/gc", vec![]).await;
    let Line::Collected(collected) = gc.read() else { panic!("it is collected") };
    assert!(collected.discarded > 0, "lists and manifests that no job needs any more");
    let mut named = Vec::new();
    server.jobs.named_blobs(|hash| named.push(hash.to_owned())).await.unwrap();
    for hash in &named {
        assert!(server.context().objects.head(&hash.parse().unwrap()).await.unwrap().is_some(), "{hash}");
    }
    assert_eq!(named.len(), 2);
    server.operate(Method::DELETE, &format!("/api/library/{item_id}"), vec![]).await;
    assert_eq!(get(None).await.status(), StatusCode::NOT_FOUND, "the item is deleted");
}

/// Simulates that all blobs were written days ago.
fn make_old(server: &Server) {
    let Location::Folder(folder) = &server.context().config.objects else { panic!("a folder") };
    for part in fs::read_dir(folder.join("blobs")).unwrap() {
        for file in fs::read_dir(part.unwrap().path()).unwrap() {
            let file = fs::File::options().append(true).open(file.unwrap().path()).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(3 * 24 * 60 * 60)).unwrap();
        }
    }
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_item_in_pages() {
    let server = server().await;
    let items = [song(&server, "a", |_| {}).await, song(&server, "b", |_| {}).await];
    let mut ids = Vec::new();
    for item_id in items {
        ids.push(start(&server, "waveform", item_id).await);
        ids.push(start(&server, "stems", item_id).await);
    }
    let page = async |query: &str| {
        server.operate(Method::GET, &format!("/api/jobs?{query}"), vec![]).await.read::<JobPage>()
    };
    let first = page("limit=3").await;
    assert_eq!((first.jobs.len(), first.total), (3, 4));
    let rest = page(&format!("limit=3&cursor={}", first.next_cursor.unwrap())).await;
    assert_eq!((rest.jobs.len(), rest.next_cursor), (1, None));
    assert_eq!(page(&format!("item_id={}", items[1])).await.total, 2);
    let hand = Hand::new("a");
    // Waveforms come first.
    let task = hand.claim(&server).await;
    assert_eq!(task.work.step(), "measure");
    let running = page("state=running").await;
    assert_eq!((running.total, running.jobs[0].job_id), (1, task.job_id));
    assert!(running.jobs[0].tasks[0].log.is_empty() && page("state=waiting").await.total == 3);
    hand.finish(&server, task.job_id).await;
    let wrong = server.operate(Method::GET, "/api/jobs?cursor=x", vec![]).await;
    assert_eq!(wrong.code(), ErrorCode::InvalidRequest);
}

#[tokio::test]
async fn all_workers_have_the_model_that_is_set() {
    let model = "a".repeat(64);
    let cluster = Cluster::new().await;
    let server = cluster.member(|config| config.jobs.stems_model = model.parse().ok()).await;
    let item_id = song(&server, "a", |_| {}).await;
    let job_id = start(&server, "stems", item_id).await;
    for own in [None, Some("b".repeat(64))] {
        let other = Hand { stems_model: own, ..Hand::new("other") };
        let claim = json!(ClaimTask { worker: other.worker(&[]), wait_ms: 0 });
        let refused = other.post(&server, "claim", claim).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(
            refused.json["error"]["message"].as_str().unwrap().contains("stems_model_hash"),
            "{refused:?}"
        );
    }
    let hand = Hand { stems_model: Some(model.clone()), ..Hand::new("hand") };
    assert!(matches!(hand.work(&server).await.work, Work::Decode(_)));
    let Work::Separate(separate) = hand.claim(&server).await.work else { panic!("pieces follow") };
    assert_eq!(separate.model, Some(model));
    let built_in = cluster.member(|_| {}).await;
    assert_ne!(start(&built_in, "stems", item_id).await, job_id, "another separator makes another job");
}
