//! Two main servers on a cluster of three NATS servers: what happens when some or all of them are killed.

use std::{collections::HashSet, path::Path, time::Duration};

use futures_util::future::join_all;
use nats_harness::Servers;
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::{
    load::{Acknowledged, Load},
    node::Node,
    process::{MainServer, SECRET, TEST_TIMEOUT, until},
    requests::{Kind, Live, Requests},
};

/// NATS servers and main servers on them.
pub(crate) struct Cluster {
    pub(crate) nats: Servers,
    folder: TempDir,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        assert!(nats_harness::is_installed(), "scripts/install-tools.sh installs nats-server");
        Self { nats: Servers::start(3).unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) async fn main_server(&self, name: &str) -> MainServer {
        let folder: &Path = &self.folder.path().join(name);
        let main_server = MainServer::start(port_harness::reserve().unwrap(), folder, &self.nats.urls());
        until("it is ready", async || main_server.is_ready().await).await;
        main_server
    }

    async fn two_main_servers(&self) -> (MainServer, MainServer) {
        (self.main_server("a").await, self.main_server("b").await)
    }
}

/// Every acknowledged write is known to `main_server`, at the latest when its watch of the store has shown it: a main server
/// that was killed may not have told it of its last ones.
async fn knows(main_server: &MainServer, acknowledged: &Acknowledged) {
    let ended: HashSet<_> = acknowledged.ended.iter().collect();
    for (id, _) in &acknowledged.created {
        let is_known = async || match main_server.state(id).await.as_deref() {
            Some("ended") => true,
            Some(_) => !ended.contains(id),
            None => false,
        };
        until("what was created is known, and what was ended has ended", is_known).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_decision_whatever_main_server_is_asked() {
    let cluster = Cluster::start();
    let (a, b) = cluster.two_main_servers().await;
    let register = async |server: &MainServer, generation: u64| {
        let body = json!({ "hostname": "n", "public_url": "/cdn/n", "generation": generation });
        let answer = server.call(Method::POST, "/register_server", SECRET, body).await.unwrap();
        answer.outcome().map(drop)
    };
    let answers =
        join_all((0..8).map(|index| register(if index % 2 == 0 { &a } else { &b }, index + 1))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let refused = answers.into_iter().filter_map(Result::err);
    assert!(refused.into_iter().all(|code| code == "hostname_taken"));
    let _node = Node::start("other", &[&a.url, &b.url]);
    let create = async |server: &MainServer| loop {
        if let Some(Ok(id)) = server.create("same title").await {
            return id;
        }
        sleep(Duration::from_millis(20)).await;
    };
    let ids = join_all((0..8).map(|index| create(if index % 2 == 0 { &a } else { &b }))).await;
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_a_nats_server_and_a_main_server_are_killed_under_load() {
    let mut cluster = Cluster::start();
    let (a, b) = cluster.two_main_servers().await;
    let node = Node::start("n", &[&a.url, &b.url]);
    until("the node registers", async || node.registrations() > 0).await;
    let live = a.create("goes on").await.unwrap().unwrap();
    node.carry(&live);
    let load = Load::start(4, &[&a.url, &b.url]);
    let start = Instant::now();
    until("there is load", async || load.created_since(start) > 40).await;

    // The worst one: it takes seconds until the store's stream is led by another.
    let leads = async || cluster.nats.leader("KV_undead").unwrap().is_some();
    until("somebody leads", leads).await;
    let leader = cluster.nats.leader("KV_undead").unwrap().unwrap();
    let killed = Instant::now();
    cluster.nats.kill(leader).unwrap();
    let took = until("a request succeeds again", async || load.created_since(killed) > 4).await;
    let orphan = cluster.nats.leader("KV_undead").unwrap().is_none();
    println!("5 streams were created within {} ms of the leader's death", took.as_millis());
    println!("the store {} another leader then", if orphan { "did not have" } else { "had" });
    let took = until("requests succeed again", async || load.created_since(killed) > 20).await;
    println!(
        "20 streams were created within {} ms more after the death of the NATS server that led",
        took.as_millis()
    );
    let killed = Instant::now();
    a.kill();
    let took = until("requests succeed again", async || load.created_since(killed) > 20).await;
    println!("20 streams were created within {} ms of the death of a main server", took.as_millis());
    let acknowledged = load.finish().await;
    println!("{} created, {} ended", acknowledged.created.len(), acknowledged.ended.len());
    let is_live = async || b.state(&live).await.as_deref() == Some("live");
    until("what was live goes on", is_live).await;
    assert_eq!(node.told_to_end(), 0);
    knows(&b, &acknowledged).await;
    knows(&cluster.main_server("c").await, &acknowledged).await;
}

/// Waits until the store has a leader again; gives when it was last seen to have none.
async fn until_led_again(nats: &Servers) -> Instant {
    let begun = Instant::now();
    let mut leaderless = begun;
    loop {
        let asked = Instant::now();
        if tokio::task::block_in_place(|| nats.leader("KV_undead")).unwrap().is_some() {
            return leaderless;
        }
        leaderless = asked;
        assert!(begun.elapsed() < TEST_TIMEOUT, "nobody leads the store");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A cluster with a stream that is live, and clients that ask a main server for everything.
struct Asked {
    cluster: Cluster,
    main_server: MainServer,
    node: Node,
    live: Live,
    requests: Requests,
    load: Load,
}

impl Asked {
    /// Every kind of request has had success. Also gives another main server, which is asked for nothing.
    async fn start() -> (Self, MainServer) {
        let cluster = Cluster::start();
        let (a, b) = cluster.two_main_servers().await;
        let node = Node::start("n", &[&a.url, &b.url]);
        until("the node registers", async || node.registrations() > 0).await;
        let created = a.call(Method::POST, "/api/streams", "", json!({ "title": "goes on" })).await.unwrap();
        let created = created.outcome().unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let live = Live { id: text(&created["stream_id"]), grant: text(&created["publish"]["grant"]) };
        node.carry(&live.id);
        until("it is live", async || b.state(&live.id).await.as_deref() == Some("live")).await;
        let requests = Requests::start(&b.url, &live).await;
        // One client: only so many streams of one address may wait for their first media.
        let load = Load::start(1, &[&a.url, &b.url]);
        let asked = Self { cluster, main_server: b, node, live, requests, load };
        asked.until_all_is_had(Instant::now()).await;
        (asked, a)
    }

    fn leader(&self) -> usize {
        self.cluster.nats.leader("KV_undead").unwrap().expect("somebody leads the store")
    }

    fn is_had(&self, kind: Kind, since: Instant, until: Instant) -> bool {
        self.requests.succeeded(kind, since, until) > 2
    }

    /// Waits until every kind of request has had success that was made since then.
    async fn until_all_is_had(&self, since: Instant) {
        let is_had = |kind| self.is_had(kind, since, Instant::now());
        until("everything is had", async || Kind::ALL.into_iter().all(is_had)).await;
    }

    fn print(&self, since: Instant) {
        println!("how long who asked had to wait:");
        for kind in Kind::ALL {
            let summary = self.requests.summary(kind, since);
            println!("{kind:?}: {} ms, {} refusals", summary.longest.as_millis(), summary.refused);
        }
    }

    /// What was live still is, and what was acknowledged is known to this main server and to one that starts.
    async fn finish(self) {
        self.requests.finish().await;
        let acknowledged = self.load.finish().await;
        println!("{} created, {} ended", acknowledged.created.len(), acknowledged.ended.len());
        knows(&self.main_server, &acknowledged).await;
        knows(&self.cluster.main_server("c").await, &acknowledged).await;
        let is_live = async || self.main_server.state(&self.live.id).await.as_deref() == Some("live");
        until("what was live goes on", is_live).await;
        assert_eq!(self.node.told_to_end(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_no_write_is_had_again_before_nats_has_elected_another_leader_and_the_rest_after_it() {
    let (mut asked, other) = Asked::start().await;
    let (leader, killed) = (asked.leader(), Instant::now());
    asked.cluster.nats.kill(leader).unwrap();
    other.kill();
    let leaderless = until_led_again(&asked.cluster.nats).await;
    asked.until_all_is_had(Instant::now()).await;
    println!("the store had no leader for {} ms", (leaderless - killed).as_millis());
    asked.print(killed);
    let is_written = |kind: &Kind| matches!(kind, Kind::Create | Kind::End | Kind::RegisterNew);
    for kind in Kind::ALL.into_iter().filter(|kind| !is_written(kind)) {
        assert!(asked.is_had(kind, killed, leaderless), "{kind:?} waited for another leader");
    }
    asked.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nats_server_that_hangs_is_left_for_another() {
    let (asked, _other) = Asked::start().await;
    let hung = Instant::now();
    asked.cluster.nats.hang(asked.leader()).unwrap();
    asked.until_all_is_had(hung).await;
    asked.print(hung);
    asked.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_streams_go_on_while_all_nats_servers_are_away_and_everything_recovers() {
    let mut cluster = Cluster::start();
    let (a, b) = cluster.two_main_servers().await;
    let nodes = [Node::start("at-a", &[&a.url]), Node::start("at-b", &[&b.url])];
    let falls_silent = [Node::start("silent-a", &[&a.url]), Node::start("silent-b", &[&b.url])];
    let all_nodes = || nodes.iter().chain(&falls_silent);
    until("nodes register", async || all_nodes().all(|node| node.registrations() == 1)).await;
    let mut ids = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let id = a.create(&format!("stream {index}")).await.unwrap().unwrap();
        node.carry(&id);
        ids.push(id);
    }
    ids.sort();
    let all: Vec<_> = ids.iter().map(|id| (id.clone(), "live".to_owned(), 1)).collect();
    for server in [&a, &b] {
        until("both are live", async || server.list().await == all).await;
    }

    (0..3).for_each(|number| cluster.nats.kill(number).unwrap());
    until("it knows", async || !a.is_ready().await && !b.is_ready().await).await;
    assert_eq!(a.create("too early").await, Some(Err("store_unavailable".into())));
    let watch = a.call(Method::POST, &format!("/api/streams/{}/watch", ids[0]), "", json!({})).await.unwrap();
    assert_eq!(watch.outcome().err().as_deref(), Some("store_unavailable"));
    // So a lease has passed: were nodes given up that only the other server hears, their streams would be interrupted.
    drop(falls_silent);
    let is_given_up = async || !a.is_live("silent-a").await && !b.is_live("silent-b").await;
    until("a silent node of its own is given up by each", is_given_up).await;
    for server in [&a, &b] {
        until("live streams go on", async || server.list().await == all).await;
    }

    (0..3).for_each(|number| cluster.nats.restart(number).unwrap());
    let begun = Instant::now();
    while !matches!(a.create("again").await, Some(Ok(_))) {
        assert!(begun.elapsed() < TEST_TIMEOUT, "the store does not recover");
        sleep(Duration::from_millis(100)).await;
    }
    println!("creating works again {} ms after NATS started", begun.elapsed().as_millis());
    for server in [&a, &b] {
        until("it is ready", async || server.is_ready().await).await;
        until("live streams go on", async || server.list().await == all).await;
    }
    assert!(nodes.iter().all(|node| node.told_to_end() == 0));
}
