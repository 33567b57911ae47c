//! Nodes that register, send heartbeats to the main server that answers, and carry no media.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::sleep};

use crate::process::{SECRET, call};

/// How often one sends a heartbeat; more often than a real one, for tests that wait for it.
const HEARTBEAT: Duration = Duration::from_millis(200);

#[derive(Default)]
struct State {
    streams: Mutex<Vec<String>>,
    registrations: AtomicUsize,
    told_to_end: AtomicUsize,
}

/// A node that ends with the test.
pub(crate) struct Node {
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// Starts one that knows these main servers.
    pub(crate) fn start(hostname: &str, main_servers: &[&str]) -> Self {
        let state = Arc::new(State::default());
        let main_servers = main_servers.iter().map(|url| (*url).to_owned()).collect();
        let task = tokio::spawn(run(hostname.to_owned(), main_servers, Arc::clone(&state)));
        Self { state, task }
    }

    /// From now on it has the stream live, with one viewer.
    pub(crate) fn carry(&self, stream_id: &str) {
        self.state.streams.lock().unwrap().push(stream_id.to_owned());
    }

    /// How often it had to register.
    pub(crate) fn registrations(&self) -> usize {
        self.state.registrations.load(Relaxed)
    }

    /// How often it was told to end a stream.
    pub(crate) fn told_to_end(&self) -> usize {
        self.state.told_to_end.load(Relaxed)
    }
}

async fn run(hostname: String, main_servers: Vec<String>, state: Arc<State>) {
    let client = tls_harness::client_builder().connect_timeout(Duration::from_secs(1)).build().unwrap();
    let mut node_id: Option<String> = None;
    let mut turn = 0;
    loop {
        let url = &main_servers[turn % main_servers.len()];
        let outcome = match &node_id {
            None => register(&client, url, &hostname, &state).await.map(|id| node_id = Some(id)),
            Some(id) => beat(&client, url, id, &state).await,
        };
        match outcome {
            Ok(()) => sleep(HEARTBEAT).await,
            Err(Some(code)) if code == "unknown_node" => node_id = None,
            Err(_) => {
                turn += 1;
                sleep(HEARTBEAT / 2).await;
            }
        }
    }
}

async fn register(
    client: &Client,
    url: &str,
    hostname: &str,
    state: &State,
) -> Result<String, Option<String>> {
    let body = json!({ "hostname": hostname, "public_url": format!("/cdn/{hostname}"), "generation": 1 });
    let answer =
        call(client, Method::POST, &format!("{url}/register_server"), SECRET, body).await.ok_or(None)?;
    let registered = answer.outcome().map_err(Some)?;
    state.registrations.fetch_add(1, Relaxed);
    Ok(registered["node_id"].as_str().unwrap().to_owned())
}

async fn beat(client: &Client, url: &str, id: &str, state: &State) -> Result<(), Option<String>> {
    let row = |stream_id: &String| json!({ "stream_id": stream_id, "state": "live", "viewers": 1 });
    let streams: Vec<Value> = state.streams.lock().unwrap().iter().map(row).collect();
    let body = json!({ "load": {}, "streams": streams });
    let path = format!("{url}/api/nodes/{id}/heartbeat");
    let answer = call(client, Method::PUT, &path, SECRET, body).await.ok_or(None)?;
    let answer = answer.outcome().map_err(Some)?;
    let commands = answer["commands"].as_array().map_or(0, Vec::len);
    state.told_to_end.fetch_add(commands, Relaxed);
    Ok(())
}
