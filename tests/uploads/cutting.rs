//! A proxy that cuts connections once so many bytes of clients went through it.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Listens until dropped.
pub(crate) struct Proxy {
    pub(crate) url: String,
    cuts: Arc<Mutex<Cuts>>,
    _tasks: JoinSet<()>,
}

struct Cuts {
    /// Bytes that clients sent, on all connections.
    sent: u64,
    /// After how many of them a connection is cut, in descending order.
    left: Vec<u64>,
}

impl Cuts {
    /// Counts bytes. Says whether their connection is cut.
    fn count(&mut self, bytes: usize) -> bool {
        self.sent += bytes as u64;
        self.left.pop_if(|cut| *cut <= self.sent).is_some()
    }
}

impl Proxy {
    /// A proxy in front of `server`, which cuts a connection whenever `cuts` (ascending) bytes were sent.
    pub(crate) async fn start(server: &str, mut cuts: Vec<u64>) -> Self {
        cuts.reverse();
        let server = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let cuts = Arc::new(Mutex::new(Cuts { sent: 0, left: cuts }));
        let mut tasks = JoinSet::new();
        let counting = Arc::clone(&cuts);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                connections.spawn(forward(client, server, Arc::clone(&counting)));
            }
        });
        Self { url, cuts, _tasks: tasks }
    }

    /// How many cuts did not happen yet.
    pub(crate) fn cuts_left(&self) -> usize {
        self.cuts.lock().unwrap().left.len()
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, cuts: Arc<Mutex<Cuts>>) {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(bytes @ 1..) = from_client.read(&mut buffer).await {
            if cuts.lock().unwrap().count(bytes) || to_server.write_all(&buffer[..bytes]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}
