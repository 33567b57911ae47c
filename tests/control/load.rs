//! Clients that create and end streams, and remember what was acknowledged.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::process::call;

/// Most that one client creates.
const MOST: usize = 2_000;

/// Of so many streams one is not ended. A main server keeps 1,000 streams that wait for their first media; on a slow computer
/// more than that came together, and the oldest of them gave way.
const KEPT_OF: usize = 8;

/// What was acknowledged.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// Streams, and when.
    pub(crate) created: Vec<(String, Instant)>,
    /// Those that were ended.
    pub(crate) ended: Vec<String>,
}

/// Clients at work.
pub(crate) struct Load {
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// Starts clients that go on with the next main server when one does not answer or refuses.
    pub(crate) fn start(clients: usize, main_servers: &[&str]) -> Self {
        let mut load = Self { acknowledged: Arc::default(), stop: Arc::default(), clients: JoinSet::new() };
        for number in 0..clients {
            let main_servers: Vec<String> = main_servers.iter().map(|url| (*url).to_owned()).collect();
            let (acknowledged, stop) = (Arc::clone(&load.acknowledged), Arc::clone(&load.stop));
            load.clients.spawn(work(number, main_servers, acknowledged, stop));
        }
        load
    }

    /// How many streams were created after `since`.
    pub(crate) fn created_since(&self, since: Instant) -> usize {
        self.acknowledged.lock().unwrap().created.iter().filter(|(_, at)| *at > since).count()
    }

    /// Stops the clients; gives what they remember.
    pub(crate) async fn finish(self) -> Acknowledged {
        self.stop.store(true, Relaxed);
        self.clients.join_all().await;
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

async fn work(
    number: usize,
    main_servers: Vec<String>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    stop: Arc<AtomicBool>,
) {
    let client = tls_harness::client_builder().connect_timeout(Duration::from_secs(1)).build().unwrap();
    let mut turn = number;
    for index in 0..MOST {
        if stop.load(Relaxed) {
            return;
        }
        let url = &main_servers[turn % main_servers.len()];
        let body = json!({ "title": format!("stream {number}-{index}") });
        let answer = call(&client, Method::POST, &format!("{url}/api/streams"), "", body).await;
        let Some(Ok(created)) = answer.map(crate::process::Answer::outcome) else {
            turn += 1;
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let id = created["stream_id"].as_str().unwrap().to_owned();
        acknowledged.lock().unwrap().created.push((id.clone(), Instant::now()));
        if index % KEPT_OF != 0 {
            let url = &main_servers[(turn + 1) % main_servers.len()];
            let path = format!("{url}/api/streams/{id}");
            let grant = created["publish"]["grant"].as_str().unwrap();
            let answer = call(&client, Method::DELETE, &path, grant, json!({})).await;
            if answer.is_some_and(|answer| answer.status == StatusCode::NO_CONTENT) {
                acknowledged.lock().unwrap().ended.push(id);
            }
        }
        sleep(Duration::from_millis(10)).await;
    }
}
