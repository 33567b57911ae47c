//! Who may start, see and change jobs, and how many.

use futures_util::future::join_all;
use protocol::{
    ErrorCode,
    account::JobPolicy,
    job::{JobCreated, JobPage},
    stream::Visibility,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Hand, account, call_as, listen_as, song, start, try_start};
use crate::{
    Config,
    cluster::{
        self,
        tests::{Answer, Cluster, Member as Server},
    },
    jobs::bounds::{JOBS_KEPT_PER_ACCOUNT, WORKER_BYTES},
};

async fn server(set: impl Fn(&mut Config)) -> Server {
    Cluster::new().await.member(set).await
}

async fn ask(server: &Server, cookie: &str, item_id: protocol::ItemId) -> Answer {
    call_as(server, cookie, Method::POST, "/api/jobs", json!({ "kind": "stems", "item_id": item_id })).await
}

#[tokio::test]
async fn a_job_is_for_who_started_it_the_owner_of_its_item_and_operators() {
    let server = server(|_| {}).await;
    let [owner, other, stranger] = [
        account(&server, "owner").await,
        account(&server, "other").await,
        account(&server, "stranger").await,
    ];
    let owned = server.jobs.broadcasters.owner("owner");
    let item_id = song(&server, "a", |new| new.owner = owned).await;
    let started = ask(&server, &other, item_id).await;
    assert_eq!(started.status, StatusCode::CREATED);
    let path = format!("/api/jobs/{}", started.json["job_id"].as_str().unwrap());
    for (cookie, sees) in [(&owner, true), (&other, true), (&stranger, false)] {
        let shown = call_as(&server, cookie, Method::GET, &path, Value::Null).await;
        assert_eq!(shown.status == StatusCode::OK, sees);
        let page: JobPage = call_as(&server, cookie, Method::GET, "/api/jobs", Value::Null).await.read();
        assert_eq!(page.total, u64::from(sees));
    }
    let cancel = async |cookie| call_as(&server, cookie, Method::DELETE, &path, Value::Null).await;
    assert_eq!(cancel(&stranger).await.code(), ErrorCode::UnknownJob);
    assert_eq!(cancel(&owner).await.code(), ErrorCode::Forbidden);
    assert_eq!(server.get(&path).await.code(), ErrorCode::Unauthorized);
    assert_eq!(cancel(&other).await.status, StatusCode::NO_CONTENT);
    // The next account that requests it is also its starter.
    assert_eq!(ask(&server, &stranger, item_id).await.status, StatusCode::CREATED);
    assert_eq!(cancel(&other).await.code(), ErrorCode::UnknownJob);
}

#[tokio::test]
async fn private_items_are_for_their_owners() {
    let server = server(|_| {}).await;
    let [owner, other] = [account(&server, "owner").await, account(&server, "other").await];
    let owned = server.jobs.broadcasters.owner("owner");
    let item_id = song(&server, "a", |new| {
        (new.owner, new.visibility) = (owned, Visibility::Private);
    })
    .await;
    assert_eq!(ask(&server, &other, item_id).await.code(), ErrorCode::UnknownItem);
    assert_eq!(ask(&server, &owner, item_id).await.status, StatusCode::CREATED);
    let unknown = json!({ "kind": "stems", "item_id": "0".repeat(32) });
    assert_eq!(try_start(&server, unknown).await.code(), ErrorCode::UnknownItem);
}

#[tokio::test]
async fn an_item_that_becomes_private_takes_its_jobs_along() {
    let server = server(|_| {}).await;
    let [owner, other] = [account(&server, "owner").await, account(&server, "other").await];
    let owned = server.jobs.broadcasters.owner("owner");
    let item_id = song(&server, "a", |new| new.owner = owned).await;
    let export = async |format: &str| {
        let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": format } });
        call_as(&server, &other, Method::POST, "/api/jobs", body).await.read::<JobCreated>().job_id
    };
    let done = export("mp3").await;
    let cancelled = export("opus").await;
    let cancelled = format!("/api/jobs/{cancelled}");
    assert_eq!(call_as(&server, &other, Method::DELETE, &cancelled, Value::Null).await.status, 204);
    assert!(Hand::with_ffmpeg("a").finish(&server, done).await.file.is_some());
    let file = format!("/api/jobs/{done}/file");
    let status = async |cookie: &str, path: &str| {
        let headers = [("cookie", cookie)];
        server.call(Method::GET, path, &headers, vec![]).await.status()
    };
    assert_eq!(status(&other, &file).await, StatusCode::OK);
    server.library.change(item_id, |item| item.visibility = Visibility::Private).await.unwrap();
    assert_eq!(status(&other, &file).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&other, &cancelled).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&owner, &cancelled).await, StatusCode::OK);
    let retry = format!("{cancelled}/retry");
    let refused = call_as(&server, &other, Method::POST, &retry, Value::Null).await;
    assert_eq!(refused.code(), ErrorCode::UnknownJob);
    let page: JobPage = call_as(&server, &other, Method::GET, "/api/jobs", Value::Null).await.read();
    assert_eq!(page.total, 0);
}

#[tokio::test]
async fn a_retry_is_for_those_who_may_start_the_job() {
    let cluster = Cluster::new().await;
    let [open, closed] =
        [cluster.member(|_| {}).await, cluster.member(|config| config.jobs.policy = JobPolicy::Owner).await];
    let other = account(&open, "other").await;
    let item_id = song(&open, "a", |_| {}).await;
    let job_id = ask(&open, &other, item_id).await.read::<JobCreated>().job_id;
    let path = format!("/api/jobs/{job_id}");
    assert_eq!(call_as(&open, &other, Method::DELETE, &path, Value::Null).await.status, 204);
    let retry = async |server: &Server| {
        call_as(server, &other, Method::POST, &format!("{path}/retry"), Value::Null).await
    };
    assert_eq!(retry(&closed).await.code(), ErrorCode::Forbidden);
    assert_eq!(retry(&open).await.status, StatusCode::OK);
}

#[tokio::test]
async fn each_account_that_asks_for_the_same_job_sees_it_until_it_cancels() {
    let server = server(|_| {}).await;
    let [first, second] = [account(&server, "first").await, account(&server, "second").await];
    let item_id = song(&server, "a", |_| {}).await;
    let started = ask(&server, &first, item_id).await;
    let path = format!("/api/jobs/{}", started.read::<JobCreated>().job_id);
    let get = async |cookie| call_as(&server, cookie, Method::GET, &path, Value::Null).await;
    let cancel = async |cookie| call_as(&server, cookie, Method::DELETE, &path, Value::Null).await.status;
    assert_eq!(get(&second).await.code(), ErrorCode::UnknownJob);
    assert_eq!(ask(&server, &second, item_id).await.status, StatusCode::OK);
    assert_eq!(get(&second).await.status, StatusCode::OK);
    assert_eq!(cancel(&first).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&first).await.code(), ErrorCode::UnknownJob);
    let job = get(&second).await.json;
    assert_eq!((&job["state"], &job["started_by"]), (&json!("waiting"), &json!("second")));
    assert_eq!(cancel(&second).await, StatusCode::NO_CONTENT);
    assert_eq!(get(&second).await.json["state"], json!("cancelled"));
}

#[tokio::test]
async fn who_may_start_jobs_is_the_operators_choice() {
    for policy in [JobPolicy::Owner, JobPolicy::Off] {
        let server = server(|config| config.jobs.policy = policy).await;
        let [owner, other] = [account(&server, "owner").await, account(&server, "other").await];
        let owned = server.jobs.broadcasters.owner("owner");
        let item_id = song(&server, "a", |new| new.owner = owned).await;
        assert_eq!(ask(&server, &other, item_id).await.code(), ErrorCode::Forbidden);
        let expected = if policy == JobPolicy::Off { StatusCode::FORBIDDEN } else { StatusCode::CREATED };
        assert_eq!(ask(&server, &owner, item_id).await.status, expected);
        let me = server.get("/api/me").await.json;
        assert_eq!(me["jobs"], json!(policy));
    }
}

#[tokio::test]
async fn unfinished_jobs_of_an_account_and_of_all_are_bounded() {
    let server = server(|config| (config.jobs.per_account, config.jobs.unfinished) = (2, 4)).await;
    let cookie = account(&server, "ann").await;
    let mut items = Vec::new();
    for number in 0..5 {
        items.push(song(&server, &format!("song {number}"), |_| {}).await);
    }
    for item_id in &items[..2] {
        assert_eq!(ask(&server, &cookie, *item_id).await.status, StatusCode::CREATED);
    }
    let refused = ask(&server, &cookie, items[2]).await;
    assert_eq!(refused.code(), ErrorCode::LimitReached);
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("jobs_per_account"));
    assert_eq!(ask(&server, &cookie, items[0]).await.status, StatusCode::OK, "it is there already");
    let hand = Hand::new("a");
    let first = start(&server, "waveform", items[0]).await;
    start(&server, "stems", items[3]).await;
    let body = json!({ "kind": "stems", "item_id": items[4] });
    let refused = try_start(&server, body.clone()).await;
    assert!(refused.json["error"]["message"].as_str().unwrap().contains("jobs_waiting"), "{refused:?}");
    hand.work(&server).await;
    super::until_state(&server, first, protocol::job::State::Done).await;
    assert_eq!(try_start(&server, body).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn files_of_exports_count_to_the_share_of_the_account_and_can_be_deleted() {
    // A file has 12 bytes, the item 10.
    for (quota, fits) in [(11, false), (12, true)] {
        let server = server(|config| config.library.account_quota_bytes = Some(quota)).await;
        let cookie = account(&server, "ann").await;
        let item_id = song(&server, "a", |_| {}).await;
        let export = async |format: &str| {
            let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": format } });
            call_as(&server, &cookie, Method::POST, "/api/jobs", body).await
        };
        let job_id = export("mp3").await.read::<JobCreated>().job_id;
        let path = format!("/api/jobs/{job_id}");
        let job = Hand::with_ffmpeg("a").finish(&server, job_id).await;
        let expected = if fits { protocol::job::State::Done } else { protocol::job::State::Failed };
        assert_eq!(job.state, expected, "{quota}: {job:?}");
        if !fits {
            assert!(job.error.unwrap().contains("library_account_quota_bytes"));
            continue;
        }
        assert_eq!(export("opus").await.code(), ErrorCode::QuotaExceeded);
        assert_eq!(export("mp3").await.status, StatusCode::OK, "it is there");
        assert_eq!(call_as(&server, &cookie, Method::DELETE, &path, Value::Null).await.status, 204);
        let file = call_as(&server, &cookie, Method::GET, &format!("{path}/file"), Value::Null).await;
        assert_eq!(file.code(), ErrorCode::NotFound);
        server.jobs.named_blobs(|hash| panic!("{hash} is not needed any more")).await.unwrap();
        assert_eq!(export("opus").await.status, StatusCode::CREATED);
    }
}

#[tokio::test]
async fn ended_jobs_that_are_kept_are_bounded() {
    let server = server(|_| {}).await;
    let (ann, bob) = (account(&server, "ann").await, account(&server, "bob").await);
    let item_id = song(&server, "a", |_| {}).await;
    let cancelled = async |cookie: &str, from_ms: usize| {
        let params = json!({ "format": "mp3", "from_ms": from_ms, "to_ms": 50_000 + from_ms });
        let body = json!({ "kind": "export", "item_id": item_id, "params": params });
        let started = call_as(&server, cookie, Method::POST, "/api/jobs", body).await;
        assert_eq!(started.status, StatusCode::CREATED, "{started:?}");
        let job_id = started.read::<JobCreated>().job_id;
        let path = format!("/api/jobs/{job_id}");
        assert_eq!(call_as(&server, cookie, Method::DELETE, &path, Value::Null).await.status, 204);
        job_id
    };
    let others = cancelled(&bob, 0).await;
    assert_eq!(cancelled(&bob, 0).await, others, "the end of the item is no other clip");
    let first = cancelled(&ann, 1).await;
    for from_ms in 2..JOBS_KEPT_PER_ACCOUNT + 3 {
        cancelled(&ann, from_ms).await;
    }
    let page: JobPage = call_as(&server, &ann, Method::GET, "/api/jobs", Value::Null).await.read();
    assert_eq!(page.total, JOBS_KEPT_PER_ACCOUNT as u64 + 1);
    assert!(server.jobs.records.get(&first).is_none(), "the oldest one");
    assert!(server.jobs.records.get(&others).is_some(), "another account's");
    assert!(server.jobs.records.is_absent(&first).await.unwrap());
}

#[tokio::test]
async fn a_job_that_was_forgotten_is_made_again_at_once() {
    let server = server(|_| {}).await;
    let item_id = song(&server, "a", |_| {}).await;
    let body = json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3" } });
    let hand = Hand::with_ffmpeg("a");
    for _ in 0..2 {
        let started = try_start(&server, body.clone()).await;
        assert_eq!(started.status, StatusCode::CREATED);
        let job_id = started.read::<JobCreated>().job_id;
        // The queue does not take its task for the one that is done.
        assert_eq!(hand.work(&server).await.job_id, job_id);
        let job = super::until_state(&server, job_id, protocol::job::State::Done).await;
        assert!(job.file.is_some());
        let record = server.jobs.find(job_id).await.unwrap();
        server.jobs.forget(job_id, &record).await.unwrap();
        assert!(server.jobs.records.get(&job_id).is_none());
    }
}

#[tokio::test]
async fn unfinished_jobs_that_are_started_at_the_same_time_are_bounded_too() {
    let server = server(|config| config.jobs.per_account = 2).await;
    let cookie = account(&server, "ann").await;
    let mut items = Vec::new();
    for number in 0..12 {
        items.push(song(&server, &format!("song {number}"), |_| {}).await);
    }
    let asked = items.iter().map(|item_id| ask(&server, &cookie, *item_id));
    let answers = join_all(asked).await;
    let started = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(started, 2, "{answers:?}");
}

#[tokio::test]
async fn a_report_of_a_worker_over_its_limit_is_refused() {
    let server = server(|_| {}).await;
    let path = format!("/api/worker/tasks/{}-0-0/failed", "0".repeat(32));
    let report = async |bytes: usize| {
        let reason = "a".repeat(bytes - json!({ "claim": "", "reason": "" }).to_string().len());
        server.post(&path, Some(&server.secret), json!({ "claim": "", "reason": reason })).await.code()
    };
    assert_eq!(report(WORKER_BYTES + 1).await, ErrorCode::PayloadTooLarge);
    assert_eq!(report(WORKER_BYTES).await, ErrorCode::InvalidRequest);
    assert_eq!(report(2_000).await, ErrorCode::TaskLost);
}

#[tokio::test]
async fn the_events_of_a_job_end_when_the_person_signs_out_or_is_demoted() {
    let server = server(|_| {}).await;
    let owner = account(&server, "owner").await;
    let [operator, _] = [
        cluster::tests::account(&server, "operator", "operator").await,
        cluster::tests::account(&server, "another", "operator").await,
    ];
    let started = ask(&server, &owner, song(&server, "a", |_| {}).await).await;
    let job_id = started.read::<JobCreated>().job_id;
    let mut listeners =
        [listen_as(&server, &owner, job_id).await, listen_as(&server, &operator, job_id).await];
    for listener in &mut listeners {
        listener.expect("job").await;
    }
    let left = call_as(&server, &owner, Method::POST, "/api/logout", Value::Null).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    let role = json!({ "role": "broadcaster" }).to_string();
    let demoted = server.operate(Method::PATCH, "/api/accounts/operator", role.into()).await;
    assert_eq!(demoted.status, StatusCode::OK);
    for listener in &mut listeners {
        assert_eq!(listener.next().await, None);
    }
}

#[tokio::test]
async fn event_streams_of_jobs_are_bounded() {
    let server = server(|_| {}).await;
    let cookie = account(&server, "ann").await;
    let started = ask(&server, &cookie, song(&server, "a", |_| {}).await).await;
    let job_id = started.read::<JobCreated>().job_id;
    let path = format!("/api/jobs/{job_id}/events");
    let mut taken = Vec::new();
    while let Some(share) = server.jobs.listeners.take(None) {
        taken.push(share);
    }
    let listen = async || call_as(&server, &cookie, Method::GET, &path, Value::Null).await;
    assert_eq!(listen().await.code(), ErrorCode::LimitReached);
    drop(taken);
    listen_as(&server, &cookie, job_id).await.expect("job").await;
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_at_once() {
    let server = server(|config| config.jobs.longest = std::time::Duration::from_secs(49)).await;
    let item_id = song(&server, "a", |_| {}).await;
    let long = try_start(&server, json!({ "kind": "stems", "item_id": item_id })).await;
    assert!(long.json["error"]["message"].as_str().unwrap().contains("job_max_minutes"), "{long:?}");
    start(&server, "waveform", item_id).await;
    for wrong in [
        json!({ "kind": "waveform", "item_id": item_id, "params": { "format": "mp3" } }),
        json!({ "kind": "waveform", "item_id": item_id, "params": { "loud": true } }),
        json!({ "kind": "other", "item_id": item_id }),
        json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3", "from_ms": 50_000 } }),
        json!({ "kind": "export", "item_id": item_id, "params": { "format": "mp3", "from_ms": 9, "to_ms": 9 } }),
    ] {
        assert_eq!(try_start(&server, wrong.clone()).await.code(), ErrorCode::InvalidRequest, "{wrong}");
    }
}
