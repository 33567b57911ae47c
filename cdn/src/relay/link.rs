//! One WebSocket connection to the node a stream is pulled from, see `docs/protocol.md`, section *Between nodes*.
//!
//! Whatever the other side sends is bounded and checked: messages by size, waits by time. What cannot be read ends the
//! link. A side that is silent is asked for its clock, and given up if it stays silent. A message of which more and more
//! comes is no silence, however long it takes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use media::{
    Run, Track,
    demux::frames::{self, MAX_TRACKS},
};
use protocol::{
    ErrorCode, WireError,
    event::{ChunkHead, DataKind, FrameName, RelayPath, StreamStateChanged, Welcome, name},
    message::{self, MAX_CHUNK_BYTES},
    stream::StreamState,
};
use serde_json::Value;
use tls::{ClientStream, Trust};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{self, Message, protocol::WebSocketConfig},
};
use tokio_util::either::Either;

use super::{address::Address, link_error::LinkError, metered::Metered};
use crate::clock::{Clock, whole_ms};

/// Longest wait for the connection and the handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the other side may be silent before it is asked for its clock.
const SILENCE: Duration = Duration::from_secs(1);
/// How long it may take to say anything then.
const ANSWER: Duration = Duration::from_secs(3);
/// Longest text message: events other than media are small.
const MOST_TEXT_BYTES: usize = 64 << 10;
/// Longest message: a chunk or an init segment, with its header.
const MOST_MESSAGE_BYTES: usize = MAX_CHUNK_BYTES + (64 << 10);

/// A message with more bytes than this may take a while to come; shorter ones are there at once or not at all.
const LARGE_MESSAGE_BYTES: u64 = 64 << 10;

/// An event of a link.
#[derive(Debug)]
pub(super) enum Event {
    /// First.
    Welcome(Welcome),
    /// The nodes on the path of the stream.
    Path(RelayPath),
    /// How it is doing there.
    State(StreamState),
    /// Chunks are missing before the next.
    Skipped,
    /// The tracks of a take.
    Tracks { take: u64, tracks: Arc<[Track]>, epoch_ms: Option<i64> },
    /// The next run of frames of a take.
    Run { take: u64, run: Run, captured_at_ms: Option<i64> },
}

/// Plain or TLS. The latter is larger and rare.
type Socket = Either<TcpStream, Box<ClientStream>>;

/// See the [module](self).
pub(super) struct Link {
    socket: WebSocketStream<Metered<Socket>>,
    /// Whether it was asked for its clock since its last message.
    asked: bool,
    /// When it counts as silent, in node time. Kept here because callers drop [`Link::next`] for other work.
    deadline_ms: u64,
    /// Bytes that had come when the last message was whole.
    whole_bytes: u64,
    /// Bytes that had come at the last check, and when a check last found more of a large message.
    seen_bytes: u64,
    grew_at_ms: Option<u64>,
    clock: Clock,
}

impl Link {
    /// Connects. The grant in the address is sent to a node with an accepted certificate only, if its URL is one of TLS.
    pub(super) async fn open(address: &Address, trust: &Trust, clock: Clock) -> Result<Self, LinkError> {
        let most_bytes = Some(MOST_MESSAGE_BYTES);
        let config = WebSocketConfig::default().max_message_size(most_bytes).max_frame_size(most_bytes);
        let connect = async {
            let socket = connect(address, trust).await?;
            client_async_with_config(address.url(), Metered::new(socket), Some(config)).await.map_err(refused)
        };
        let timed_out = |_| LinkError::Unreachable("connecting timed out".into());
        let (socket, _) = tokio::time::timeout(CONNECT_TIMEOUT, connect).await.map_err(timed_out)??;
        let (asked, deadline_ms, grew_at_ms) = (false, 0, None);
        let mut link = Self { socket, asked, deadline_ms, whole_bytes: 0, seen_bytes: 0, grew_at_ms, clock };
        link.expect_message(SILENCE);
        Ok(link)
    }

    /// Whether a large message is arriving, and bytes of it arrived lately.
    pub(super) fn is_bringing(&mut self) -> bool {
        let (bytes, now) = (self.socket.get_ref().read_bytes(), self.clock.now());
        if bytes > self.seen_bytes && bytes - self.whole_bytes > LARGE_MESSAGE_BYTES {
            self.grew_at_ms = Some(now.ms);
        }
        self.seen_bytes = bytes;
        self.grew_at_ms.is_some_and(|at_ms| now.since(at_ms) < ANSWER)
    }

    /// The next event. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Event, LinkError> {
        loop {
            match tokio::time::timeout(self.clock.until(self.deadline_ms), self.socket.next()).await {
                Err(_) if self.is_bringing() => {
                    self.asked = false;
                    self.expect_message(SILENCE);
                }
                Err(_) => self.ask().await?,
                Ok(None) => return Err(LinkError::Closed),
                Ok(Some(message)) => {
                    self.asked = false;
                    self.expect_message(SILENCE);
                    (self.whole_bytes, self.grew_at_ms) = (self.socket.get_ref().read_bytes(), None);
                    if let Some(event) = read(message.map_err(broken)?)? {
                        return Ok(event);
                    }
                }
            }
        }
    }

    /// Sets the deadline for the next message.
    fn expect_message(&mut self, within: Duration) {
        let within_ms = whole_ms(within);
        self.deadline_ms = self.clock.now().ms.saturating_add(within_ms);
    }

    async fn ask(&mut self) -> Result<(), LinkError> {
        if self.asked {
            return Err(LinkError::Silent);
        }
        self.asked = true;
        self.expect_message(ANSWER);
        self.send(format!(r#"["{}",{{"t0_ms":0}}]"#, name::CLOCK)).await
    }

    /// Asks the other side for a keyframe.
    pub(super) async fn request_keyframe(&mut self) -> Result<(), LinkError> {
        self.send(format!(r#"["{}",{{}}]"#, name::REQUEST_KEYFRAME)).await
    }

    async fn send(&mut self, text: String) -> Result<(), LinkError> {
        let sending = self.socket.send(Message::text(text));
        tokio::time::timeout(ANSWER, sending).await.map_err(|_| LinkError::Silent)?.map_err(broken)
    }
}

async fn connect(address: &Address, trust: &Trust) -> Result<Socket, LinkError> {
    let socket = TcpStream::connect(address.authority()).await.map_err(unreachable)?;
    socket.set_nodelay(true).map_err(unreachable)?;
    let Some(host) = address.tls_host() else { return Ok(Either::Left(socket)) };
    let socket = trust
        .connect(host, socket)
        .await
        .map_err(|error| tls::reason(&error).map_or_else(|| unreachable(error), LinkError::Untrusted))?;
    Ok(Either::Right(Box::new(socket)))
}

fn unreachable(error: impl std::fmt::Display) -> LinkError {
    LinkError::Unreachable(error.to_string())
}

/// Why there is no WebSocket on a connection.
fn refused(error: tungstenite::Error) -> LinkError {
    let tungstenite::Error::Http(answer) = &error else { return unreachable(error) };
    let location = answer.headers().get("location").and_then(|location| location.to_str().ok());
    match location {
        // The query has the grant.
        Some(url) => {
            let url = url.split('?').next().unwrap_or_default();
            unreachable(format!("it answers {} and redirects to {url:?}", answer.status()))
        }
        None => unreachable(error),
    }
}

fn broken(error: tungstenite::Error) -> LinkError {
    match error {
        tungstenite::Error::Io(_)
        | tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            LinkError::Closed
        }
        error => LinkError::Malformed(error.to_string()),
    }
}

fn source_error(error: WireError) -> LinkError {
    match error.code {
        ErrorCode::StreamDropped => LinkError::Dropped,
        _ => LinkError::Refused(error),
    }
}

/// Reads a message.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_message(is_text: bool, message: &[u8]) {
    let message = match is_text {
        true => String::from_utf8_lossy(message).into_owned().into(),
        false => Message::Binary(Bytes::copy_from_slice(message)),
    };
    let _ = read(message);
}

/// The event in a message, if it has one that matters here.
fn read(message: Message) -> Result<Option<Event>, LinkError> {
    match message {
        Message::Binary(data) => read_media(&data).map(Some),
        Message::Text(text) => read_text(&text),
        Message::Close(_) => Err(LinkError::Closed),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
    }
}

fn read_media(message: &Bytes) -> Result<Event, LinkError> {
    let (kind, data) = message::read(message).map_err(|error| LinkError::Malformed(error.to_string()))?;
    Ok(match kind {
        DataKind::Init { take, origin_time_ms: epoch_ms, .. } => {
            let tracks = frames::read_init(&data).map_err(|error| LinkError::Malformed(error.to_string()))?;
            Event::Tracks { take, tracks: tracks.into(), epoch_ms }
        }
        DataKind::Media(head) => read_run(head, data)?,
    })
}

fn read_run(head: ChunkHead, data: Bytes) -> Result<Event, LinkError> {
    let frames =
        frames::read_chunk(MAX_TRACKS, data).map_err(|error| LinkError::Malformed(error.to_string()))?;
    if frames.len() != head.frames as usize {
        let reason = format!("a chunk has {} frames, its header says {}", frames.len(), head.frames);
        return Err(LinkError::Malformed(reason));
    }
    let FrameName { take, group, index } = head.name;
    Ok(Event::Run { take, run: Run { group, index, frames }, captured_at_ms: head.captured_at_ms })
}

fn read_text(text: &str) -> Result<Option<Event>, LinkError> {
    let malformed = |error: &dyn std::fmt::Display| LinkError::Malformed(error.to_string());
    if text.len() > MOST_TEXT_BYTES {
        return Err(malformed(&"a text message of more than 64 KiB"));
    }
    let (event, payload): (String, Value) = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let event = match event.as_str() {
        name::WATCHING => serde_json::from_value(payload).map(Event::Welcome),
        name::RELAY_PATH => serde_json::from_value(payload).map(Event::Path),
        name::STREAM_STATE => {
            serde_json::from_value(payload).map(|changed: StreamStateChanged| Event::State(changed.state))
        }
        name::SKIPPED => Ok(Event::Skipped),
        name::ERROR => {
            return Err(serde_json::from_value(payload).map_or_else(|error| malformed(&error), source_error));
        }
        _ => return Ok(None),
    };
    event.map(Some).map_err(|error| malformed(&error))
}

#[cfg(test)]
mod tests {
    use protocol::StreamId;
    use tokio::net::TcpListener;

    use super::*;
    use crate::relay::address::SourceRequest;

    /// A link to a node that never sends anything.
    async fn link_to_a_silent_node() -> Link {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (connection, _) = listener.accept().await.unwrap();
            let _socket = tokio_tungstenite::accept_async(connection).await.unwrap();
            std::future::pending::<()>().await;
        });
        let wanted =
            SourceRequest { stream: StreamId::new("a", 1), grant: "", hostname: "edge", after: None };
        let address = Address::new(&url, "", &wanted).unwrap();
        Link::open(&address, &Trust::default(), Clock::start()).await.unwrap()
    }

    #[tokio::test]
    async fn a_node_is_silent_no_later_where_keyframes_are_asked_of_it() {
        let mut link = link_to_a_silent_node().await;
        tokio::time::pause();
        let (began, interval) = (link.clock.now(), Duration::from_millis(900));
        for _ in 0..20 {
            if let Ok(next) = tokio::time::timeout(interval, link.next()).await {
                assert!(matches!(next, Err(LinkError::Silent)));
                assert!(link.clock.now().since(began.ms) <= SILENCE + ANSWER + interval);
                return;
            }
            link.request_keyframe().await.unwrap();
        }
        panic!("it has been silent for long enough");
    }

    #[test]
    fn unknown_events_are_passed_over_and_malformed_ones_are_not() {
        assert!(matches!(read_text(r#"["clock",{"t0_ms":0}]"#), Ok(None)));
        assert!(matches!(read_text(r#"["of_a_later_version",{}]"#), Ok(None)));
        for text in ["", "{}", "[]", r#"["relay_path",{}]"#, r#"["watching",7]"#, r#"["error",{}]"#] {
            assert!(matches!(read_text(text), Err(LinkError::Malformed(_))), "{text}");
        }
        assert!(matches!(read_text(&format!("[{}", "[".repeat(100_000))), Err(LinkError::Malformed(_))));
        assert!(matches!(read_media(&Bytes::from_static(b"x")), Err(LinkError::Malformed(_))));
    }

    #[test]
    fn refusal_says_why() {
        let text = r#"["error",{"code":"relay_loop","message":"no"}]"#;
        assert!(
            matches!(read_text(text), Err(LinkError::Refused(error)) if error.code == ErrorCode::RelayLoop)
        );
        let text = r#"["error",{"code":"stream_dropped","message":"no"}]"#;
        assert!(matches!(read_text(text), Err(LinkError::Dropped)));
    }
}
