//! Several main servers on one store, in one process: what they tell, who wins, and what happens when one is cut off.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod connection;
mod partition;
mod people;
#[path = "../../../tests/http/server.rs"]
#[allow(dead_code, reason = "its other users need the rest")]
mod server;
mod together;

use std::{path::Path, sync::Arc, time::Duration};

use protocol::{
    ErrorCode, NodeId, StreamId,
    node::CarriedStream,
    stream::{StreamInfo, StreamState},
};
use reqwest::Method;
use store::{Engine, Entry, Namespace, Store};

use self::{connection::Connection, server::Server};
pub(crate) use self::{
    people::{account, call_as},
    server::{Answer, Listener, carried, read, until},
};
use crate::{
    App, Config,
    accounts::Accounts,
    app::Inside,
    cluster::bootstrap::SETTINGS,
    feature::{Context, Feature},
    jobs::Jobs,
    library::Library,
    parties::Parties,
    state::ClusterState,
    streams::Streams,
};

/// What the servers of a cluster share.
pub(crate) struct Cluster {
    store: Store,
}

/// A main server of a cluster, and its way to the store, which can be cut.
pub(crate) struct Member {
    server: Server,
    connection: Arc<Connection>,
    pub(crate) context: Context,
    pub(crate) state: Arc<ClusterState>,
    pub(crate) library: Arc<Library>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) parties: Arc<Parties>,
    pub(crate) jobs: Arc<Jobs>,
}

impl std::ops::Deref for Member {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Cluster {
    pub(crate) async fn new() -> Self {
        Self::of(Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap())
    }

    /// The cluster of a store that is open.
    pub(crate) fn of(store: Store) -> Self {
        Self { store }
    }

    /// Starts a main server whose defaults `set` changed.
    pub(crate) async fn member(&self, set: impl Fn(&mut Config)) -> Member {
        self.member_with(set, |_| Feature::default()).await
    }

    /// The same with a feature more.
    pub(crate) async fn member_with(
        &self,
        set: impl Fn(&mut Config),
        feature: impl FnOnce(&Context) -> Feature,
    ) -> Member {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        // Longer than a test that is not about leases, on a busy machine.
        config.lease = Duration::from_secs(300);
        // A test that counts blobs or jobs counts its own.
        config.jobs.auto_waveform = false;
        set(&mut config);
        let connection = Arc::new(Connection::new(self.store.clone()));
        let app = App::with(connection.store(), config, feature).await.unwrap();
        let Inside { context, state, library, accounts, parties, jobs } = app.inside.clone();
        let server = Server::serve(app, folder).await;
        Member { server, connection, context, state, library, accounts, parties, jobs }
    }

    pub(crate) async fn pair(&self) -> (Member, Member) {
        (self.member(|_| {}).await, self.member(|_| {}).await)
    }

    /// Everything in the store, but for the time at which streams were last seen: that is written from time to time.
    async fn entries(&self) -> Vec<(Namespace, Entry)> {
        let mut entries = self.store.kv.snapshot().await.unwrap();
        entries.retain(|(namespace, entry)| (*namespace, entry.key.as_str()) != (SETTINGS, "last-seen"));
        entries
    }
}

impl Member {
    /// What its features use.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Ends it as a crash would. What it knew can still be looked into.
    pub(crate) async fn crash(&mut self) {
        self.server.crash().await;
    }

    /// See [`Connection::blind`].
    pub(crate) fn blind(&self) {
        self.connection.blind();
    }

    /// See [`Connection::lose_answers`].
    pub(crate) fn lose_answers(&self) {
        self.connection.lose_answers();
    }

    /// See [`Connection::cut`].
    pub(crate) fn cut(&self) {
        self.connection.cut();
    }

    /// Its streams, without HTTP.
    fn streams(&self) -> Streams {
        Streams::new(&self.context, &self.state)
    }

    /// The heartbeat of a node that has `id` live, and its viewers.
    async fn beat(&self, node: &str, id: StreamId, viewers: u32) {
        self.heartbeat(node, vec![carried(id, StreamState::Live, viewers)]).await;
    }

    async fn end(&self, id: StreamId) -> Answer {
        self.operate(Method::DELETE, &format!("/api/streams/{id}"), vec![]).await
    }

    /// The heartbeat of a node, as bytes, and what comes of it.
    async fn try_beat(&self, node: &str, rows: Vec<CarriedStream>) -> Answer {
        let heartbeat = protocol::node::Heartbeat { streams: rows, ..Default::default() };
        let body = serde_json::to_vec(&heartbeat).unwrap();
        self.put(&format!("/api/nodes/{node}/heartbeat"), Some(&self.secret), body).await
    }

    /// The heartbeat of a node that serves the library.
    pub(crate) async fn serves_library(&self, node: &str) {
        let heartbeat = protocol::node::Heartbeat { serves_library: true, ..Default::default() };
        let body = serde_json::to_vec(&heartbeat).unwrap();
        let answer = self.put(&format!("/api/nodes/{node}/heartbeat"), Some(&self.secret), body).await;
        assert!(answer.status.is_success());
    }

    async fn state(&self, id: StreamId) -> Option<StreamState> {
        let answer = self.get(&format!("/api/streams/{id}")).await;
        answer.status.is_success().then(|| answer.read::<StreamInfo>().state)
    }

    async fn is_ready(&self) -> bool {
        self.get("/readyz").await.status.is_success()
    }

    async fn knows_node(&self, node: &str) -> bool {
        self.nodes().await.iter().any(|info| info.node_id == NodeId(node.to_owned()))
    }
}

/// The code of a refusal.
fn code(answer: &Answer) -> ErrorCode {
    answer.code()
}
