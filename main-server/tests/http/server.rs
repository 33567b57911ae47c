//! Starts main servers and plays the parts of nodes, broadcasters and viewers.

use std::{collections::VecDeque, future::Future, path::Path, time::Duration};

use main_server::{App, Config, Socket};
use protocol::{
    ErrorCode, StreamId,
    node::{Capacity, CarriedStream, Heartbeat, HeartbeatAnswer, NodeInfo, RegisterServer, Registered},
    stream::{Assignment, StreamCreated, StreamInfo, StreamState},
};
use reqwest::{Client, Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use serving::{Limits, Proxies};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Longest that anything here may take; what is awaited is always a condition.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const MIME: &str = "video/webm;codecs=\"vp9,opus\"";

/// A running main server.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) secret: String,
    /// Makes the first operator.
    pub(crate) setup_token: String,
    client: Client,
    /// Calls over the socket in the data folder, as an operator.
    operator: Client,
    folder: TempDir,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

/// An answer: its status and its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> ErrorCode {
        let code = self.json["error"]["code"].clone();
        assert!(!self.json["error"]["message"].as_str().unwrap_or_default().is_empty(), "{self:?}");
        serde_json::from_value(code).unwrap_or_else(|error| panic!("{self:?}: {error}"))
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> T {
        assert!(self.status.is_success(), "{self:?}");
        serde_json::from_value(self.json).unwrap()
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server whose defaults `set` changed.
    pub(crate) async fn with(set: impl Fn(&mut Config)) -> Self {
        Self::on(tempfile::tempdir().unwrap(), set).await
    }

    pub(crate) async fn on(folder: TempDir, set: impl Fn(&mut Config)) -> Self {
        let mut config = Config::new(folder.path());
        // Longer than a test that is not about leases, on a busy machine.
        config.lease = Duration::from_secs(60);
        set(&mut config);
        Self::serve(App::open(config).await.unwrap(), folder).await
    }

    /// A server with these proxies in front.
    pub(crate) async fn behind(proxies: Proxies) -> Self {
        Self::behind_with(proxies, |_| {}).await
    }

    /// The same, whose defaults `set` changed.
    pub(crate) async fn behind_with(proxies: Proxies, set: impl Fn(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path());
        set(&mut config);
        let limits = Limits { proxies, ..Limits::for_open_files(65_536) };
        Self::serve_within(limits, App::open(config).await.unwrap(), folder).await
    }

    /// Serves `app`, whose data is in `folder`.
    pub(crate) async fn serve(app: App, folder: TempDir) -> Self {
        Self::serve_within(Limits::for_open_files(65_536), app, folder).await
    }

    async fn serve_within(limits: Limits, app: App, folder: TempDir) -> Self {
        let secret = app.cluster_secret().reveal().to_owned();
        let setup_token = app.setup_token().await.unwrap().map(|token| token.reveal().to_owned());
        let socket = Socket::of(folder.path()).unwrap();
        let operator = tls_harness::client_builder().unix_socket(socket.path().to_owned()).build().unwrap();
        let router = app.router();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let stopped = shutdown.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(app.run(shutdown.clone()));
        tasks.spawn(serving::serve(listener, router, limits, stopped));
        let builder = tls_harness::client_builder().redirect(reqwest::redirect::Policy::none());
        let (setup_token, client) = (setup_token.unwrap_or_default(), builder.build().unwrap());
        Self { url, secret, setup_token, client, operator, folder, shutdown, tasks }
    }

    pub(crate) fn data_dir(&self) -> &Path {
        self.folder.path()
    }

    /// Stops the server as an operator would, and waits until it has.
    pub(crate) async fn stop(self) -> TempDir {
        let Self { client, operator, folder, shutdown, tasks, .. } = self;
        drop((client, operator));
        shutdown.cancel();
        timeout(TEST_TIMEOUT, tasks.join_all()).await.unwrap();
        folder
    }

    /// Stops the server as a crash would: nothing is said or saved any more.
    pub(crate) async fn kill(mut self) -> TempDir {
        self.crash().await;
        self.folder
    }

    /// The same, for a test that looks into it after that.
    pub(crate) async fn crash(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Stops the server and starts another one on the same data.
    pub(crate) async fn restart(self) -> Self {
        Self::on(self.stop().await, |_| {}).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Vec<u8>,
    ) -> Response {
        let request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        timeout(TEST_TIMEOUT, request.send()).await.unwrap().unwrap()
    }

    /// `GET path`, if it is not as it was under `tag`.
    pub(crate) async fn if_changed(&self, path: &str, tag: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url)).header("if-none-match", tag);
        timeout(TEST_TIMEOUT, request.send()).await.unwrap().unwrap()
    }

    async fn answer(&self, method: Method, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
        read(self.send(method, path, token, body).await).await
    }

    /// The call of an operator, as commands on this machine make it.
    pub(crate) async fn operate(&self, method: Method, path: &str, body: Vec<u8>) -> Answer {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let url = format!("http://localhost{path}");
            let sent = self.operator.request(method.clone(), url).body(body.clone()).send().await;
            match sent {
                Ok(response) => return read(response).await,
                // The socket is made soon after the start.
                Err(error) if error.is_connect() && Instant::now() < deadline => {
                    sleep(Duration::from_millis(5)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// A call with headers of its own.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Response {
        let mut request = self.client.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        timeout(TEST_TIMEOUT, request.send()).await.unwrap().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.answer(Method::GET, path, None, vec![]).await
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>, body: Value) -> Answer {
        self.answer(Method::POST, path, token, body.to_string().into()).await
    }

    pub(crate) async fn put(&self, path: &str, token: Option<&str>, body: Vec<u8>) -> Answer {
        self.answer(Method::PUT, path, token, body).await
    }

    pub(crate) async fn delete(&self, path: &str, token: Option<&str>) -> Answer {
        self.answer(Method::DELETE, path, token, vec![]).await
    }

    pub(crate) async fn register(&self, hostname: &str, generation: u64) -> Answer {
        self.register_with(hostname, generation, None).await
    }

    async fn register_with(&self, hostname: &str, generation: u64, capacity: Option<Capacity>) -> Answer {
        let body = RegisterServer {
            hostname: hostname.into(),
            public_url: format!("/cdn/{hostname}"),
            peer_url: None,
            generation,
            capacity,
            region: None,
        };
        self.post("/register_server", Some(&self.secret), json!(body)).await
    }

    /// Registers a node that takes no more than `capacity`; gives its id.
    pub(crate) async fn node_with(&self, hostname: &str, capacity: Option<Capacity>) -> String {
        self.register_with(hostname, 1, capacity).await.read::<Registered>().node_id.0
    }

    /// Registers a node; gives its id.
    pub(crate) async fn node(&self, hostname: &str) -> String {
        self.node_with(hostname, None).await
    }

    pub(crate) async fn heartbeat(&self, node: &str, streams: Vec<CarriedStream>) -> HeartbeatAnswer {
        let heartbeat = Heartbeat { streams, ..Heartbeat::default() };
        let path = format!("/api/nodes/{node}/heartbeat");
        self.put(&path, Some(&self.secret), json!(heartbeat).to_string().into()).await.read()
    }

    pub(crate) async fn nodes(&self) -> Vec<NodeInfo> {
        self.answer(Method::GET, "/api/nodes", Some(&self.secret), vec![]).await.read()
    }

    /// `GET /api/scaling` as an operator, with a query from its question mark on.
    pub(crate) async fn scaling(&self, query: &str) -> Answer {
        self.answer(Method::GET, &format!("/api/scaling{query}"), Some(&self.secret), vec![]).await
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        self.send(Method::GET, path, None, vec![]).await.text().await.unwrap()
    }

    pub(crate) async fn create(&self, title: &str) -> StreamCreated {
        self.post("/api/streams", None, json!({ "title": title })).await.read()
    }

    pub(crate) async fn create_private(&self, title: &str, passphrase: &str) -> StreamCreated {
        let body = json!({ "title": title, "visibility": "private", "passphrase": passphrase });
        self.post("/api/streams", None, body).await.read()
    }

    pub(crate) async fn list(&self) -> Vec<StreamInfo> {
        self.get("/api/streams").await.read()
    }

    pub(crate) async fn show(&self, id: StreamId) -> StreamInfo {
        self.get(&format!("/api/streams/{id}")).await.read()
    }

    pub(crate) async fn watch(&self, id: StreamId, body: Value) -> Answer {
        self.post(&format!("/api/streams/{id}/watch"), None, body).await
    }

    pub(crate) async fn listen(&self) -> Listener {
        self.listen_to("/api/events", None).await
    }

    /// The event stream at `path`.
    pub(crate) async fn listen_to(&self, path: &str, token: Option<&str>) -> Listener {
        let response = self.send(Method::GET, path, token, vec![]).await;
        Listener::of(response)
    }
}

/// Waits until `condition` is true.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    let deadline = Instant::now() + TEST_TIMEOUT;
    while !condition().await {
        assert!(Instant::now() < deadline, "{what}: not within {TEST_TIMEOUT:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The status and the JSON of a response.
pub(crate) async fn read(response: Response) -> Answer {
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, json }
}

/// A page that listens to `GET /api/events`.
pub(crate) struct Listener {
    response: Response,
    text: String,
    events: VecDeque<(String, Value)>,
}

impl Listener {
    /// One that reads the events of this answer.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        Self { response, text: String::new(), events: VecDeque::new() }
    }

    /// The next event; none when the server has ended the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        while self.events.is_empty() {
            let bytes = timeout(TEST_TIMEOUT, self.response.chunk()).await.unwrap().unwrap()?;
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                self.events.extend(parse(event));
                self.text = rest.to_owned();
            }
        }
        self.events.pop_front()
    }

    /// The payload of the next event, which is called `name`.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, payload) = self.next().await.unwrap();
        assert_eq!(found, name, "{payload}");
        payload
    }
}

fn parse(event: &str) -> Option<(String, Value)> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    Some((field("event")?.to_owned(), serde_json::from_str(field("data")?).unwrap()))
}

/// A row of a heartbeat.
pub(crate) fn carried(stream_id: StreamId, state: StreamState, viewers: u32) -> CarriedStream {
    CarriedStream {
        stream_id,
        state,
        viewers,
        mime: Some(MIME.into()),
        path: Vec::new(),
        relays: 0,
        bytes_per_s: 0,
        visibility: None,
        asked_only: None,
    }
}

/// The addresses of an assignment, in order.
pub(crate) fn addresses(assignment: &Assignment) -> Vec<&str> {
    assignment.nodes.iter().map(|node| node.public_url.as_str()).collect()
}
