//! `docker-compose.yml`: one main server, two nodes and a worker.

use crate::services::{Compose, root, start, start_worker, until_registered};

#[tokio::test]
async fn the_composed_services_find_each_other() {
    let root = root();
    let compose = Compose::read("docker-compose.yml");
    let main_server = start(&compose.services["main-server"], root.path(), "data", &[]);
    let addresses = [("http://main-server:5000".to_owned(), main_server.url.clone())];
    let nodes = compose.called("cdn-");
    let start_node = |name: &String| start(&compose.services[name], root.path(), "none", &addresses);
    let _running: Vec<_> = nodes.iter().map(start_node).collect();
    assert_eq!(nodes, ["cdn-a", "cdn-b"]);
    until_registered(&main_server.url, root.path(), &nodes).await;
    start_worker(&compose.services["worker"], root.path(), &addresses).await;
}

#[test]
fn browsers_reach_each_node_by_its_published_port_and_nodes_by_its_name() {
    let compose = Compose::read("docker-compose.yml");
    compose.publishes_its_nodes();
    assert_eq!(compose.services["main-server"].ports, ["5000:5000"]);
}
