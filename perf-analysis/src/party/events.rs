//! Reads a member's event stream: HTTP/1.1 chunks containing Server-Sent Events, reduced to what a member
//! needs.

use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::error::{Context, Error, Result};

/// Most bytes of one event; a party of 2,000 members has fewer.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// An event stream.
pub(super) struct EventStream {
    socket: TcpStream,
    decoder: Decoder,
}

impl EventStream {
    /// The event stream on a connection on which `GET …/events` was sent.
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, decoder: Decoder::default() }
    }

    /// Passes the name and data of the next event to `take`. Comments are skipped.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Protocol`] at the stream's end, or if it is refused or unreadable.
    pub(super) async fn next<T>(&mut self, take: impl FnOnce(&str, &[u8]) -> Result<T>) -> Result<T> {
        loop {
            if let Some(event) = self.decoder.event()? {
                return take(&event.name, &event.data);
            }
            let read = self.socket.read_buf(&mut self.decoder.raw).await;
            if read.context(|| "reading a member's events".into())? == 0 {
                return Err(Error::Protocol("a member's event stream ended".into()));
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    data: Vec<u8>,
}

#[derive(Default)]
struct Decoder {
    /// The received bytes.
    raw: Vec<u8>,
    /// The body without chunk framing.
    body: Vec<u8>,
    has_head: bool,
}

impl Decoder {
    fn event(&mut self) -> Result<Option<Event>> {
        self.unpack()?;
        while let Some(end) = find(&self.body, b"\n\n") {
            let block: Vec<u8> = self.body.drain(..end + 2).collect();
            let field =
                |name: &[u8]| block.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name));
            if let (Some(name), Some(data)) = (field(b"event: "), field(b"data: ")) {
                return Ok(Some(Event { name: String::from_utf8_lossy(name).into(), data: data.into() }));
            }
        }
        Ok(None)
    }

    /// Moves complete chunks from `raw` to `body`.
    fn unpack(&mut self) -> Result<()> {
        let unreadable = |what: &[u8]| {
            Error::Protocol(format!("an event stream began with {:?}", String::from_utf8_lossy(what)))
        };
        if !self.has_head {
            let Some(end) = find(&self.raw, b"\r\n\r\n") else { return Ok(()) };
            if !self.raw.starts_with(b"HTTP/1.1 200") {
                return Err(unreadable(&self.raw));
            }
            self.raw.drain(..end + 4);
            self.has_head = true;
        }
        let mut at = 0;
        while let Some(line) = find(&self.raw[at..], b"\r\n") {
            let size = std::str::from_utf8(&self.raw[at..at + line]).ok();
            let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
            let size = size.filter(|&size| size <= MAX_EVENT_BYTES);
            let size = size.ok_or_else(|| unreadable(&self.raw[at..at + line]))?;
            let start = at + line + 2;
            let Some(chunk) = self.raw.get(start..start + size + 2) else { break };
            self.body.extend_from_slice(&chunk[..size]);
            at = start + size + 2;
        }
        self.raw.drain(..at);
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_wherever_they_are_cut() {
        let stream = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
            14\r\nevent: a\ndata: {1}\n\n\r\n3\r\n:\n\n\r\n8\r\nevent: b\r\n9\r\n\ndata: 2\n\r\n1\r\n\n\r\n";
        for cut in 0..stream.len() {
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            for part in [&stream[..cut], &stream[cut..]] {
                decoder.raw.extend_from_slice(part);
                while let Some(Event { name, data }) = decoder.event().unwrap() {
                    events.push((name, String::from_utf8(data).unwrap()));
                }
            }
            let expected = [("a", "{1}"), ("b", "2")].map(|(name, data)| (name.to_owned(), data.to_owned()));
            assert_eq!(events, expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_refusal_is_an_error() {
        let raw = b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}".to_vec();
        let mut decoder = Decoder { raw, ..Decoder::default() };
        decoder.event().unwrap_err();
    }
}
