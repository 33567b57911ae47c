//! Rotation on main servers that share a store, with their real nodes and requests; the time of day is the test's.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::{
    StreamId,
    grant_key::GrantKeyState,
    node::{Heartbeat, HeartbeatAnswer},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use store::{Engine, Store};

use super::*;
use crate::{
    auth::Seed,
    cluster::{
        bootstrap,
        grant_keys::{OVERLAP, SETTLING},
        tests::{Cluster, Member, until},
    },
};

impl Member {
    fn grant_keys(&self) -> GrantKeys {
        GrantKeys::new(&self.context, &self.state)
    }
}

/// So much later; leases run on.
fn later(by: Duration) -> Now {
    let now = Now::read();
    Now { unix: now.unix + by, ..now }
}

/// The key that signed a grant.
fn kid(grant: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(grant.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn claims(grant: &str) -> Value {
    let claims = URL_SAFE_NO_PAD.decode(grant.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

fn states(member: &Member) -> Vec<GrantKeyState> {
    member.grant_keys().list(Now::read()).iter().map(|key| key.state).collect()
}

fn kids(member: &Member) -> Vec<String> {
    member.grant_keys().list(Now::read()).into_iter().map(|key| key.kid).collect()
}

/// The heartbeat of a node that has these keys.
async fn beat(member: &Member, node: &str, known: Option<Vec<String>>) -> HeartbeatAnswer {
    let heartbeat = Heartbeat { grant_keys: known, ..Heartbeat::default() };
    let body = serde_json::to_vec(&heartbeat).unwrap();
    member.put(&format!("/api/nodes/{node}/heartbeat"), Some(&member.secret), body).await.read()
}

/// Whether `grant` still proves at a main server who publishes the stream.
async fn is_accepted(member: &Member, id: StreamId, grant: &str) -> bool {
    let answer = member.post(&format!("/api/streams/{id}/publish"), Some(grant), json!({})).await;
    answer.status == StatusCode::OK
}

const CURRENT_AND_NEXT: [GrantKeyState; 2] = [GrantKeyState::Current, GrantKeyState::Next];
const RETIRING_AND_CURRENT: [GrantKeyState; 2] = [GrantKeyState::Retiring, GrantKeyState::Current];

#[tokio::test]
async fn a_key_is_replaced_without_a_refused_grant_while_a_node_and_a_main_server_are_away() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let (here, away) = (a.node("here").await, a.node("away").await);
    let first = kids(&a);
    for node in [&here, &away] {
        assert_eq!(beat(&a, node, Some(first.clone())).await.grant_keys, None, "it has the key");
    }
    let created = a.create("first").await;
    let (id, old) = (created.stream_id, created.publish.grant);

    a.grant_keys().rotate(Now::read()).await.unwrap();
    until("b hears of it", async || states(&b) == CURRENT_AND_NEXT).await;
    let both = kids(&a);
    let told = beat(&a, &here, Some(first.clone())).await.grant_keys.unwrap();
    assert_eq!(told.iter().map(|key| key.kid.clone()).collect::<Vec<_>>(), both);
    beat(&a, &here, Some(both.clone())).await;
    let soon = later(SETTLING);
    a.grant_keys().upkeep(soon).await;
    let waiting = a.grant_keys().list(Now::read());
    assert_eq!(waiting[1].lacking, ["away"], "a live node would refuse what the new key signs");
    assert_eq!(kid(&a.create("second").await.publish.grant), first[0]);

    // Another main server does what is due; one that starts now finds it done.
    beat(&b, &away, Some(both.clone())).await;
    until("b knows that all nodes have it", async || b.grant_keys().list(Now::read())[1].lacking.is_empty())
        .await;
    b.grant_keys().upkeep(soon).await;
    until("a signs with it", async || kid(&a.create("third").await.publish.grant) == both[1]).await;
    let c = cluster.member(|_| {}).await;
    assert_eq!(kid(&c.create("fourth").await.publish.grant), both[1]);
    for member in [&a, &b, &c] {
        assert_eq!(states(member), RETIRING_AND_CURRENT);
        assert!(is_accepted(member, id, &old).await, "grants of the old key live on");
    }

    let end = later(SETTLING + OVERLAP);
    a.grant_keys().upkeep(later(OVERLAP - Duration::from_secs(60))).await;
    assert!(is_accepted(&a, id, &old).await);
    a.grant_keys().upkeep(end).await;
    for member in [&a, &b, &c] {
        until("it forgets the old key", async || kids(member) == both[1..]).await;
        until("it refuses what that signed", async || !is_accepted(member, id, &old).await).await;
    }
    assert_eq!(beat(&a, &here, Some(both.clone())).await.grant_keys.map(|keys| keys.len()), Some(1));
}

#[tokio::test]
async fn of_main_servers_that_rotate_at_once_one_adds_a_key() {
    let cluster = Cluster::new().await;
    let (a, b) = cluster.pair().await;
    let rotate = async |member: &Member| member.grant_keys().rotate(Now::read()).await.unwrap();
    let (at_a, at_b) = tokio::join!(rotate(&a), rotate(&b));
    assert_eq!(at_a, at_b);
    assert_eq!(states(&a), CURRENT_AND_NEXT);
    assert_eq!(rotate(&a).await.len(), 2, "one that is on its way is the one to wait for");
    let soon = later(SETTLING);
    let (at_a, at_b) = (a.grant_keys(), b.grant_keys());
    tokio::join!(at_a.upkeep(soon), at_b.upkeep(soon));
    until("both sign with it", async || {
        states(&a) == RETIRING_AND_CURRENT && states(&b) == RETIRING_AND_CURRENT
    })
    .await;
    assert_eq!(kids(&a), kids(&b));
}

#[tokio::test]
async fn an_old_key_is_replaced_by_age_at_one_main_server_for_all() {
    let cluster = Cluster::new().await;
    let (a, never) =
        (cluster.member(|_| {}).await, cluster.member(|config| config.grant_key_age = None).await);
    let month = Duration::from_secs(31 * 86_400);
    never.grant_keys().upkeep(later(month)).await;
    assert_eq!(states(&never), [GrantKeyState::Current]);
    a.grant_keys().upkeep(later(month)).await;
    until("the other one follows", async || states(&never) == CURRENT_AND_NEXT).await;
}

#[tokio::test]
async fn a_node_of_an_older_version_keeps_the_key_that_it_has_and_gets_grants_that_it_reads() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let node = a.node("old").await;
    let first = kids(&a);
    assert_eq!(beat(&a, &node, None).await.grant_keys, None);
    let keys = a.grant_keys();
    keys.rotate(Now::read()).await.unwrap();
    keys.upkeep(later(SETTLING)).await;
    let grant = a.create("first").await.publish.grant;
    assert_eq!((kid(&grant), claims(&grant).get("aud")), (first[0].clone(), None));
    assert_eq!(keys.list(Now::read())[1].lacking, ["old"]);

    beat(&a, &node, Some(kids(&a))).await;
    keys.upkeep(later(SETTLING)).await;
    let grant = a.create("second").await.publish.grant;
    assert_eq!(kid(&grant), kids(&a)[1]);
    assert_eq!(claims(&grant)["aud"], a.context.grants.cluster_id());
}

#[tokio::test]
async fn the_key_of_an_earlier_version_signs_on_and_leaves_the_store_when_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Engine::SqliteInMemory, folder.path()).await.unwrap();
    let namespace = bootstrap::KEYS;
    let earlier = json!({ "secret": "07".repeat(32) }).to_string();
    store.kv.put(namespace, "grant-3", earlier.into(), None).await.unwrap();
    let open = async || Keys::open(Arc::clone(&store.kv), Seed([1; 32]), Now::read()).await.unwrap();
    let keys = open().await;
    let ring = keys.ring().unwrap();
    let (number, key) = ring.signing();
    assert_eq!((number, &key.secret), (3, &Seed([7; 32])));
    keys.rotate(Now::read()).await.unwrap();
    // As after a restart.
    let keys = open().await;
    for by in [SETTLING, SETTLING + OVERLAP] {
        let now = later(by);
        while let Some(step) = keys.ring().unwrap().due(now.unix_ms(), None, |_| true) {
            keys.apply(step, now).await.unwrap();
        }
    }
    assert_eq!(keys.ring().unwrap().signing().0, 4);
    assert_eq!(store.kv.entries(namespace, "grant-").await.unwrap(), []);
    let again = open().await;
    assert_eq!(again.ring(), keys.ring(), "what is gone is not imported again");
}

#[tokio::test]
async fn keys_that_cannot_be_read_are_an_error_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Engine::SqliteInMemory, folder.path()).await.unwrap();
    let namespace = <GrantKey as store::Record>::NAMESPACE;
    store.kv.put(namespace, "1", "{}".into(), None).await.unwrap();
    let opened = Keys::open(Arc::clone(&store.kv), Seed([1; 32]), Now::read()).await;
    assert!(matches!(opened, Err(store::Error::Invalid(_))));
}
