//! What a port serves: a router, and what answers some requests before it.

use std::{net::IpAddr, sync::Arc};

use axum::Router;
use per_address::Share;

use crate::SendableFile;

/// Answers requests for whole files for which nothing has to be waited for. Such a request passes neither hyper nor the router, which take
/// much of the time of a request whose answer is a file.
pub trait AtOnce: Send + Sync {
    /// The answer that the router would give, if it can be given at once. Its header fields are appended to `head`, as they are sent: each
    /// with its end of line, without `Content-Length` and `Date`. None leaves everything as it was, and the router answers.
    fn answer(&self, asked: &Asked<'_>, head: &mut Vec<u8>) -> Option<FileAnswer>;
}

/// A GET without a body, a range or a condition, over plain HTTP/1.1 and without a proxy.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Below the path at which the application is mounted.
    pub path: &'a str,
    /// The query of its URI.
    pub query: Option<&'a str>,
    /// The address that limits per client count.
    pub address: IpAddr,
}

/// A whole file, with the status 200.
pub struct FileAnswer {
    /// The file.
    pub file: Arc<dyn SendableFile>,
    /// Its length, not 0. While it is sent, other connections of the thread wait, unless the client is slow: keep to
    /// [`MAX_PIECE_BYTES`](crate::MAX_PIECE_BYTES).
    pub bytes: usize,
    /// What bounds answers of this kind; released once the file is sent.
    pub place: Share,
}

/// What answers at once, each with the path at which it is mounted.
pub(crate) type Mounted = Vec<(String, Arc<dyn AtOnce>)>;

/// What a port serves.
#[derive(Clone, Default)]
pub struct App {
    pub(crate) router: Router,
    pub(crate) at_once: Arc<Mounted>,
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self { router, at_once: Arc::default() }
    }
}

impl App {
    /// The same, with `at_once` before its router.
    #[must_use]
    pub fn at_once(self, at_once: Arc<dyn AtOnce>) -> Self {
        self.mount([(String::new(), at_once)])
    }

    /// The same with `other` mounted at `path`, which begins with a slash and does not end in one.
    #[must_use]
    pub fn nest(mut self, path: &str, other: App) -> Self {
        self.router = self.router.nest_service(path, other.router);
        self.mount(other.at_once.iter().map(|(inner, one)| (format!("{path}{inner}"), one.clone())))
    }

    /// The same with another router. What answers at once stays, so `change` must not take a path away nor change its answers.
    #[must_use]
    pub fn map_router(self, change: impl FnOnce(Router) -> Router) -> Self {
        Self { router: change(self.router), ..self }
    }

    fn mount(mut self, more: impl IntoIterator<Item = (String, Arc<dyn AtOnce>)>) -> Self {
        Arc::make_mut(&mut self.at_once).extend(more);
        self
    }
}
