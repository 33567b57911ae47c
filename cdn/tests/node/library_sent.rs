//! Blobs that the kernel sends from their files: whatever a client asks for, it gets the blob's own bytes.

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    harness::TEST_TIMEOUT,
    library_support::{Cluster, item, item_grant, take},
};

const BYTES: usize = (1 << 20) + 7;

/// What a connection gives until the node closes it.
async fn exchange(cluster: &Cluster, requests: &str) -> Vec<u8> {
    let mut client = TcpStream::connect(cluster.node).await.unwrap();
    client.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    timeout(TEST_TIMEOUT, client.read_to_end(&mut answers)).await.unwrap().unwrap();
    answers
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
        let answers = exchange(&cluster, &requests).await;
        assert!(bodies(&answers) == wanted, "{requests}");
    }
}
