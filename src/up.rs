//! `undead up`: the main server and its nodes in one process, behind one port.
//!
//! The nodes speak with the main server over loopback HTTP, as they would from another machine: one system, two
//! arrangements.

use axum::Router;
use cdn::{ClusterSecret, Config, Node};
use tokio_util::sync::CancellationToken;

use crate::{cdn_node, cli::UpArgs, failure::Failure, main_server_alone, serve};

pub(crate) async fn run(args: UpArgs) -> Result<(), Failure> {
    let listener = serve::listen(args.main_server.listen).await?;
    let address = listener.local_addr().map_err(Failure::run("the listening address is unknown"))?;
    let main_server_url = format!("http://{}", serve::connectable(address));
    let app = main_server_alone::open(args.main_server).await?;
    let secret = ClusterSecret::new(app.cluster_secret().reveal());
    let mut router = app.router();
    let stopping = CancellationToken::new();
    let upkeep = tokio::spawn(app.run(stopping.clone()));
    let nodes_stopping = CancellationToken::new();
    let mut nodes = Vec::new();
    for letter in ('a'..='z').take(args.nodes.into()) {
        let mut config = Config::new(format!("cdn-{letter}"), format!("/cdn/{letter}"));
        config.cluster_secret = secret.clone();
        config.main_servers = vec![main_server_url.clone()];
        args.limits.apply(&mut config);
        let node = cdn_node::start(config, &nodes_stopping)?;
        router = mount(router, letter, &node);
        nodes.push(node);
    }
    let farewell = async {
        // Nodes first: they say goodbye to a main server that still answers.
        nodes_stopping.cancel();
        for node in nodes {
            node.stopped().await;
        }
        stopping.cancel();
        serve::join(upkeep).await;
    };
    serve::serve(listener, router, farewell).await
}

fn mount(router: Router, letter: char, node: &Node) -> Router {
    router.nest_service(&format!("/cdn/{letter}"), node.router())
}
