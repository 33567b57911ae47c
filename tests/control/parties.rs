//! A party on three main servers and three NATS servers, of which some are killed in the middle of a round, while members vote.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    nats::Cluster,
    node::Node,
    process::{MainServer, call, until},
};

const MEMBERS: usize = 6;
const STREAMS: usize = 4;
/// Pause between two votes of a member.
const PAUSE: Duration = Duration::from_millis(150);

/// What a party is asked, by any of its servers.
#[derive(Clone)]
struct Party {
    client: Client,
    servers: Vec<String>,
    party_id: String,
}

#[derive(Clone)]
struct Member {
    id: String,
    token: String,
}

impl Party {
    async fn call(
        &self,
        server: usize,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
    ) -> Option<Value> {
        let url = format!("{}/api/parties/{}{path}", self.servers[server], self.party_id);
        call(&self.client, method, &url, token, body).await?.outcome().ok()
    }

    /// Asks one server after the other until one does it. It may be done more than once.
    async fn command(&self, first: usize, token: &str, body: Value) {
        for turn in 0.. {
            let server = (first + turn) % self.servers.len();
            if self.call(server, Method::POST, "/commands", token, body.clone()).await.is_some() {
                return;
            }
            assert!(turn < 1_000, "no server does it: {body}");
            sleep(PAUSE).await;
        }
    }

    async fn state(&self, server: usize) -> Option<Value> {
        self.call(server, Method::GET, "", "", json!({})).await
    }

    /// The state for a member, who sees whose votes are.
    async fn seen(&self, server: usize, member: &Member) -> Option<Value> {
        self.call(server, Method::GET, "", &member.token, json!({})).await
    }

    /// The state for a member as soon as it is `wanted`. One read more may be refused: a member has a rate.
    async fn once(
        &self,
        what: &str,
        server: usize,
        member: &Member,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let last = RefCell::new(Value::Null);
        let is_wanted = async || {
            last.replace(self.seen(server, member).await.unwrap_or_default());
            wanted(&last.borrow())
        };
        until(what, is_wanted).await;
        last.into_inner()
    }

    async fn join(&self, server: usize, name: &str) -> Member {
        let joined = self.call(server, Method::POST, "/join", "", json!({ "name": name })).await.unwrap();
        member(&joined)
    }

    /// Keeps a member connected: to the next server when one is gone.
    async fn stay(self, first: usize, member: Member) {
        for turn in 0.. {
            let server = &self.servers[(first + turn) % self.servers.len()];
            let url = format!("{server}/api/parties/{}/events", self.party_id);
            if let Ok(mut events) = self.client.get(url).bearer_auth(&member.token).send().await {
                while let Ok(Some(_)) = events.chunk().await {}
            }
            sleep(PAUSE).await;
        }
    }

    /// Votes until `stop`, each time until a server says that the vote is there. Returns the last one.
    async fn vote(
        self,
        member: Member,
        number: usize,
        entries: Arc<Vec<String>>,
        votes: Arc<Votes>,
    ) -> String {
        for turn in number.. {
            let entry_id = &entries[(turn * 7 + number) % entries.len()];
            let body = json!({ "command": "vote", "entry_id": entry_id });
            self.command(turn, &member.token, body).await;
            votes.acknowledged.fetch_add(1, Relaxed);
            if votes.stop.load(Relaxed) {
                return entry_id.clone();
            }
            sleep(PAUSE).await;
        }
        unreachable!("it votes until it is stopped")
    }
}

fn member(json: &Value) -> Member {
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    Member { id: text("member_id"), token: text("token") }
}

#[derive(Default)]
struct Votes {
    acknowledged: AtomicUsize,
    stop: AtomicBool,
}

impl Votes {
    /// Waits until many more votes were acknowledged.
    async fn go_on(&self, what: &str) {
        let before = self.acknowledged.load(Relaxed);
        let took = until(what, async || self.acknowledged.load(Relaxed) > before + 4 * MEMBERS).await;
        println!("{what}: {} votes more within {} ms", 4 * MEMBERS, took.as_millis());
    }
}

/// Votes of a round by entry, each with the members that cast them.
fn ballots(round: &Value) -> BTreeMap<String, Vec<String>> {
    let rows = round["votes"].as_array().into_iter().flatten();
    rows.map(|row| {
        let members = row["members"].as_array().into_iter().flatten();
        let mut members: Vec<_> = members.map(|id| id.as_str().unwrap().to_owned()).collect();
        assert_eq!(row["count"], members.len(), "a vote counts once");
        members.sort();
        (row["entry_id"].as_str().unwrap().to_owned(), members)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_vote_is_lost_or_counted_twice_when_a_main_server_and_the_nats_leader_are_killed() {
    let mut cluster = Cluster::start();
    let a = cluster.main_server("a").await;
    let (b, c) = (cluster.main_server("b").await, cluster.main_server("c").await);
    let node = Node::start("n", &[&b.url, &c.url]);
    until("the node registers", async || node.registrations() > 0).await;
    let mut streams = Vec::new();
    for number in 0..STREAMS {
        let id = b.create(&format!("camera {number}")).await.unwrap().unwrap();
        node.carry(&id);
        streams.push(id);
    }
    let is_live = async |server: &MainServer, id: &String| server.state(id).await.as_deref() == Some("live");
    for server in [&a, &b, &c] {
        for id in &streams {
            until("all are live", async || is_live(server, id).await).await;
        }
    }

    let body = json!({ "title": "Evening", "policy": "vote", "access": "public", "name": "Host" });
    let made = a.call(Method::POST, "/api/parties", "", body).await.unwrap().outcome().unwrap();
    let (host, party_id) = (member(&made["member"]), made["party_id"].as_str().unwrap().to_owned());
    let servers = [&a, &b, &c].map(|server| server.url.clone()).to_vec();
    let party = Party { client: tls_harness::client(), servers, party_id };
    for stream_id in &streams {
        let body = json!({ "command": "queue", "stream_id": stream_id });
        party.call(0, Method::POST, "/commands", &host.token, body).await.unwrap();
    }
    let mut members = vec![host.clone()];
    for number in 1..MEMBERS {
        members.push(party.join(number % 3, &format!("Member {number}")).await);
    }
    let mut connections = JoinSet::new();
    for (number, member) in members.iter().enumerate() {
        connections.spawn(party.clone().stay(number % 3, member.clone()));
    }
    let before = party.state(0).await.unwrap();
    let playing = before["timeline"]["entry"]["entry_id"].as_str().unwrap();
    let queue = before["queue"].as_array().unwrap().iter().map(|entry| entry["entry_id"].as_str().unwrap());
    let entries: Arc<Vec<_>> = Arc::new(queue.filter(|id| *id != playing).map(str::to_owned).collect());
    assert_eq!(entries.len(), STREAMS - 1);

    let votes = Arc::new(Votes::default());
    let mut voters = JoinSet::new();
    for (number, member) in members.iter().cloned().enumerate() {
        let (party, entries, votes) = (party.clone(), Arc::clone(&entries), Arc::clone(&votes));
        let id = member.id.clone();
        voters.spawn(async move { (id, party.vote(member, number, entries, votes).await) });
    }
    votes.go_on("with all servers").await;
    a.kill();
    votes.go_on("after the death of a main server").await;
    until("a server leads", async || cluster.nats.leader("KV_undead").unwrap().is_some()).await;
    let leader = cluster.nats.leader("KV_undead").unwrap().unwrap();
    cluster.nats.kill(leader).unwrap();
    votes.go_on("after the death of the NATS server that led").await;
    votes.stop.store(true, Relaxed);
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while let Some(last) = voters.join_next().await {
        let (member, entry_id) = last.unwrap();
        expected.entry(entry_id).or_default().push(member);
    }
    expected.values_mut().for_each(|members| members.sort());

    for server in [1, 2] {
        let has_all = |state: &Value| ballots(&state["round"]) == expected;
        let state =
            party.once("every server has the acknowledged votes and no others", server, &host, has_all).await;
        assert_eq!(state["timeline"], before["timeline"], "playback is unbroken");
    }
    // The host skips: one server closes the round, however often it is asked.
    let skip = async || {
        let Some(state) = party.state(1).await else { return false };
        if state["timeline"]["round"] != before["timeline"]["round"] {
            return true;
        }
        let body = json!({ "command": "skip", "if_revision": state["revision"] });
        party.call(1, Method::POST, "/commands", &host.token, body).await;
        false
    };
    until("the round is closed", skip).await;
    let most = expected.values().map(Vec::len).max().unwrap();
    let restarted = cluster.main_server("a").await;
    let party = Party { servers: vec![restarted.url.clone(), b.url.clone(), c.url.clone()], ..party };
    for server in 0..3 {
        let is_closed = |state: &Value| state["last_round"]["round"] == before["timeline"]["round"];
        let state = party.once("every server has the closed round", server, &host, is_closed).await;
        let closed = &state["last_round"];
        assert_eq!((ballots(closed), &closed["cast_at_random"]), (expected.clone(), &json!(0)));
        let winner = closed["winner"].as_str().unwrap();
        assert_eq!(expected[winner].len(), most, "the winner is what the votes say");
        let round = before["timeline"]["round"].as_u64().unwrap() + 1;
        assert_eq!(state["timeline"]["round"], round, "it was closed once");
        assert_eq!(state["timeline"]["entry"]["entry_id"], winner);
    }
}
