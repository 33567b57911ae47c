//! A node learns the keys of grants from the answers to its heartbeats, and says which ones it has.

use cdn::{Config, Limits, Node};
use protocol::{
    StreamId,
    grant::{Action, Claims, Signer},
    node::Heartbeat,
    stream::Visibility,
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    client::Client,
    harness::{Recording, TEST_TIMEOUT, signer, stream},
    main_server::{FakeMainServer, Server, Told, start_node},
};

struct Member {
    server: Server,
    heard: mpsc::UnboundedReceiver<Told>,
    client: Client,
    _stop: DropGuard,
}

fn next_signer() -> Signer {
    Signer::from_seed(&[42; 32]).unwrap()
}

fn grant(signer: &Signer, stream_id: StreamId, cluster_id: Option<&str>) -> String {
    let claims = Claims {
        cluster_id: cluster_id.map(str::to_owned),
        ..Claims::new(stream_id, Action::Publish, Visibility::Public, 4_000_000_000)
    };
    signer.sign(&claims).unwrap()
}

impl Member {
    async fn start(cluster_id: Option<&str>) -> Self {
        let (server, url, heard) = FakeMainServer::beating(50).await;
        *server.cluster_id.lock().unwrap() = cluster_id.map(str::to_owned);
        let (_node, address, shutdown) = start_node(url, Limits::default()).await;
        let client = Client::connect(address, "").await;
        let mut member = Self { server, heard, client, _stop: shutdown.drop_guard() };
        member.says_it_has(&[&signer()]).await;
        member
    }

    /// Waits until the node says that it has these keys and no others.
    async fn says_it_has(&mut self, signers: &[&Signer]) {
        let kids: Vec<_> = signers.iter().map(|signer| signer.public_key().kid.clone()).collect();
        loop {
            let told = timeout(TEST_TIMEOUT, self.heard.recv()).await.expect("a heartbeat comes in time");
            if let Told::Heartbeat(_, Heartbeat { grant_keys, .. }) = told.unwrap()
                && grant_keys.as_ref() == Some(&kids)
            {
                return;
            }
        }
    }

    async fn register(&self, stream_id: StreamId, grant: &str) -> Value {
        let registration = json!({ "stream_id": stream_id, "grant": grant, "mime": Recording::usual().mime });
        self.client.call("register_new_stream", registration).await
    }
}

#[tokio::test]
async fn new_keys_come_with_a_heartbeats_answer_and_old_ones_go_with_one() {
    let mut member = Member::start(None).await;
    let (old, new) = (signer(), next_signer());
    let refused = member.register(stream("early"), &grant(&new, stream("early"), None)).await;
    assert_eq!(refused["error"]["code"], "invalid_grant");

    *member.server.grant_keys.lock().unwrap() = vec![old.public_key().clone(), new.public_key().clone()];
    member.says_it_has(&[&old, &new]).await;
    for (name, signer) in [("of the old key", &old), ("of the new key", &new)] {
        let answer = member.register(stream(name), &grant(signer, stream(name), None)).await;
        assert_eq!(answer["ok"], true, "{name}: {answer}");
    }

    *member.server.grant_keys.lock().unwrap() = vec![new.public_key().clone()];
    member.says_it_has(&[&new]).await;
    let refused = member.register(stream("late"), &grant(&old, stream("late"), None)).await;
    assert_eq!(refused["error"]["code"], "invalid_grant");
}

#[tokio::test]
async fn a_grant_of_another_cluster_is_refused_and_one_of_an_older_version_is_not() {
    let member = Member::start(Some("here")).await;
    for (cluster_id, accepted) in [(Some("here"), true), (None, true), (Some("elsewhere"), false)] {
        let id = stream(cluster_id.unwrap_or("of an older version"));
        let answer = member.register(id, &grant(&signer(), id, cluster_id)).await;
        assert_eq!(answer["ok"], accepted, "{cluster_id:?}: {answer}");
    }
}

#[tokio::test]
async fn a_node_that_knows_no_key_yet_sends_clients_elsewhere_and_does_not_condemn_their_grants() {
    let mut config = Config::new("cdn-1", "http://cdn-1.example/");
    config.main_servers = vec!["http://127.0.0.1:9".into()];
    let shutdown = CancellationToken::new();
    let node = Node::start(config, shutdown.clone()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, node.router()).into_future());
    let client = Client::connect(address, "").await;
    let id = stream("a");
    let registration =
        json!({ "stream_id": id, "grant": grant(&signer(), id, None), "mime": Recording::usual().mime });
    let answer = client.call("register_new_stream", registration).await;
    assert_eq!(answer["error"]["code"], "no_node_available");
    shutdown.cancel();
}
