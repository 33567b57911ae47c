//! What the main server is asked: how many nodes the load wants, and to forget those that died.
//!
//! Over HTTP, as an autoscaler on another machine would.

use std::time::Duration;

use protocol::node::{NodeInfo, Scaling};
use reqwest::{Method, RequestBuilder, Response};
use serde::de::DeserializeOwned;

use crate::options::Range;

/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) struct Signal {
    pub(super) client: reqwest::Client,
    pub(super) main_server: String,
    pub(super) cluster_secret: String,
}

impl Signal {
    /// How many nodes the load wants, within `range`.
    pub(super) async fn ask(&self, range: Range) -> reqwest::Result<Scaling> {
        let Range { min, max } = range;
        self.get(&format!("/api/scaling?min={min}&max={max}")).await
    }

    /// Says goodbye in the name of a node that can no longer do so. Else it would be chosen until its lease ends, and its
    /// name would be taken until then.
    pub(super) async fn bury(&self, hostname: &str) -> reqwest::Result<()> {
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
        let url = format!("{}{path}", self.main_server);
        self.client.request(method, url).bearer_auth(&self.cluster_secret).timeout(TIMEOUT)
    }
}
