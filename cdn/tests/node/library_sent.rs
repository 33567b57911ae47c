//! Blobs that the kernel sends from their files: whatever a client asks for, it gets the blob's own bytes.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use serving::MAX_PIECE_BYTES;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    harness::TEST_TIMEOUT,
    library_support::{Cluster, item, item_grant, take},
};

const BYTES: usize = (1 << 20) + 7;

/// What a connection gives until the node closes it.
async fn exchange(node: SocketAddr, requests: &str) -> Vec<u8> {
    let mut client = TcpStream::connect(node).await.unwrap();
    client.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    timeout(TEST_TIMEOUT, client.read_to_end(&mut answers)).await.unwrap().unwrap();
    answers
}

/// The answer to a request that leaves the connection open.
async fn answer(node: SocketAddr, request: &str) -> Vec<u8> {
    let mut client = TcpStream::connect(node).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(timeout(TEST_TIMEOUT, client.read_u8()).await.unwrap().unwrap());
    }
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.filter(|_| !request.starts_with("HEAD")).map_or(0, |length| length.parse().unwrap());
    timeout(TEST_TIMEOUT, client.take(length).read_to_end(&mut answer)).await.unwrap().unwrap();
    answer
}

/// The bodies of answers that tell their lengths.
fn bodies(mut answers: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while !answers.is_empty() {
        let end = answers.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answers[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        assert!(!head.contains("content-encoding"), "{head}");
        let (body, rest) = answers[end..].split_at(length.parse().unwrap());
        bodies.push(body);
        answers = rest;
    }
    bodies
}

#[tokio::test]
async fn answers_have_the_bytes_of_the_blob_with_ranges_compression_old_http_and_pipelined_requests() {
    let cluster = Cluster::start().await;
    let blob: Bytes = (0..BYTES).map(|at| (at % 251) as u8 | 1).collect();
    let kept = cluster.put(blob.clone()).await;
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![kept.clone()])]);
    let grant = item_grant(item(1), "here", 4_000_000_000);
    let get = |version: &str, headers: &str| {
        let path = format!("/library/{}/blobs/{}?grant={grant}", item(1), kept.hash);
        format!("GET {path} HTTP/{version}\r\nhost: a\r\n{headers}\r\n")
    };
    let last = "connection: close\r\n";
    let cases = [
        (get("1.1", &format!("accept-encoding: gzip, br\r\n{last}")), vec![&blob[..]]),
        (get("1.0", ""), vec![&blob[..]]),
        (get("1.1", &format!("range: bytes=600000-1000000\r\n{last}")), vec![&blob[600_000..=1_000_000]]),
        (get("1.1", "range: bytes=-7\r\n") + &get("1.1", last), vec![&blob[BYTES - 7..], &blob[..]]),
        (get("1.1", "") + &get("1.1", last), vec![&blob[..], &blob[..]]),
    ];
    for (requests, wanted) in cases {
        let answers = exchange(cluster.node, &requests).await;
        assert!(bodies(&answers) == wanted, "{requests}");
    }
}

/// The lines of an answer's head, sorted, without its time; and its body.
fn parts(answer: &[u8]) -> (Vec<String>, &[u8]) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]);
    let mut lines: Vec<_> =
        head.lines().filter(|line| !line.starts_with("date: ")).map(str::to_owned).collect();
    lines.sort_unstable();
    (lines, &answer[end + 4..])
}

#[tokio::test]
async fn what_is_answered_at_once_is_what_the_routes_answer_and_needs_the_same_grant() {
    let cluster = Cluster::start().await;
    let at_once = cluster.at_once().await;
    let blob: Bytes = (0..MAX_PIECE_BYTES).map(|at| (at % 251) as u8).collect();
    let [kept, other] = [cluster.put(blob.clone()).await, cluster.put(vec![1; MAX_PIECE_BYTES]).await];
    cluster.publish(item(1), vec![take("audio/mpeg", None, vec![kept.clone()])]);
    cluster.publish(item(2), vec![take("audio/mpeg", None, vec![other.clone()])]);
    let grants = [1, 2].map(|number| item_grant(item(number), "here", 4_000_000_000));
    let get = |number: u8, hash: &str, query: String, headers: &str| {
        let path = format!("/library/{}/blobs/{hash}?{query}", item(number));
        format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n")
    };
    let asked = get(1, &kept.hash, format!("grant={}", grants[0]), "");
    // A file that changed more recently is verified again for each answer.
    sleep(Duration::from_millis(2_100)).await;
    let status = |answer: &[u8]| String::from_utf8_lossy(&answer[9..12]).into_owned();
    let seen = async |address, request: &str| status(&answer(address, request).await);
    assert_eq!(seen(at_once, &asked).await, "404", "nothing was verified yet");

    // Parameters before the grant are for the routes.
    let by_routes = get(1, &kept.hash, format!("name=a&grant={}", grants[0]), "");
    let (wanted, given) = (answer(cluster.node, &by_routes).await, answer(at_once, &asked).await);
    let (wanted, given) = (parts(&wanted), parts(&given));
    assert_eq!(given.0, wanted.0);
    assert!(given.1 == &blob[..] && wanted.1 == &blob[..]);

    let of_another = get(2, &other.hash, format!("grant={}", grants[1]), "");
    assert_eq!(seen(cluster.node, &of_another).await, "200");
    let etag = format!("if-none-match: \"{}\"\r\n", kept.hash);
    let query = format!("grant={}", grants[0]);
    for left in [
        get(1, &kept.hash, format!("grant={}", grants[1]), ""),
        get(1, &kept.hash, format!("grant={}x", grants[0]), ""),
        get(1, &kept.hash, String::new(), ""),
        get(1, &other.hash, query.clone(), ""),
        get(2, &kept.hash, query.clone(), ""),
        get(1, &kept.hash, query.clone(), "range: bytes=0-9\r\n"),
        get(1, &kept.hash, query.clone(), &etag),
        get(1, &kept.hash, query.clone(), "connection: close\r\n"),
        asked.replacen("GET", "HEAD", 1),
    ] {
        assert_eq!(seen(at_once, &left).await, "404", "{left}");
    }
    assert_eq!(seen(at_once, &asked).await, "200");
    let path = cluster.folder.path().join("blobs").join(&kept.hash[..2]).join(&kept.hash);
    std::fs::remove_file(path).unwrap();
    assert_eq!(seen(at_once, &asked).await, "404", "the file is not there any more");
}
