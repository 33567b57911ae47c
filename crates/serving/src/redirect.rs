//! Sends clients of plain HTTP to the same page over HTTPS.

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, Uri, header, uri::Authority},
    response::Response,
};

/// The port of `https` URLs without one.
const HTTPS_PORT: u16 = 443;

/// Answers every request with 308 and the `https` URL of the same host and path, and a request without a usable `Host` with
/// 400. The URL has the given port, or the one of the request if there is none. Connections are closed after the answer.
pub fn redirect_to_https(port: Option<u16>) -> Router {
    Router::new().fallback(async move |request: Request| answer(&request, port))
}

fn answer(request: &Request, port: Option<u16>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let host = request.headers().get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let url = host.and_then(|host| location(&host, request.uri(), port));
    if let Some(url) = url.and_then(|url| HeaderValue::try_from(url).ok()) {
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}

fn location(host: &Authority, uri: &Uri, port: Option<u16>) -> Option<String> {
    if host.host().is_empty() || host.as_str().contains('@') {
        return None;
    }
    let port = match port.or_else(|| host.port_u16()) {
        None | Some(HTTPS_PORT) => String::new(),
        Some(port) => format!(":{port}"),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Some(format!("https://{}{port}{}", host.host(), if path.starts_with('/') { path } else { "/" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_keeps_host_path_and_query() {
        for (host, path, port, url) in [
            ("example.org", "/", None, "https://example.org/"),
            ("example.org:5000", "/live?a=b", None, "https://example.org:5000/live?a=b"),
            ("example.org:80", "/live", Some(443), "https://example.org/live"),
            ("[2001:db8::1]:80", "/", Some(5000), "https://[2001:db8::1]:5000/"),
            ("example.org", "*", Some(5000), "https://example.org:5000/"),
        ] {
            let (host, uri) = (Authority::try_from(host).unwrap(), Uri::try_from(path).unwrap());
            assert_eq!(location(&host, &uri, port).unwrap(), url);
        }
        let user = Authority::try_from("user@example.org").unwrap();
        assert_eq!(location(&user, &Uri::from_static("/"), None), None);
    }
}
