//! HTTP/1.1 over one keep-alive connection, reduced to what asking a main server needs.
//!
//! Requests are built once and sent unchanged, so that ten thousand clients fit next to the server.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::error::{Context, Error, Result};

/// Longest answer that is accepted.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// A connection to a server.
pub struct Client {
    address: SocketAddr,
    stream: TcpStream,
    answer: Vec<u8>,
}

/// A response.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: &'a [u8],
}

impl Client {
    /// Connects to `address`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true).context(|| format!("connecting to {address}"))?;
        Ok(Self { address, stream, answer: Vec::new() })
    }

    /// Sends `request`, and returns the socket from which the answer can be read.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn send_last(mut self, request: &[u8]) -> Result<TcpStream> {
        self.stream.write_all(request).await.context(|| format!("asking {}", self.address))?;
        Ok(self.stream)
    }

    /// Sends `request` and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Protocol`] if the answer is invalid or has no `Content-Length`.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        let asking = || format!("asking {}", self.address);
        self.stream.write_all(request).await.context(asking)?;
        self.answer.clear();
        loop {
            let head = parse_head(&self.answer)?;
            if let Some(head) = head.filter(|head| self.answer.len() >= head.end + head.body_bytes) {
                let body = &self.answer[head.end..head.end + head.body_bytes];
                return Ok(Answer { status: head.status, body });
            }
            let read = self.stream.read_buf(&mut self.answer).await.context(asking)?;
            if read == 0 || self.answer.len() > MAX_ANSWER_BYTES {
                let answer = String::from_utf8_lossy(&self.answer);
                return Err(Error::Protocol(format!("{} answered {answer:?}", self.address)));
            }
        }
    }
}

/// The bytes of a request with a JSON body; `bearer` is a credential, if one is needed.
pub fn request(method: &str, path: &str, bearer: Option<&str>, body: &str) -> Vec<u8> {
    let authorization = bearer.map_or(String::new(), |bearer| format!("authorization: Bearer {bearer}\r\n"));
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nhost: main\r\n{authorization}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

struct Head {
    status: u16,
    end: usize,
    body_bytes: usize,
}

/// Parses the head of `answer`; `None` if it is incomplete.
fn parse_head(answer: &[u8]) -> Result<Option<Head>> {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&answer[..end]);
    let unreadable = || Error::Protocol(format!("cannot read the answer {text:?}"));
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(unreadable)?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let body_bytes = if status == 204 { Some(0) } else { length };
    Ok(Some(Head { status, end: end + 4, body_bytes: body_bytes.ok_or_else(unreadable)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_when_its_body_is() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for cut in 0..answer.len() - 2 {
            let head = parse_head(&answer[..cut]).unwrap();
            assert!(head.is_none(), "cut at {cut}");
        }
        let head = parse_head(answer).unwrap().unwrap();
        assert_eq!((head.status, head.end, head.body_bytes), (200, answer.len() - 2, 2));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().body_bytes, 0);
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let request = request("PUT", "/a", Some("hush"), "{}");
        let expected =
            "PUT /a HTTP/1.1\r\nhost: main\r\nauthorization: Bearer hush\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(request, expected.as_bytes());
    }
}
