//! `docker-compose.cluster.yml`: three NATS servers, two main servers, three nodes and two workers, of which any may die.

use crate::services::{Compose, Running, root, start, start_other, start_worker, until_registered};

const FILE: &str = "docker-compose.cluster.yml";

fn free_ports(count: usize) -> Vec<u16> {
    (0..count).map(|_| port_harness::reserve().unwrap()).collect()
}

/// Starts the NATS servers; gives what they are called there and here.
fn start_nats(compose: &Compose, root: &std::path::Path) -> (Vec<Running>, Vec<(String, String)>) {
    let names = compose.called("nats-");
    let (clients, routes) = (free_ports(names.len()), free_ports(names.len()));
    let route_of = |index: usize| format!("127.0.0.1:{}", routes[index]);
    let run = |(index, name): (usize, &String)| {
        let mut arguments =
            vec!["-a".to_owned(), "127.0.0.1".into(), "-p".into(), clients[index].to_string()];
        for argument in &compose.services[name].command {
            let mut argument = argument
                .replace("/data", &root.join(name).display().to_string())
                .replace("0.0.0.0:6222", &route_of(index));
            for (other, called) in names.iter().enumerate() {
                argument = argument.replace(&format!("{called}:6222"), &route_of(other));
            }
            arguments.push(argument);
        }
        start_other(nats_harness::program().unwrap(), &arguments)
    };
    let running = names.iter().enumerate().map(run).collect();
    let here = |(name, port): (&String, &u16)| (format!("{name}:4222"), format!("127.0.0.1:{port}"));
    (running, names.iter().zip(&clients).map(here).collect())
}

#[tokio::test]
async fn the_services_of_a_cluster_find_each_other_and_do_without_one_of_each() {
    assert!(nats_harness::is_installed(), "scripts/install-tools.sh installs nats-server");
    let root = root();
    let compose = Compose::read(FILE);
    let (mut nats, mut addresses) = start_nats(&compose, root.path());
    let mut main_servers = Vec::new();
    for name in compose.called("main-") {
        let main_server = start(&compose.services[&name], root.path(), &name, &addresses);
        addresses.push((format!("http://{name}:5000"), main_server.url.clone()));
        main_servers.push(main_server);
    }
    let nodes = compose.called("cdn-");
    assert_eq!((nats.len(), main_servers.len(), nodes.len()), (3, 2, 3));
    let start_node = |name: &String| start(&compose.services[name], root.path(), "none", &addresses);
    let mut running: Vec<_> = nodes.iter().map(start_node).collect();
    for main_server in &main_servers {
        until_registered(&main_server.url, root.path(), &nodes).await;
    }
    drop(nats.pop());
    drop(main_servers.remove(0));
    drop(running.pop());
    until_registered(&main_servers[0].url, root.path(), &nodes[..2]).await;
    for name in compose.called("worker-") {
        start_worker(&compose.services[&name], root.path(), &addresses).await;
    }
}

#[test]
fn browsers_reach_each_node_by_its_published_port_and_nodes_by_its_name() {
    Compose::read(FILE).publishes_its_nodes();
}
