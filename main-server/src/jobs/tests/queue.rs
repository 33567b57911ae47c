//! Answers to workers: who has which task, what is lost, and the effects of failures.

use protocol::job::{State, TaskState, Workers};
use reqwest::{Method, StatusCode};

use super::{Hand, output, server, show, song, start, until_state};
use crate::cluster::tests::until;

const GONE: StatusCode = StatusCode::CONFLICT;
const OK: StatusCode = StatusCode::NO_CONTENT;

#[tokio::test]
async fn a_worker_that_waits_gets_a_task_at_once_and_all_see_how_far_it_is() {
    let server = server().await;
    let item_id = song(&server, "a", |_| {}).await;
    let hand = Hand::new("worker-1");
    assert!(hand.try_claim(&server, 0).await.is_none());
    let (task, job_id) = tokio::join!(hand.claim(&server), start(&server, "stems", item_id));
    assert_eq!((task.job_id, task.n, task.attempt), (job_id, 0, 1));
    assert_eq!(hand.progress(&server, &task, 50).await, OK);
    let job = show(&server, job_id).await;
    let decode = &job.tasks[0];
    assert_eq!(
        (job.state, decode.state, decode.worker.as_deref()),
        (State::Running, TaskState::Running, Some("worker-1"))
    );
    assert_eq!((decode.progress, decode.attempts, decode.log.len()), (0.5, 1, 1));
    let workers: Workers = server.operate(Method::GET, "/api/workers", vec![]).await.read();
    assert_eq!(
        (workers.workers.len(), &*workers.workers[0].worker.name, workers.waiting),
        (1, "worker-1", 0)
    );
    assert!(hand.lost(&server, &[&task]).await.is_empty());
}

#[tokio::test]
async fn failures_are_tried_again_by_others_and_their_reasons_are_kept() {
    let server = server().await;
    let job_id = start(&server, "waveform", song(&server, "a", |_| {}).await).await;
    let (a, b) = (Hand::new("a"), Hand::new("b"));
    let first = a.claim(&server).await;
    assert_eq!(a.failed(&server, &first, "again").await, OK);
    assert_eq!(a.failed(&server, &first, "again").await, GONE);
    let second = b.claim(&server).await;
    assert_eq!((second.key.as_str(), second.attempt), (first.key.as_str(), 2));
    assert_ne!(second.claim, first.claim);
    assert_eq!(b.failed(&server, &second, "handed_back").await, OK);
    let third = a.claim(&server).await;
    assert_eq!(third.attempt, 2, "what is handed back does not count");
    assert_eq!(a.progress(&server, &first, 1).await, GONE, "an earlier claim");
    assert_eq!(a.done(&server, &third, &output(&server, &third.work).await).await, OK);
    let job = until_state(&server, job_id, State::Done).await;
    let log = &job.tasks[0].log;
    let outcomes: Vec<_> =
        log.iter().map(|attempt| (&*attempt.worker, attempt.outcome.as_deref().unwrap())).collect();
    assert_eq!(outcomes, [("a", "no luck"), ("b", "handed back"), ("a", "done")]);
    assert_eq!(job.tasks[0].attempts, 2);
}

#[tokio::test]
async fn what_fails_for_good_fails_the_job_and_a_retry_begins_again() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let (a, b) = (Hand::new("a"), Hand::new("b"));
    a.work(&server).await;
    let (first, other) = (a.claim(&server).await, b.claim(&server).await);
    assert_eq!(a.failed(&server, &first, "for_good").await, OK);
    let job = until_state(&server, job_id, State::Failed).await;
    assert_eq!(job.error.as_deref(), Some("no luck"));
    assert_eq!(job.tasks[first.n as usize].state, TaskState::Failed);
    until("its other tasks are gone", async || b.progress(&server, &other, 1).await == GONE).await;
    assert_eq!(b.lost(&server, &[&other]).await, [&*other.key]);
    assert_eq!(b.done(&server, &other, &output(&server, &other.work).await).await, GONE);
    assert!(b.try_claim(&server, 0).await.is_none());

    let path = format!("/api/jobs/{job_id}/retry");
    assert_eq!(server.operate(Method::POST, &path, vec![]).await.status, StatusCode::OK);
    let job = a.finish(&server, job_id).await;
    assert_eq!((job.state, job.error), (State::Done, None));
    assert_eq!(server.operate(Method::POST, &path, vec![]).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_task_that_fails_too_often_fails_the_job() {
    let server = server().await;
    let job_id = start(&server, "waveform", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    for attempt in 1..=6 {
        let task = hand.claim(&server).await;
        assert_eq!(task.attempt, attempt);
        assert_eq!(hand.failed(&server, &task, "again").await, OK);
    }
    let job = until_state(&server, job_id, State::Failed).await;
    assert_eq!((job.error.as_deref(), job.tasks[0].log.len()), (Some("no luck"), 6));
}

#[tokio::test]
async fn cancelling_ends_the_work_and_leaves_nothing() {
    let server = server().await;
    let job_id = start(&server, "stems", song(&server, "a", |_| {}).await).await;
    let hand = Hand::new("a");
    hand.work(&server).await;
    let task = hand.claim(&server).await;
    let path = format!("/api/jobs/{job_id}");
    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, OK);
    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, OK);
    assert_eq!(show(&server, job_id).await.state, State::Cancelled);
    assert_eq!(hand.progress(&server, &task, 1).await, GONE);
    assert_eq!(hand.done(&server, &task, &output(&server, &task.work).await).await, GONE);
    assert!(hand.try_claim(&server, 0).await.is_none());
    assert_eq!(server.jobs.tasks.waiting(), 0);
}
