//! A job on several main servers that share a store.

use std::path::Path;

use nats_harness::Servers;
use protocol::{
    item::State as ItemState,
    job::{JobCreated, State, TaskState, Workers},
    stream::Visibility,
};
use reqwest::{Method, StatusCode};
use store::{Engine, Store};

use super::{Hand, listen_as, output, pair, show, song, start, until_state};
use crate::cluster::tests::{Cluster, until};

const OK: StatusCode = StatusCode::NO_CONTENT;

#[tokio::test]
async fn a_worker_claims_at_one_server_and_reports_to_another() {
    let (_folder, a, b) = pair().await;
    let item_id = song(&a, "a", |_| {}).await;
    let hand = Hand::new("w");
    let (task, job_id) = tokio::join!(hand.claim(&b), start(&a, "stems", item_id));
    for (server, percent) in [(&a, 10), (&b, 20), (&a, 30)] {
        assert_eq!(hand.progress(server, &task, percent).await, OK);
    }
    until("both see it", async || show(&b, job_id).await.tasks[0].progress == 0.3).await;
    let sound = output(&a, &task.work).await;
    let both = tokio::join!(hand.done(&a, &task, &sound), hand.done(&b, &task, &sound));
    assert_eq!(both, (OK, OK));
    let workers = async |server: &crate::cluster::tests::Member| {
        server.operate(Method::GET, "/api/workers", vec![]).await.read::<Workers>().workers.len()
    };
    until("both know the worker", async || workers(&a).await == 1 && workers(&b).await == 1).await;
    let (first, second) = (hand.claim(&a).await, hand.claim(&b).await);
    assert_ne!(first.key, second.key);
    assert_eq!(hand.done(&b, &first, &output(&b, &first.work).await).await, OK);
    assert_eq!(hand.done(&a, &second, &output(&a, &second.work).await).await, OK);
    assert_eq!(hand.finish(&b, job_id).await.state, State::Done);
    let job = until_state(&a, job_id, State::Done).await;
    assert!(
        job.tasks.iter().all(|task| (task.state, task.attempts) == (TaskState::Done, 1)),
        "{:?}",
        job.tasks
    );
}

#[tokio::test]
async fn a_server_that_is_behind_ends_no_task_of_a_worker() {
    let (_folder, a, b) = pair().await;
    let job_id = start(&a, "waveform", song(&a, "a", |_| {}).await).await;
    until("the other server knows the task", async || b.jobs.tasks.waiting() == 1).await;
    let (first, second) = (Hand::new("first"), Hand::new("other"));
    // From here on it receives no changes: to it, the task is still waiting.
    b.blind();
    let task = first.claim(&a).await;
    assert!(first.lost(&b, &[&task]).await.is_empty());
    assert_eq!(second.lost(&b, &[&task]).await, [&*task.key]);

    assert_eq!(first.failed(&a, &task, "for_good").await, OK);
    b.jobs.records.look_up(&job_id).await.unwrap();
    let retry = a.operate(Method::POST, &format!("/api/jobs/{job_id}/retry"), vec![]).await;
    assert_eq!(retry.status, StatusCode::OK);
    // The other server knows that the job failed, but not that it was restarted.
    let again = first.claim(&a).await;
    assert!(first.lost(&b, &[&again]).await.is_empty());
}

#[tokio::test]
async fn a_job_that_began_again_just_now_is_cancelled_at_any_server() {
    let (_folder, a, b) = pair().await;
    let job_id = start(&a, "waveform", song(&a, "a", |_| {}).await).await;
    let path = format!("/api/jobs/{job_id}");
    assert_eq!(a.operate(Method::DELETE, &path, vec![]).await.status, OK);
    until_state(&b, job_id, State::Cancelled).await;
    b.blind();
    assert!(a.operate(Method::POST, &format!("{path}/retry"), vec![]).await.status.is_success());
    assert_eq!(b.operate(Method::DELETE, &path, vec![]).await.status, OK);
    until_state(&a, job_id, State::Cancelled).await;
}

#[tokio::test]
async fn stems_of_an_item_that_became_private_just_now_are_private() {
    let (_folder, a, b) = pair().await;
    let source = song(&a, "a", |_| {}).await;
    let job_id = start(&a, "stems", source).await;
    let hand = Hand::new("a");
    for _ in 0..5 {
        hand.work(&a).await;
    }
    let last = hand.claim(&a).await;
    until("the other server knows the item", async || b.library.known(source).is_some()).await;
    b.blind();
    a.library.change(source, |item| item.visibility = Visibility::Private).await.unwrap();
    // The other server makes the results.
    assert_eq!(hand.done(&b, &last, &output(&b, &last.work).await).await, OK);
    let job = until_state(&a, job_id, State::Done).await;
    for item_id in job.result {
        let item = a.library.newest(item_id).await.unwrap();
        assert_eq!((item.visibility, item.state), (Visibility::Private, ItemState::Ready));
    }
}

#[tokio::test]
async fn event_streams_tell_of_what_happens_at_other_servers_and_end_with_the_job() {
    let (_folder, a, b) = pair().await;
    let cookie = super::account(&a, "ann").await;
    until("the account is known", async || b.accounts.since_ms("ann").is_some()).await;
    let item_id = song(&a, "a", |_| {}).await;
    let body = serde_json::json!({ "kind": "waveform", "item_id": item_id });
    let answer = super::call_as(&a, &cookie, Method::POST, "/api/jobs", body).await;
    let job_id = answer.read::<JobCreated>().job_id;
    let mut events = listen_as(&b, &cookie, job_id).await;
    assert_eq!(events.expect("job").await["state"], "waiting");
    let hand = Hand::new("w");
    let task = hand.claim(&a).await;
    hand.progress(&a, &task, 40).await;
    loop {
        let job = events.expect("job").await;
        if job["progress"] == 0.4 {
            assert_eq!((&job["state"], &job["tasks"][0]["worker"]), (&"running".into(), &"w".into()));
            break;
        }
    }
    hand.done(&a, &task, &output(&a, &task.work).await).await;
    let mut last = None;
    while let Some((_, job)) = events.next().await {
        last = Some(job);
    }
    assert_eq!(last.unwrap()["state"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_run_the_same_on_nats() {
    let servers = Servers::start(1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let set =
        |config: &mut crate::Config| config.objects = objects::Location::Folder(folder.path().to_owned());
    let engine: Engine = servers.urls().parse().unwrap();
    let open = async || Store::open(&engine, Path::new("unused")).await.unwrap();
    let a = Cluster::of(open().await).member(set).await;
    let b = Cluster::of(open().await).member(set).await;
    let source = song(&a, "a", |_| {}).await;
    let (first, second) = (Hand::new("first"), Hand::new("second"));
    let (task, job_id) = tokio::join!(first.claim(&b), start(&a, "stems", source));
    assert_eq!(first.progress(&a, &task, 40).await, OK);
    // It dies. Another worker gets the task, and what the first one sends late counts.
    let again = second.claim(&a).await;
    assert_eq!((&again.key, again.attempt), (&task.key, 2));
    let sound = output(&b, &task.work).await;
    assert_eq!(first.done(&b, &task, &sound).await, OK);
    assert_eq!(second.done(&a, &again, &sound).await, OK);
    let (piece, other) = (first.claim(&a).await, second.claim(&b).await);
    assert_ne!(piece.key, other.key);
    assert_eq!(first.failed(&b, &piece, "handed_back").await, OK);
    assert_eq!(second.done(&a, &other, &output(&a, &other.work).await).await, OK);
    assert_eq!(second.finish(&b, job_id).await.state, State::Done);
    let job = until_state(&a, job_id, State::Done).await;
    assert_eq!((job.result.len(), job.tasks.len()), (2, 6));
}
