//! A viewer over plain WebSocket, on a library that shares no code with the node.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use protocol::{
    StreamId,
    event::{ChunkHead, DataKind},
    message,
};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use crate::harness::{TEST_TIMEOUT, TestNode};

/// What a node sends.
#[derive(Debug)]
pub(crate) enum Got {
    Event(String, Value),
    Init { take: u64, data: Bytes },
    Chunk { name: (u64, u64, u64), frames: u64, key: bool, data: Bytes },
    Closed(Option<u16>),
}

/// A connection to `/ws/{stream_id}`.
pub(crate) struct WsViewer(WebSocketStream<TcpStream>);

impl TestNode {
    /// Watches a stream, with what stands after its address.
    pub(crate) async fn ws(&self, stream: StreamId, query: &str) -> WsViewer {
        WsViewer::connect(self.address, &format!("/ws/{stream}{query}")).await
    }
}

impl WsViewer {
    pub(crate) async fn connect(address: SocketAddr, path: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // So that little piles up in the network when a test does not read.
        socket.set_recv_buffer_size(64 << 10).unwrap();
        let socket = socket.connect(address).await.expect("the node listens");
        let connected = client_async(format!("ws://{address}{path}"), socket).await;
        Self(connected.expect("the handshake succeeds").0)
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    /// The next message that is not about the connection itself.
    pub(crate) async fn next(&mut self) -> Got {
        loop {
            let message =
                tokio::time::timeout(TEST_TIMEOUT, self.0.next()).await.expect("a message comes in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let (name, payload) = serde_json::from_str(&text).unwrap();
                    return Got::Event(name, payload);
                }
                Some(Ok(Message::Binary(message))) => return read(&message),
                Some(Ok(Message::Close(frame))) => return Got::Closed(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Got::Closed(None),
            }
        }
    }

    /// The payload of the next event, which has this name.
    pub(crate) async fn event(&mut self, expected: &str) -> Value {
        match self.next().await {
            Got::Event(name, payload) if name == expected => payload,
            other => panic!("{other:?} instead of {expected}"),
        }
    }

    /// Everything until the connection is closed, and the code it is closed with.
    pub(crate) async fn until_closed(&mut self) -> (Vec<Got>, Option<u16>) {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Got::Closed(code) => return (all, code),
                got => all.push(got),
            }
        }
    }

    /// The code of the error that comes, and that of the close after it.
    pub(crate) async fn refused(&mut self) -> (String, Option<u16>) {
        let error = self.event("error").await;
        assert!(error["message"].is_string(), "{error}");
        let (rest, code) = self.until_closed().await;
        assert!(rest.is_empty(), "{rest:?} after the error");
        (error["code"].as_str().unwrap().to_owned(), code)
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        self.0.close(None).await.unwrap();
        while let Some(Ok(_)) = self.0.next().await {}
    }
}

fn read(message: &Bytes) -> Got {
    let (kind, data) = message::read(message).expect("a message of ours");
    match kind {
        DataKind::Init { take, .. } => Got::Init { take, data },
        DataKind::Media(ChunkHead { name, frames, key, .. }) => {
            Got::Chunk { name: (name.take, name.group, name.index.into()), frames: frames.into(), key, data }
        }
    }
}

/// The names of the chunks in `all`.
pub(crate) fn names(all: &[Got]) -> Vec<(u64, u64, u64)> {
    let name = |got: &Got| match got {
        Got::Chunk { name, .. } => Some(*name),
        _ => None,
    };
    all.iter().filter_map(name).collect()
}

/// The names of the next `count` chunks, and how many frames each holds.
pub(crate) async fn chunks(viewer: &mut WsViewer, count: usize) -> Vec<((u64, u64, u64), u64)> {
    let mut chunks = Vec::new();
    while chunks.len() < count {
        if let Got::Chunk { name, frames, .. } = viewer.next().await {
            chunks.push((name, frames));
        }
    }
    chunks
}

/// What is sent to ask for the node's clock.
pub(crate) fn clock(t0_ms: f64) -> Message {
    Message::text(json!(["clock", { "t0_ms": t0_ms }]).to_string())
}

/// The number of a close code.
pub(crate) fn code(code: CloseCode) -> Option<u16> {
    Some(code.into())
}
