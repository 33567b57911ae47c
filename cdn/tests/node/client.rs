//! A small Socket.IO client (protocol 5 over Engine.IO 4, WebSocket only), written from the specification.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{SinkExt, StreamExt, stream::SplitStream};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::{mpsc, oneshot, watch},
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message};

use crate::harness::TEST_TIMEOUT;

/// Where the binary of an event belongs, in a payload given to [`Client::call_with`].
pub(crate) const BINARY: &str = "<binary>";
/// Ends the connection to the namespace: the node answers nothing after it.
const DISCONNECT: &str = "41";

/// The calls that wait for their answers, or why none comes any more.
type PendingAnswers = Arc<Mutex<Result<HashMap<u64, oneshot::Sender<Value>>, String>>>;

/// An event from the node.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) payload: Value,
    pub(crate) binary: Option<Vec<u8>>,
}

impl Event {
    /// `(take, group, index)` of a chunk.
    pub(crate) fn chunk_name(&self) -> (u64, u64, u64) {
        let number =
            |field: &str| self.payload[field].as_u64().unwrap_or_else(|| panic!("{field}: {}", self.payload));
        (number("take"), number("group"), number("index"))
    }

    /// How many frames a chunk holds.
    pub(crate) fn frames(&self) -> u64 {
        self.payload["frames"].as_u64().unwrap_or(1)
    }
}

/// A connection to the namespace `/`.
pub(crate) struct Client {
    sending: mpsc::UnboundedSender<Message>,
    events: mpsc::UnboundedReceiver<Event>,
    waiting: PendingAnswers,
    ids: AtomicU64,
    reading: watch::Sender<bool>,
}

impl Client {
    /// Connects to a node under `path`.
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let url = format!("ws://{address}{path}/socket.io/?EIO=4&transport=websocket");
        let socket = TcpSocket::new_v4().unwrap();
        // So that little piles up in the network when a test does not read.
        socket.set_recv_buffer_size(64 << 10).unwrap();
        socket.set_nodelay(true).unwrap();
        let socket = socket.connect(address).await.expect("the node listens");
        let (socket, _) = client_async(url, socket).await.expect("the node accepts WebSockets");
        let (mut sink, mut stream) = socket.split();
        let open = text(&mut stream).await;
        assert!(open.starts_with('0'), "an Engine.IO open packet: {open}");
        sink.send(Message::text("40")).await.unwrap();
        let mut connected = text(&mut stream).await;
        while connected == "2" {
            sink.send(Message::text("3")).await.unwrap();
            connected = text(&mut stream).await;
        }
        assert!(connected.starts_with("40"), "a Socket.IO connect packet: {connected}");

        let (sending, mut to_send) = mpsc::unbounded_channel();
        let (heard, events) = mpsc::unbounded_channel();
        let waiting = PendingAnswers::new(Mutex::new(Ok(HashMap::new())));
        let (reading, may_read) = watch::channel(true);
        tokio::spawn(read(stream, may_read, heard, waiting.clone(), sending.clone()));
        tokio::spawn(async move {
            while let Some(message) = to_send.recv().await {
                if sink.send(message).await.is_err() {
                    break;
                }
            }
        });
        Self { sending, events, waiting, ids: AtomicU64::new(0), reading }
    }

    /// Connects where that is refused; gives what the node says.
    pub(crate) async fn refused(address: SocketAddr) -> Value {
        let url = format!("ws://{address}/socket.io/?EIO=4&transport=websocket");
        let socket = TcpStream::connect(address).await.unwrap();
        let (mut sink, mut stream) = client_async(url, socket).await.unwrap().0.split();
        text(&mut stream).await;
        sink.send(Message::text("40")).await.unwrap();
        let mut refused = text(&mut stream).await;
        while refused == "2" {
            sink.send(Message::text("3")).await.unwrap();
            refused = text(&mut stream).await;
        }
        serde_json::from_str(refused.strip_prefix("44").expect("a connect error")).unwrap()
    }

    /// Sends an event and waits for its ack.
    pub(crate) async fn call(&self, event: &str, payload: Value) -> Value {
        self.request(|id| vec![Message::text(format!("42{id}{}", json!([event, payload])))]).await
    }

    /// The same with an attachment, which stands in the payload as [`BINARY`].
    pub(crate) async fn call_with(&self, event: &str, payload: Value, binary: &[u8]) -> Value {
        let text = json!([event, payload]).to_string();
        let text = text.replace(&format!("\"{BINARY}\""), r#"{"_placeholder":true,"num":0}"#);
        self.request(|id| vec![Message::text(format!("451-{id}{text}")), Message::binary(binary.to_vec())])
            .await
    }

    /// Sends an Engine.IO message as it is.
    pub(crate) fn send_raw(&self, message: Message) {
        // A connection that the node closed takes nothing, which is what some tests are about.
        let _ = self.sending.send(message);
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> Event {
        let event =
            tokio::time::timeout(TEST_TIMEOUT, self.events.recv()).await.expect("an event comes in time");
        event.expect("the connection stays open")
    }

    /// The events that have arrived and were not read yet.
    pub(crate) fn arrived(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }

    /// Whether the node closed the connection.
    pub(crate) async fn closed(mut self) {
        tokio::time::timeout(TEST_TIMEOUT, async { while self.events.recv().await.is_some() {} })
            .await
            .expect("the node closes the connection");
    }

    /// Reads nothing until [`Client::resume`]: what the node sends piles up on the way.
    pub(crate) fn pause(&self) {
        self.reading.send_replace(false);
    }

    /// Reads again.
    pub(crate) fn resume(&self) {
        self.reading.send_replace(true);
    }

    async fn request(&self, messages: impl FnOnce(u64) -> Vec<Message>) -> Value {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        match &mut *self.waiting.lock().unwrap() {
            Ok(waiting) => drop(waiting.insert(id, answer)),
            Err(_) => drop(answer),
        }
        messages(id).into_iter().for_each(|message| self.send_raw(message));
        let answer = tokio::time::timeout(TEST_TIMEOUT, answered).await.expect("an ack comes in time");
        answer.unwrap_or_else(|_| panic!("no ack comes: {:?}", self.waiting.lock().unwrap().as_ref().err()))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.send_raw(Message::Close(None));
    }
}

type Stream = SplitStream<WebSocketStream<TcpStream>>;

async fn text(stream: &mut Stream) -> String {
    match stream.next().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => panic!("a text message, not {other:?}"),
    }
}

async fn read(
    stream: Stream,
    may_read: watch::Receiver<bool>,
    heard: mpsc::UnboundedSender<Event>,
    waiting: PendingAnswers,
    sending: mpsc::UnboundedSender<Message>,
) {
    let end = read_to_end(stream, may_read, &heard, &waiting, sending).await;
    *waiting.lock().unwrap() = Err(end);
}

/// Reads until the node ends the connection, or the test drops it; gives the last thing that came.
async fn read_to_end(
    mut stream: Stream,
    mut may_read: watch::Receiver<bool>,
    heard: &mpsc::UnboundedSender<Event>,
    waiting: &PendingAnswers,
    sending: mpsc::UnboundedSender<Message>,
) -> String {
    let mut partial: Option<Event> = None;
    while may_read.wait_for(|may_read| *may_read).await.is_ok() {
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            last => return format!("{last:?}"),
        };
        let event = match message {
            Message::Text(text) if text.as_str() == DISCONNECT => return text.to_string(),
            Message::Text(text) if text.as_str() == "2" => {
                let _ = sending.send(Message::text("3"));
                continue;
            }
            Message::Text(text) => match text.split_at_checked(2) {
                Some(("42", body)) => event(body),
                Some(("43", body)) => {
                    acknowledge(body, waiting);
                    continue;
                }
                Some(("45", body)) => {
                    partial = Some(event(body.strip_prefix("1-").expect("one attachment")));
                    continue;
                }
                _ => continue,
            },
            Message::Binary(binary) => Event {
                binary: Some(binary.to_vec()),
                ..partial.take().expect("an event before its attachment")
            },
            _ => continue,
        };
        if heard.send(event).is_err() {
            break;
        }
    }
    "the test dropped the connection".to_owned()
}

fn event(body: &str) -> Event {
    let body: Value = serde_json::from_str(body).unwrap();
    Event { name: body[0].as_str().unwrap().to_owned(), payload: body[1].clone(), binary: None }
}

fn acknowledge(body: &str, waiting: &PendingAnswers) {
    let digits = body.find('[').expect("a JSON array");
    let answer: Value = serde_json::from_str(&body[digits..]).unwrap();
    let id = body[..digits].parse().unwrap();
    let waiting = waiting.lock().unwrap().as_mut().ok().and_then(|waiting| waiting.remove(&id));
    waiting.map(|waiting| waiting.send(answer[0].clone()));
}
