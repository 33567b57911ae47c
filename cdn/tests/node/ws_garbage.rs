//! Malformed requests to `/ws`: a code or a closed connection, and other clients do not notice.

use protocol::StreamId;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{
    harness::{Recording, TEST_TIMEOUT, TestNode, stream},
    ws_client::{Got, code},
};

/// A handshake, and the headers a test leaves out or in.
fn handshake(stream: StreamId, without: &str) -> String {
    let headers = [
        "host: node",
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let kept = headers.iter().filter(|header| without.is_empty() || !header.starts_with(without));
    let lines: Vec<&str> = kept.copied().collect();
    format!("GET /ws/{stream} HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"))
}

/// Sends bytes and reads what comes until the node closes, or none of it if it does not have to.
async fn exchange(node: &TestNode, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(node.address).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(TEST_TIMEOUT, socket.read_to_end(&mut answer));
    // A reset is an end too: the node need not read what it does not want.
    drop(read.await.expect("the node closes the connection"));
    answer
}

#[tokio::test]
async fn request_that_is_no_handshake_gets_400_and_a_code() {
    let node = TestNode::start().await;
    let id = stream("a");
    for without in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
        let answer = String::from_utf8(exchange(&node, handshake(id, without).as_bytes()).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"invalid_request\""), "{answer}");
    }
    let (status, body) = node.get(&format!("/ws/{id}")).await;
    assert!(status == 400 && body.contains("\"invalid_request\""), "{body}");
    node.stop().await;
}

#[tokio::test]
async fn frames_that_break_the_rules_close_the_connection_with_their_code() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let _broadcaster = node.broadcaster(id, &recording.mime).await;
    for (frames, expected) in [
        (&[0x81, 2, b'h', b'i'][..], CloseCode::Protocol),
        (&[0x09, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
        (&[0x8f, 0x80, 0, 0, 0, 0], CloseCode::Protocol),
        (&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], CloseCode::Size),
        (&[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe], CloseCode::Invalid),
    ] {
        // The frames come with the handshake, before it is answered.
        let answer = exchange(&node, &[handshake(id, "").as_bytes(), frames].concat()).await;
        let number: u16 = expected.into();
        let closing = [&[0x88, 2][..], &number.to_be_bytes()].concat();
        assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(&closing), "{expected}: {answer:?}");
    }
    node.stop().await;
}

#[tokio::test]
async fn who_breaks_the_rules_and_goes_on_reads_the_code_and_the_end() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let _broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut socket = TcpStream::connect(node.address).await.unwrap();
    // A message that is too large, whole: what the node does not read must not cost the client the close frame.
    let too_large = [&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &vec![0; 1 << 16]].concat();
    socket.write_all(&[handshake(id, "").as_bytes(), &too_large].concat()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(TEST_TIMEOUT, socket.read_to_end(&mut answer));
    read.await.expect("the node ends the stream, though the client does not").unwrap();
    let closing = [&[0x88, 2][..], &u16::from(CloseCode::Size).to_be_bytes()].concat();
    assert!(answer.ends_with(&closing), "{answer:?}");
    node.stop().await;
}

#[tokio::test]
async fn what_a_client_need_not_say_is_ignored_until_it_is_too_large() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let _broadcaster = node.broadcaster(id, &recording.mime).await;
    let mut viewer = node.ws(id, "").await;
    viewer.event("watching").await;
    for text in [
        "",
        "null",
        "[]",
        "[\"clock\"]",
        "[\"clock\", 7]",
        "[\"clock\", {\"t0_ms\": \"now\"}]",
        "[\"x\", {}]",
    ] {
        viewer.send(Message::text(text)).await;
    }
    viewer.send(Message::binary(vec![0; 4096])).await;
    viewer.send(crate::ws_client::clock(1.0)).await;
    assert_eq!(viewer.event("clock").await["t0_ms"], 1);
    viewer.send(Message::binary(vec![0; 4097])).await;
    assert_eq!(viewer.until_closed().await.1, code(CloseCode::Size));
    node.stop().await;
}

#[tokio::test]
async fn connections_that_stop_half_way_keep_no_viewer_from_watching() {
    let (node, id, recording) = (TestNode::start().await, stream("a"), Recording::usual());
    let broadcaster = node.broadcaster(id, &recording.mime).await;
    let whole = handshake(id, "");
    let mut half_open = Vec::new();
    for number in 0..200 {
        let mut socket = TcpStream::connect(node.address).await.unwrap();
        let sent = if number % 2 == 0 { &whole.as_bytes()[..whole.len() / 2] } else { whole.as_bytes() };
        socket.write_all(sent).await.unwrap();
        half_open.push(socket);
    }
    let mut viewer = node.ws(id, "").await;
    viewer.event("watching").await;
    broadcaster.send_all(id, &recording.segments[..3]).await;
    while !matches!(viewer.next().await, Got::Chunk { .. }) {}
    drop(half_open);
    broadcaster.send_all(id, &recording.segments[3..]).await;
    while !node.get("/metrics").await.1.contains("undead_cdn_ws_connections 1\n") {
        tokio::task::yield_now().await;
    }
    node.stop().await;
}
