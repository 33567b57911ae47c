//! A TCP proxy whose connections can be cut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, copy, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: AbortHandle,
    frozen: watch::Sender<bool>,
}

impl Proxy {
    /// Passes on what comes to `target`.
    pub(crate) async fn start(target: SocketAddr) -> Self {
        Self::with_rate(target, usize::MAX, Duration::ZERO).await
    }

    /// The same, with a pause after every so many bytes from `target`.
    pub(crate) async fn with_rate(target: SocketAddr, bytes: usize, pause: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let accepted = connections.clone();
        let (frozen, freezes) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut freezes = freezes.clone();
                let task = tokio::spawn(async move {
                    let mut server = TcpStream::connect(target).await.unwrap();
                    let frozen = async { drop(freezes.wait_for(|frozen| *frozen).await) };
                    let copied = async {
                        if pause.is_zero() {
                            return drop(copy_bidirectional(&mut client, &mut server).await);
                        }
                        let ((from_client, mut to_client), (from_server, mut to_server)) =
                            (client.split(), server.split());
                        let (mut from_client, mut from_server) = (from_client, from_server);
                        let answer = async {
                            while let Ok(1..) =
                                copy(&mut (&mut from_server).take(bytes as u64), &mut to_client).await
                            {
                                tokio::time::sleep(pause).await;
                            }
                        };
                        tokio::select! {
                            _ = copy(&mut from_client, &mut to_server) => {}
                            () = answer => {}
                        }
                    };
                    tokio::select! {
                        () = copied => return,
                        () = frozen => {}
                    }
                    std::future::pending::<()>().await;
                });
                accepted.lock().unwrap().push(task.abort_handle());
            }
        });
        Self { address, connections, accepting: accepting.abort_handle(), frozen }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no connections any more.
    pub(crate) fn close(&self) {
        self.accepting.abort();
        self.cut();
    }

    /// Passes nothing on any more, without a word.
    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Cuts every connection there is.
    pub(crate) fn cut(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }
}
