//! What a port serves: a router, and what answers some requests before it.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Router,
    http::{HeaderMap, Uri},
    response::Response,
};

use crate::FileSender;

/// Answers requests for which nothing has to be waited for, before the router. Finding a route and passing its layers takes much of the
/// time of a request whose answer is a file.
pub trait AtOnce: Send + Sync {
    /// The answer that the router would give, if it can be given at once. None leaves everything as it was, and the router answers.
    fn answer(&self, asked: &Asked<'_>) -> Option<Response>;
}

/// A GET without a body, on a connection that can send files.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Below the path at which the application is mounted.
    pub path: &'a str,
    /// The query of its URI.
    pub query: Option<&'a str>,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// The address that limits per client count.
    pub address: Option<IpAddr>,
    /// What sends files on the connection.
    pub files: &'a FileSender,
}

/// What a port serves.
#[derive(Clone, Default)]
pub struct App {
    pub(crate) router: Router,
    /// Each with the path at which it is mounted.
    at_once: Vec<(String, Arc<dyn AtOnce>)>,
}

impl From<Router> for App {
    fn from(router: Router) -> Self {
        Self { router, at_once: Vec::new() }
    }
}

impl App {
    /// The same, with `at_once` before its router.
    #[must_use]
    pub fn at_once(mut self, at_once: Arc<dyn AtOnce>) -> Self {
        self.at_once.push((String::new(), at_once));
        self
    }

    /// The same with `other` mounted at `path`, which begins with a slash and does not end in one.
    #[must_use]
    pub fn nest(mut self, path: &str, other: App) -> Self {
        self.router = self.router.nest_service(path, other.router);
        self.at_once.extend(other.at_once.into_iter().map(|(inner, one)| (format!("{path}{inner}"), one)));
        self
    }

    /// The same with another router. What answers at once stays, so `change` must not take a path away nor change its answers.
    #[must_use]
    pub fn map_router(self, change: impl FnOnce(Router) -> Router) -> Self {
        Self { router: change(self.router), ..self }
    }

    /// The answer to a request that can be given at once.
    pub(crate) fn answer(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        address: Option<IpAddr>,
        files: &FileSender,
    ) -> Option<Response> {
        self.at_once.iter().find_map(|(mounted, one)| {
            let path = uri.path().strip_prefix(mounted.as_str())?;
            one.answer(&Asked { path, query: uri.query(), headers, address, files })
        })
    }

    /// Whether no request is answered before the router.
    pub(crate) fn is_router(&self) -> bool {
        self.at_once.is_empty()
    }
}
