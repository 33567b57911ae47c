//! A small Socket.IO client over a WebSocket (Socket.IO protocol 5, Engine.IO protocol 4), written from the specification. A node that
//! dies is an error here, not a failed test.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config, tungstenite::Message};

/// Longest wait for an answer of a node that is alive.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The connection is gone, or the node does not answer.
#[derive(Debug)]
pub(crate) struct Gone;

/// A connection to the namespace `/` of a node.
pub(crate) struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    calls: u64,
}

impl Connection {
    pub(crate) async fn open(node: &str) -> Result<Self, Gone> {
        let url = format!("{}/socket.io/?EIO=4&transport=websocket", node.replacen("http", "ws", 1));
        // Without Nagle's algorithm: an event and its attachment are two writes.
        let connecting = connect_async_with_config(url, None, true);
        let connected = timeout(ANSWER_TIMEOUT, connecting).await.map_err(|_| Gone)?;
        let (socket, _) = connected.map_err(|_| Gone)?;
        let mut connection = Self { socket, calls: 0 };
        connection.until("0").await?;
        connection.send(Message::text("40")).await?;
        connection.until("40").await?;
        Ok(connection)
    }

    /// Sends an event and gives its answer. `binary` takes the place of `null` in the payload.
    pub(crate) async fn call(
        &mut self,
        event: &str,
        payload: Value,
        binary: Option<&[u8]>,
    ) -> Result<Value, Gone> {
        self.calls += 1;
        let (id, text) = (self.calls, json!([event, payload]).to_string());
        match binary {
            None => self.send(Message::text(format!("42{id}{text}"))).await?,
            Some(binary) => {
                let text = text.replace("null", r#"{"_placeholder":true,"num":0}"#);
                self.send(Message::text(format!("451-{id}{text}"))).await?;
                self.send(Message::binary(binary.to_vec())).await?;
            }
        }
        let answer = self.until(&format!("43{id}[")).await?;
        let answer = answer.find('[').and_then(|at| serde_json::from_str::<Value>(&answer[at..]).ok());
        answer.map(|answer| answer[0].clone()).ok_or(Gone)
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        let sent = timeout(ANSWER_TIMEOUT, self.socket.send(message)).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// The next packet that begins so.
    async fn until(&mut self, start: &str) -> Result<String, Gone> {
        loop {
            let next = timeout(ANSWER_TIMEOUT, self.socket.next()).await.map_err(|_| Gone)?;
            let Message::Text(text) = next.ok_or(Gone)?.map_err(|_| Gone)? else { continue };
            if text.as_str() == "2" {
                self.send(Message::text("3")).await?;
            } else if text.starts_with(start) {
                return Ok(text.as_str().to_owned());
            }
        }
    }
}
