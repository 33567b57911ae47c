//! Pictures of items, and the way to their files, over HTTP.

use bytes::Bytes;
use protocol::{
    ErrorCode, ItemId,
    item::{Blob, Item, Playable},
    stream::Visibility,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::item;
use crate::cluster::tests::{Cluster, Member};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

async fn put(server: &Member, bytes: &'static [u8]) -> Blob {
    let hash = server.context().objects.put(Bytes::from_static(bytes)).await.unwrap();
    Blob { hash: hash.to_string(), bytes: bytes.len() as u64 }
}

async fn show(server: &Member, item_id: ItemId) -> Item {
    server.operate(Method::GET, &format!("/api/library/{item_id}"), vec![]).await.read()
}

#[tokio::test]
async fn pictures_are_added_up_to_a_bound_and_the_first_is_the_poster() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    let path = |at_ms: &str| format!("/api/library/{item_id}/previews/{at_ms}");
    let add =
        async |at_ms: &str, bytes: &[u8]| server.operate(Method::PUT, &path(at_ms), bytes.to_vec()).await;
    let picture = |n: u8| [PNG, &[n]].concat();
    for wrong in ["x", "-1", "9007199254740992"] {
        assert_eq!(add(wrong, PNG).await.code(), ErrorCode::InvalidRequest, "{wrong}");
    }
    assert_eq!(add("0", b"GIF89a").await.code(), ErrorCode::InvalidRequest);
    let mut bomb = [PNG, &[0; 12]].concat();
    bomb[16..24].copy_from_slice(&[0, 0, 0x80, 0, 0, 0, 0x80, 0]);
    assert_eq!(add("0", &bomb).await.code(), ErrorCode::InvalidRequest);
    assert_eq!(add("0", &vec![0; 256 * 1024 + 1]).await.code(), ErrorCode::PayloadTooLarge);
    assert!(show(&server, item_id).await.previews.is_empty());
    for n in 0..64 {
        let answer = add(&(u64::from(n) * 1_000).to_string(), &picture(n)).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(add("64000", &picture(64)).await.code(), ErrorCode::InvalidRequest, "one too many");
    let shown = show(&server, item_id).await;
    assert_eq!(shown.previews.iter().map(|preview| preview.at_ms / 1_000).sum::<u64>(), 63 * 64 / 2);
    let get = async |url: &str| server.call(Method::GET, url, &[], vec![]).await.bytes().await.unwrap();
    assert_eq!(get(&shown.poster_url.unwrap()).await, picture(0));
    assert_eq!(get(&shown.previews[9].url).await, picture(9));
    server.operate(Method::DELETE, &format!("/api/library/{item_id}"), vec![]).await;
    assert_eq!(add("1", PNG).await.code(), ErrorCode::UnknownItem, "a deleted item");
}

#[tokio::test]
async fn pictures_are_sent_as_what_they_are_and_to_those_who_may_see_the_item() {
    let server = Cluster::new().await.member(|_| {}).await;
    let node = server.node("a").await;
    server.serves_library(&node).await;
    let item_id = item(&server, "a", |new| {
        (new.visibility, new.passphrase_hash) = (Visibility::Private, None);
    })
    .await;
    let picture = put(&server, PNG).await;
    server.library.set_poster(item_id, picture.clone()).await.unwrap();
    server.library.add_preview(item_id, 10_000, picture.clone()).await.unwrap();
    let shown = show(&server, item_id).await;
    let urls = [shown.poster_url.unwrap(), shown.previews[0].url.clone()];
    assert_eq!(urls[1], format!("/library/{item_id}/previews/10000?v={}", &picture.hash[..16]));
    let path = format!("/api/library/{item_id}/play");
    let playable: Playable = server.operate(Method::POST, &path, vec![]).await.read();
    for url in urls {
        assert_eq!(server.get(&url).await.code(), ErrorCode::UnknownItem, "a private item");
        let granted = format!("{url}&grant={}", playable.grant);
        let response = server.call(Method::GET, &granted, &[], vec![]).await;
        let header = |name| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(
            (header("content-type"), header("x-content-type-options")),
            ("image/png".into(), "nosniff".into())
        );
        assert!(header("cache-control").starts_with("private"));
        let tag = header("etag");
        assert_eq!(response.bytes().await.unwrap(), PNG);
        let again = server.call(Method::GET, &granted, &[("if-none-match", tag.as_str())], vec![]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    }
    let page = put(&server, b"<script>alert(1)</script>").await;
    server.library.change(item_id, |record| record.visibility = Visibility::Public).await.unwrap();
    server.library.set_poster(item_id, page).await.unwrap();
    assert_eq!(server.get(&format!("/library/{item_id}/poster")).await.code(), ErrorCode::NotFound);
    server.library.set_poster(item_id, super::blob(1)).await.unwrap();
    assert_eq!(server.get(&format!("/library/{item_id}/poster")).await.code(), ErrorCode::NotFound);
    assert_eq!(server.get(&format!("/library/{item_id}/previews/x")).await.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn a_large_picture_arrives_in_pieces_and_ends_before_its_last_piece_if_it_is_damaged() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    let mut picture = PNG.to_vec();
    picture.resize(600_000, 3);
    let objects = &server.context().objects;
    let hash = objects.put(picture.clone().into()).await.unwrap();
    let show = async |bytes| {
        let blob = Blob { hash: hash.to_string(), bytes };
        server.library.set_poster(item_id, blob).await.unwrap();
        server.call(Method::GET, &format!("/library/{item_id}/poster"), &[], vec![]).await
    };
    let response = show(600_000).await;
    assert_eq!(response.headers()["content-length"], "600000");
    assert_eq!(response.bytes().await.unwrap(), picture);
    let response = show(599_999).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.unwrap_err();
}

#[tokio::test]
async fn files_are_at_a_node_with_a_grant() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    server.library.change(item_id, |record| record.text.title = "Q&A, être?".into()).await.unwrap();
    let path = format!("/library/{item_id}/download");
    assert_eq!(server.get(&path).await.code(), ErrorCode::NoNodeAvailable);
    let node = server.node("a").await;
    server.serves_library(&node).await;
    for (name, query) in [("download", "name=Q%26A%2C%20%C3%AAtre%3F&"), ("audio.m3u8", "")] {
        let response = server.call(Method::GET, &format!("/library/{item_id}/{name}"), &[], vec![]).await;
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        let location = response.headers()["location"].to_str().unwrap();
        assert!(location.contains(&format!("/library/{item_id}/{name}?{query}grant=")), "{location}");
    }
    server
        .operate(
            Method::PATCH,
            &format!("/api/library/{item_id}"),
            json!({ "visibility": "private" }).to_string().into(),
        )
        .await;
    assert_eq!(server.get(&path).await.code(), ErrorCode::UnknownItem);
}
