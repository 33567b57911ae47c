//! A worker with a scripted main server: what it claims, what it reports, and how it ends.

mod main_server;

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use axum::http::StatusCode;
use bytes::Bytes;
use job_kinds::{Failed, Tools};
use objects::{Hash, MAX_BYTES};
use protocol::{
    item::Blob,
    job::{Failure, Output, Work},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::main_server::{Event, MainServer, Script, TEST_TIMEOUT};
use crate::{ClusterSecret, Config, Worker};

/// A worker that runs until it is asked to stop.
struct Running {
    stopping: CancellationToken,
    task: JoinHandle<()>,
    shared: Arc<crate::shared::Shared>,
    _scratch: TempDir,
}

impl Running {
    /// Waits until so many tasks run.
    async fn until_busy(&self, tasks: usize) {
        let busy = async {
            while self.shared.running.count() != tasks {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(TEST_TIMEOUT, busy).await.expect("so many tasks run");
    }

    async fn stop(self) {
        self.stopping.cancel();
        self.task.await.unwrap();
    }
}

fn config(main_servers: &[&str], concurrency: u16, scratch: &Path) -> Config {
    Config {
        name: "tested".into(),
        main_servers: main_servers.iter().map(|&url| url.to_owned()).collect(),
        cluster_secret: ClusterSecret::new("open sesame"),
        trust: tls::Trust::default(),
        objects: None,
        concurrency,
        ffmpeg: None,
        model: None,
        scratch_dir: scratch.to_owned(),
        stop_grace: Duration::from_secs(20),
        unhealthy_after: None,
    }
}

fn start(
    main_servers: &[&str],
    concurrency: u16,
    run: impl Fn(&Work, &Tools<'_>) -> Result<Output, Failed> + Send + Sync + 'static,
) -> Running {
    let scratch = tempfile::tempdir().unwrap();
    let worker = Worker::with(config(main_servers, concurrency, scratch.path()), Arc::new(run)).unwrap();
    let (stopping, shared) = (CancellationToken::new(), worker.shared());
    let task = tokio::spawn(worker.run(stopping.clone()));
    Running { stopping, task, shared, _scratch: scratch }
}

fn input(work: &Work) -> &Blob {
    let Work::Measure(source) = work else { panic!("{work:?}") };
    &source.manifest
}

fn output(waveform: Blob) -> Output {
    Output::Measured { waveform, loudness_centi_lufs: None, true_peak_centi_db: None }
}

/// The output of a task that does nothing.
fn nothing(work: &Work, _: &Tools<'_>) -> Result<Output, Failed> {
    Ok(output(input(work).clone()))
}

fn tasks(keys: &[&str]) -> Script {
    let mut script = Script::default();
    keys.iter().for_each(|key| script.add(key));
    script
}

fn done(key: &str) -> Event {
    Event::Done(key.into())
}

/// Reports `part` repeatedly until the task has to stop.
fn until_cancelled(tools: &Tools<'_>, part: f32) -> Failed {
    loop {
        if let Err(cancelled) = tools.report.progress(part) {
            return cancelled.into();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn a_task_is_claimed_done_and_reported_and_the_next_one_follows() {
    let server = MainServer::start(tasks(&["a", "b"])).await;
    let worker = start(&[&server.url], 1, nothing);
    assert_eq!(server.ends(2).await, [done("a"), done("b")]);
    let state = server.wait_for(|script| script.worker.clone().filter(|worker| worker.done == 2)).await;
    assert_eq!((state.name.as_str(), state.concurrency, state.failed), ("tested", 1, 0));
    assert!(state.tasks.is_empty() && state.worker_id.len() == 32, "{state:?}");
    worker.stop().await;
}

#[tokio::test]
async fn blobs_are_read_and_written_at_the_main_server() {
    let text = Bytes::from_static(b"input");
    let blob = Blob { hash: Hash::of(&text).to_string(), bytes: 5 };
    let mut script = Script::default();
    script.blobs.insert(blob.hash.clone(), text);
    script.add_with("a", &blob);
    let server = MainServer::start(script).await;
    let worker = start(&[&server.url], 1, |work, tools| {
        let bytes = tools.blobs.get(input(work))?;
        tools.blobs.put([&bytes[..], b" and output"].concat().into()).map(output)
    });
    assert_eq!(server.ends(1).await, [done("a")]);
    let written = Hash::of(b"input and output").to_string();
    assert!(server.change(|script| script.blobs.contains_key(&written)));
    worker.stop().await;
}

#[tokio::test]
async fn a_report_whose_answer_was_lost_is_repeated() {
    let mut script = tasks(&["a"]);
    script.refusals.extend([StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE]);
    let server = MainServer::start(script).await;
    let worker = start(&[&server.url], 1, nothing);
    assert_eq!(server.ends(3).await, [done("a"), done("a"), done("a")]);
    let state = server.wait_for(|script| script.worker.clone().filter(|worker| worker.done > 0)).await;
    assert_eq!(state.done, 1);
    worker.stop().await;
}

#[tokio::test]
async fn an_output_that_the_main_server_refuses_is_a_failed_attempt() {
    let mut script = tasks(&["a"]);
    script.refusals.push_back(StatusCode::BAD_REQUEST);
    let server = MainServer::start(script).await;
    let worker = start(&[&server.url], 1, nothing);
    let ends = server.ends(2).await;
    let Event::Failed(_, Failure::Again, reason) = &ends[1] else { panic!("{ends:?}") };
    assert!(reason.contains("output is not one"), "{reason}");
    worker.stop().await;
}

#[tokio::test]
async fn the_lease_of_a_long_task_is_renewed_with_its_progress() {
    let server = MainServer::start(tasks(&["a"])).await;
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let worker = start(&[&server.url], 1, move |work, tools| {
        tools.report.progress(0.25)?;
        released.lock().unwrap().recv().unwrap();
        nothing(work, tools)
    });
    let renewals = |script: &mut Script| {
        let renewed = Event::Progress("a".into(), 25);
        (script.events.iter().filter(|event| **event == renewed).count() >= 3).then_some(())
    };
    server.wait_for(renewals).await;
    release.send(()).unwrap();
    assert_eq!(server.ends(1).await, [done("a")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_task_that_is_lost_stops_and_nothing_is_reported_of_it() {
    let server = MainServer::start(tasks(&["lost"])).await;
    let worker = start(&[&server.url], 1, |work, tools| match input(work).bytes {
        8 => Err(until_cancelled(tools, 0.5)),
        _ => nothing(work, tools),
    });
    server.change(|script| script.lost.insert("lost".into()));
    let other = Blob { hash: Hash::of(b"").to_string(), bytes: 0 };
    server.change(|script| script.add_with("next", &other));
    assert_eq!(server.ends(1).await, [done("next")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_heartbeat_tells_which_tasks_are_lost() {
    let server = MainServer::start(tasks(&["lost", "kept"])).await;
    let (ended, endings) = mpsc::channel();
    let worker = start(&[&server.url], 2, move |_, tools| {
        let failed = until_cancelled(tools, 0.0);
        // The test waits only for the first of two.
        let _ = ended.send(());
        Err(failed)
    });
    worker.until_busy(2).await;
    server.change(|script| script.lost_by_heartbeat.insert("lost".into()));
    worker.shared.send_heartbeat().await;
    tokio::task::spawn_blocking(move || endings.recv_timeout(TEST_TIMEOUT).unwrap()).await.unwrap();
    let mut tasks = server.change(|script| script.heartbeat.clone().unwrap().tasks);
    tasks.sort();
    assert_eq!(tasks, ["kept", "lost"]);
    worker.until_busy(1).await;
    worker.stop().await;
    let handed_back = Event::Failed("kept".into(), Failure::HandedBack, "cancelled".into());
    assert_eq!(server.ends(1).await, [handed_back]);
}

#[tokio::test]
async fn main_servers_that_are_away_are_left_for_the_next() {
    let server = MainServer::start(tasks(&["a"])).await;
    let gone = MainServer::start(Script::default()).await.url.clone();
    let worker = start(&[&gone, &server.url], 1, nothing);
    assert_eq!(server.ends(1).await, [done("a")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_main_server_that_dies_during_a_task_does_not_end_the_task() {
    let dying = MainServer::start(tasks(&["a"])).await;
    let other = MainServer::start(Script::default()).await;
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let worker = start(&[&dying.url, &other.url], 1, move |work, tools| {
        released.lock().unwrap().recv().unwrap();
        nothing(work, tools)
    });
    worker.until_busy(1).await;
    drop(dying);
    release.send(()).unwrap();
    assert_eq!(other.ends(1).await, [done("a")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_stops_hands_back_what_would_take_long() {
    let server = MainServer::start(tasks(&["a"])).await;
    let worker = start(&[&server.url], 1, |_, tools| Err(until_cancelled(tools, 0.0)));
    worker.until_busy(1).await;
    worker.stop().await;
    let handed_back = Event::Failed("a".into(), Failure::HandedBack, "cancelled".into());
    assert_eq!(server.ends(1).await, [handed_back]);
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_is_nearly_done() {
    let server = MainServer::start(tasks(&["a"])).await;
    let (release, released) = mpsc::channel();
    let released = Mutex::new(released);
    let worker = start(&[&server.url], 1, move |work, tools| {
        tools.report.progress(0.99)?;
        released.lock().unwrap().recv().unwrap();
        tools.report.progress(1.0)?;
        nothing(work, tools)
    });
    let nearly = Event::Progress("a".into(), 99);
    server.wait_for(|script| script.events.contains(&nearly).then_some(())).await;
    worker.stopping.cancel();
    release.send(()).unwrap();
    worker.stop().await;
    assert_eq!(server.ends(1).await, [done("a")]);
}

#[tokio::test]
async fn a_task_that_does_not_stop_in_time_is_handed_back_all_the_same() {
    let server = MainServer::start(tasks(&["a"])).await;
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let worker = start(&[&server.url], 1, move |work, tools| {
        let _ = released.lock().unwrap().recv();
        nothing(work, tools)
    });
    worker.until_busy(1).await;
    worker.stop().await;
    let ends = server.ends(1).await;
    assert!(matches!(&ends[..], [Event::Failed(_, Failure::HandedBack, _)]), "{ends:?}");
    drop(release);
}

#[tokio::test]
async fn a_task_that_panics_is_a_failed_attempt_and_nothing_else_is_lost() {
    let server = MainServer::start(tasks(&["a", "b"])).await;
    let calls = AtomicUsize::new(0);
    let worker = start(&[&server.url], 1, move |work, tools| {
        assert!(calls.fetch_add(1, SeqCst) > 0, "a bug");
        nothing(work, tools)
    });
    let failed = Event::Failed("a".into(), Failure::Again, "the task panicked: a bug".into());
    assert_eq!(server.ends(2).await, [failed, done("b")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_waits_longer_after_each_failed_attempt_until_one_succeeds() {
    let server = MainServer::start(tasks(&["a", "b", "c"])).await;
    let calls = AtomicUsize::new(0);
    let worker = start(&[&server.url], 1, move |work, tools| match calls.fetch_add(1, SeqCst) {
        0 => Err(Failed::again("no space left")),
        1 => Err(Failed { failure: Failure::InputGone, reason: "the wrong object store".into() }),
        _ => nothing(work, tools),
    });
    let failures = || worker.shared.failures_in_a_row.load(SeqCst);
    server.ends(2).await;
    assert_eq!(failures(), 2);
    assert_eq!(server.ends(3).await[2], done("c"));
    let reset = async {
        while failures() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, reset).await.expect("a success ends the row");
    worker.stop().await;
}

#[tokio::test]
async fn tasks_are_handed_back_while_the_object_store_is_away() {
    let text = Bytes::from_static(b"input");
    let blob = Blob { hash: Hash::of(&text).to_string(), bytes: 5 };
    let mut script = Script { store_is_away: true, ..Script::default() };
    script.blobs.insert(blob.hash.clone(), text);
    script.add_with("a", &blob);
    let server = MainServer::start(script).await;
    let worker = start(&[&server.url], 1, |work, tools| {
        tools.blobs.get(input(work)).map(|_| output(input(work).clone()))
    });
    let ends = server.ends(1).await;
    let Event::Failed(_, Failure::HandedBack, reason) = &ends[0] else { panic!("{ends:?}") };
    assert!(reason.contains("not available"), "{reason}");
    server.change(|script| {
        script.store_is_away = false;
        script.add_with("a", &blob);
    });
    assert_eq!(server.ends(2).await[1], done("a"));
    worker.stop().await;
}

#[tokio::test]
async fn a_missing_blob_and_one_of_another_size_are_told_apart_and_too_large_ones_are_not_read() {
    let text = Bytes::from_static(b"input");
    let hash = Hash::of(&text).to_string();
    let mut script = Script::default();
    script.blobs.insert(hash.clone(), text);
    script.add("missing");
    for (key, bytes) in [("another size", 6), ("too large", MAX_BYTES + 1)] {
        script.add_with(key, &Blob { hash: hash.clone(), bytes });
    }
    script.add_with("no name", &Blob { hash: "../..".into(), bytes: 1 });
    let server = MainServer::start(script).await;
    let worker = start(&[&server.url], 1, |work, tools| tools.blobs.get(input(work)).map(|_| unreachable!()));
    let ends = server.ends(4).await;
    let failures = ends.iter().map(|end| match end {
        Event::Failed(_, failure, _) => *failure,
        other => panic!("{other:?}"),
    });
    let for_good = Failure::ForGood;
    assert_eq!(failures.collect::<Vec<_>>(), [Failure::InputGone, for_good, for_good, for_good]);
    assert_eq!(server.change(|script| script.reads), 2);
    worker.stop().await;
}

#[tokio::test]
async fn no_more_threads_run_than_asked_for_even_if_lost_tasks_do_not_stop() {
    let server = MainServer::start(tasks(&["a", "b", "c"])).await;
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let worker = start(&[&server.url], 2, move |work, tools| {
        let _ = released.lock().unwrap().recv();
        nothing(work, tools)
    });
    worker.until_busy(2).await;
    server.change(|script| script.lost.extend(["a".into(), "b".into()]));
    worker.until_busy(0).await;
    assert_eq!(server.change(|script| script.tasks.len()), 1, "both threads go on, so nothing is claimed");
    release.send(()).unwrap();
    server.wait_for(|script| script.tasks.is_empty().then_some(())).await;
    drop(release);
    assert_eq!(server.ends(1).await, [done("c")]);
    worker.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn tasks_run_only_when_the_machine_has_nothing_else_to_do() {
    /// The policy `SCHED_IDLE`, see sched(7).
    const IDLE: &str = "5";
    let server = MainServer::start(tasks(&["a"])).await;
    let worker = start(&[&server.url], 1, |work, tools| {
        // proc(5): field 41 is the policy; the name, field 2, may contain spaces.
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let policy = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(41 - 3).unwrap().to_owned();
        assert_eq!(policy, IDLE);
        nothing(work, tools)
    });
    assert_eq!(server.ends(1).await, [done("a")]);
    worker.stop().await;
}

#[tokio::test]
async fn a_task_has_an_empty_folder_that_goes_with_it() {
    let server = MainServer::start(tasks(&["a", "b"])).await;
    let worker = start(&[&server.url], 1, |work, tools| {
        assert_eq!(std::fs::read_dir(tools.scratch).unwrap().count(), 0);
        std::fs::write(tools.scratch.join("left"), "over").unwrap();
        nothing(work, tools)
    });
    assert_eq!(server.ends(2).await, [done("a"), done("b")]);
    worker.stop().await;
}
