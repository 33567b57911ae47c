//! A server logs that it is out of file descriptors, and continues once some are free. The test has its own process, because the limit
//! is that of a process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test stops at whatever it does not expect")]

use std::{
    fs::{self, File},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get};
use serving::Limits;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

const TEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut *self.0.lock().unwrap(), bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    async fn until(&self, words: &str) {
        let has = || String::from_utf8_lossy(&self.0.lock().unwrap()).contains(words);
        while !has() {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn running_out_of_files_is_logged_once_and_so_is_its_end() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/", get(async || "here"));
    tokio::spawn(serving::serve(listener, app, Limits::for_open_files(1 << 20), CancellationToken::new()));

    let open = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    rlimit::setrlimit(rlimit::Resource::NOFILE, open + 20, open + 20).unwrap();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    // One for the client's end of a connection, none for the server's.
    files.pop();
    let waiting = TcpStream::connect(address).await.unwrap();
    timeout(TEST_TIMEOUT, log.until("too many open files")).await.expect("a line in the log");

    drop((files, waiting));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("here"), "{answer}");
    timeout(TEST_TIMEOUT, log.until("file descriptors are available again"))
        .await
        .expect("a line in the log");
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("too many open files").count(), 1, "{log}");
}
