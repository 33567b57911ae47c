//! Nodes without an object store of their own read and write blobs at the main servers.

use bytes::Bytes;
use objects::{Error, Hash, Location, MainServers, Objects};
use protocol::ErrorCode;
use reqwest::{Method, StatusCode};

use crate::server::Server;

/// The blobs of main servers, as a node sees them.
fn objects(urls: &[&str], secret: &str) -> Objects {
    let urls = urls.iter().map(|&url| url.to_owned()).collect();
    let servers = MainServers { urls, secret: secret.to_owned() };
    Objects::open(&Location::MainServers(servers), &tls::Trust::default()).unwrap()
}

#[tokio::test]
async fn a_node_keeps_blobs_at_the_main_server() {
    let server = Server::start().await;
    let objects = objects(&[&server.url], &server.secret);
    let large: Bytes = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    for content in [Bytes::new(), Bytes::from_static(b"0123456789"), large] {
        let hash = objects.put(content.clone()).await.unwrap();
        assert_eq!(objects.put(content.clone()).await, Ok(hash));
        assert_eq!(objects.get(&hash, None).await, Ok(content.clone()));
        assert_eq!(objects.head(&hash).await.unwrap().unwrap().bytes, content.len() as u64);
    }
    let hash = Hash::of(b"0123456789");
    assert_eq!(objects.get(&hash, Some(3..10)).await, Ok(Bytes::from_static(b"3456789")));
    for range in [3..11, 10..12, 4..4] {
        assert_eq!(objects.get(&hash, Some(range)).await, Err(Error::Range(hash.to_string())));
    }
    let missing = Hash::of(b"never put");
    assert_eq!(objects.get(&missing, None).await, Err(Error::Missing(missing.to_string())));
    assert_eq!(objects.head(&missing).await, Ok(None));
    let part = objects::PartName { offset: 0, writer: 1 };
    assert!(matches!(objects.put_part("upload", part, Bytes::new()).await, Err(Error::Unsupported(_))));
}

#[tokio::test]
async fn a_node_goes_on_with_the_next_main_server() {
    let server = Server::start().await;
    let gone = Server::start().await;
    let url = gone.url.clone();
    gone.stop().await;
    let objects = objects(&[&url, &server.url], &server.secret);
    let hash = objects.put(Bytes::from_static(b"a fragment")).await.unwrap();
    assert_eq!(objects.get(&hash, None).await, Ok(Bytes::from_static(b"a fragment")));
    server.stop().await;
    assert!(matches!(objects.get(&hash, None).await, Err(Error::Unavailable(_))));
}

#[tokio::test]
async fn what_is_not_the_blob_that_the_path_names_is_refused() {
    let server = Server::start().await;
    let path = format!("/api/blobs/{}", Hash::of(b"right"));
    let answer = server.send(Method::PUT, &path, Some(&server.secret), b"wrong".to_vec()).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = server.send(Method::GET, &path, Some(&server.secret), vec![]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn damaged_blob_is_not_served() {
    let server = Server::start().await;
    let objects = objects(&[&server.url], &server.secret);
    let hash = objects.put(Bytes::from_static(b"right")).await.unwrap();
    let name = hash.to_string();
    let file = server.data_dir().join("objects/blobs").join(&name[..2]).join(&name);
    std::fs::write(file, b"wrong").unwrap();
    let path = format!("/api/blobs/{hash}");
    let answer = server.send(Method::GET, &path, Some(&server.secret), vec![]).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["code"], serde_json::to_value(ErrorCode::Internal).unwrap());
}
