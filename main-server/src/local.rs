//! The socket for commands on this machine, such as `undead user`: it serves the same API, with every caller as an operator.
//!
//! Only the owner of the data folder can connect, because the socket is in a folder that nobody else may enter. A path to a
//! socket has at most some 100 bytes: where the data folder's is longer, the commands work only while no server runs.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use axum::{Extension, Router};
use tokio::net::UnixListener;

use crate::api::caller::LocalRequest;

/// Folder in the data folder.
const FOLDER: &str = "local";
/// The socket in it.
const SOCKET: &str = "http.sock";
/// For the owner alone.
const MODE: u32 = 0o700;

/// A socket that can be served.
#[derive(Clone)]
pub struct Local {
    folder: PathBuf,
    router: Router,
}

impl Local {
    pub(crate) fn new(data_dir: &Path, router: &Router) -> Self {
        Self { folder: data_dir.join(FOLDER), router: router.clone().layer(Extension(LocalRequest)) }
    }

    /// The path of the socket of a main server with this data folder.
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FOLDER).join(SOCKET)
    }

    /// Serves the socket until dropped. It takes the place of one that an ended process left.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub async fn serve(&self) -> io::Result<()> {
        let listener = self.bind()?;
        axum::serve(listener, self.router.clone()).await
    }

    /// The same; a failure is logged, because clients of the network do not need this socket.
    pub(crate) async fn serve_or_warn(&self) {
        if let Err(error) = self.serve().await {
            let folder = self.folder.display();
            tracing::warn!(
                "no socket for commands in {folder} (`undead user` needs the server stopped): {error}"
            );
        }
    }

    fn bind(&self) -> io::Result<UnixListener> {
        fs::DirBuilder::new().recursive(true).mode(MODE).create(&self.folder)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(MODE))?;
        let path = self.folder.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        UnixListener::bind(path)
    }
}
