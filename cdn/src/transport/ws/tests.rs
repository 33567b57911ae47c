//! A connection over a pipe that holds little: what does not fit waits, in order, and its task brings it across.

use std::{future::poll_fn, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use super::{
    connection::{Connection, too_slow},
    frame::{self, CloseCode},
    incoming::Incoming,
    keep_alive::{KeepAlive, KeptAlive, SILENT_TICKS, TICK},
    socket::Socket,
};
use crate::{clock::Clock, egress::Offer};

/// What the pipe holds.
const PIPE_BYTES: usize = 64;

/// A connection whose task runs, and its client's end.
struct Rig {
    connection: Arc<Connection>,
    client: DuplexStream,
    task: JoinHandle<()>,
    keep_alive: Arc<KeepAlive>,
    _kept_alive: KeptAlive,
}

impl Rig {
    fn new() -> Self {
        let (client, server) = duplex(PIPE_BYTES);
        let connection = Arc::new(Connection::new(Socket::other(server)));
        let polled = connection.clone();
        let task = tokio::spawn(async move {
            let mut incoming = Incoming::default();
            poll_fn(|cx| polled.poll(cx, &mut incoming, |_, _| {})).await;
        });
        let keep_alive = Arc::<KeepAlive>::default();
        let kept_alive = keep_alive.add(connection.clone());
        Self { connection, client, task, keep_alive, _kept_alive: kept_alive }
    }

    fn send(&self, message: &Bytes) {
        assert_eq!(self.connection.send(message, None), Offer::Taken);
    }

    /// Reads what is written until the connection is closed.
    async fn read_all(mut self) -> Vec<u8> {
        let mut all = Vec::new();
        let read = async {
            while !all.ends_with(&[0x88, 2, 0x03, 0xf5]) && self.client.read_buf(&mut all).await.unwrap() > 0
            {
            }
        };
        tokio::time::timeout(Duration::from_secs(3600), read).await.expect("it is closed");
        all
    }
}

fn message(bytes: usize) -> Bytes {
    let mut out = BytesMut::new();
    frame::binary_prefix(bytes, &mut out);
    out.resize(out.len() + bytes, 7);
    out.freeze()
}

/// A ping as a client sends it.
fn ping(number: u8) -> [u8; 7] {
    [0x89, 0x81, 0, 0, 0, 0, number]
}

#[tokio::test]
async fn what_the_pipe_did_not_take_whole_is_finished_before_anything_else_comes() {
    let mut rig = Rig::new();
    let (large, small) = (message(1000), message(3));
    rig.send(&large);
    rig.client.write_all(&ping(1)).await.unwrap();
    rig.send(&small);
    tokio::task::yield_now().await;
    rig.connection.close(Some(&too_slow(SILENT_TICKS * TICK)), CloseCode::TRY_AGAIN_LATER);
    let expected =
        [&large[..], &small, &too_slow(SILENT_TICKS * TICK), &frame::close(CloseCode::TRY_AGAIN_LATER)]
            .concat();
    let mut all = rig.read_all().await;
    let pong = frame::pong(&[1]);
    let at = all.windows(pong.len()).position(|bytes| bytes == pong).expect("an answer to the ping");
    assert!(at == large.len() || at == large.len() + small.len(), "between two messages");
    all.drain(at..at + pong.len());
    assert_eq!(all, expected);
}

#[tokio::test]
async fn client_that_asks_and_never_reads_gets_few_answers() {
    let mut rig = Rig::new();
    rig.send(&message(1000));
    for number in 0..200 {
        rig.client.write_all(&ping(number)).await.unwrap();
    }
    rig.connection.close(None, CloseCode::TRY_AGAIN_LATER);
    let all = rig.read_all().await;
    assert!(all.len() < message(1000).len() + 20 * frame::pong(&[1]).len(), "{} bytes", all.len());
}

#[tokio::test(start_paused = true)]
async fn silent_client_is_pinged_and_then_let_go_and_told() {
    let rig = Rig::new();
    let keep_alive = rig.keep_alive.clone();
    tokio::spawn(async move { keep_alive.run(&Clock::start()).await });
    let expected =
        [frame::ping(), too_slow(SILENT_TICKS * TICK), frame::close(CloseCode::TRY_AGAIN_LATER)].concat();
    assert_eq!(rig.read_all().await, expected);
}

#[tokio::test(start_paused = true)]
async fn client_that_answers_stays() {
    let mut rig = Rig::new();
    let keep_alive = rig.keep_alive.clone();
    tokio::spawn(async move { keep_alive.run(&Clock::start()).await });
    for _ in 0..10 {
        let mut asked = [0; 2];
        rig.client.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, frame::ping()[..]);
        rig.client.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
    }
    assert!(!rig.connection.is_closing());
}

#[tokio::test(start_paused = true)]
async fn client_that_is_let_go_and_does_not_come_back_is_ended() {
    let rig = Rig::new();
    rig.send(&message(1000));
    let keep_alive = rig.keep_alive.clone();
    tokio::spawn(async move { keep_alive.run(&Clock::start()).await });
    tokio::time::timeout(Duration::from_secs(60), rig.task).await.expect("it ends").unwrap();
    assert_eq!(rig.connection.send(&message(1), None), Offer::Closed);
}

#[tokio::test(start_paused = true)]
async fn client_that_was_let_go_is_told_when_it_reads_again() {
    let rig = Rig::new();
    let large = message(1000);
    rig.send(&large);
    let keep_alive = rig.keep_alive.clone();
    tokio::spawn(async move { keep_alive.run(&Clock::start()).await });
    tokio::time::sleep(Duration::from_secs(40)).await;
    let all = rig.read_all().await;
    let expected = [
        &large[..],
        &frame::ping(),
        &too_slow(SILENT_TICKS * TICK),
        &frame::close(CloseCode::TRY_AGAIN_LATER),
    ]
    .concat();
    assert_eq!(all, expected);
}
