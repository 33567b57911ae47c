//! The socket for commands on this machine, such as `undead user`: it serves the same API, with every caller as an operator.
//!
//! Only the owner of the data folder can connect, because the socket is in a folder that nobody else may enter. A path to a
//! socket has at most some 100 bytes: where the data folder's is longer, Linux reaches the socket through the open folder.

use std::{
    fs::{self, File},
    io,
    os::{
        fd::AsRawFd,
        unix::fs::{DirBuilderExt, PermissionsExt},
    },
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
/// Longest path to a socket, in bytes: `sun_path` of unix(7) without the zero at its end.
const MOST_PATH_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The way to the socket of a main server, which is valid as long as this is there.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    _folder: Option<File>,
}

impl Socket {
    /// The way to the socket of a main server with this data folder, whether or not one serves it.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if the path is too long for this system; on Linux, if it is long and there is no folder.
    pub fn of(data_dir: &Path) -> io::Result<Self> {
        Self::within(&data_dir.join(FOLDER))
    }

    fn within(folder: &Path) -> io::Result<Self> {
        let path = folder.join(SOCKET);
        if path.as_os_str().len() <= MOST_PATH_BYTES {
            return Ok(Self { path, _folder: None });
        }
        if cfg!(target_os = "linux") {
            let folder = File::open(folder)?;
            let path = format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()).into();
            return Ok(Self { path, _folder: Some(folder) });
        }
        let rule = format!(
            "the path of the socket {} has more than {MOST_PATH_BYTES} bytes: choose a data folder with a shorter path",
            path.display()
        );
        Err(io::Error::new(io::ErrorKind::InvalidInput, rule))
    }

    /// Where to connect.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

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
        match fs::remove_file(self.folder.join(SOCKET)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        UnixListener::bind(Socket::within(&self.folder)?.path())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    async fn the_path_of_a_data_folder_may_have_any_length() {
        let parent = tempfile::tempdir().unwrap();
        for length in [1, 80, 120, 250] {
            let data_dir = parent.path().join("a".repeat(length));
            let local = Local::new(&data_dir, &Router::new());
            let serving = tokio::spawn(async move { local.serve().await });
            let connected = async || match Socket::of(&data_dir) {
                Ok(socket) => UnixStream::connect(socket.path()).await.is_ok(),
                Err(_) => false,
            };
            while !connected().await {
                assert!(!serving.is_finished(), "{length} bytes");
                tokio::task::yield_now().await;
            }
            serving.abort();
        }
    }
}
