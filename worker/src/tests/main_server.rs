//! A scripted main server: the test decides which tasks there are, and how it answers.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use objects::Hash;
use protocol::{
    ErrorBody, ErrorCode, JobId, WireError,
    item::Blob,
    job::{
        ClaimTask, ClaimedTask, Failure, LostTasks, Source, TaskDone, TaskFailed, TaskProgress, Work, Worker,
        WorkerHeartbeat,
    },
};
use serde::de::DeserializeOwned;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};

/// Timeout for everything here; the tests await conditions, not times.
pub(super) const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A report of the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Claimed(String),
    Progress(String, u8),
    Done(String),
    Failed(String, Failure, String),
}

/// The script, and what the worker did.
#[derive(Default)]
pub(super) struct Script {
    /// Tasks that can be claimed.
    pub(super) tasks: VecDeque<ClaimedTask>,
    /// Keys of lost tasks, as reported in answers to reports.
    pub(super) lost: BTreeSet<String>,
    /// Keys of lost tasks, as reported in answers to heartbeats.
    pub(super) lost_by_heartbeat: BTreeSet<String>,
    /// Answers to final reports before one is accepted; each report counts all the same.
    pub(super) refusals: VecDeque<StatusCode>,
    /// Whether no blob can be read or written.
    pub(super) store_is_away: bool,
    pub(super) blobs: BTreeMap<String, Bytes>,
    /// Number of requested blobs.
    pub(super) reads: usize,
    pub(super) events: Vec<Event>,
    /// The worker's state in its last claim.
    pub(super) worker: Option<Worker>,
    /// The worker's state in its last heartbeat.
    pub(super) heartbeat: Option<Worker>,
}

impl Script {
    /// Adds a task with this key.
    pub(super) fn add(&mut self, key: &str) {
        self.add_with(key, &Blob { hash: Hash::of(b"manifest").to_string(), bytes: 8 });
    }

    /// Adds a task whose input is `blob`.
    pub(super) fn add_with(&mut self, key: &str, blob: &Blob) {
        self.tasks.push_back(ClaimedTask {
            key: key.to_owned(),
            claim: format!("claim of {key}"),
            lease_ms: 300,
            attempt: 1,
            job_id: JobId::from_bytes([7; 16]),
            n: 0,
            work: Work::Measure(Source { manifest: blob.clone() }),
        });
    }

    /// The ends of the worker's tasks, in the order of the reports.
    pub(super) fn ends(&self) -> Vec<Event> {
        let is_end = |event: &&Event| matches!(event, Event::Done(_) | Event::Failed(..));
        self.events.iter().filter(is_end).cloned().collect()
    }
}

#[derive(Clone, Default)]
struct Shared {
    script: Arc<Mutex<Script>>,
    changes: watch::Sender<u64>,
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changes.send_modify(|changes| *changes += 1);
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    async fn wait_for<T>(&self, mut found: impl FnMut(&mut Script) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = found(&mut self.lock()) {
                return found;
            }
            changes.changed().await.unwrap();
        }
    }
}

/// Serves the script until it is dropped.
pub(super) struct MainServer {
    shared: Shared,
    serving: JoinHandle<()>,
    pub(super) url: String,
}

impl Drop for MainServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl MainServer {
    pub(super) async fn start(script: Script) -> Self {
        let shared = Shared::default();
        *shared.lock() = script;
        let router = Router::new()
            .route("/api/worker/claim", post(claim))
            .route("/api/worker/heartbeat", post(heartbeat))
            .route("/api/worker/tasks/{key}/progress", post(progress))
            .route("/api/worker/tasks/{key}/done", post(done))
            .route("/api/worker/tasks/{key}/failed", post(failed))
            .route("/api/blobs/{hash}", get(blob).put(put_blob))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { shared, serving, url }
    }

    /// Changes the script.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        self.shared.change(change)
    }

    /// Waits until `found` finds something.
    pub(super) async fn wait_for<T>(&self, found: impl FnMut(&mut Script) -> Option<T>) -> T {
        let waited = timeout(TEST_TIMEOUT, self.shared.wait_for(found)).await;
        waited.unwrap_or_else(|_| panic!("not within {TEST_TIMEOUT:?}: {:?}", self.shared.lock().events))
    }

    /// Waits until `count` tasks have ended, and returns how.
    pub(super) async fn ends(&self, count: usize) -> Vec<Event> {
        self.wait_for(|script| Some(script.ends()).filter(|ends| ends.len() >= count)).await
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> T {
    serde_json::from_slice(body).unwrap()
}

async fn claim(State(shared): State<Shared>, body: Bytes) -> Response {
    let ClaimTask { worker, wait_ms } = read(&body);
    shared.change(|script| script.worker = Some(worker));
    let next = shared.wait_for(|script| {
        let task = script.tasks.pop_front()?;
        script.events.push(Event::Claimed(task.key.clone()));
        Some(task)
    });
    match timeout(Duration::from_millis(wait_ms), next).await {
        Ok(task) => Json(task).into_response(),
        Err(_) => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn heartbeat(State(shared): State<Shared>, body: Bytes) -> Json<LostTasks> {
    let WorkerHeartbeat { worker } = read(&body);
    Json(shared.change(|script| {
        script.heartbeat = Some(worker);
        LostTasks { lost: script.lost_by_heartbeat.iter().cloned().collect() }
    }))
}

/// Whether the task `key` belongs to the worker that shows `claim`.
fn answer(script: &mut Script, key: &str, claim: &str) -> Response {
    assert_eq!(claim, format!("claim of {key}"));
    match script.lost.contains(key) {
        true => {
            let error = WireError::new(ErrorCode::TaskLost, "the task is another worker's");
            (StatusCode::CONFLICT, Json(ErrorBody { error })).into_response()
        }
        false => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn progress(State(shared): State<Shared>, Path(key): Path<String>, body: Bytes) -> Response {
    let TaskProgress { claim, percent } = read(&body);
    shared.change(|script| {
        script.events.push(Event::Progress(key.clone(), percent));
        answer(script, &key, &claim)
    })
}

async fn done(State(shared): State<Shared>, Path(key): Path<String>, body: Bytes) -> Response {
    let TaskDone { claim, .. } = read(&body);
    end(&shared, &key, &claim, Event::Done(key.clone()))
}

async fn failed(State(shared): State<Shared>, Path(key): Path<String>, body: Bytes) -> Response {
    let TaskFailed { claim, reason, failure } = read(&body);
    end(&shared, &key, &claim, Event::Failed(key.clone(), failure, reason))
}

fn end(shared: &Shared, key: &str, claim: &str, event: Event) -> Response {
    shared.change(|script| {
        script.events.push(event);
        match script.refusals.pop_front() {
            Some(StatusCode::BAD_REQUEST) => {
                let error = WireError::new(ErrorCode::InvalidRequest, "output is not one");
                (StatusCode::BAD_REQUEST, Json(ErrorBody { error })).into_response()
            }
            Some(status) => status.into_response(),
            None => answer(script, key, claim),
        }
    })
}

async fn blob(State(shared): State<Shared>, Path(hash): Path<String>) -> Response {
    shared.change(|script| {
        script.reads += 1;
        match script.blobs.get(&hash) {
            _ if script.store_is_away => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            Some(bytes) => bytes.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    })
}

async fn put_blob(State(shared): State<Shared>, Path(hash): Path<String>, bytes: Bytes) -> StatusCode {
    shared.change(|script| {
        if script.store_is_away {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        script.blobs.insert(hash, bytes);
        StatusCode::NO_CONTENT
    })
}
