//! What flags may say, read when the program starts: a wrong one ends it there, with exit status 2, and not in a log.

use reqwest::Url;

use crate::address;

/// Most bytes of a node's name, as the main server takes it.
const MAX_NAME_BYTES: usize = 253;

/// The base URL of a main server.
pub(crate) fn main_server(text: &str) -> Result<String, String> {
    const WRONG: &str = "it looks like http://host:port";
    let url = Url::parse(text).map_err(|error| format!("{error}; {WRONG}"))?;
    match url.scheme() {
        "http" => checked(&url).map(|()| text.to_owned()),
        "https" => {
            Err("TLS to the main server is not built in; use http:// in a network you trust".to_owned())
        }
        _ => Err(WRONG.to_owned()),
    }
}

/// Where browsers reach a node: a URL, or a path on the main server's own origin.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    const WRONG: &str = "it looks like https://host, or like /path on the main server's own origin";
    let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() > 1;
    // A path is read as one of some origin, so that it may have no query either.
    let url = if is_path { Url::parse(&format!("http://host{text}")) } else { Url::parse(text) };
    let url = url.map_err(|error| format!("{error}; {WRONG}"))?;
    match url.scheme() {
        "http" | "https" => advertised(&url).map(|()| text.to_owned()),
        _ => Err(WRONG.to_owned()),
    }
}

/// Where other nodes reach a node.
pub(crate) fn peer_url(text: &str) -> Result<String, String> {
    const WRONG: &str = "it looks like http://host:port";
    let url = Url::parse(text).map_err(|error| format!("{error}; {WRONG}"))?;
    match url.scheme() {
        "http" => advertised(&url).map(|()| text.to_owned()),
        "https" => {
            Err("nodes pull streams from each other over plain http for now, in a network you trust"
                .to_owned())
        }
        _ => Err(WRONG.to_owned()),
    }
}

/// Checks a URL that others are given to connect to.
fn advertised(url: &Url) -> Result<(), String> {
    checked(url)?;
    address::check_host(url).map_err(str::to_owned)
}

fn checked(url: &Url) -> Result<(), String> {
    let is_plain = url.query().is_none() && url.fragment().is_none();
    match (is_plain, url.username().is_empty() && url.password().is_none()) {
        (true, true) => Ok(()),
        (false, _) => Err("it has no query and no fragment".to_owned()),
        (_, false) => Err("it has no user and no password".to_owned()),
    }
}

/// A name of a node or a region.
pub(crate) fn name(text: &str) -> Result<String, String> {
    match text.len() <= MAX_NAME_BYTES && !text.chars().any(|char| char.is_control() || char.is_whitespace())
    {
        true => Ok(text.to_owned()),
        false => Err(format!("a name has at most {MAX_NAME_BYTES} printable characters, and no spaces")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_servers_are_plain_http_urls() {
        for right in ["http://main:5000", "http://127.0.0.1:5000/", "http://[::1]/base"] {
            assert_eq!(main_server(right).as_deref(), Ok(right));
        }
        for wrong in
            ["", "main:5000", "127.0.0.1:5000", "https://main", "http://", "http://u:p@main", "http://m/?q"]
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
    fn peer_urls_are_plain_http_urls_that_can_be_connected_to() {
        for right in ["http://cdn-a:5000", "http://10.0.0.1:5001/", "http://[2001:db8::1]:5001/cdn/a"] {
            assert_eq!(peer_url(right).as_deref(), Ok(right));
        }
        for wrong in [
            "",
            "/cdn/a",
            "cdn-a:5000",
            "https://cdn-a",
            "http://0.0.0.0:5001",
            "http://[fe80::1]",
            "http://u@a",
        ] {
            assert!(peer_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_can_be_printed() {
        assert_eq!(name("cdn-1").as_deref(), Ok("cdn-1"));
        for wrong in ["a b", "a\n", &"x".repeat(254)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
