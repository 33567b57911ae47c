//! One viewer: joins a stream and compares every chunk with the [`Ledger`].
//!
//! It checks the header, that names continue without a gap or a repeat, and each byte. Payloads are compared
//! in the read buffer and not kept. The differences between the transports are in `socketio` and `ws`.

mod account;
pub mod silent;
mod socketio;
mod ws;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::{
    error::{Error, Result},
    ledger::Ledger,
    scenario::Transport,
    wire::{Entrance, Socket, frame::Frames},
};
use account::Account;
use socketio::SocketIoViewer;
use ws::WsViewer;

/// The Socket.IO endpoint under a node's URL, for a connection that starts as a WebSocket.
pub(crate) const SOCKET_IO_PATH: &str = "/socket.io/?EIO=4&transport=websocket";
/// Pause between two attempts to join.
const RETRY: Duration = Duration::from_millis(200);
/// How long an edge may take to learn where a stream is.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The stream that a viewer watches, and how.
#[derive(Clone)]
pub struct Seat {
    /// The node.
    pub entrance: Entrance,
    /// How to connect.
    pub transport: Transport,
    /// The stream.
    pub stream_id: String,
    /// The ledger of the stream.
    pub ledger: Arc<Ledger>,
}

/// Reports that a viewer was accepted; until then it counts as connecting.
struct Joining {
    joined: mpsc::UnboundedSender<()>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Joining {
    fn done(&mut self) {
        if self.permit.take().is_some() {
            // The receiver is gone only when the trial is over.
            let _ = self.joined.send(());
        }
    }

    fn is_done(&self) -> bool {
        self.permit.is_none()
    }
}

impl Seat {
    fn upgrade_path(&self) -> String {
        match self.transport {
            Transport::SocketIo => format!("{}{SOCKET_IO_PATH}", self.entrance.path),
            Transport::Ws => format!("{}/ws/{}", self.entrance.path, self.stream_id),
        }
    }
}

/// Watches until the node closes the connection or the task is dropped. Sends `()` on `joined` once the node
/// has accepted it; until then it holds a permit of `connecting`.
///
/// # Errors
/// [`Error::Io`], [`Error::Protocol`] when the node refuses, breaks the protocol or closes.
pub async fn watch(seat: Seat, joined: mpsc::UnboundedSender<()>, connecting: Arc<Semaphore>) -> Result<()> {
    let permit = connecting.acquire_owned().await.ok();
    let mut joining = Joining { joined, permit };
    let deadline = Instant::now() + JOIN_TIMEOUT;
    loop {
        let account = Account::new(seat.ledger.clone());
        let ended = match seat.transport {
            Transport::SocketIo => attend(&seat, SocketIoViewer::new(&seat, account, &mut joining)).await,
            Transport::Ws => attend(&seat, WsViewer::new(account, &mut joining)).await,
        };
        match ended {
            // An edge learns where a stream is one heartbeat after its origin.
            Err(Error::NotYet(_)) if !joining.is_done() && Instant::now() < deadline => {
                tokio::time::sleep(RETRY).await;
            }
            ended => return ended,
        }
    }
}

async fn attend(seat: &Seat, mut viewer: impl Frames + Replies) -> Result<()> {
    let mut socket = Socket::connect(&seat.entrance, &seat.upgrade_path()).await?;
    while socket.read(&mut viewer).await? {
        let replies = viewer.replies();
        if !replies.is_empty() {
            socket.write(replies).await?;
            replies.clear();
        }
    }
    Err(Error::Protocol("the node closed a viewer's connection".into()))
}

/// A viewer that sends replies.
trait Replies {
    /// Frames to send once everything read has been seen.
    fn replies(&mut self) -> &mut Vec<u8>;
}
