//! A viewer that connects and reads nothing until it is asked for its messages.

use std::time::Duration;

use protocol::{WireError, event::name};
use tokio::sync::{mpsc, watch};

use super::Seat;
use crate::{
    error::{Error, Result},
    record::SilentEnd,
    wire::{Socket, frame::Frames, packet},
};

/// How long it finally reads: the content of its socket's buffer, and what a node that still serves it sends.
const READING: Duration = Duration::from_secs(3);

/// Connects, reports that on `joined`, and reads nothing until `asked`. Then it reads for 3 s and reports the
/// messages.
///
/// # Errors
/// [`Error::Io`], [`Error::Protocol`] when the node refuses the connection.
pub async fn keep_silent(
    seat: Seat,
    joined: mpsc::UnboundedSender<()>,
    mut asked: watch::Receiver<bool>,
) -> Result<SilentEnd> {
    let mut socket = Socket::connect(&seat.entrance, &seat.upgrade_path()).await?;
    // The receiver is gone only when the trial is over.
    let _ = joined.send(());
    if asked.wait_for(|asked| *asked).await.is_err() {
        return Err(Error::Incomplete("a silent viewer was not asked for its result".into()));
    }
    let mut found = Found::default();
    let reading = async {
        loop {
            match socket.read(&mut found).await {
                Ok(true) => {}
                Ok(false) => return if socket.was_reset() { "reset" } else { "ended" },
                Err(_) => return "reset",
            }
        }
    };
    let connection = tokio::time::timeout(READING, reading).await.unwrap_or("open");
    Ok(SilentEnd {
        skips: found.skips,
        error: found.error,
        closed: found.closed,
        connection: connection.into(),
    })
}

#[derive(Default)]
struct Found {
    skips: u32,
    error: Option<String>,
    closed: Option<u16>,
}

impl Frames for Found {
    fn text(&mut self, text: &[u8]) -> Result<()> {
        match std::str::from_utf8(text).ok().and_then(packet::event) {
            Some((name::SKIPPED, _)) => self.skips += 1,
            Some(("error", payload)) => {
                let code =
                    serde_json::from_str::<WireError>(payload).map(|error| format!("{:?}", error.code));
                self.error = Some(code.unwrap_or_else(|_| payload.to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn binary(&mut self, _part: &[u8], _at: usize, _whole: usize) -> Result<()> {
        Ok(())
    }

    fn close(&mut self, code: Option<u16>) {
        self.closed = code;
    }
}
