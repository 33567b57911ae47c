//! The kernel's cost: a bare program that writes one shared, prebuilt buffer to every viewer's socket.
//!
//! It supports just enough Socket.IO, and for viewers just enough of plain WebSocket, for our own generator,
//! whose frames are masked with zero. It forwards each segment as one chunk: no demuxing, window, skipping or
//! grants. One thread per stream reads the segment directly behind its prebuilt head and writes both with one
//! call per viewer. The ratio of a node's cost to this program's shows how far the node is from the cost of
//! sockets on this machine, at this hour.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Instant,
};

use bytes::BytesMut;
use protocol::{
    event::{ChunkHead, DataKind, FrameName},
    message,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{
    error::{Context, Error, Result},
    forward_log::TARGET,
    scenario::Transport,
};

/// Longest request head and text that are accepted.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Longest segment that is accepted.
const MAX_SEGMENT_BYTES: usize = 64 * 1024 * 1024;

/// The viewers of each stream.
type Rooms = Arc<Mutex<HashMap<String, Arc<Mutex<Room>>>>>;

#[derive(Default)]
struct Room {
    transport: Transport,
    viewers: Vec<Stream>,
}

/// A connection, with TLS as rustls' own stream does it: it encrypts what is written and writes that at once.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Stream {
    fn new(tcp: TcpStream, tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        tcp.set_nodelay(true).context(|| "accepting".into())?;
        let Some(config) = tls else { return Ok(Self::Plain(tcp)) };
        let session = ServerConnection::new(config).map_err(|error| Error::Protocol(error.to_string()))?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, tcp))))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Serves on `listen` until the process ends; prints the URL as its first line. Logs each segment unless
/// `quiet`. Serves over TLS if there is a folder for a self-signed certificate.
///
/// # Errors
/// [`Error::Io`] if the port cannot be opened, [`Error::Protocol`] if the certificate cannot be created.
pub fn serve(listen: SocketAddr, quiet: bool, tls: Option<PathBuf>) -> Result<()> {
    let tls = tls.map(|folder| {
        let mode = tls::Mode::SelfSigned { folder, names: Vec::new() };
        let server = tls::Server::open(mode, &["http/1.1"]);
        server.map(|server| server.config()).map_err(|error| Error::Protocol(error.to_string()))
    });
    let tls = tls.transpose()?;
    let listener = TcpListener::bind(listen).context(|| format!("listening on {listen}"))?;
    let address = listener.local_addr().context(|| format!("listening on {listen}"))?;
    println!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let rooms = Rooms::default();
    for stream in listener.incoming().flatten() {
        let (rooms, tls) = (rooms.clone(), tls.clone());
        // Its result concerns only this connection.
        thread::spawn(move || Peer { stream: Stream::new(stream, tls)?, quiet }.attend(&rooms));
    }
    Ok(())
}

/// One connection.
struct Peer {
    stream: Stream,
    quiet: bool,
}

impl Peer {
    fn attend(mut self, rooms: &Rooms) -> Result<()> {
        let path = self.upgrade()?;
        if let Some((_, id)) = path.split_once("/ws/") {
            self.send(r#"["watching",{"mime":null,"take":0,"origin_time_ms":null,"window_ms":0}]"#)?;
            self.sit_down(&room(rooms, id), Transport::Ws);
            return Ok(());
        }
        self.send(
            r#"0{"sid":"floor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#,
        )?;
        loop {
            let text = self.text()?;
            if text == "40" {
                self.send(r#"40{"sid":"floor"}"#)?;
            } else if text.starts_with("420[\"watch_stream\"") {
                self.send(r#"430[{"ok":true,"mime":null,"take":0,"origin_time_ms":null,"window_ms":0}]"#)?;
                self.sit_down(&room(rooms, &stream_id(&text)?), Transport::SocketIo);
                return Ok(());
            } else if text.starts_with("420[\"register_new_stream\"") {
                self.send(r#"430[{"ok":true,"next_segment":0,"viewers":0}]"#)?;
                let id = stream_id(&text)?;
                let room = room(rooms, &id);
                return self.forward(&id, &room);
            }
        }
    }

    /// Becomes a viewer in `room`, whose viewers all use the same transport.
    fn sit_down(self, room: &Mutex<Room>, transport: Transport) {
        let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
        room.transport = transport;
        room.viewers.push(self.stream);
    }

    /// Writes each arriving segment to all viewers in `room`.
    fn forward(mut self, id: &str, room: &Mutex<Room>) -> Result<()> {
        for seq in 0_u64.. {
            let call = self.text()?;
            let ack = call.trim_start_matches("451-").split('[').next().unwrap_or_default().to_owned();
            let (_, length) = self.head()?;
            let transport = room.lock().unwrap_or_else(PoisonError::into_inner).transport;
            let mut buffer = match transport {
                Transport::SocketIo => chunk_head(id, seq, length),
                Transport::Ws => message_head(seq, length),
            };
            let start = buffer.len();
            buffer.resize(start + length, 0);
            self.stream.read_exact(&mut buffer[start..]).context(|| "reading a segment".into())?;
            let arrived = Instant::now();
            let mut room = room.lock().unwrap_or_else(PoisonError::into_inner);
            if length > 0 {
                room.viewers.retain_mut(|viewer| viewer.write_all(&buffer).is_ok());
            }
            if length > 0 && !self.quiet {
                let forward_us = arrived.elapsed().as_micros();
                let viewers = room.viewers.len();
                eprintln!(
                    r#"{{"target":"{TARGET}","stream":"{id}","take":0,"seq":{seq},"bytes":{length},"viewers":{viewers},"forward_us":{forward_us}}}"#
                );
            }
            drop(room);
            self.send(&format!(r#"43{ack}[{{"ok":true,"have":{{"take":0,"seq":{seq}}}}}]"#))?;
        }
        Ok(())
    }

    /// Reads the request and switches protocols; returns the path.
    fn upgrade(&mut self) -> Result<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).context(|| "reading a request".into())?;
            head.push(byte[0]);
            if head.len() > MAX_HEAD_BYTES {
                return Err(Error::Protocol("the request is too long".into()));
            }
        }
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        self.stream.write_all(answer.as_bytes()).context(|| "answering".into())?;
        let head = String::from_utf8_lossy(&head);
        Ok(head.split(' ').nth(1).unwrap_or_default().to_owned())
    }

    /// Reads a frame's head; returns its opcode and length.
    fn head(&mut self) -> Result<(u8, usize)> {
        let mut head = [0; 2];
        let mut read = |bytes: &mut [u8]| self.stream.read_exact(bytes).context(|| "reading a frame".into());
        read(&mut head)?;
        let length = match head[1] & 0x7F {
            126 => {
                let mut length = [0; 2];
                read(&mut length)?;
                usize::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                read(&mut length)?;
                usize::try_from(u64::from_be_bytes(length)).unwrap_or(usize::MAX)
            }
            length => usize::from(length),
        };
        let mut mask = [0; 4];
        read(&mut mask)?;
        if mask != [0; 4] || length > MAX_SEGMENT_BYTES {
            return Err(Error::Protocol("only this program's own generator is served".into()));
        }
        Ok((head[0] & 0x0F, length))
    }

    fn text(&mut self) -> Result<String> {
        let (_, length) = self.head()?;
        if length > MAX_HEAD_BYTES {
            return Err(Error::Protocol("the text is too long".into()));
        }
        let mut text = vec![0; length];
        self.stream.read_exact(&mut text).context(|| "reading a text".into())?;
        String::from_utf8(text).map_err(|_| Error::Protocol("the text is not UTF-8".into()))
    }

    fn send(&mut self, text: &str) -> Result<()> {
        let mut frame = frame_head(0x81, text.len());
        frame.extend_from_slice(text.as_bytes());
        self.stream.write_all(&frame).context(|| "writing".into())
    }
}

fn room(rooms: &Rooms, id: &str) -> Arc<Mutex<Room>> {
    let mut rooms = rooms.lock().unwrap_or_else(PoisonError::into_inner);
    rooms.entry(id.to_owned()).or_default().clone()
}

/// The `stream_id` of a call's payload.
fn stream_id(call: &str) -> Result<String> {
    let unreadable = || Error::Protocol(format!("no stream_id in {call}"));
    let (_, payload) = call.split_once(',').ok_or_else(unreadable)?;
    let payload = payload.strip_suffix(']').ok_or_else(unreadable)?;
    let payload: serde_json::Value = serde_json::from_str(payload).map_err(|_| unreadable())?;
    payload["stream_id"].as_str().map(ToOwned::to_owned).ok_or_else(unreadable)
}

/// The part of a `streaming_data` event before its `length` bytes.
fn chunk_head(id: &str, seq: u64, length: usize) -> Vec<u8> {
    let text = format!(
        r#"451-["streaming_data",{{"stream_id":"{id}","kind":"media","take":0,"group":{seq},"index":0,"key":true,"pts_ms":0,"duration_ms":0,"data":{{"_placeholder":true,"num":0}}}}]"#
    );
    let mut head = frame_head(0x81, text.len());
    head.reserve(text.len() + 10 + length);
    head.extend_from_slice(text.as_bytes());
    head.extend(frame_head(0x82, length));
    head
}

/// The part of a plain WebSocket message before its `length` bytes.
fn message_head(seq: u64, length: usize) -> Vec<u8> {
    let name = FrameName { take: 0, group: seq, index: 0 };
    let kind = DataKind::Media(ChunkHead {
        name,
        frames: 1,
        key: true,
        pts_ms: 0,
        duration_ms: 0,
        captured_at_ms: None,
    });
    let mut fields = BytesMut::new();
    message::put_head(&kind, &mut fields);
    let mut head = frame_head(0x82, fields.len() + length);
    head.reserve(fields.len() + length);
    head.extend_from_slice(&fields);
    head
}

/// A server's frame head (RFC 6455, section 5.2).
fn frame_head(first: u8, length: usize) -> Vec<u8> {
    match length {
        0..=125 => vec![first, length as u8],
        126..=0xFFFF => [&[first, 126][..], &(length as u16).to_be_bytes()].concat(),
        _ => [&[first, 127][..], &(length as u64).to_be_bytes()].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::packet::{self, Packet};

    #[test]
    fn a_message_head_is_what_the_wire_says() {
        let message = [&message_head(7, 3)[2..], b"abc"].concat();
        let (kind, data) = message::read(&message.into()).unwrap();
        assert!(
            matches!(kind, DataKind::Media(ChunkHead { name: FrameName { group: 7, .. }, .. })),
            "{kind:?}"
        );
        assert_eq!(data, &b"abc"[..]);
    }

    #[test]
    fn a_chunk_head_is_a_packet_viewers_read() {
        let head = chunk_head(&"a".repeat(32), 7, 300);
        let text = &head[4..head.len() - 4];
        assert!(matches!(packet::parse(text), Ok(Packet::BinaryEvent("streaming_data", _))));
        assert_eq!(head[head.len() - 4..], [0x82, 126, 1, 44]);
    }
}
