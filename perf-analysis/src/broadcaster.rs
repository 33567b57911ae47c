//! One broadcaster: registers a stream, then sends the script's segments at their due times.
//!
//! Open loop: a segment is queued when it is due, regardless of earlier ones. Time counts from that moment,
//! so a server that reads slowly shows in the delivery times, not as fewer segments.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::event::{SegmentAccepted, StreamRegistered, name};
use tokio::sync::{mpsc, watch};

use crate::{
    error::{Error, Result},
    ledger::Ledger,
    script::Script,
    viewer::SOCKET_IO_PATH,
    wire::{
        Entrance, Socket, WriteSide,
        frame::{self, Frames},
        packet::{self, Packet},
    },
};

/// Number of the call that registers the stream; segment `seq` is call `seq + FIRST_SEGMENT`.
const REGISTER: u64 = 0;
const FIRST_SEGMENT: u64 = 1;

/// The configuration of a broadcaster.
#[derive(Clone)]
pub struct Booth {
    /// The node.
    pub entrance: Entrance,
    /// The stream.
    pub stream_id: String,
    /// The publish grant.
    pub grant: String,
    /// The segments to send.
    pub script: Arc<Script>,
    /// The ledger of the stream.
    pub ledger: Arc<Ledger>,
    /// Whether the first segment is sent before the air time, because edges can only fetch a live stream.
    pub has_prelude: bool,
    /// Delay of the stream within the warm-up, so that streams do not send in step.
    pub offset: Duration,
}

/// The time of sending; nothing is sent before the first `Some`.
#[derive(Clone, Copy, Debug)]
pub struct Airtime {
    /// When the first segment of a stream without an offset is due.
    pub start: Instant,
    /// No segment is due from here on.
    pub end: Instant,
}

/// Registers and reports it on `registered`, sends during the air time, then stays connected until dropped or
/// disconnected.
///
/// # Errors
/// [`Error::Io`], [`Error::Protocol`] when the node refuses something, breaks the protocol or closes.
pub async fn broadcast(
    booth: Booth,
    registered: mpsc::UnboundedSender<()>,
    airtime: watch::Receiver<Option<Airtime>>,
) -> Result<()> {
    let path = format!("{}{SOCKET_IO_PATH}", booth.entrance.path);
    let (mut reading, writing) = Socket::connect(&booth.entrance, &path).await?.split();
    let (queue, queued) = mpsc::unbounded_channel();
    let mut session = Session { booth: booth.clone(), registered, queue: queue.clone() };
    let read = async {
        while reading.read(&mut session).await? {}
        Err(Error::Protocol("the node closed a broadcaster's connection".into()))
    };
    let send = async {
        send_segments(&booth, airtime, &queue).await?;
        std::future::pending().await
    };
    tokio::select! {
        result = read => result,
        result = send => result,
        result = write_queued(writing, queued) => result,
    }
}

async fn send_segments(
    booth: &Booth,
    mut airtime: watch::Receiver<Option<Airtime>>,
    queue: &mpsc::UnboundedSender<Vec<u8>>,
) -> Result<()> {
    let Ok(air) = airtime.wait_for(Option::is_some).await.map(|air| *air) else { return Ok(()) };
    let Some(air) = air else { return Ok(()) };
    for seq in u64::from(booth.has_prelude).. {
        let line = booth.script.line(seq)?;
        let due = air.start + booth.offset + line.due;
        if due >= air.end {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let frames = segment_frames(&booth.stream_id, seq, &line.segment);
        let now = Instant::now();
        booth.ledger.publish(line, now, now.saturating_duration_since(due).as_micros() as u64);
        if queue.send(frames).is_err() {
            break;
        }
    }
    Ok(())
}

async fn write_queued(mut writing: WriteSide, mut queued: mpsc::UnboundedReceiver<Vec<u8>>) -> Result<()> {
    while let Some(frames) = queued.recv().await {
        writing.write(&frames).await?;
    }
    Ok(())
}

fn segment_frames(stream_id: &str, seq: u64, segment: &[u8]) -> Vec<u8> {
    let payload = format!(
        r#"{{"stream_id":"{stream_id}","take":0,"seq":{seq},"segment":{{"_placeholder":true,"num":0}}}}"#
    );
    let mut frames = Vec::with_capacity(segment.len() + 256);
    frame::write_text(&mut frames, &packet::binary_call(seq + FIRST_SEGMENT, name::BROADCAST_DATA, &payload));
    frame::write_binary(&mut frames, segment);
    frames
}

/// The reading half.
struct Session {
    booth: Booth,
    registered: mpsc::UnboundedSender<()>,
    queue: mpsc::UnboundedSender<Vec<u8>>,
}

impl Session {
    /// Sends the first segment, which the ordinary order then leaves out.
    fn send_prelude(&self) -> Result<()> {
        let line = self.booth.script.line(0)?;
        let frames = segment_frames(&self.booth.stream_id, 0, &line.segment);
        self.booth.ledger.publish(line, Instant::now(), 0);
        // The queue is closed only when the connection is.
        let _ = self.queue.send(frames);
        Ok(())
    }

    fn reply(&self, text: &str) {
        let mut frames = Vec::new();
        frame::write_text(&mut frames, text);
        // The queue is closed only when the connection is.
        let _ = self.queue.send(frames);
    }
}

impl Frames for Session {
    fn text(&mut self, text: &[u8]) -> Result<()> {
        match packet::parse(text)? {
            Packet::Open => self.reply(packet::CONNECT),
            Packet::Connected => {
                let payload = serde_json::json!({
                    "stream_id": self.booth.stream_id,
                    "grant": self.booth.grant,
                    "mime": self.booth.script.mime(),
                    "take": 0,
                });
                self.reply(&packet::call(REGISTER, name::REGISTER_NEW_STREAM, &payload.to_string()));
            }
            Packet::Ack(REGISTER, payload) => {
                packet::accepted::<StreamRegistered>(name::REGISTER_NEW_STREAM, payload)?;
                if self.booth.has_prelude {
                    self.send_prelude()?;
                }
                // The receiver is gone only when the trial is over.
                let _ = self.registered.send(());
            }
            Packet::Ack(number, payload) => {
                packet::accepted::<SegmentAccepted>(name::BROADCAST_DATA, payload)?;
                self.booth.ledger.acked(number - FIRST_SEGMENT, Instant::now());
            }
            Packet::Ping => self.reply(packet::PONG),
            _ => {}
        }
        Ok(())
    }

    fn binary(&mut self, _part: &[u8], _at: usize, _whole: usize) -> Result<()> {
        Ok(())
    }
}
