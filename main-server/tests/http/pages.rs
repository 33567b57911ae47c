//! The addresses of the pages, and the headers every answer carries.

use main_server::FrameAncestors;
use reqwest::{Method, Response, StatusCode, redirect::Policy};
use serving::Proxies;

use crate::server::Server;

async fn browse(server: &Server, path: &str) -> Response {
    let client = tls_harness::client_builder().redirect(Policy::limited(1)).build().unwrap();
    let request = client.get(format!("{}{path}", server.url)).header("accept", "text/html,*/*");
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_page_is_there_with_its_protections() {
    let server = Server::start().await;
    for path in [
        "/",
        "/live",
        "/view",
        "/admin",
        "/styleguide",
        "/library",
        "/library/8811d3bae631e8b5e26212edaf3e41eb",
        "/parties",
        "/party/8811d3bae631e8b5e26212edaf3e41eb",
        "/karaoke/8811d3bae631e8b5e26212edaf3e41eb",
        "/jobs",
        "/view/8811d3bae631e8b5e26212edaf3e41eb",
        "/view/whatever",
    ] {
        let page = browse(&server, path).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        let policy = header(&page, "content-security-policy").to_owned();
        for rule in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "media-src 'self' blob:",
            "ws: wss:",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header(&page, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&page, "cross-origin-resource-policy"), "same-origin", "{path}");
        let permissions = header(&page, "permissions-policy").to_owned();
        let capturing = if path == "/live" { "(self)" } else { "()" };
        for device in ["camera", "microphone", "display-capture"] {
            assert!(permissions.contains(&format!("{device}={capturing}")), "{path}: {permissions}");
        }
        assert!(permissions.contains("geolocation=()"), "{path}: {permissions}");
        assert!(page.text().await.unwrap().contains("<!doctype html>"), "{path}");
    }
}

#[tokio::test]
async fn the_player_alone_may_be_shown_by_any_site() {
    let server = Server::start().await;
    let page = browse(&server, "/embed/8811d3bae631e8b5e26212edaf3e41eb").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(header(&page, "content-security-policy").ends_with("frame-ancestors *"));
    assert_eq!(header(&page, "x-frame-options"), "");
    assert_eq!(header(&page, "cross-origin-resource-policy"), "cross-origin");
    assert!(header(&page, "permissions-policy").contains("camera=()"));
    assert_eq!(header(&browse(&server, "/view/8811").await, "x-frame-options"), "DENY");
}

#[tokio::test]
async fn the_operator_lists_the_sites_that_may_show_the_player() {
    let ancestors = FrameAncestors::new(&["https://news.example"]).unwrap();
    let server = Server::with(|config| config.frame_ancestors = ancestors.clone()).await;
    let policy = |page: Response| header(&page, "content-security-policy").to_owned();
    let embedded = policy(browse(&server, "/embed/8811d3bae631e8b5e26212edaf3e41eb").await);
    assert!(embedded.ends_with("frame-ancestors https://news.example"), "{embedded}");
    for path in ["/view/8811d3bae631e8b5e26212edaf3e41eb", "/live", "/nowhere", "/api/streams", "/healthz"] {
        let policy = policy(browse(&server, path).await);
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn only_an_encrypted_page_is_told_to_have_no_openers() {
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    let server = Server::behind(Proxies { trusted, ..Proxies::default() }).await;
    for (path, scheme, wanted) in [
        ("/live", "https", "same-origin"),
        ("/live", "http", ""),
        ("/embed/8811d3bae631e8b5e26212edaf3e41eb", "https", ""),
    ] {
        let request =
            tls_harness::client().get(format!("{}{path}", server.url)).header("x-forwarded-proto", scheme);
        let page = request.send().await.unwrap();
        assert_eq!(header(&page, "cross-origin-opener-policy"), wanted, "{path} over {scheme}");
    }
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_page() {
    let server = Server::start().await;
    for (path, page) in [
        ("/live/", "/live"),
        ("/view/?region=eu", "/view?region=eu"),
        ("/view/abc/", "/view/abc"),
        ("/embed/abc/?transport=ws", "/embed/abc?transport=ws"),
    ] {
        let answer = browse(&server, path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert!(answer.url().as_str().ends_with(page), "{path} leads to {}", answer.url());
    }
    for path in ["/api/streams/", "//view/", "/embed/", "/view/a/b/"] {
        assert_eq!(browse(&server, path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_browser_that_is_lost_gets_a_page_and_a_program_an_error() {
    let server = Server::start().await;
    let page = browse(&server, "/nowhere").await;
    assert_eq!(page.status(), StatusCode::NOT_FOUND);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let api = browse(&server, "/api/nowhere").await;
    assert_eq!(header(&api, "content-type"), "application/json");
}

#[tokio::test]
async fn answers_of_the_api_are_not_kept() {
    let server = Server::start().await;
    for path in ["/healthz", "/readyz", "/metrics", "/api/nothing"] {
        let answer = server.send(Method::GET, path, None, vec![]).await;
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn operators_see_that_it_serves_and_what_it_does() {
    let server = Server::start().await;
    server.node("a").await;
    server.create("first").await;
    assert_eq!(server.get("/readyz").await.json["status"], "ready");
    let text = server.send(Method::GET, "/metrics", None, vec![]).await.text().await.unwrap();
    for sample in
        ["undead_nodes_live 1", "undead_streams{state=\"created\"} 1", "undead_streams_created_total 1"]
    {
        assert!(text.lines().any(|line| line == sample), "{sample} in {text}");
    }
}

#[tokio::test]
async fn other_sites_may_list_and_watch_without_cookies_and_do_nothing_else() {
    let server = Server::start().await;
    let ask = async |method: Method, path: &str, wanted: Option<&str>| {
        let request = tls_harness::client().request(method, format!("{}{path}", server.url));
        let request = request.header("origin", "https://other.example").header("cookie", "undead_session=x");
        let request = match wanted {
            Some(method) => request.header("access-control-request-method", method),
            None => request,
        };
        request.send().await.unwrap()
    };
    let watch = "/api/streams/8811d3bae631e8b5e26212edaf3e41eb/watch";
    for (method, path) in [("GET", "/api/streams"), ("GET", "/api/events"), ("POST", watch)] {
        let preflight = ask(Method::OPTIONS, path, Some(method)).await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT, "{path}");
        assert_eq!(header(&preflight, "access-control-allow-methods"), method);
        assert!(header(&preflight, "access-control-allow-headers").contains("authorization"), "{path}");
        let answer = ask(method.parse().unwrap(), path, None).await;
        for answer in [&preflight, &answer] {
            assert_eq!(header(answer, "access-control-allow-origin"), "*", "{path}");
            assert_eq!(header(answer, "access-control-allow-credentials"), "", "{path}");
        }
        assert_eq!(header(&answer, "cross-origin-resource-policy"), "cross-origin", "{path}");
        assert!(header(&answer, "access-control-expose-headers").contains("retry-after"), "{path}");
    }
    for (method, path) in
        [("POST", "/api/streams"), ("DELETE", "/api/streams/a"), ("GET", "/api/me"), ("GET", "/live")]
    {
        let preflight = ask(Method::OPTIONS, path, Some(method)).await;
        assert_eq!(preflight.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let answer = ask(method.parse().unwrap(), path, None).await;
        for answer in [preflight, answer] {
            assert_eq!(header(&answer, "access-control-allow-origin"), "", "{method} {path}");
        }
    }
    let no_preflight = ask(Method::OPTIONS, "/api/streams", None).await;
    assert_eq!(no_preflight.status(), StatusCode::METHOD_NOT_ALLOWED);
}
