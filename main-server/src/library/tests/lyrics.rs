//! Lyrics and wave forms of items over HTTP.

use protocol::{
    ErrorCode,
    item::{Blob, Item, MAX_LYRICS_BYTES},
};
use reqwest::{Method, StatusCode, header};

use super::item;
use crate::cluster::tests::Cluster;

#[tokio::test]
async fn lyrics_are_a_text_that_comes_back_as_it_was_sent() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    let path = format!("/api/library/{item_id}/lyrics");
    assert_eq!(server.get(&path).await.code(), ErrorCode::NotFound);
    let put = async |text: &[u8]| server.operate(Method::PUT, &path, text.to_vec()).await;
    for wrong in [b"".as_slice(), b" \r\n", b"\xff", b"\xef\xbb\xbf", b"a\0", b"a\x1b[31m"] {
        assert_eq!(put(wrong).await.code(), ErrorCode::InvalidRequest, "{wrong:?}");
    }
    assert_eq!(put(&vec![b'a'; MAX_LYRICS_BYTES + 1]).await.code(), ErrorCode::PayloadTooLarge);
    assert_eq!(put(&vec![b'a'; MAX_LYRICS_BYTES]).await.status, StatusCode::NO_CONTENT);
    let text = "[00:01.50]W\u{f6}rter\r\n\t<b>";
    put(format!("\u{feff}{text}").as_bytes()).await;
    let shown: Item = server.get(&format!("/api/library/{item_id}")).await.read();
    let url = shown.lyrics_url.unwrap();
    assert!(url.starts_with(&format!("{path}?v=")), "{url}");
    let response = server.call(Method::GET, &url, &[], vec![]).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    let tag = response.headers()[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(response.text().await.unwrap(), text);
    let again = server.call(Method::GET, &path, &[("if-none-match", tag.as_str())], vec![]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);

    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&path).await.code(), ErrorCode::NotFound);
    server.operate(Method::DELETE, &format!("/api/library/{item_id}"), vec![]).await;
    assert_eq!(put(b"late").await.code(), ErrorCode::UnknownItem, "a deleted item");
}

#[tokio::test]
async fn wave_forms_are_json_and_named_like_lyrics_for_the_collection_of_garbage() {
    let server = Cluster::new().await.member(|_| {}).await;
    let item_id = item(&server, "a", |_| {}).await;
    let path = format!("/api/library/{item_id}/waveform");
    assert_eq!(server.get(&path).await.code(), ErrorCode::NotFound);
    let json = br#"{"peak_ms":100,"peaks":[0,255]}"#;
    let hash = server.context().objects.put(json.to_vec().into()).await.unwrap().to_string();
    let blob = Blob { hash: hash.clone(), bytes: json.len() as u64 };
    let lyrics = super::blob(7);
    let change = |record: &mut crate::library::Record| {
        (record.waveform, record.lyrics) = (Some(blob.clone()), Some(lyrics.clone()));
    };
    server.library.change(item_id, change).await.unwrap();
    let measured: protocol::job::Waveform = server.get(&path).await.read();
    assert_eq!((measured.peak_ms, measured.peaks), (100, vec![0, 255]));
    let mut named = Vec::new();
    server.library.named_blobs(|hash| named.push(hash.to_owned())).await.unwrap();
    assert!(named.contains(&hash) && named.contains(&lyrics.hash), "{named:?}");
}
