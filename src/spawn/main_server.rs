//! The main server's API, as an autoscaler on another machine would use it.

use std::time::Duration;

use protocol::node::{NodeInfo, Scaling};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::options::Range;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct MainServer {
    pub(super) client: reqwest::Client,
    pub(super) url: String,
    pub(super) cluster_secret: String,
}

impl MainServer {
    /// How many nodes the load wants, within `range`.
    pub(super) async fn scaling(&self, range: Range) -> reqwest::Result<Scaling> {
        let Range { min, max } = range;
        self.get(&format!("/api/scaling?min={min}&max={max}")).await
    }

    /// Removes a node that died. Otherwise it would be given clients, and its name would be taken, until its lease ends.
    pub(super) async fn deregister(&self, hostname: &str) -> reqwest::Result<()> {
        let nodes: Vec<NodeInfo> = self.get("/api/nodes").await?;
        for node in nodes.iter().filter(|node| node.hostname == hostname) {
            let call = self.call(Method::DELETE, &format!("/api/nodes/{}", node.node_id));
            call.send().await.and_then(Response::error_for_status)?;
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> reqwest::Result<T> {
        self.call(Method::GET, path).send().await?.error_for_status()?.json().await
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.request(method, url).bearer_auth(&self.cluster_secret).timeout(TIMEOUT)
    }
}
