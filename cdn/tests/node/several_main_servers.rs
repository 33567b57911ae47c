//! A node that knows several main servers is with one that answers.

use cdn::{ClusterSecret, Config, Node};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    harness::TEST_TIMEOUT,
    main_server::{FakeMainServer, Mood, SECRET, Server, Told},
};

struct Reports(mpsc::UnboundedReceiver<Told>);

impl Reports {
    async fn next(&mut self) -> Told {
        let told =
            tokio::time::timeout(TEST_TIMEOUT, self.0.recv()).await.expect("the node says something in time");
        told.expect("the main server runs")
    }

    /// What was said until now does not count.
    fn forget(&mut self) {
        while self.0.try_recv().is_ok() {}
    }

    /// The next is a heartbeat under the id that the other main server gave.
    async fn heartbeat(&mut self) {
        let told = self.next().await;
        assert!(matches!(&told, Told::Heartbeat(id, _) if id.0 == "node-1"), "{told:?}");
    }
}

fn node(main_servers: Vec<String>) -> (Node, DropGuard) {
    let mut config = Config::new("cdn-1", "http://cdn-1.example/");
    config.main_servers = main_servers;
    config.cluster_secret = ClusterSecret::new(SECRET);
    let shutdown = CancellationToken::new();
    (Node::start(config, shutdown.clone()).unwrap(), shutdown.drop_guard())
}

/// Two main servers of one cluster and a node that is with the first.
async fn cluster() -> ([Server; 2], [Reports; 2], (Node, DropGuard)) {
    let (first, first_url, heard_first) = FakeMainServer::beating(100).await;
    let (second, second_url, heard_second) = FakeMainServer::beating(100).await;
    let node = node(vec![first_url, second_url]);
    let mut heard = [Reports(heard_first), Reports(heard_second)];
    assert!(matches!(heard[0].next().await, Told::Register(_)));
    heard[0].heartbeat().await;
    ([first, second], heard, node)
}

#[tokio::test]
async fn node_moves_on_under_its_id_when_its_main_server_hangs_or_fails_and_stays_where_it_works() {
    let (servers, mut heard, _node) = cluster().await;
    for trouble in [Mood::Fails, Mood::Hangs] {
        for (here, there) in [(0, 1), (1, 0)] {
            *servers[here].mood.lock().unwrap() = trouble;
            heard[there].heartbeat().await;
            *servers[here].mood.lock().unwrap() = Mood::Well;
            heard[here].forget();
            for _ in 0..5 {
                heard[there].heartbeat().await;
            }
            assert!(heard[here].0.is_empty(), "the node is with one of them");
            heard[there].forget();
        }
    }
}

#[tokio::test]
async fn main_server_that_does_not_know_the_node_is_registered_with() {
    let (servers, mut heard, _node) = cluster().await;
    *servers[1].forgets.lock().unwrap() = true;
    *servers[0].mood.lock().unwrap() = Mood::Fails;
    heard[1].heartbeat().await;
    assert!(matches!(heard[1].next().await, Told::Register(_)));
    heard[1].heartbeat().await;
}

#[tokio::test]
async fn main_server_that_is_not_there_is_passed_over() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_server, url, heard) = FakeMainServer::beating(100).await;
    let _node = node(vec![format!("http://{unused}"), url]);
    let mut heard = Reports(heard);
    assert!(matches!(heard.next().await, Told::Register(_)));
    heard.heartbeat().await;
}

#[tokio::test]
async fn node_comes_back_after_all_were_away() {
    let (servers, mut heard, _node) = cluster().await;
    servers.iter().for_each(|server| *server.mood.lock().unwrap() = Mood::Fails);
    // One call that was under way may still be heard.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    heard.iter_mut().for_each(Reports::forget);
    *servers[1].mood.lock().unwrap() = Mood::Well;
    heard[1].heartbeat().await;
}
