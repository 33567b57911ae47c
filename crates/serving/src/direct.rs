//! Requests for files that a connection answers itself, so that hyper never sees them (see [`AtOnce`]).
//!
//! ```text
//! socket ── head ──► connection ── any other head ──► hyper ──► router
//!    ▲                   │
//!    └─── sendfile ──────┘
//! ```
//!
//! hyper asks the connection for the next request. If the bytes that arrived are the head of a request which can be answered at once, the
//! connection sends the answer, and hyper still waits for a request. There must be no doubt where a request begins. So the connection
//! looks at bytes only while hyper has none of an earlier request and nothing left to write. Once anything else than exactly one head
//! without a body arrives, or anything while hyper answers, all that follows is hyper's: pipelined requests, bodies, heads in parts,
//! upgrades.

use std::{
    io::{self, IoSlice, Write},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll, ready},
    time::SystemTime,
};

use httpdate::HttpDate;
use per_address::Share;
use tokio::net::TcpStream;

use crate::{
    app::{Asked, FileAnswer, Mounted},
    bodies::Busy,
    files::{Piece, poll_send_before},
    places::{Http, Phase},
};

/// Heads with more fields are hyper's.
const MOST_FIELDS: usize = 48;
/// Room for the head of an answer.
const HEAD_BYTES: usize = 1024;

/// See the [module](self).
pub(crate) struct Direct {
    at_once: Arc<Mounted>,
    /// The address that limits per client count.
    address: IpAddr,
    stage: Stage,
}

/// What the connection does.
enum Stage {
    /// It waits for a request: the next bytes are the beginning of one.
    Between,
    /// It sends an answer.
    Sending(Box<Sending>),
    /// hyper has a request, and perhaps began to write the answer.
    Hyper { has_written: bool },
    /// All that follows is hyper's.
    Left,
}

/// The rest of an answer.
struct Sending {
    head: Vec<u8>,
    /// How much of the head was sent.
    at: usize,
    piece: Piece,
    _place: Share,
    _busy: Busy,
}

impl Direct {
    /// For a connection of a client with this address.
    pub(crate) fn new(at_once: Arc<Mounted>, address: IpAddr) -> Self {
        Self { at_once, address, stage: Stage::Between }
    }

    /// Sends the rest of the answer, if one is being sent.
    pub(crate) fn poll_sent(&mut self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Stage::Sending(sending) = &mut self.stage else { return Poll::Ready(Ok(())) };
        let sent = ready!(sending.poll(tcp, cx));
        // What failed is not tried again: the connection ends.
        self.stage = if sent.is_ok() { Stage::Between } else { Stage::Left };
        Poll::Ready(sent)
    }

    /// Whether `arrived` is answered here. If not, it is hyper's.
    pub(crate) fn takes(&mut self, arrived: &[u8], http: &Arc<Http>) -> bool {
        // What arrives while hyper answers is a part of a further request, which hyper keeps.
        let is_between = matches!(self.stage, Stage::Between);
        self.stage = match Head::read(arrived).filter(|_| is_between) {
            None => Stage::Left,
            Some(head) => match head.asks_for_a_whole_answer.then(|| self.answer(&head, http)).flatten() {
                Some(sending) => Stage::Sending(Box::new(sending)),
                None => Stage::Hyper { has_written: false },
            },
        };
        matches!(self.stage, Stage::Sending(_))
    }

    /// hyper writes.
    pub(crate) fn writes(&mut self) {
        if !matches!(self.stage, Stage::Left) {
            self.stage = Stage::Hyper { has_written: true };
        }
    }

    /// hyper has written all that it had to write until now.
    pub(crate) fn flushed(&mut self, http: &Http) {
        if matches!(self.stage, Stage::Hyper { has_written: true }) && http.idle_since().is_some() {
            self.stage = Stage::Between;
        }
    }

    fn answer(&self, head: &Head<'_>, http: &Arc<Http>) -> Option<Sending> {
        let (path, query) =
            head.target.split_once('?').map_or((head.target, None), |(path, query)| (path, Some(query)));
        let mut fields = Vec::with_capacity(HEAD_BYTES);
        fields.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        let FileAnswer { file, bytes, place } = self.at_once.iter().find_map(|(mounted, one)| {
            let asked = Asked { path: path.strip_prefix(mounted.as_str())?, query, address: self.address };
            one.answer(&asked, &mut fields)
        })?;
        let date = HttpDate::from(SystemTime::now());
        write!(fields, "content-length: {bytes}\r\ndate: {date}\r\n\r\n").ok()?;
        let piece = Piece::new(file, 0, bytes);
        let busy = Busy::new(http.clone(), Phase::Answering);
        Some(Sending { head: fields, at: 0, piece, _place: place, _busy: busy })
    }
}

impl Sending {
    fn poll(&mut self, tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.at < self.head.len() {
            self.at += ready!(poll_send_before(tcp, cx, &[IoSlice::new(&self.head[self.at..])]))?;
        }
        while !self.piece.is_sent() {
            ready!(self.piece.poll_send(tcp, cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

/// The head of a request without a body, which leaves the connection open and HTTP/1.1.
struct Head<'a> {
    target: &'a str,
    /// Whether it is a GET without a range or a condition.
    asks_for_a_whole_answer: bool,
}

/// The method whose answer makes the connection a tunnel (RFC 9110, section 9.3.6).
const TUNNEL: &str = "CONNECT";
/// Fields of requests that have a body, or that change what the connection is.
const NOT_PLAIN: [&str; 4] = ["content-length", "transfer-encoding", "upgrade", "expect"];
/// Fields of requests for anything but a whole answer (RFC 9110, sections 13 and 14).
const NOT_WHOLE: [&str; 6] =
    ["range", "if-range", "if-none-match", "if-match", "if-modified-since", "if-unmodified-since"];

impl<'a> Head<'a> {
    /// The request, if the bytes are its head and nothing else.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let parsed = request.parse(bytes).ok()?;
        if parsed != httparse::Status::Complete(bytes.len()) || request.version != Some(1) {
            return None;
        }
        let has = |names: &[&str]| {
            request.headers.iter().any(|field| names.iter().any(|name| field.name.eq_ignore_ascii_case(name)))
        };
        let closes = |field: &httparse::Header<'_>| {
            field.name.eq_ignore_ascii_case("connection") && !field.value.eq_ignore_ascii_case(b"keep-alive")
        };
        if request.method == Some(TUNNEL) || has(&NOT_PLAIN) || request.headers.iter().any(closes) {
            return None;
        }
        let asks_for_a_whole_answer = request.method == Some("GET") && !has(&NOT_WHOLE);
        Some(Self { target: request.path?, asks_for_a_whole_answer })
    }
}
