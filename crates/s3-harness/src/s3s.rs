//! The crate `s3s-fs`.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};

use crate::{BUCKET, KEY_ID, SECRET};

/// A server that checks signatures and keeps objects as files.
pub struct S3s {
    folder: TempDir,
    address: SocketAddr,
    service: S3Service,
    serving: Option<JoinHandle<()>>,
}

impl S3s {
    /// Starts it on a free port.
    ///
    /// # Panics
    /// If it cannot.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join(BUCKET)).expect("a bucket");
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a file system"));
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let service = builder.build();
        let serving = Some(tokio::spawn(serve(listener, service.clone())));
        Self { folder, address, service, serving }
    }

    /// Its base URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The file of an object.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(Path::new(key))
    }

    /// Ends it and its connections. What it keeps stays.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // Once it has ended, nothing listens any more.
            drop(serving.await);
        }
    }

    /// Starts it again, on the same port with the same objects.
    ///
    /// # Panics
    /// If the port was taken meanwhile.
    pub async fn resume(&mut self) {
        self.stop().await;
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("the port of a server that has just ended can be used");
        socket.bind(self.address).expect("the port is free");
        let listener = socket.listen(128).expect("it listens");
        self.serving = Some(tokio::spawn(serve(listener, self.service.clone())));
    }
}

impl Drop for S3s {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    // Aborted with this task.
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            // A client that leaves is no failure of the server.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
