//! Jobs over HTTP, with workers played by the tests, on one main server and on several with a shared store.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod access;
mod failures;
mod kinds;
mod queue;
mod together;

use objects::Location;
use protocol::{
    ItemId, JobId,
    item::{Alternative, Blob, Fragment, ManifestTake},
    job::{
        Ability, ClaimTask, ClaimedTask, Job, JobCreated, LostTasks, Output, Picture, Piece, Sound, State,
        TaskState, Work, Worker,
    },
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    cluster::{
        self,
        tests::{Answer, Cluster, Listener, Member as Server, call_as, until},
    },
    library::{Format, NewItem, NewTake, TakeFragment, tests::item},
};

async fn server() -> Server {
    Cluster::new().await.member(|_| {}).await
}

/// Two main servers with one store and one folder of objects, which exists as long as the first value.
async fn pair() -> (tempfile::TempDir, Server, Server) {
    let (folder, cluster) = (tempfile::tempdir().unwrap(), Cluster::new().await);
    let set = |config: &mut crate::Config| config.objects = Location::Folder(folder.path().to_owned());
    let (a, b) = (cluster.member(set).await, cluster.member(set).await);
    (folder, a, b)
}

async fn put(server: &Server, bytes: Vec<u8>) -> Blob {
    let size = bytes.len() as u64;
    let hash = server.context().objects.put(bytes.into()).await.unwrap();
    Blob { hash: hash.to_string(), bytes: size }
}

async fn put_json(server: &Server, value: &impl serde::Serialize) -> Blob {
    put(server, serde_json::to_vec(value).unwrap()).await
}

/// A public item with sound and pictures of 50 s, unless `set` says otherwise.
async fn song(server: &Server, title: &str, set: impl FnOnce(&mut NewItem)) -> ItemId {
    let item_id = item(server, title, set).await;
    let init = Some(put(server, format!("init of {title}").into_bytes()).await);
    let format = Format { mime: "video/webm;codecs=\"vp9,opus\"".into(), init };
    let take = NewTake { take: 0, format, alternatives: vec![] };
    let fragment = TakeFragment {
        first_group: 0,
        groups: 1,
        blob: put(server, title.to_owned().into_bytes()).await,
        format: 0,
        alternatives: vec![],
        start_ms: 0,
        duration_ms: 50_000,
        ends_take: true,
    };
    server.library.append(item_id, &take, &[fragment]).await.unwrap();
    item_id
}

async fn start(server: &Server, kind: &str, item_id: ItemId) -> JobId {
    let answer = try_start(server, json!({ "kind": kind, "item_id": item_id })).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.read::<JobCreated>().job_id
}

async fn try_start(server: &Server, body: Value) -> Answer {
    server.operate(Method::POST, "/api/jobs", body.to_string().into()).await
}

async fn show(server: &Server, job_id: JobId) -> Job {
    server.operate(Method::GET, &format!("/api/jobs/{job_id}"), vec![]).await.read()
}

/// Waits until the job has that state.
async fn until_state(server: &Server, job_id: JobId, state: State) -> Job {
    until(&format!("{job_id} is {state:?}"), async || show(server, job_id).await.state == state).await;
    show(server, job_id).await
}

/// A worker, played by a test.
struct Hand {
    name: String,
    abilities: Vec<Ability>,
    stems_model: Option<String>,
}

impl Hand {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), abilities: vec![], stems_model: None }
    }

    fn with_ffmpeg(name: &str) -> Self {
        Self { abilities: vec![Ability::Ffmpeg], ..Self::new(name) }
    }

    fn worker(&self, tasks: &[&ClaimedTask]) -> Worker {
        Worker {
            worker_id: format!("{:0>32}", self.name.len()),
            name: self.name.clone(),
            version: "1".into(),
            concurrency: 1,
            abilities: self.abilities.clone(),
            stems_model: self.stems_model.clone(),
            tasks: tasks.iter().map(|task| task.key.clone()).collect(),
            done: 0,
            failed: 0,
        }
    }

    async fn post(&self, server: &Server, path: &str, body: Value) -> Answer {
        server.post(&format!("/api/worker/{path}"), Some(&server.secret), body).await
    }

    /// Claims a task, and fails if there is none in time.
    async fn claim(&self, server: &Server) -> ClaimedTask {
        self.try_claim(server, 10_000).await.expect("a task in time")
    }

    async fn try_claim(&self, server: &Server, wait_ms: u64) -> Option<ClaimedTask> {
        let body = json!(ClaimTask { worker: self.worker(&[]), wait_ms });
        let answer = self.post(server, "claim", body).await;
        (answer.status != StatusCode::NO_CONTENT).then(|| answer.read())
    }

    async fn progress(&self, server: &Server, task: &ClaimedTask, percent: u8) -> StatusCode {
        let body = json!({ "claim": task.claim, "percent": percent });
        self.post(server, &format!("tasks/{}/progress", task.key), body).await.status
    }

    async fn done(&self, server: &Server, task: &ClaimedTask, output: &Output) -> StatusCode {
        let mut body = json!(output);
        body["claim"] = json!(task.claim);
        self.post(server, &format!("tasks/{}/done", task.key), body).await.status
    }

    async fn failed(&self, server: &Server, task: &ClaimedTask, failure: &str) -> StatusCode {
        let body = json!({ "claim": task.claim, "reason": "no luck", "failure": failure });
        self.post(server, &format!("tasks/{}/failed", task.key), body).await.status
    }

    async fn lost(&self, server: &Server, tasks: &[&ClaimedTask]) -> Vec<String> {
        let body = json!({ "worker": self.worker(tasks) });
        self.post(server, "heartbeat", body).await.read::<LostTasks>().lost
    }

    /// Claims a task and does it.
    async fn work(&self, server: &Server) -> ClaimedTask {
        let task = self.claim(server).await;
        let output = output(server, &task.work).await;
        assert_eq!(self.done(server, &task, &output).await, StatusCode::NO_CONTENT);
        task
    }

    /// Does all remaining tasks of the job.
    async fn finish(&self, server: &Server, job_id: JobId) -> Job {
        while matches!(show(server, job_id).await.state, State::Waiting | State::Running) {
            if let Some(task) = self.try_claim(server, 100).await {
                let output = output(server, &task.work).await;
                self.done(server, &task, &output).await;
            }
        }
        show(server, job_id).await
    }
}

/// The output of some work; deterministic.
async fn output(server: &Server, work: &Work) -> Output {
    match work {
        Work::Decode(_) => Output::Sound(Sound {
            rate: 44_100,
            channels: 2,
            samples: 44_100 * 66,
            samples_per_blob: 44_100 * 66,
            blobs: put_json(server, &[put(server, b"sound".to_vec()).await]).await,
        }),
        Work::Separate(piece) => {
            let blob = put(server, format!("vocals from {}", piece.keep_from).into_bytes()).await;
            Output::Piece(Piece { channels: 2, blobs: put_json(server, &[blob]).await })
        }
        Work::Join(join) => {
            let text = |what: &str| format!("{what} {:?} {}", join.stem, join.pieces.len()).into_bytes();
            let fragment = async |what: &str| Fragment {
                blob: put(server, text(what)).await,
                start_ms: 0,
                duration_ms: 50_000,
            };
            let take = ManifestTake {
                mime: "audio/mp4;codecs=\"flac\"".into(),
                init: Some(put(server, text("init")).await),
                fragments: vec![fragment("flac").await],
                offset_ms: 0,
                alternatives: vec![Alternative {
                    mime: "audio/webm;codecs=\"opus\"".into(),
                    init: Some(put(server, text("init of opus")).await),
                    fragments: vec![fragment("opus").await],
                }],
            };
            Output::Media { takes: put_json(server, &[take]).await, duration_ms: 50_000, bytes: 100 }
        }
        Work::Measure(_) => Output::Measured {
            waveform: put_json(server, &json!({ "peak_ms": 100, "peaks": [1, 2, 255] })).await,
            loudness_centi_lufs: Some(-1_410),
            true_peak_centi_db: Some(-30),
        },
        Work::Pictures(pictures) => {
            let blob = put(server, b"\xff\xd8\xffpicture".to_vec()).await;
            Output::Pictures { pictures: vec![Picture { at_ms: pictures.every_ms, blob }] }
        }
        Work::Export(_) => {
            let parts = [put(server, b"first ".to_vec()).await, put(server, b"second".to_vec()).await];
            Output::File {
                extension: "mp3".into(),
                mime: "audio/mpeg".into(),
                blobs: put_json(server, &parts).await,
                bytes: 12,
            }
        }
    }
}

/// Creates an account of a broadcaster and signs in; returns the cookie.
async fn account(server: &Server, name: &str) -> String {
    cluster::tests::account(server, name, "broadcaster").await
}

/// The events of a job, for a signed-in person.
async fn listen_as(server: &Server, cookie: &str, job_id: JobId) -> Listener {
    let path = format!("/api/jobs/{job_id}/events");
    Listener::of(server.call(Method::GET, &path, &[("cookie", cookie)], vec![]).await)
}

fn states(job: &Job) -> Vec<(String, TaskState)> {
    job.tasks.iter().map(|task| (task.step.clone(), task.state)).collect()
}
