//! Viewers that ask where to watch one stream; each connection repeats as fast as it is answered.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use super::{
    http::{Client, request},
    record::Answers,
};
use crate::error::{Error, Result};

/// How much later than planned the last answers may arrive.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections of viewers, and their request.
pub struct Crowd<'a> {
    /// The main server.
    pub address: SocketAddr,
    /// Number of connections that ask in parallel.
    pub connections: u32,
    /// Which stream.
    pub stream: &'a str,
}

impl Crowd<'_> {
    /// Asks until `end`.
    ///
    /// # Errors
    /// The first failure, or [`Error::Incomplete`] if answers stop coming.
    pub async fn ask_until(&self, end: Instant) -> Result<Answers> {
        let ask = request("POST", &format!("/api/streams/{}/watch", self.stream), None, "{}");
        let mut viewers = JoinSet::new();
        for _ in 0..self.connections {
            viewers.spawn_local(one(self.address, ask.clone(), end));
        }
        let all = async {
            let mut answers = Answers::default();
            while let Some(ended) = viewers.join_next().await {
                let crashed = |crash| Error::Protocol(format!("a viewer crashed: {crash}"));
                let mine = ended.map_err(crashed)??;
                answers.answered += mine.answered;
                answers.refused += mine.refused;
                answers.latency.merge(&mine.latency);
            }
            Ok(answers)
        };
        let answered = tokio::time::timeout_at((end + ANSWER_TIMEOUT).into(), all).await;
        answered.unwrap_or_else(|_| Err(Error::Incomplete("the main server stopped answering".into())))
    }
}

async fn one(address: SocketAddr, ask: Vec<u8>, end: Instant) -> Result<Answers> {
    let mut client = Client::connect(address).await?;
    let mut answers = Answers::default();
    while Instant::now() < end {
        let sent = Instant::now();
        let status = client.ask(&ask).await?.status;
        answers.count(sent, status == 200);
    }
    Ok(answers)
}
