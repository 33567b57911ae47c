//! How late chunks of a live stream are while a job takes all processors of the same machine: a measurement, which `make jobs-live` runs.
//!
//! A broadcaster sends a recording at its pace to `undead up`, and a viewer on the same machine receives it. A chunk is late by the time from the
//! call that sent the last of its bytes until the viewer has it.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::StreamExt;
use protocol::{job::Kind, stream::StreamCreated};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::connect_async;

use crate::{
    library::{Operator, add_operator, has_ended},
    process::{SECRET, until},
    socketio::Connection,
    song,
};

/// Between two segments.
const PACE: Duration = Duration::from_millis(100);
/// Chunks that are measured, without a job and with one.
const CHUNKS: usize = 500;
/// What is wanted.
const MOST_LATE: Duration = Duration::from_millis(20);

struct Up {
    child: Child,
    url: String,
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Up {
    async fn start(folder: &Path, tasks: usize) -> Self {
        let address = format!("127.0.0.1:{}", port_harness::reserve().unwrap());
        let program = std::env::var("UNDEAD_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_undead").into());
        let mut command = Command::new(program);
        command.args(["up", "--listen", &address, "--concurrency", &tasks.to_string()]);
        command.env("UNDEAD_DATA_DIR", folder).env("UNDEAD_CLUSTER_SECRET", SECRET);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let up = Self { child, url: format!("http://{address}") };
        let is_ready = async || {
            let answer = tls_harness::client().get(format!("{}/cdn/a/readyz", up.url)).send().await;
            answer.is_ok_and(|answer| answer.status().is_success())
        };
        until("the node registers", is_ready).await;
        up
    }
}

/// A broadcaster and a viewer of one stream.
struct Live {
    connection: Connection,
    created: StreamCreated,
    recording: Recording,
    /// When chunks came.
    arrivals: watch::Receiver<Option<Instant>>,
    viewer: JoinHandle<()>,
    take: u64,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.viewer.abort();
    }
}

impl Live {
    async fn start(up: &Up) -> Self {
        let create = tls_harness::client().post(format!("{}/api/streams", up.url));
        let created: StreamCreated =
            create.json(&json!({ "title": "live" })).send().await.unwrap().json().await.unwrap();
        let node = format!("{}{}", up.url, created.publish.nodes[0].public_url);
        let connection = Connection::open(&node).await.unwrap();
        let (sender, arrivals) = watch::channel(None);
        let url = format!("{}/ws/{}", node.replacen("http", "ws", 1), created.stream_id);
        let viewer = tokio::spawn(async move {
            let (mut socket, _) = connect_async(url).await.unwrap();
            while let Some(Ok(message)) = socket.next().await {
                if message.is_binary() {
                    sender.send_replace(Some(Instant::now()));
                }
            }
        });
        Self { connection, created, recording: Recording::read(), arrivals, viewer, take: 0 }
    }

    /// Sends the recording once, as a take; gives how late the chunks of its segments were.
    async fn send_take(&mut self) -> Vec<Duration> {
        let (stream_id, take) = (self.created.stream_id, self.take);
        let register = json!({
            "stream_id": stream_id,
            "grant": self.created.publish.grant,
            "mime": self.recording.mime,
            "take": take,
        });
        let answer = self.connection.call("register_new_stream", register, None).await.unwrap();
        assert_eq!(answer["ok"], true, "{answer}");
        let (mut late, mut ticks) = (Vec::new(), interval(PACE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for (seq, segment) in self.recording.segments.iter().enumerate() {
            ticks.tick().await;
            let payload = json!({ "stream_id": stream_id, "take": take, "seq": seq, "segment": null });
            self.arrivals.mark_unchanged();
            let sent = Instant::now();
            let answer = self.connection.call("broadcast_data", payload, Some(segment)).await.unwrap();
            assert_eq!(answer["ok"], true, "{answer}");
            // A segment that completes no frame, such as the first one, gives no chunk.
            if timeout(PACE, self.arrivals.changed()).await.is_ok() {
                let arrived = self.arrivals.borrow().expect("it changed");
                late.push(arrived.saturating_duration_since(sent));
            }
        }
        self.take += 1;
        late
    }
}

/// A run of a browser's recorder.
struct Recording {
    mime: String,
    segments: Vec<Vec<u8>>,
}

impl Recording {
    fn read() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/media/fixtures/webm-vp8-opus-100ms");
        let about: Value = serde_json::from_slice(&fs::read(folder.join("segments.json")).unwrap()).unwrap();
        let media = fs::read(folder.join(about["file"].as_str().unwrap())).unwrap();
        let mut rest = &media[..];
        let mut cut = |segment: &Value| {
            let (first, others) = rest.split_at(segment["bytes"].as_u64().unwrap() as usize);
            rest = others;
            first.to_vec()
        };
        let segments = about["segments"].as_array().unwrap().iter().map(&mut cut).collect();
        Self { mime: about["mime"].as_str().unwrap().to_owned(), segments }
    }
}

fn describe(what: &str, mut late: Vec<Duration>) -> Duration {
    late.sort();
    let at = |part: usize| late[(late.len() * part / 1000).min(late.len() - 1)];
    let [half, p99, last] = [500, 990, 1000].map(|part| at(part).as_secs_f64() * 1000.0);
    println!(
        "{what}: {} chunks, late by {half:.2} ms (p50), {p99:.2} ms (p99), {last:.2} ms (most)",
        late.len()
    );
    at(990)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of some minutes, which needs the machine for itself"]
async fn chunks_of_a_live_stream_are_not_late_while_a_job_takes_all_processors() {
    let folder = tempfile::tempdir().unwrap();
    let tasks = std::thread::available_parallelism().unwrap().get();
    let up = Up::start(folder.path(), tasks).await;
    add_operator(folder.path(), "sqlite");
    let operator = Operator::sign_in(&[&up.url]).await;
    // The jobs have to last longer than the chunks, 50 s, and take 1 s for 30 s of sound on two processors.
    let song = song::wav(600, 3);
    let mut items = Vec::new();
    for number in 0..4 {
        items.push(operator.upload(&format!("{number}.wav"), &song).await);
    }
    let mut live = Live::start(&up).await;
    let mut idle = Vec::new();
    while idle.len() < CHUNKS {
        idle.extend(live.send_take().await);
    }
    let idle = describe("without a job", idle);
    let mut jobs = Vec::new();
    for item in items {
        jobs.push(operator.start(Kind::Stems, item).await);
    }
    let mut busy = Vec::new();
    while busy.len() < CHUNKS {
        busy.extend(live.send_take().await);
    }
    let last = operator.job(jobs[3]).await.unwrap();
    assert!(!has_ended(&last), "the jobs ended before the measurement");
    let busy = describe(&format!("with jobs on {tasks} processors"), busy);
    assert!(busy < MOST_LATE, "{busy:?} after {idle:?}");
}
