//! The rules of tus, and what happens when connections, requests and main servers die in the middle.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod idle;

use std::{path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use objects::Location;
use protocol::{ErrorBody, ErrorCode, account::UploadPolicy};
use reqwest::{Method, Response, StatusCode};
use sha1::{Digest, Sha1};
use store::{Namespace, Replicated};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    Error, MAX_RECEIVING, MAX_UPLOADS, NewUpload,
    metadata::Metadata,
    parts::Parts,
    record::{Key, PART_BYTES, Phase, Record},
    upkeep::MOST_GONE,
};
use crate::{
    Config,
    clock::Now,
    cluster::tests::{Cluster, Member, until},
};

pub(super) const VERSION: (&str, &str) = ("tus-resumable", "1.0.0");
pub(super) const BYTES: (&str, &str) = ("content-type", "application/offset+octet-stream");

/// Main servers with one store and one object store.
pub(super) struct Servers {
    cluster: Cluster,
    pub(super) objects: TempDir,
}

impl Servers {
    pub(super) async fn new() -> Self {
        Self { cluster: Cluster::new().await, objects: tempfile::tempdir().unwrap() }
    }

    pub(super) async fn member(&self, set: impl Fn(&mut Config)) -> Member {
        let set = |config: &mut Config| {
            config.objects = Location::Folder(self.objects.path().to_owned());
            config.upload = UploadPolicy::Open;
            set(config);
        };
        self.cluster.member(set).await
    }
}

pub(super) async fn server() -> (Servers, Member) {
    let servers = Servers::new().await;
    let member = servers.member(|_| {}).await;
    (servers, member)
}

/// Bytes that differ from part to part.
fn file(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 + index / 251) as u8).collect()
}

pub(super) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}: {response:?}")).to_str().unwrap()
}

async fn code(response: Response) -> (u16, ErrorCode) {
    let status = response.status().as_u16();
    (status, response.json::<ErrorBody>().await.unwrap().error.code)
}

pub(super) async fn create(server: &Member, length: usize) -> String {
    let length = length.to_string();
    let created =
        server.call(Method::POST, "/api/uploads", &[VERSION, ("upload-length", &length)], vec![]).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    header(&created, "location").to_owned()
}

pub(super) async fn patch(
    server: &Member,
    path: &str,
    offset: usize,
    bytes: &[u8],
    more: &[(&str, &str)],
) -> Response {
    let offset = offset.to_string();
    let headers = [&[VERSION, BYTES, ("upload-offset", offset.as_str())], more].concat();
    server.call(Method::PATCH, path, &headers, bytes.to_vec()).await
}

async fn offset(server: &Member, path: &str) -> usize {
    let shown = server.call(Method::HEAD, path, &[VERSION], vec![]).await;
    assert_eq!(shown.status(), StatusCode::OK);
    header(&shown, "upload-offset").parse().unwrap()
}

pub(super) fn key(path: &str) -> Key {
    Key::of(path.rsplit('/').next().unwrap())
}

pub(super) async fn record(server: &Member, path: &str) -> Record {
    let records = Replicated::<Record>::shared(Arc::clone(&server.context().store.kv));
    records.load().await.unwrap();
    records.get(&key(path)).unwrap()
}

/// The bytes of an upload, as they are read from the object store. It is not complete: otherwise they may be deleted already.
async fn stored(server: &Member, path: &str) -> Vec<u8> {
    let parts = Parts::new(server.context().objects.clone());
    let mut bytes = Vec::new();
    for part in record(server, path).await.parts() {
        let stored = parts.get(&key(path), part).await.unwrap();
        assert_eq!((part.offset, part.bytes), (bytes.len() as u64, stored.len() as u64));
        bytes.extend_from_slice(&stored);
    }
    bytes
}

/// A connection on which a request that appends has begun: its head and these bytes of its body were sent.
async fn begun(
    server: &Member,
    path: &str,
    offset: usize,
    length: usize,
    sent: &[u8],
    more: &str,
) -> TcpStream {
    let mut connection = TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\n\
         Upload-Offset: {offset}\r\nContent-Length: {length}\r\n{more}\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(sent).await.unwrap();
    connection
}

#[tokio::test]
async fn options_tell_what_is_supported() {
    let (_servers, server) = server().await;
    let answer = server.call(Method::OPTIONS, "/api/uploads", &[], vec![]).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&answer, "tus-version"), "1.0.0");
    assert_eq!(header(&answer, "tus-max-size"), (16_u64 << 30).to_string());
    assert_eq!(header(&answer, "tus-checksum-algorithm"), "sha1,sha256,md5");
    for extension in ["creation", "creation-with-upload", "termination", "checksum", "expiration"] {
        assert!(header(&answer, "tus-extension").split(',').any(|name| name == extension), "{extension}");
    }
}

#[tokio::test]
async fn requests_against_the_rules_get_the_statuses_of_the_specification() {
    let (_servers, server) = server().await;
    let length = ("upload-length", "10");
    for (headers, expected) in [
        (&[length][..], 412),
        (&[("tus-resumable", "0.2.2"), length], 412),
        (&[VERSION], 400),
        (&[VERSION, ("upload-length", "+10")], 400),
        (&[VERSION, ("upload-length", "-1")], 400),
        (&[VERSION, ("upload-length", "0")], 400),
        (&[VERSION, ("upload-defer-length", "1")], 400),
        (&[VERSION, ("upload-length", "18446744073709551615")], 413),
        (&[VERSION, length, ("upload-metadata", "title *")], 400),
    ] {
        let answer = server.call(Method::POST, "/api/uploads", headers, vec![]).await;
        assert_eq!(answer.status().as_u16(), expected, "{headers:?}");
        assert_eq!(header(&answer, "tus-resumable"), "1.0.0");
        assert_eq!(answer.headers().contains_key("tus-version"), expected == 412);
    }
    let path = create(&server, 10).await;
    let at = ("upload-offset", "0");
    for (headers, body, expected) in [
        (&[BYTES, at][..], "hello", 412),
        (&[VERSION, at], "hello", 415),
        (&[VERSION, ("content-type", "text/plain"), at], "hello", 415),
        (&[VERSION, BYTES], "hello", 400),
        (&[VERSION, BYTES, ("upload-offset", "5")], "hello", 409),
        (&[VERSION, BYTES, at], "more than ten bytes", 413),
        (&[VERSION, BYTES, at, ("upload-checksum", "crc7 AAAA")], "hello", 400),
        (&[VERSION, BYTES, at, ("upload-checksum", "sha1 AAAA")], "hello", 460),
    ] {
        let answer = server.call(Method::PATCH, &path, headers, body.into()).await;
        assert_eq!(answer.status().as_u16(), expected, "{headers:?}");
        assert_eq!(header(&answer, "tus-resumable"), "1.0.0");
        assert_eq!(offset(&server, &path).await, 0);
    }
    for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
        let headers = [VERSION, BYTES, at];
        let answer = server.call(method, "/api/uploads/unknown", &headers, "hello".into()).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(server.call(Method::DELETE, &path, &[VERSION], vec![]).await.status(), StatusCode::NO_CONTENT);
    let gone = server.call(Method::HEAD, &path, &[VERSION], vec![]).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    assert_eq!(patch(&server, &path, 0, b"hello", &[]).await.status(), StatusCode::GONE);
    assert_eq!(
        server.call(Method::GET, &path, &[VERSION], vec![]).await.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn any_main_server_goes_on_after_another_died() {
    let (servers, first) = server().await;
    let second = servers.member(|_| {}).await;
    let file = file(2 * PART_BYTES as usize + 1_000);
    let (begin, middle) = (PART_BYTES as usize + 10, PART_BYTES as usize + 500);
    let metadata = format!("filename {},is_private", STANDARD.encode("song.mp3"));
    let length = file.len().to_string();
    let headers =
        [VERSION, BYTES, ("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    let created = first.call(Method::POST, "/api/uploads", &headers, file[..begin].to_vec()).await;
    assert_eq!(
        (created.status(), header(&created, "upload-offset")),
        (StatusCode::CREATED, begin.to_string().as_str())
    );
    let path = header(&created, "location").to_owned();
    drop(first);

    let shown = second.call(Method::HEAD, &path, &[VERSION], vec![]).await;
    assert_eq!(header(&shown, "upload-offset"), begin.to_string());
    assert_eq!(header(&shown, "upload-length"), length);
    assert_eq!(header(&shown, "upload-metadata"), metadata);
    assert_eq!(header(&shown, "cache-control"), "no-store");
    assert!(header(&shown, "upload-expires").ends_with(" GMT"));
    assert!(!shown.headers().contains_key("undead-item"));
    let appended = patch(&second, &path, begin, &file[begin..middle], &[]).await;
    assert_eq!(
        (appended.status(), header(&appended, "upload-offset")),
        (StatusCode::NO_CONTENT, middle.to_string().as_str())
    );
    let end = file.len() - 1;
    let appended = patch(&second, &path, middle, &file[middle..end], &[]).await;
    assert_eq!(appended.status(), StatusCode::NO_CONTENT);
    assert_eq!(stored(&second, &path).await, file[..end]);
    let last = patch(&second, &path, end, &file[end..], &[]).await;
    assert_eq!(last.status(), StatusCode::NO_CONTENT);
    let record = record(&second, &path).await;
    assert_ne!(record.phase, Phase::Receiving);
    assert_eq!(record.metadata.filename.as_deref(), Some("song.mp3"));
    let shown = second.call(Method::HEAD, &path, &[VERSION], vec![]).await;
    assert_eq!(header(&shown, "undead-item"), record.item_id.to_string());
    assert_eq!(
        code(second.call(Method::DELETE, &path, &[VERSION], vec![]).await).await,
        (409, ErrorCode::UploadConflict)
    );
}

#[tokio::test]
async fn a_cut_connection_keeps_what_came() {
    let (_servers, server) = server().await;
    let file = file(PART_BYTES as usize + 3_000);
    let path = create(&server, file.len() + 1).await;
    let mut at = 0;
    for sent in [700, PART_BYTES as usize + 100, 50] {
        let connection = begun(&server, &path, at, file.len() - at, &file[at..at + sent], "").await;
        drop(connection);
        at += sent;
        until("what came is kept", async || offset(&server, &path).await == at).await;
    }
    assert_eq!(patch(&server, &path, at, &file[at..], &[]).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(stored(&server, &path).await, file);
}

#[tokio::test]
async fn bytes_with_a_checksum_count_once_it_is_verified() {
    let (servers, server) = server().await;
    let file = file(PART_BYTES as usize + 3_000);
    let path = create(&server, file.len() + 1).await;
    let checksum = format!("sha1 {}", STANDARD.encode(Sha1::digest(&file)));
    let wrong = format!("sha1 {}", STANDARD.encode(Sha1::digest(b"other")));
    let refused = patch(&server, &path, 0, &file, &[("upload-checksum", &wrong)]).await;
    assert_eq!(code(refused).await, (460, ErrorCode::ChecksumMismatch));
    assert_eq!(offset(&server, &path).await, 0);
    let more = format!("Upload-Checksum: {checksum}\r\n");
    let connection = begun(&server, &path, 0, file.len(), &file[..PART_BYTES as usize + 5], &more).await;
    drop(connection);
    let right = patch(&server, &path, 0, &file, &[("upload-checksum", &checksum)]).await;
    assert_eq!(right.status(), StatusCode::NO_CONTENT);
    assert_eq!(stored(&server, &path).await, file);
    // Nothing is left of what did not count.
    let counted = record(&server, &path).await.parts().count();
    until("parts that did not count are deleted", async || files(servers.objects.path()) == counted).await;
}

/// How many files are in a folder and those in it.
pub(super) fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let count = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => files(&entry.path()),
        _ => 1,
    };
    entries.flatten().map(count).sum()
}

#[tokio::test]
async fn an_upload_whose_first_bytes_are_refused_ends_because_its_client_does_not_know_it() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.uploads.per_address = 1).await;
    let begin = async |checksum| {
        let headers = [VERSION, BYTES, ("upload-length", "10"), ("upload-checksum", checksum)];
        server.call(Method::POST, "/api/uploads", &headers, b"hello".to_vec()).await
    };
    for _ in 0..2 {
        assert_eq!(code(begin("sha1 AAAA").await).await, (460, ErrorCode::ChecksumMismatch));
    }
    let begun = begin("md5 XUFAKrxLKna5cZ2REBfFkg==").await;
    assert_eq!((begun.status(), header(&begun, "upload-offset")), (StatusCode::CREATED, "5"));
}

#[tokio::test]
async fn of_two_requests_at_the_same_offset_one_appends() {
    let (servers, first) = server().await;
    let second = servers.member(|_| {}).await;
    let file = file(2 * PART_BYTES as usize);
    let path = create(&first, file.len() + 1).await;
    // One whose connection is dead, but not closed: it wrote a part, and has more in memory.
    let half = PART_BYTES as usize;
    let mut dead = begun(&first, &path, 0, file.len(), &file[..half + 9], "").await;
    until("a part is there", async || offset(&second, &path).await == half).await;
    let rest = patch(&second, &path, half, &file[half..], &[]).await;
    assert_eq!(rest.status(), StatusCode::NO_CONTENT);
    let mut answer = [0; 12];
    dead.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 409");
    assert_eq!(stored(&first, &path).await, file);
    // Two at once.
    for _ in 0..4 {
        let path = create(&first, 9).await;
        let (a, b) = tokio::join!(
            patch(&first, &path, 0, b"aaaaaaaa", &[]),
            patch(&second, &path, 0, b"bbbbbbbb", &[])
        );
        let statuses = [a.status().as_u16(), b.status().as_u16()];
        assert!(matches!(statuses, [204, 409] | [409, 204]), "{statuses:?}");
        let expected = if statuses[0] == 204 { b"aaaaaaaa" } else { b"bbbbbbbb" };
        assert_eq!(stored(&first, &path).await, expected);
    }
}

#[tokio::test]
async fn an_upload_has_as_many_files_and_bytes_as_it_may() {
    let servers = Servers::new().await;
    let server = servers.member(|config| {
        config.uploads.bytes = 1_000;
        config.uploads.per_address = 2;
    });
    let server = server.await;
    let options = server.call(Method::OPTIONS, "/api/uploads", &[], vec![]).await;
    assert_eq!(header(&options, "tus-max-size"), "1000");
    let large =
        server.call(Method::POST, "/api/uploads", &[VERSION, ("upload-length", "1001")], vec![]).await;
    assert_eq!(code(large).await, (413, ErrorCode::PayloadTooLarge));
    let paths = [create(&server, 1_000).await, create(&server, 1).await];
    let headers = [VERSION, ("upload-length", "1")];
    let refused = server.call(Method::POST, "/api/uploads", &headers, vec![]).await;
    assert_eq!(header(&refused, "retry-after"), "30");
    assert_eq!(code(refused).await, (429, ErrorCode::LimitReached));
    assert_eq!(
        server.call(Method::DELETE, &paths[0], &[VERSION], vec![]).await.status(),
        StatusCode::NO_CONTENT
    );
    create(&server, 1).await;
}

#[tokio::test]
async fn who_may_upload_is_the_operators_choice() {
    let servers = Servers::new().await;
    let headers = [VERSION, ("upload-length", "1")];
    for (access, expected) in [
        (UploadPolicy::Off, (403, ErrorCode::Forbidden)),
        (UploadPolicy::Account, (401, ErrorCode::Unauthorized)),
    ] {
        let server = servers.member(|config| config.upload = access).await;
        let refused = server.call(Method::POST, "/api/uploads", &headers, vec![]).await;
        assert_eq!(code(refused).await, expected);
    }
}

#[tokio::test]
async fn the_owner_alone_sees_and_continues_an_upload() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.upload = UploadPolicy::Account).await;
    let mut sessions = Vec::new();
    for name in ["ann", "bob"] {
        let account = serde_json::json!({ "name": name, "password": "correct horse", "role": "broadcaster" });
        server.operate(Method::POST, "/api/accounts", account.to_string().into()).await;
        let signed_in = server.call(Method::POST, "/api/login", &[], account.to_string().into()).await;
        sessions.push(header(&signed_in, "set-cookie").split(';').next().unwrap().to_owned());
    }
    let csrf = ("x-undead-csrf", "1");
    let [ann, bob] = [("cookie", sessions[0].as_str()), ("cookie", sessions[1].as_str())];
    let made =
        server.call(Method::POST, "/api/uploads", &[VERSION, ("upload-length", "5"), ann], vec![]).await;
    assert_eq!(code(made).await, (403, ErrorCode::Csrf));
    let made = server
        .call(Method::POST, "/api/uploads", &[VERSION, ("upload-length", "5"), ann, csrf], vec![])
        .await;
    let path = header(&made, "location").to_owned();
    for headers in [&[VERSION][..], &[VERSION, bob]] {
        assert_eq!(server.call(Method::HEAD, &path, headers, vec![]).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(patch(&server, &path, 0, b"hello", &[bob, csrf]).await.status(), StatusCode::NOT_FOUND);
    let removed = server.call(Method::DELETE, &path, &[VERSION, bob, csrf], vec![]).await;
    assert_eq!(removed.status(), StatusCode::NOT_FOUND);
    assert_eq!(server.call(Method::HEAD, &path, &[VERSION, ann], vec![]).await.status(), StatusCode::OK);
    assert_eq!(patch(&server, &path, 0, b"hello", &[ann, csrf]).await.status(), StatusCode::NO_CONTENT);
    // Its URL is a secret: it is not what the store has.
    let id = path.rsplit('/').next().unwrap();
    let entries = server.context().store.kv.entries(Namespace::new("uploads"), "").await.unwrap();
    assert!(
        entries.iter().all(|entry| entry.key != id && !String::from_utf8_lossy(&entry.value).contains(id))
    );
}

#[tokio::test]
async fn an_upload_without_progress_expires_and_leaves_nothing() {
    let (servers, server) = server().await;
    let uploads = super::Uploads::of(server.context(), &server.library);
    uploads.records.load().await.unwrap();
    let path = create(&server, 10).await;
    assert_eq!(patch(&server, &path, 0, b"hello", &[]).await.status(), StatusCode::NO_CONTENT);
    let look_after = async |later: Duration| {
        let (key, record) = (key(&path), record(&server, &path).await);
        uploads.records.look_up(&key).await.unwrap();
        uploads.look_after(&key, &record, record.changed_at_ms + later.as_millis() as u64).await.unwrap();
    };
    let hours = |count: u64| Duration::from_secs(count * 60 * 60);
    look_after(hours(23)).await;
    assert_eq!(offset(&server, &path).await, 5);
    look_after(hours(24)).await;
    let gone = server.call(Method::HEAD, &path, &[VERSION], vec![]).await;
    assert_eq!(gone.status(), StatusCode::GONE);
    look_after(Duration::ZERO).await;
    assert_eq!(files(servers.objects.path()), 0);
    look_after(hours(1)).await;
    let unknown = server.call(Method::HEAD, &path, &[VERSION], vec![]).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn uploads_that_ended_lately_are_bounded() {
    let (_servers, server) = server().await;
    for _ in 0..super::MOST_ENDED {
        let path = create(&server, 1).await;
        let ended = server.call(Method::DELETE, &path, &[VERSION], vec![]).await;
        assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    }
    let refused = server.call(Method::POST, "/api/uploads", &[VERSION, ("upload-length", "1")], vec![]).await;
    assert_eq!(code(refused).await, (429, ErrorCode::LimitReached));
}

#[tokio::test]
async fn records_of_uploads_that_ended_are_bounded_whoever_made_them() {
    let (_servers, server) = server().await;
    let uploads = super::Uploads::of(server.context(), &server.library);
    let key = |number: usize| Key::of(&number.to_string());
    for number in 0..MOST_GONE + 2 {
        let new = NewUpload { owner: None, address: None, length: 5, metadata: Metadata::default() };
        let record = Record::new(new, protocol::ItemId::from_bytes([0; 16]), 0);
        uploads.records.create(&key(number), record.gone(number as u64).unwrap()).await.unwrap();
    }
    uploads.look_after_all(MOST_GONE as u64).await;
    let left = (0..MOST_GONE + 2).filter(|number| uploads.records.get(&key(*number)).is_some());
    assert!(left.eq(2..MOST_GONE + 2), "the first ones went before their time");
}

#[tokio::test]
async fn parts_of_all_writers_are_found_together_and_without_a_record_they_are_deleted() {
    let (servers, server) = server().await;
    let uploads = super::Uploads::of(server.context(), &server.library);
    uploads.records.load().await.unwrap();
    let path = create(&server, 10).await;
    for offset in 0..4 {
        assert_eq!(patch(&server, &path, offset, b"a", &[]).await.status(), StatusCode::NO_CONTENT);
    }
    let folder = servers.objects.path().join("uploads");
    let folders = || std::fs::read_dir(&folder).unwrap().count();
    assert_eq!((folders(), files(&folder)), (1, 4), "one list finds them");
    let late = std::time::SystemTime::now() + uploads.keep();
    uploads.delete_unknown(late).await.unwrap();
    assert_eq!(files(&folder), 4, "they have a record");
    uploads.records.remove(&key(&path)).await.unwrap();
    uploads.delete_unknown(std::time::SystemTime::now()).await.unwrap();
    assert_eq!(files(&folder), 4, "the record may be under way");
    uploads.delete_unknown(late).await.unwrap();
    assert_eq!(files(&folder), 0);
}

#[tokio::test]
async fn a_server_that_stops_keeps_what_came() {
    let (servers, second) = server().await;
    // A server may stop before it has read what is on its way, hence several tries.
    for _ in 0..20 {
        let first = servers.member(|_| {}).await;
        let path = create(&first, 10).await;
        let mut connection = begun(&first, &path, 0, 10, b"hello", "").await;
        until("the request appends", async || record(&second, &path).await.writer == 1).await;
        first.context().closing.cancel();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 503");
        match offset(&second, &path).await {
            5 => return,
            kept => assert_eq!(kept, 0),
        }
    }
    panic!("what came was never kept");
}

#[tokio::test]
async fn a_server_receives_a_bounded_number_of_uploads_at_a_time() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.uploads.per_address = 100).await;
    let mut under_way = Vec::new();
    for _ in 0..MAX_RECEIVING {
        let path = create(&server, 2).await;
        under_way.push(begun(&server, &path, 0, 2, b"a", "").await);
        let refused = async {
            let mut answer = [0; 12];
            under_way.last_mut().unwrap().read_exact(&mut answer).await.unwrap();
            answer
        };
        let taken = until("it is taken", async || record(&server, &path).await.writer == 1);
        tokio::select! {
            answer = refused => {
                assert_eq!(&answer, b"HTTP/1.1 503");
                assert!(under_way.len() > MAX_RECEIVING / 2);
                // There is room again once one of them is done.
                under_way[0].write_all(b"a").await.unwrap();
                under_way[0].read_exact(&mut [0; 12]).await.unwrap();
                let path = create(&server, 1).await;
                assert_eq!(patch(&server, &path, 0, b"a", &[]).await.status(), StatusCode::NO_CONTENT);
                return;
            }
            () = taken => {}
        }
    }
    panic!("no request was refused");
}

#[tokio::test]
async fn unfinished_uploads_of_all_are_bounded() {
    let (_servers, server) = server().await;
    let uploads = super::Uploads::of(server.context(), &server.library);
    let address = |number: usize| Some(std::net::Ipv4Addr::from(number as u32).into());
    let new = |number| NewUpload {
        owner: None,
        address: address(number),
        length: 1,
        metadata: Metadata::default(),
    };
    for number in 0..MAX_UPLOADS {
        uploads.create(new(number), Now::read()).await.map(drop).unwrap();
    }
    let refused = uploads.create(new(MAX_UPLOADS), Now::read()).await.map(drop);
    assert!(matches!(refused, Err(Error::Full)));
}

#[tokio::test]
async fn complete_uploads_without_an_item_hold_up_no_others_and_expire() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.library.items = 0).await;
    let uploads = super::Uploads::of(server.context(), &server.library);
    let mut keys = Vec::new();
    for number in 0..3_u8 {
        let new = NewUpload { owner: None, address: None, length: 5, metadata: Metadata::default() };
        let record = Record::new(new, protocol::ItemId::from_bytes([number; 16]), 0);
        let whole = record.taken_over(0, 0).unwrap().appended(1, 5, 0).unwrap();
        let key = Key::of(&number.to_string());
        uploads.records.create(&key, whole).await.unwrap();
        keys.push(key);
    }
    let phases = || keys.iter().map(|key| uploads.records.get(key).unwrap().phase).collect::<Vec<_>>();
    let day_ms = 24 * 60 * 60 * 1_000;
    uploads.look_after_all(day_ms - 1).await;
    assert_eq!(phases(), [Phase::Complete; 3]);
    uploads.look_after_all(day_ms).await;
    assert_eq!(phases(), [Phase::Gone; 3]);
}
