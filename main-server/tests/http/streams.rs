//! A stream's life as broadcasters and viewers see it.

use futures_util::{StreamExt, stream::FuturesUnordered};
use protocol::{
    ErrorCode, StreamId,
    grant::{Action, Claims, Signer, Verifier},
    node::{Capacity, Command, Registered},
    stream::{Assignment, MAX_THUMBNAIL_BYTES, StreamInfo, StreamState, Visibility},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{MIME, Server, TEST_TIMEOUT, addresses, carried};

#[tokio::test]
async fn two_streams_go_to_two_nodes_before_either_is_live() {
    let server = Server::start().await;
    server.node("a").await;
    server.node("b").await;
    let (first, second) = (server.create("first").await, server.create("second").await);
    assert_eq!(addresses(&first.publish), ["/cdn/a", "/cdn/b"]);
    assert_eq!(addresses(&second.publish), ["/cdn/b", "/cdn/a"]);
    let counts: Vec<u32> = server.nodes().await.iter().map(|node| node.streams).collect();
    assert_eq!(counts, [1, 1]);
}

#[tokio::test]
async fn a_stream_is_listed_from_its_first_media_to_its_end() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let created = server.create("  My screen ").await;
    let id = created.stream_id;
    assert_eq!((created.title.as_str(), created.watch_url), ("My screen", format!("/view/{id}")));
    assert!(server.list().await.is_empty());
    assert_eq!(server.show(id).await.state, StreamState::Created);

    server.heartbeat(&node, vec![carried(id, StreamState::Live, 3)]).await;
    let listed = server.list().await;
    assert_eq!(listed, [server.show(id).await]);
    assert_eq!((listed[0].state, listed[0].viewers), (StreamState::Live, 3));
    assert_eq!(listed[0].mime.as_deref(), Some(MIME));

    let path = format!("/api/streams/{id}");
    assert_eq!(server.delete(&path, None).await.code(), ErrorCode::InvalidGrant);
    let ended = server.delete(&path, Some(&created.publish.grant)).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    assert!(server.list().await.is_empty());
    assert_eq!(server.show(id).await.state, StreamState::Ended);
    assert_eq!(server.watch(id, json!({})).await.code(), ErrorCode::UnknownStream);
    let answer = server.heartbeat(&node, vec![carried(id, StreamState::Live, 3)]).await;
    assert_eq!(answer.commands, [Command::EndStream { stream_id: id }]);
    let again = server.delete(&path, Some(&created.publish.grant)).await;
    assert_eq!(again.status, StatusCode::NO_CONTENT, "ending twice is no error");
}

#[tokio::test]
async fn a_list_that_did_not_change_is_not_sent_again() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let known = server.if_changed("/api/streams", "").await;
    assert_eq!(
        (known.status(), &known.headers()["cache-control"]),
        (StatusCode::OK, &"no-cache".parse().unwrap())
    );
    let tag = known.headers()["etag"].to_str().unwrap().to_owned();
    let again = server.if_changed("/api/streams", &tag).await;
    assert_eq!((again.status(), again.bytes().await.unwrap().len()), (StatusCode::NOT_MODIFIED, 0));
    let id = server.create("first").await.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 0)]).await;
    assert_eq!(server.if_changed("/api/streams", &tag).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_picture_is_shown_without_its_metadata() {
    let server = Server::start().await;
    server.node("a").await;
    let created = server.create("mine").await;
    let path = format!("/api/streams/{}/thumbnail", created.stream_id);
    let picture = b"\xff\xd8\xff\xe1\0\x0cExif\0\0MM\0\x2a\xff\xd9".to_vec();
    let stored = server.put(&path, Some(&created.publish.grant), picture).await;
    assert_eq!(stored.status, StatusCode::NO_CONTENT);
    let shown = server.send(Method::GET, &path, None, vec![]).await.bytes().await.unwrap();
    assert_eq!(&shown[..], b"\xff\xd8\xff\xd9");
}

#[tokio::test]
async fn many_guesses_at_a_passphrase_are_told_to_wait() {
    let server = Server::with(|config| config.limits.passphrase_attempts_per_address = 20).await;
    server.node("a").await;
    let id = server.create_private("mine", "open sesame").await.stream_id;
    are_told_to_wait(&server, id, json!({ "passphrase": "wrong" })).await;
    let other = server.create_private("other", "right").await.stream_id;
    assert!(server.watch(other, json!({ "passphrase": "right" })).await.status.is_success());
}

#[tokio::test]
async fn many_guesses_at_an_invitation_are_told_to_wait() {
    let server = Server::with(|config| config.limits.passphrase_attempts_per_address = 20).await;
    server.node("a").await;
    let id = server.create_private("mine", "open sesame").await.stream_id;
    are_told_to_wait(&server, id, json!({ "invitation": format!("inv_{}", "a".repeat(60)) })).await;
}

/// Sends many requests to watch a stream with the wrong `proof` at once, until one is told to wait.
async fn are_told_to_wait(server: &Server, id: StreamId, proof: Value) {
    let guess = async || {
        let path = format!("/api/streams/{id}/watch");
        server.send(Method::POST, &path, None, proof.to_string().into()).await
    };
    let mut guesses: FuturesUnordered<_> = (0..200).map(|_| guess()).collect();
    let refused = loop {
        let answer = guesses.next().await.unwrap();
        match answer.status() {
            StatusCode::FORBIDDEN => {}
            status => break (status, answer),
        }
    };
    assert_eq!(refused.0, StatusCode::TOO_MANY_REQUESTS);
    // Whole seconds of a wait that shortens while the answers come.
    let retry_after: u64 = refused.1.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=6).contains(&retry_after), "{retry_after}");
}

#[tokio::test]
async fn an_operator_may_end_any_stream_and_another_broadcaster_none() {
    let server = Server::start().await;
    server.node("a").await;
    let (first, second) = (server.create("first").await, server.create("second").await);
    let path = format!("/api/streams/{}", first.stream_id);
    let refused = server.delete(&path, Some(&second.publish.grant)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, ErrorCode::InvalidGrant));
    let node = server.delete(&path, Some(&server.secret)).await;
    assert_eq!(node.code(), ErrorCode::InvalidGrant, "the cluster secret is for nodes");
    assert_eq!(server.operate(Method::DELETE, &path, vec![]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn viewers_go_where_the_stream_is() {
    let server = Server::start().await;
    let (a, b) = (server.node("a").await, server.node("b").await);
    let id = server.create("first").await.stream_id;
    let before: Assignment = server.watch(id, json!({})).await.read();
    assert_eq!(addresses(&before), ["/cdn/a"], "where it was placed, while nobody has it");
    server.heartbeat(&b, vec![carried(id, StreamState::Live, 0)]).await;
    let live: Assignment = server.watch(id, json!({})).await.read();
    assert_eq!(addresses(&live), ["/cdn/b", "/cdn/a"], "another node could pull it from there");
    server.heartbeat(&a, vec![carried(id, StreamState::Live, 0)]).await;
    let moved: Assignment = server.watch(id, json!({ "avoid": ["/cdn/a"] })).await.read();
    assert_eq!(addresses(&moved), ["/cdn/b", "/cdn/a"]);
}

#[tokio::test]
async fn a_broadcaster_that_lost_its_node_is_given_another() {
    let server = Server::start().await;
    let a = server.node("a").await;
    server.node("b").await;
    let created = server.create("first").await;
    let id = created.stream_id;
    server.heartbeat(&a, vec![carried(id, StreamState::Live, 0)]).await;
    let path = format!("/api/streams/{id}/publish");
    let grant = created.publish.grant.as_str();
    let stay: Assignment = server.post(&path, Some(grant), json!({})).await.read();
    assert_eq!(addresses(&stay), ["/cdn/a", "/cdn/b"]);
    let lost = server.post(&path, Some(grant), json!({ "avoid": ["/cdn/a/"] })).await;
    let lost: Assignment = lost.read();
    assert_eq!(addresses(&lost), ["/cdn/b"]);
    let renewed = server.post(&path, Some(&lost.grant), json!({})).await;
    assert!(renewed.status.is_success(), "the fresh grant is one");
    let watch: Assignment = server.watch(id, json!({})).await.read();
    assert_eq!(server.post(&path, Some(&watch.grant), json!({})).await.code(), ErrorCode::InvalidGrant);
}

#[tokio::test]
async fn a_body_may_be_left_out_where_it_says_nothing() {
    let server = Server::start().await;
    server.node("a").await;
    let created = server.create("first").await;
    let path = format!("/api/streams/{}", created.stream_id);
    let watch = server.send(Method::POST, &format!("{path}/watch"), None, vec![]).await;
    assert_eq!(watch.status(), StatusCode::OK);
    let grant = Some(created.publish.grant.as_str());
    let publish = server.send(Method::POST, &format!("{path}/publish"), grant, vec![]).await;
    assert_eq!(publish.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_private_stream_asks_for_its_passphrase_and_is_not_listed() {
    // Its node is to be there still when the hashes are made, which takes seconds on a busy machine.
    let server = Server::with(|config| config.lease = TEST_TIMEOUT).await;
    let node = server.node("a").await;
    let id = server.create_private("mine", "open sesame").await.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 0)]).await;
    assert!(server.list().await.is_empty());
    for body in [json!({}), json!({ "passphrase": "open" }), json!({ "passphrase": "x".repeat(5000) })] {
        let refused = server.watch(id, body).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, ErrorCode::WrongPassphrase));
    }
    let admitted: Assignment = server.watch(id, json!({ "passphrase": "open sesame" })).await.read();
    assert_eq!(addresses(&admitted), ["/cdn/a"]);
}

#[tokio::test]
async fn a_stream_with_a_passphrase_is_described_to_those_who_were_let_in() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let created = server.create_private("mine", "open sesame").await;
    let (id, other) = (created.stream_id, server.create("other").await);
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 7)]).await;
    let path = format!("/api/streams/{id}");
    let neutral = json!({
        "stream_id": id, "title": "Private stream", "started_at_ms": 0, "viewers": 0, "state": "live", "mime": null,
    });
    assert_eq!(server.get(&path).await.json, neutral);
    let admitted: Assignment = server.watch(id, json!({ "passphrase": "open sesame" })).await.read();
    let stream = admitted.stream.unwrap();
    assert_eq!((stream.title.as_str(), stream.viewers), ("mine", 7));
    let let_in = [admitted.grant.as_str(), &created.publish.grant, &server.secret];
    for token in let_in {
        let shown = server.send(Method::GET, &path, Some(token), vec![]).await;
        assert_eq!(shown.json::<StreamInfo>().await.unwrap(), stream);
    }
    for token in ["x", &other.publish.grant] {
        let shown = server.send(Method::GET, &path, Some(token), vec![]).await;
        assert_eq!(shown.json::<Value>().await.unwrap(), neutral);
    }
    server.delete(&path, Some(&created.publish.grant)).await;
    let over = server.show(id).await;
    assert_eq!(
        (over.state, over.title.as_str(), over.started_at_ms),
        (StreamState::Ended, "Private stream", 0)
    );
}

#[tokio::test]
async fn a_private_stream_without_a_passphrase_is_open_to_whoever_has_the_link() {
    let server = Server::start().await;
    server.node("a").await;
    let id = server.create_private("mine", "").await.stream_id;
    assert!(server.watch(id, json!({})).await.status.is_success());
}

#[tokio::test]
async fn titles_and_passphrases_are_checked() {
    let server = Server::start().await;
    server.node("a").await;
    for title in ["", "   ", &"x".repeat(121), "bell\u{7}", "\u{200b}", "\u{3164}", "\u{2800}", "\u{ffff}"] {
        let refused = server.post("/api/streams", None, json!({ "title": title })).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, ErrorCode::InvalidTitle));
    }
    let longest = "é".repeat(120);
    assert_eq!(server.create(&longest).await.title, longest);
    assert_eq!(server.create("\u{202e}gnp.live").await.title, "gnp.live");
    for body in [
        json!({ "title": "a", "passphrase": "but public" }),
        json!({ "title": "a", "visibility": "private", "passphrase": "x".repeat(257) }),
        json!({ "title": "a", "visibility": "secret" }),
        json!({ "title": 5 }),
        json!({}),
    ] {
        assert_eq!(server.post("/api/streams", None, body).await.code(), ErrorCode::InvalidRequest);
    }
}

#[tokio::test]
async fn without_a_node_nothing_is_created() {
    let server = Server::start().await;
    let refused = server.post("/api/streams", None, json!({ "title": "first" })).await;
    let expected = (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoNodeAvailable);
    assert_eq!((refused.status, refused.code()), expected);
}

#[tokio::test]
async fn a_flood_of_creations_keeps_nobody_from_going_live() {
    let server = Server::with(|config| config.limits.waiting_streams = 8).await;
    let capacity = Some(Capacity { streams: Some(2), ..Capacity::default() });
    let node = server.node_with("a", capacity).await;
    for number in 0..30 {
        server.create(&number.to_string()).await;
    }
    let (first, second) = (server.create("first").await, server.create("second").await);
    let rows = [&first, &second].map(|created| carried(created.stream_id, StreamState::Live, 0));
    let answer = server.heartbeat(&node, rows.to_vec()).await;
    assert!(answer.commands.is_empty(), "{answer:?}");
    assert_eq!(server.list().await.len(), 2);
    let refused = server.post("/api/streams", None, json!({ "title": "third" })).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::NoCapacity));
    let nodes = server.nodes().await;
    assert_eq!((nodes[0].streams, nodes[0].waiting), (8, 6));
}

#[tokio::test]
async fn a_picture_comes_back_as_it_was_sent() {
    let server = Server::start().await;
    let node = server.node("a").await;
    let created = server.create("first").await;
    let id = created.stream_id;
    server.heartbeat(&node, vec![carried(id, StreamState::Live, 0)]).await;
    let (path, grant) = (format!("/api/streams/{id}/thumbnail"), created.publish.grant.as_str());
    assert_eq!(server.get(&path).await.code(), ErrorCode::NotFound);
    assert_eq!(server.show(id).await.thumbnail_url, None);

    let picture = [b"\xff\xd8\xff\xe0".as_slice(), &[7; 5000]].concat();
    assert_eq!(server.put(&path, None, picture.clone()).await.code(), ErrorCode::InvalidGrant);
    assert_eq!(server.put(&path, Some(grant), picture.clone()).await.status, StatusCode::NO_CONTENT);
    let url = server.show(id).await.thumbnail_url.unwrap();
    assert!(url.starts_with(&format!("{path}?v=")), "{url}");
    let seen = server.send(Method::GET, &url, None, vec![]).await;
    assert_eq!(seen.headers()["content-type"], "image/jpeg");
    assert_eq!(seen.headers()["x-content-type-options"], "nosniff");
    assert!(seen.headers()["content-security-policy"].to_str().unwrap().ends_with("; sandbox"));
    assert_eq!(
        seen.headers()["cross-origin-resource-policy"],
        "cross-origin",
        "lists of other sites show it"
    );
    assert_eq!(seen.headers()["cache-control"], "public, max-age=60");
    assert_eq!(seen.bytes().await.unwrap(), picture);

    let page = server.put(&path, Some(grant), b"<script>".to_vec()).await;
    assert_eq!(page.code(), ErrorCode::InvalidRequest);
    let bomb = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0".to_vec();
    assert_eq!(server.put(&path, Some(grant), bomb).await.code(), ErrorCode::InvalidRequest);
    let largest = [b"\xff\xd8\xff".as_slice(), &vec![0; MAX_THUMBNAIL_BYTES - 3]].concat();
    assert_eq!(server.put(&path, Some(grant), largest.clone()).await.status, StatusCode::NO_CONTENT);
    let larger = [largest.as_slice(), &[0]].concat();
    let refused = server.put(&path, Some(grant), larger).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::PayloadTooLarge));
}

#[tokio::test]
async fn an_id_nobody_has_is_an_unknown_stream_everywhere() {
    let server = Server::start().await;
    let stranger = StreamId::new("never created", 1).to_string();
    for id in [stranger.as_str(), "short", "%ff", "..%2f..", &"A".repeat(32)] {
        let path = format!("/api/streams/{id}");
        for answer in [
            server.get(&path).await,
            server.get(&format!("{path}/thumbnail")).await,
            server.delete(&path, Some("x")).await,
            server.post(&format!("{path}/watch"), None, json!({})).await,
            server.post(&format!("{path}/publish"), Some("x"), json!({})).await,
            server.put(&format!("{path}/thumbnail"), Some("x"), vec![1]).await,
        ] {
            assert_eq!(
                (answer.status, answer.code()),
                (StatusCode::NOT_FOUND, ErrorCode::UnknownStream),
                "{id}"
            );
        }
    }
}

#[tokio::test]
async fn an_expired_publish_grant_is_renewed_until_the_stream_is_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("grant-key"), "07".repeat(32)).unwrap();
    let server = Server::on(folder, |_| {}).await;
    let registered: Registered = server.register("a", 1).await.read();
    let (first, other) = (server.create("first").await, server.create("other").await);
    let (id, path) = (first.stream_id, format!("/api/streams/{}", first.stream_id));
    let claims = Claims::new(id, Action::Publish, Visibility::Public, 1);
    let expired = |seed: u8| Signer::from_seed(&[seed; 32]).unwrap().sign(&claims).unwrap();
    let renew = async |grant: &str| server.post(&format!("{path}/publish"), Some(grant), json!({})).await;

    let renewed: Assignment = renew(&expired(7)).await.read();
    let now_s = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let verifier = Verifier::new(&registered.grant_keys).unwrap();
    assert!(verifier.verify(&expired(7), id, Action::Publish, now_s).is_err(), "nodes refuse the old one");
    assert!(verifier.verify(&renewed.grant, id, Action::Publish, now_s + 23 * 3600).is_ok());
    assert_eq!(renew(&expired(8)).await.code(), ErrorCode::InvalidGrant, "another key signed it");
    assert_eq!(renew(&other.publish.grant).await.code(), ErrorCode::InvalidGrant, "another stream's");

    assert_eq!(server.delete(&path, Some(&expired(7))).await.status, StatusCode::NO_CONTENT);
    assert_eq!(renew(&expired(7)).await.code(), ErrorCode::UnknownStream);
}
