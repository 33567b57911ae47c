//! Parsers of options that are URLs or names. A wrong value ends the program when it starts, with exit status 2.

use main_server::FrameAncestors;
use reqwest::Url;
use serving::Prefix;

use crate::address;

/// Longest name of a node or a region in bytes; the main server accepts no longer one.
const MAX_NAME_BYTES: usize = 253;
/// The same of a worker.
const MAX_WORKER_NAME_BYTES: usize = 100;

/// The base URL of a main server.
pub(crate) fn main_server(text: &str) -> Result<String, String> {
    http_url(text).map(|_| text.to_owned())
}

/// The base URL of any server.
pub(crate) fn server_url(text: &str) -> Result<String, String> {
    main_server(text)
}

/// The URL at which other nodes reach a node.
pub(crate) fn peer_url(text: &str) -> Result<String, String> {
    address::check_host(&http_url(text)?)?;
    Ok(text.to_owned())
}

/// The URL at which browsers reach a node, or a path on the main server's own origin.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    const WRONG: &str = "expected https://host, or /path on the main server's own origin";
    let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() > 1;
    // A path is read as one of some origin, so that it may have no query either.
    let url = if is_path { Url::parse(&format!("http://host{text}")) } else { Url::parse(text) };
    let url = url.map_err(|error| format!("{error}; {WRONG}"))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(WRONG.to_owned());
    }
    check_plain(&url)?;
    address::check_host(&url)?;
    Ok(text.to_owned())
}

/// The base URL of a server of this cluster.
fn http_url(text: &str) -> Result<Url, String> {
    const WRONG: &str = "expected https://host:port or http://host:port";
    let url = Url::parse(text).map_err(|error| format!("{error}; {WRONG}"))?;
    match url.scheme() {
        "http" | "https" => check_plain(&url).map(|()| url),
        _ => Err(WRONG.to_owned()),
    }
}

fn check_plain(url: &Url) -> Result<(), String> {
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a query or fragment is not allowed".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password is not allowed".to_owned());
    }
    Ok(())
}

/// The path below which the site is reached. It is removed from paths of requests where a proxy did not, so it must not begin
/// like a path of the site itself.
pub(crate) fn base_path(text: &str) -> Result<Prefix, String> {
    const OWN: [&str; 9] = ["api", "assets", "admin", "cdn", "embed", "live", "view", "socket.io", "ws"];
    let prefix: Prefix = text.parse().map_err(str::to_owned)?;
    match prefix.as_str().split('/').nth(1) {
        Some(first) if OWN.contains(&first) => Err(format!("/{first} is a path of the site itself")),
        _ => Ok(prefix),
    }
}

/// A site that may show the embedded player in a frame.
pub(crate) fn frame_ancestor(text: &str) -> Result<String, String> {
    FrameAncestors::new(&[text]).map(|_| text.to_owned())
}

/// A name of a node or a region.
pub(crate) fn name(text: &str) -> Result<String, String> {
    name_of(text, MAX_NAME_BYTES)
}

/// A name of a worker. Main servers refuse workers with any other name.
pub(crate) fn worker_name(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.is_ascii() {
        return Err("a worker's name has 1 to 100 characters of ASCII".to_owned());
    }
    name_of(text, MAX_WORKER_NAME_BYTES)
}

fn name_of(text: &str, most_bytes: usize) -> Result<String, String> {
    match text.len() <= most_bytes && !text.chars().any(|char| char.is_control() || char.is_whitespace()) {
        true => Ok(text.to_owned()),
        false => Err(format!("a name has at most {most_bytes} printable characters, and no spaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_servers_are_http_urls() {
        for right in ["http://main:5000", "https://main", "http://127.0.0.1:5000/", "http://[::1]/base"] {
            assert_eq!(main_server(right).as_deref(), Ok(right));
        }
        for wrong in
            ["", "main:5000", "127.0.0.1:5000", "wss://main", "http://", "http://u:p@main", "http://m/?q"]
        {
            assert!(main_server(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn public_urls_are_urls_or_paths() {
        for right in
            ["https://cdn.example.org", "http://10.0.0.1:5001/", "http://[2001:db8::1]:5001", "/cdn/a"]
        {
            assert_eq!(public_url(right).as_deref(), Ok(right));
        }
        for wrong in ["http://[::]:5001", "http://0.0.0.0", "http://[fe80::1]:5001", "http://::1:5001"] {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "/", "//host", "cdn/a", "ftp://host", "/cdn?a", "https://host/#a", "https://u@host"]
        {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn peer_urls_are_http_urls_that_can_be_connected_to() {
        for right in
            ["http://cdn-a:5000", "https://cdn-a", "http://10.0.0.1:5001/", "http://[2001:db8::1]:5001/cdn/a"]
        {
            assert_eq!(peer_url(right).as_deref(), Ok(right));
        }
        for wrong in [
            "",
            "/cdn/a",
            "cdn-a:5000",
            "wss://cdn-a",
            "http://0.0.0.0:5001",
            "http://[fe80::1]",
            "http://u@a",
        ] {
            assert!(peer_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn base_paths_do_not_begin_like_paths_of_the_site() {
        for right in ["/live-tv", "/live-tv/", "/tv/view", "/"] {
            assert!(base_path(right).is_ok(), "{right}");
        }
        for wrong in ["live-tv", "/live", "/view/tv", "/api", "//tv", "https://host/tv"] {
            assert!(base_path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_can_be_printed() {
        assert_eq!(name("cdn-1").as_deref(), Ok("cdn-1"));
        for wrong in ["a b", "a\n", &"x".repeat(254)] {
            assert!(name(wrong).is_err() && worker_name(wrong).is_err(), "{wrong:?}");
        }
        assert!(worker_name("").is_err() && worker_name(&"x".repeat(101)).is_err());
        assert!(name("süd").is_ok() && worker_name("süd").is_err(), "main servers refuse such a worker");
    }
}
