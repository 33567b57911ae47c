//! Media of items at a node: who gets it, ranges, conditions, and going on at another node.

use protocol::item::Manifest;
use reqwest::{Method, StatusCode, header};

use crate::library_support::{
    Cluster, alternative, bare_request, item, item_grant, refusal, request, take, take_at,
};

fn bytes(length: usize, seed: usize) -> Vec<u8> {
    (0..length).map(|at| ((at / 7) ^ (at + seed)) as u8).collect()
}

#[tokio::test]
async fn a_blob_is_served_with_ranges_and_for_ever() {
    let cluster = Cluster::start().await;
    let media = bytes(100_000, 1);
    let blob = cluster.put(media.clone()).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let path = format!("blobs/{}", blob.hash);
    let etag = format!("\"{}\"", blob.hash);

    let whole = cluster.get(item(1), &path).send().await.unwrap();
    assert_eq!(whole.status(), StatusCode::OK);
    for (name, value) in [
        (header::CONTENT_LENGTH, "100000"),
        (header::CONTENT_TYPE, "audio/mpeg"),
        (header::ETAG, &etag),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        assert_eq!(whole.headers()[&name], value, "{name}");
    }
    let exposed = whole.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().to_lowercase();
    assert!(
        ["etag", "content-range", "accept-ranges"].iter().all(|name| exposed.contains(name)),
        "{exposed}"
    );
    assert_eq!(whole.bytes().await.unwrap(), media);

    let part = cluster.get(item(1), &path).header(header::RANGE, "bytes=10-19");
    let part = part.header(header::IF_RANGE, &etag).send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()[header::CONTENT_RANGE], "bytes 10-19/100000");
    assert_eq!(part.bytes().await.unwrap(), media[10..20]);

    let past = cluster.get(item(1), &path).header(header::RANGE, "bytes=100000-").send().await.unwrap();
    assert_eq!(past.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(past.headers()[header::CONTENT_RANGE], "bytes */100000");

    let known = cluster.get(item(1), &path).header(header::IF_NONE_MATCH, &etag).send().await.unwrap();
    assert_eq!(
        (known.status(), &known.headers()[header::ETAG]),
        (StatusCode::NOT_MODIFIED, &etag.parse().unwrap())
    );
    assert!(known.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn head_is_answered_without_reading_the_blob() {
    let cluster = Cluster::start().await;
    let blob = cluster.put(bytes(1000, 1)).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let mut head = cluster.get(item(1), &format!("blobs/{}", blob.hash)).build().unwrap();
    *head.method_mut() = Method::HEAD;
    let answer = tls_harness::client().execute(head).await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()[header::CONTENT_LENGTH]),
        (StatusCode::OK, &"1000".parse().unwrap())
    );
    let metrics =
        tls_harness::get(format!("http://{}/metrics", cluster.node)).await.unwrap().text().await.unwrap();
    for counter in [
        "undead_cdn_library_fetches_total 0",
        "undead_cdn_library_bytes_total 0",
        "undead_cdn_egress_bytes_total 0",
    ] {
        assert!(metrics.contains(counter), "{counter}");
    }
}

#[tokio::test]
async fn bytes_of_the_library_count_as_egress_of_the_node() {
    let cluster = Cluster::start().await;
    let blob = cluster.put(bytes(1000, 1)).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let path = format!("blobs/{}", blob.hash);
    for _ in 0..3 {
        assert_eq!(cluster.get(item(1), &path).send().await.unwrap().bytes().await.unwrap().len(), 1000);
    }
    let metrics =
        tls_harness::get(format!("http://{}/metrics", cluster.node)).await.unwrap().text().await.unwrap();
    for counter in [
        "undead_cdn_egress_bytes_total 3000",
        "undead_cdn_library_bytes_total 3000",
        "undead_cdn_library_fetches_total 1",
        "undead_cdn_library_memory_hits_total 2",
        "undead_cdn_library_cache_bytes 1000",
    ] {
        assert!(metrics.contains(counter), "{counter}");
    }
}

#[tokio::test]
async fn every_path_needs_a_grant_for_its_item() {
    let cluster = Cluster::start().await;
    *cluster.main_server.cluster_id.lock().unwrap() = Some("here".into());
    let blob = cluster.put(bytes(1000, 1)).await;
    for number in [1, 2] {
        cluster.publish(item(number), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    }
    let (good, expired) = (item_grant(item(1), "here", 4_000_000_000), item_grant(item(1), "here", 1));
    let other = item_grant(item(2), "here", 4_000_000_000);
    for path in cdn::library_paths() {
        let path = path.strip_prefix("/library/{item_id}/").unwrap().replace("{hash}", &blob.hash);
        let path = path.replace("{file}", &format!("{}.m4s", blob.hash));
        for (why, grant) in
            [("none", ""), ("expired", &expired), ("another item's", &other), ("nonsense", "a.b.c")]
        {
            let answer = bare_request(cluster.node, item(1), &format!("{path}?grant={grant}")).send().await;
            assert_eq!(refusal(answer.unwrap()).await, (403, "invalid_grant".into()), "{path} with {why}");
        }
        let answer =
            bare_request(cluster.node, item(1), &format!("{path}?grant={good}")).send().await.unwrap();
        assert!(answer.status() != StatusCode::FORBIDDEN, "{path} with the grant in the query");
    }
}

#[tokio::test]
async fn a_blob_of_another_item_is_unknown() {
    let cluster = Cluster::start().await;
    let [mine, other] = [cluster.put(bytes(1000, 1)).await, cluster.put(bytes(1000, 2)).await];
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![mine.clone()])]);
    cluster.publish(item(2), vec![take("audio/mpeg", None, vec![other.clone()])]);
    for hash in [other.hash.as_str(), "0", "%20", &"0".repeat(64), &mine.hash.to_uppercase()] {
        let answer = cluster.get(item(1), &format!("blobs/{}", hash)).send().await.unwrap();
        assert_eq!(refusal(answer).await, (404, "unknown_blob".into()), "{hash}");
    }
    let answer = cluster.get(item(3), &format!("blobs/{}", mine.hash)).send().await.unwrap();
    assert_eq!(refusal(answer).await, (404, "unknown_item".into()));
}

#[tokio::test]
async fn a_blob_that_is_lost_is_unknown_and_a_damaged_one_is_not_served() {
    let cluster = Cluster::start().await;
    let blob = cluster.put(bytes(1000, 1)).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let hash = blob.hash.parse().unwrap();
    let file = cluster.folder.path().join("blobs").join(&blob.hash[..2]).join(&blob.hash);
    std::fs::write(&file, bytes(1000, 3)).unwrap();
    let path = format!("blobs/{}", blob.hash);
    let answer = cluster.get(item(1), &path).send().await.unwrap();
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(refusal(answer).await, (503, "objects_unavailable".into()));
    cluster.blobs.delete(&hash).await.unwrap();
    let answer = cluster.get(item(1), &path).send().await.unwrap();
    assert_eq!(refusal(answer).await, (404, "unknown_blob".into()));
    cluster.put(bytes(1000, 1)).await;
    let answer = cluster.get(item(1), &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "a failure is not kept");
}

#[tokio::test]
async fn a_blob_that_is_sent_as_a_file_has_ranges_and_is_verified_again_once_it_changed() {
    let cluster = Cluster::start().await;
    let media = bytes(1_300_000, 1);
    let (blob, other) = (cluster.put(media.clone()).await, cluster.put(bytes(400_000, 2)).await);
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone(), other])]);
    let path = format!("blobs/{}", blob.hash);
    let get =
        async |range: &str| cluster.get(item(1), &path).header(header::RANGE, range).send().await.unwrap();
    for (range, expected) in [
        ("bytes=0-", 0..1_300_000),
        ("bytes=600000-600009", 600_000..600_010),
        ("bytes=-5", 1_299_995..1_300_000),
    ] {
        assert_eq!(get(range).await.bytes().await.unwrap(), media[expected], "{range}");
    }
    let both = cluster.get(item(1), "download").send().await.unwrap().bytes().await.unwrap();
    assert!(both[..] == [media.clone(), bytes(400_000, 2)].concat());
    let metrics =
        tls_harness::get(format!("http://{}/metrics", cluster.node)).await.unwrap().text().await.unwrap();
    for counter in ["undead_cdn_library_bytes_total 3000015", "undead_cdn_library_cache_bytes 0"] {
        assert!(metrics.contains(counter), "{counter}");
    }

    let file = cluster.folder.path().join("blobs").join(&blob.hash[..2]).join(&blob.hash);
    let mut damaged = media.clone();
    damaged[1_000_000] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    assert_eq!(refusal(get("bytes=0-9").await).await, (503, "objects_unavailable".into()));
    cluster.blobs.replace(media.clone().into()).await.unwrap();
    assert_eq!(get("bytes=0-").await.bytes().await.unwrap(), media);
}

#[tokio::test]
async fn the_manifest_is_that_of_the_main_server_and_has_an_entity_tag() {
    let cluster = Cluster::start().await;
    let blob = cluster.put(bytes(1000, 1)).await;
    let takes = vec![take("audio/mpeg", None, vec![blob])];
    let manifest = Manifest { item_id: item(1), is_growing: false, takes };
    let json = serde_json::to_string(&manifest).unwrap().replacen('{', "{\"later\":1,", 1);
    cluster.main_server.manifests.lock().unwrap().insert(item(1).to_string(), json.clone());
    let answer = cluster.get(item(1), "manifest").send().await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    assert_eq!(answer.headers()[header::CACHE_CONTROL], "private, no-cache");
    let etag = answer.headers()[header::ETAG].clone();
    assert_eq!(answer.text().await.unwrap(), json, "with what this version does not know");
    let known = cluster.get(item(1), "manifest").header(header::IF_NONE_MATCH, etag).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn several_fragments_are_one_body_from_a_time_on_within_a_take() {
    let cluster = Cluster::start().await;
    let mut blobs = Vec::new();
    for seed in 0..5 {
        blobs.push(cluster.put(bytes(1000 + seed, seed)).await);
    }
    let init = cluster.put(&b"init"[..]).await;
    let first = take("audio/webm;codecs=opus", Some(init.clone()), blobs[..3].to_vec());
    let mut second = take_at(30_000, "audio/webm;codecs=opus", Some(init.clone()), blobs[3..].to_vec());
    second.alternatives.push(alternative("audio/mpeg", None, vec![blobs[0].clone(), blobs[1].clone()]));
    cluster.publish(item(1), vec![first, second]);
    let body = async |query: &str| {
        let answer = cluster.get(item(1), &format!("fragments?{query}")).send().await.unwrap();
        let listed = answer.headers()["undead-fragments"].to_str().unwrap().to_owned();
        let body = answer.bytes().await.unwrap();
        let parts = listed.split(", ").map(|part| part.split_once(':').unwrap());
        let mut at = 0;
        let hashes: Vec<_> = parts
            .map(|(hash, length)| {
                let part = &body[at..][..length.parse::<usize>().unwrap()];
                at += part.len();
                assert_eq!(objects::Hash::of(part).to_string(), hash);
                hash.to_owned()
            })
            .collect();
        assert_eq!(at, body.len());
        hashes
    };
    let hashes = |range: &[usize]| range.iter().map(|at| blobs[*at].hash.clone()).collect::<Vec<_>>();
    assert_eq!(body("").await, hashes(&[0]));
    assert_eq!(body("from_ms=9999&count=2").await, hashes(&[0, 1]));
    assert_eq!(body("from_ms=10000&count=2").await, hashes(&[1, 2]));
    assert_eq!(
        body("from_ms=10000&count=10").await,
        hashes(&[1, 2]),
        "the next take has another init segment"
    );
    assert_eq!(body("from_ms=30000&count=10").await, hashes(&[3, 4]));
    assert_eq!(body("from_ms=40000&count=10&mime=audio/mpeg").await, hashes(&[1]));
    assert_eq!(body("from_ms=20000&init=1").await, [init.hash.clone(), blobs[2].hash.clone()]);
    let many = (0..20).map(|_| blobs[0].clone()).collect();
    cluster.publish(item(2), vec![take("audio/mpeg", None, many)]);
    let answer = cluster.get(item(2), "fragments?count=999").send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap().len() as u64, 1000 * cdn::MAX_FRAGMENTS);
    for (query, code) in [
        ("from_ms=x", "invalid_request"),
        ("count=-1", "invalid_request"),
        ("from_ms=50000", "invalid_request"),
        ("mime=video/mp4", "unsupported_format"),
    ] {
        let answer = cluster.get(item(1), &format!("fragments?{query}")).send().await.unwrap();
        assert_eq!(refusal(answer).await.1, code, "{query}");
    }
    let range = cluster
        .get(item(1), "fragments?count=2")
        .header(header::RANGE, "bytes=998-1001")
        .send()
        .await
        .unwrap();
    let whole = [bytes(1000, 0), bytes(1001, 1)].concat();
    assert_eq!(range.headers()[header::CONTENT_RANGE], "bytes 998-1001/2001");
    assert_eq!(range.bytes().await.unwrap(), whole[998..1002]);
}

#[tokio::test]
async fn after_the_end_of_a_growing_item_there_is_nothing_yet() {
    let cluster = Cluster::start().await;
    let blob = cluster.put(bytes(1000, 1)).await;
    let takes = vec![take("audio/mpeg", None, vec![blob])];
    cluster.tell(&Manifest { item_id: item(1), is_growing: true, takes });
    let answer = cluster.get(item(1), "fragments?from_ms=10000").send().await.unwrap();
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(refusal(answer).await, (409, "item_not_ready".into()));
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_for_ranges_with_a_grant_in_the_header() {
    let cluster = Cluster::start().await;
    let url = format!("http://{}/library/{}/blobs/0", cluster.node, item(1));
    let client = tls_harness::client();
    let preflight = client
        .request(Method::OPTIONS, url)
        .header(header::ORIGIN, "https://example.org")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "authorization,range");
    let answer = preflight.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS], "authorization,range");
    assert_eq!(answer.headers()[header::ACCESS_CONTROL_MAX_AGE], "7200");
}

#[tokio::test]
async fn answers_at_once_are_bounded_and_a_refused_client_is_told_to_try_another_node() {
    let cluster = Cluster::with(|limits| limits.library_responses = 1).await;
    // More than the sockets' buffers hold, so that the answer is on its way for as long as nothing is read.
    let blob = cluster.put(bytes(16 << 20, 1)).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let path = format!("blobs/{}", blob.hash);
    let unread = cluster.get(item(1), &path).send().await.unwrap();
    assert_eq!(unread.status(), StatusCode::OK);
    let answer = cluster.get(item(1), &path).send().await.unwrap();
    assert!(answer.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(refusal(answer).await, (503, "no_capacity".into()));
    assert_eq!(cluster.get(item(1), "manifest").send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(unread.bytes().await.unwrap(), bytes(16 << 20, 1));
    loop {
        // The node hears of the end after the client.
        let answer = cluster.get(item(1), &path).header(header::RANGE, "bytes=0-0").send().await.unwrap();
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn when_a_node_dies_in_the_middle_of_a_fragment_the_client_goes_on_at_the_next() {
    let cluster = Cluster::start().await;
    let media = bytes(24 << 20, 1);
    let blob = cluster.put(media.clone()).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![blob.clone()])]);
    let path = format!("blobs/{}", blob.hash);
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(MortalNode::before(cluster.another_node().await.address).await);
    }
    let (mut read, mut etag) = (Vec::<u8>::new(), None);
    for (at, node) in nodes.iter().enumerate() {
        let mut asked = request(node.address, item(1), &path);
        if let Some(etag) = &etag {
            asked =
                asked.header(header::RANGE, format!("bytes={}-", read.len())).header(header::IF_RANGE, etag);
        }
        let mut answer = asked.send().await.unwrap();
        let expected = if at == 0 { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT };
        assert_eq!(answer.status(), expected);
        etag = answer.headers().get(header::ETAG).cloned();
        let dies_after = if at < 2 { (at + 1) * 8_000_000 } else { usize::MAX };
        while let Ok(Some(chunk)) = answer.chunk().await {
            read.extend_from_slice(&chunk);
            if read.len() >= dies_after {
                node.kill();
            }
        }
        if read.len() == media.len() {
            break;
        }
        assert!(request(node.address, item(1), &path).send().await.is_err(), "it is dead");
    }
    assert!(read.len() == media.len() && read == media, "every byte once: {} of {}", read.len(), media.len());
}

/// Stands before a node, whose connections all break when it is killed.
struct MortalNode {
    address: std::net::SocketAddr,
    killed: tokio_util::sync::CancellationToken,
}

impl MortalNode {
    async fn before(node: std::net::SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let killed = tokio_util::sync::CancellationToken::new();
        let connections = killed.clone();
        let accept = async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut node = tokio::net::TcpStream::connect(node).await.unwrap();
                let forward = async move {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut node).await;
                };
                tokio::spawn(connections.clone().run_until_cancelled_owned(forward));
            }
        };
        tokio::spawn(killed.clone().run_until_cancelled_owned(accept));
        Self { address, killed }
    }

    fn kill(&self) {
        self.killed.cancel();
    }
}
