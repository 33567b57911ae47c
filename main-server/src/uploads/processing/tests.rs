//! Files of every format become items that play, damaged ones say why not, and a server that dies in the middle is replaced. Needs
//! `ffmpeg`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{fs, path::Path, pin::pin, process::Command, sync::Arc, time::Duration};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{
    ItemId,
    item::{Blob, Manifest, State},
};
use reqwest::{Method, StatusCode};
use store::{Queue, queue::Settings};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{ProcessUpload, Processing, fragments::Fragments};
use crate::{
    clock::Now,
    cluster::tests::{Member, until},
    library,
    uploads::{
        Uploads,
        append::Appended,
        record::{Phase, Record},
        tests::{BYTES, Servers, VERSION, create, files, header, key, patch, record, server},
    },
};

const SOUND: &str = "-f lavfi -i sine=440:r=44100:d=3";
const PICTURES: &str = "-f lavfi -i testsrc2=s=160x120:r=12:d=3";

/// A file made by ffmpeg.
fn encoded(folder: &TempDir, name: &str, arguments: &str) -> Vec<u8> {
    let path = folder.path().join(name);
    ffmpeg(&format!("-y {arguments} {}", path.display()));
    fs::read(path).unwrap()
}

fn ffmpeg(arguments: &str) {
    let ran = Command::new("ffmpeg").args("-nostdin -v error".split(' ')).args(arguments.split(' ')).output();
    let ran = ran.unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && said.is_empty(), "ffmpeg {arguments}: {said}");
}

/// Uploads a file with one request. Returns the item that it becomes.
async fn upload(server: &Member, name: &str, file: Vec<u8>) -> ItemId {
    let metadata = format!("filename {}", STANDARD.encode(name));
    let length = file.len().to_string();
    let headers =
        [VERSION, BYTES, ("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    let made = server.call(Method::POST, "/api/uploads", &headers, file).await;
    assert_eq!(made.status(), StatusCode::CREATED, "{name}");
    header(&made, "undead-item").parse().unwrap()
}

/// The item once its upload was processed.
async fn processed(server: &Member, item_id: ItemId) -> library::Record {
    let is_processed =
        async || server.library.get(item_id).await.is_ok_and(|item| item.state != State::Processing);
    until("the upload is processed", is_processed).await;
    server.library.get(item_id).await.unwrap()
}

async fn manifest(server: &Member, item_id: ItemId) -> Manifest {
    server.library.manifest(item_id, None).await.unwrap().manifest.unwrap()
}

async fn bytes(server: &Member, blob: &Blob) -> Vec<u8> {
    let bytes = server.context().objects.get(&blob.hash.parse().unwrap(), None).await.unwrap();
    assert_eq!(bytes.len() as u64, blob.bytes);
    bytes.to_vec()
}

/// Has ffmpeg decode the media of an item, in each format.
async fn play(server: &Member, item_id: ItemId, folder: &Path) {
    let manifest = manifest(server, item_id).await;
    let [take] = &manifest.takes[..] else { panic!("{manifest:?}") };
    let main = (&take.mime, &take.init, &take.fragments);
    let others = take.alternatives.iter().map(|other| (&other.mime, &other.init, &other.fragments));
    for (mime, init, fragments) in std::iter::once(main).chain(others) {
        let mut media = Vec::new();
        for blob in init.iter().chain(fragments.iter().map(|fragment| &fragment.blob)) {
            media.extend(bytes(server, blob).await);
        }
        let extension = mime.split([';', '/']).nth(1).unwrap();
        let path = folder.join(format!("{item_id}.{extension}"));
        fs::write(&path, media).unwrap();
        // Bare MP3 does not say how long it is.
        let level = if mime == "audio/mpeg" { "error" } else { "warning" };
        ffmpeg(&format!("-v {level} -i {} -f null -", path.display()));
    }
}

#[tokio::test]
async fn files_of_every_format_become_items_that_play() {
    let (servers, server) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let sound_and_pictures = format!("{PICTURES} {SOUND} -pix_fmt yuv420p");
    for (name, arguments, mime, alternatives) in [
        ("a.mp3", format!("{SOUND} -c:a libmp3lame"), "audio/mp4;codecs=\"mp3\"", 1),
        ("a.aac", format!("{SOUND} -c:a aac"), "audio/mp4;codecs=\"mp4a.40.2\"", 0),
        ("a.flac", format!("{SOUND} -c:a flac"), "audio/mp4;codecs=\"flac\"", 0),
        ("a.wav", format!("{SOUND} -c:a pcm_s16le"), "audio/mp4;codecs=\"flac\"", 0),
        ("a.m4a", format!("{SOUND} -c:a aac"), "audio/mp4;codecs=\"mp4a.40.2\"", 0),
        (
            "a.mp4",
            format!("{sound_and_pictures} -c:v libx264 -g 12 -c:a aac"),
            "video/mp4;codecs=\"avc1.64000a,mp4a.40.2\"",
            0,
        ),
        ("vorbis.ogg", format!("{SOUND} -c:a libvorbis"), "audio/webm;codecs=\"vorbis\"", 0),
        ("opus.ogg", format!("{SOUND} -c:a libopus"), "audio/webm;codecs=\"opus\"", 0),
        (
            "a.webm",
            format!("{sound_and_pictures} -c:v libvpx -g 12 -c:a libopus"),
            "video/webm;codecs=\"vp8,opus\"",
            0,
        ),
        (
            "a.mkv",
            format!("{sound_and_pictures} -c:v libx264 -g 12 -c:a aac"),
            "video/mp4;codecs=\"avc1.64000a,mp4a.40.2\"",
            0,
        ),
    ] {
        let item_id = upload(&server, name, encoded(&folder, name, &arguments)).await;
        let item = processed(&server, item_id).await;
        assert_eq!((item.state, &item.error), (State::Ready, &None), "{name}");
        assert!(item.duration_ms.abs_diff(3_000) < 150, "{name}: {} ms", item.duration_ms);
        let take = &manifest(&server, item_id).await.takes[0];
        assert_eq!((take.mime.as_str(), take.alternatives.len()), (mime, alternatives), "{name}");
        play(&server, item_id, folder.path()).await;
    }
    let parts = servers.objects.path().join("uploads");
    until("parts are deleted", async || files(&parts) == 0).await;
}

#[tokio::test]
async fn an_item_is_described_by_its_client_then_by_its_file_then_by_its_name() {
    let (_servers, server) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let plain = encoded(&folder, "plain.flac", SOUND);
    ffmpeg(&format!(
        "-f lavfi -i color=red:s=32x32 -frames:v 1 {}",
        folder.path().join("cover.jpg").display()
    ));
    let cover = format!(
        "-i {} -map 0 -map 1 -c:v copy -disposition:v attached_pic",
        folder.path().join("cover.jpg").display()
    );
    let words = "-metadata title=Sine -metadata artist=Ann -metadata album=Waves -metadata genre=Noise";
    let tagged = encoded(&folder, "tagged.mp3", &format!("{SOUND} {cover} {words} -c:a libmp3lame"));

    let named = processed(&server, upload(&server, "A song.flac", plain).await).await;
    assert_eq!((named.text.title.as_str(), &named.poster), ("A song", &None));
    let described = processed(&server, upload(&server, "x.mp3", tagged.clone()).await).await;
    let text = &described.text;
    assert_eq!(
        (text.title.as_str(), text.artist.as_deref(), text.album.as_deref()),
        ("Sine", Some("Ann"), Some("Waves"))
    );
    assert_eq!(text.tags, ["noise"]);
    assert_eq!(bytes(&server, &described.poster.unwrap()).await[..3], [0xff, 0xd8, 0xff]);

    let metadata = [("title", "Mine"), ("artist", "Bob"), ("visibility", "unlisted")];
    let metadata: Vec<_> =
        metadata.iter().map(|(key, value)| format!("{key} {}", STANDARD.encode(value))).collect();
    let (metadata, length) = (metadata.join(","), tagged.len().to_string());
    let headers =
        [VERSION, BYTES, ("upload-length", length.as_str()), ("upload-metadata", metadata.as_str())];
    let made = server.call(Method::POST, "/api/uploads", &headers, tagged).await;
    let said = processed(&server, header(&made, "undead-item").parse().unwrap()).await;
    assert_eq!((said.text.title.as_str(), said.text.artist.as_deref()), ("Mine", Some("Bob")));
    assert_eq!(
        (said.text.album.as_deref(), said.visibility),
        (Some("Waves"), protocol::stream::Visibility::Unlisted)
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_read_gives_an_item_that_says_why() {
    let (servers, server) = server().await;
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = encoded(&folder, "a.mp4", &format!("{PICTURES} -c:v libx264 -pix_fmt yuv420p"));
    damaged.truncate(damaged.len() / 3);
    for (name, file, reason) in
        [("notes.txt", b"not a song".to_vec(), "not playable in browsers"), ("cut.mp4", damaged, "damaged")]
    {
        let item = processed(&server, upload(&server, name, file).await).await;
        assert_eq!(item.state, State::Failed, "{name}");
        let error = item.error.unwrap();
        assert!(error.contains(reason), "{name}: {error}");
    }
    // What can be read of a file is kept.
    let mut song = encoded(&folder, "a.flac", "-f lavfi -i anoisesrc=d=30:r=44100 -c:a flac");
    song.truncate(song.len() / 2);
    let item = processed(&server, upload(&server, "cut.flac", song).await).await;
    assert_eq!(item.state, State::Ready, "{:?}", item.error);
    assert!((10_000..20_000).contains(&item.duration_ms), "{} ms", item.duration_ms);
    until("parts are deleted", async || files(&servers.objects.path().join("uploads")) == 0).await;
}

/// What a server does that then dies: it receives the end of an upload.
async fn complete(server: &Member, path: &str, file: &[u8]) -> Arc<Uploads> {
    let uploads = Arc::new(Uploads::of(server.context(), &server.library));
    uploads.load().await.unwrap();
    let offset = file.len() as u64 - 1;
    let appended = Appended {
        offset,
        body: Body::from(file[file.len() - 1..].to_vec()),
        checksum: None,
        address: None,
        is_creation: false,
    };
    let record = uploads.append(key(path), appended).await.unwrap();
    assert_eq!(record.phase, Phase::Complete);
    uploads
}

#[tokio::test]
async fn a_server_that_dies_while_it_processes_an_upload_is_replaced() {
    let servers = Servers::new().await;
    let mut first = servers.member(|_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let file = encoded(&folder, "a.flac", "-f lavfi -i sine=440:r=44100:d=35 -c:a flac");
    let path = create(&first, file.len()).await;
    let begun = patch(&first, &path, 0, &file[..file.len() - 1], &[]).await;
    assert_eq!(begun.status(), StatusCode::NO_CONTENT);
    first.crash().await;

    let uploads = complete(&first, &path, &file).await;
    let upload = record(&first, &path).await;
    let settings = Settings { lease: Duration::from_millis(200), ..Settings::default() };
    let queue = Queue::<ProcessUpload>::new(Arc::clone(&first.context().store.kv), settings);
    queue.load().await.unwrap();
    let claim = queue.claim().await;
    assert_eq!(claim.task().upload, key(&path).to_string());
    let reader = std::io::Cursor::new(file.clone());
    let mut opened = media_file::open(reader, file.len() as u64, "a.flac").unwrap();
    let objects = &first.context().objects;
    let mut fragments = Fragments::new(&uploads.library, objects, &upload);
    fragments.begin(&opened.formats()).await.unwrap();
    fragments.add(opened.next_fragment().unwrap().unwrap()).await.unwrap();
    fragments.end().await.unwrap();
    drop(claim);

    let second = servers.member(|_| {}).await;
    let item = processed(&second, upload.item_id).await;
    assert_eq!(item.state, State::Ready, "{:?}", item.error);
    let manifest = manifest(&second, upload.item_id).await;
    let starts: Vec<_> =
        manifest.takes[0].fragments.iter().map(|fragment| fragment.start_ms / 1_000).collect();
    assert_eq!((manifest.takes.len(), starts), (1, vec![0, 10, 20, 30]));
    play(&second, upload.item_id, folder.path()).await;
    assert_eq!(second.get("/api/library").await.json["total"], 1, "one item");
}

#[tokio::test]
async fn a_file_that_ends_the_server_again_and_again_fails_and_is_not_tried_any_more() {
    let servers = Servers::new().await;
    let mut first = servers.member(|_| {}).await;
    let path = create(&first, 5).await;
    assert_eq!(patch(&first, &path, 0, b"hell", &[]).await.status(), StatusCode::NO_CONTENT);
    first.crash().await;
    let uploads = complete(&first, &path, b"hello").await;
    let settings =
        Settings { lease: Duration::from_millis(1), max_attempts: super::ATTEMPTS, ..Settings::default() };
    let queue = Queue::<ProcessUpload>::new(Arc::clone(&first.context().store.kv), settings);
    queue.load().await.unwrap();
    for _ in 0..super::ATTEMPTS {
        drop(queue.claim().await);
    }
    let next = tokio::time::timeout(Duration::from_millis(100), queue.claim()).await;
    assert!(next.is_err(), "it is tried once more");
    uploads.queue.load().await.unwrap();
    uploads.give_up().await.unwrap();
    let item = first.library.get(record(&first, &path).await.item_id).await.unwrap();
    assert_eq!(item.state, State::Failed);
    assert!(item.error.unwrap().contains("damaged"));
    assert_eq!(record(&first, &path).await.phase, Phase::Processed);
    assert!(uploads.queue.dead_letters().is_empty(), "it is given up once");
}

/// A complete upload that no server processes, and what would.
async fn waiting(servers: &Servers, file: &[u8]) -> (Member, String, Processing) {
    let mut server = servers.member(|_| {}).await;
    let path = create(&server, file.len()).await;
    let begun = patch(&server, &path, 0, &file[..file.len() - 1], &[]).await;
    assert_eq!(begun.status(), StatusCode::NO_CONTENT);
    server.crash().await;
    let uploads = complete(&server, &path, file).await;
    let objects = server.context().objects.clone();
    (server, path, Processing { uploads, objects })
}

#[tokio::test]
async fn an_item_says_how_much_of_its_upload_was_read_while_it_is_processed() {
    let servers = Servers::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (server, path, processing) = waiting(&servers, &encoded(&folder, "a.flac", SOUND)).await;
    let item_id = record(&server, &path).await.item_id;
    let shown = async || {
        let item = server.get(&format!("/api/library/{item_id}")).await.json;
        (item["state"].clone(), item.get("processed_percent").cloned())
    };
    assert_eq!(shown().await, ("processing".into(), None), "it waits");
    let mut changed = server.library.changed();
    let (mut claim, key) = (processing.uploads.queue.claim().await, key(&path));
    let told = async {
        loop {
            changed.changed().await.unwrap();
            if let Some(percent) = server.library.known(item_id).unwrap().processed_percent {
                return percent;
            }
        }
    };
    let mut reading = pin!(processing.process(&key, &mut claim));
    let percent = tokio::select! {
        biased;
        percent = told => percent,
        read = &mut reading => panic!("nothing was told: {read:?}"),
    };
    assert!(percent <= 100, "{percent}");
    server.library.set_processed(item_id, 50).await.unwrap();
    assert_eq!(shown().await, ("processing".into(), Some(50.into())));
    reading.await.unwrap();
    assert_eq!(shown().await, ("ready".into(), None));
    server.library.set_processed(item_id, 51).await.unwrap();
    assert_eq!(shown().await, ("ready".into(), None), "a server that was late");
}

#[tokio::test]
async fn an_outage_of_the_object_store_costs_no_attempt() {
    let servers = Servers::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = encoded(&folder, "a.flac", SOUND);
    let (server, path, processing) = waiting(&servers, &file).await;
    let item_id = record(&server, &path).await.item_id;
    let (parts, away) = (servers.objects.path().join("uploads"), servers.objects.path().join("away"));
    fs::rename(&parts, &away).unwrap();
    for _ in 0..2 {
        let claim = processing.uploads.queue.claim().await;
        assert_eq!(claim.attempt(), 1);
        processing.work_on(claim, &CancellationToken::new()).await;
        assert_eq!(server.library.get(item_id).await.unwrap().state, State::Processing);
        assert_eq!(record(&server, &path).await.phase, Phase::Complete);
    }
    fs::rename(&away, &parts).unwrap();
    processing.work_on(processing.uploads.queue.claim().await, &CancellationToken::new()).await;
    assert_eq!(server.library.get(item_id).await.unwrap().state, State::Ready);
}

#[tokio::test]
async fn an_upload_that_cannot_be_read_for_as_long_as_uploads_are_kept_fails() {
    let servers = Servers::new().await;
    let (server, path, processing) = waiting(&servers, b"hello").await;
    let long_ago = |upload: &Record| Some(Record { changed_at_ms: 0, ..upload.clone() });
    processing.uploads.records.change(&key(&path), long_ago).await.unwrap();
    fs::rename(servers.objects.path().join("uploads"), servers.objects.path().join("away")).unwrap();
    processing.work_on(processing.uploads.queue.claim().await, &CancellationToken::new()).await;
    let item = server.library.get(record(&server, &path).await.item_id).await.unwrap();
    assert_eq!(item.state, State::Failed);
    assert!(item.error.unwrap().contains("upload it again"));
}

#[tokio::test]
async fn a_server_that_stops_gives_an_upload_back_without_an_attempt() {
    let servers = Servers::new().await;
    let (_server, _path, processing) = waiting(&servers, b"hello").await;
    let stopped = CancellationToken::new();
    stopped.cancel();
    processing.work_on(processing.uploads.queue.claim().await, &stopped).await;
    assert_eq!(processing.uploads.queue.claim().await.attempt(), 1);
}

#[tokio::test]
async fn an_item_that_is_deleted_while_its_upload_waits_can_be_restored() {
    let servers = Servers::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (server, path, processing) = waiting(&servers, &encoded(&folder, "a.flac", SOUND)).await;
    let (library, never) = (&server.library, CancellationToken::new());
    let upload = record(&server, &path).await;
    library.delete(upload.item_id, Now::read()).await.unwrap();
    processing.work_on(processing.uploads.queue.claim().await, &never).await;
    assert_eq!(record(&server, &path).await.phase, Phase::Complete);
    library.restore(upload.item_id, Now::read()).await.unwrap();
    processing.work_on(processing.uploads.queue.claim().await, &never).await;
    assert_eq!(library.get(upload.item_id).await.unwrap().state, State::Ready);
}

#[tokio::test]
async fn an_item_that_is_gone_for_good_is_not_made_again_and_its_upload_is_done() {
    let servers = Servers::new().await;
    let (server, path, processing) = waiting(&servers, b"hello").await;
    let (uploads, upload) = (&processing.uploads, record(&server, &path).await);
    server.library.remove(upload.item_id, |_| true).await.unwrap();
    uploads.process(&key(&path), &upload).await.unwrap();
    assert!(uploads.library.find(upload.item_id).await.unwrap().is_none());
    processing.work_on(uploads.queue.claim().await, &CancellationToken::new()).await;
    assert_eq!(record(&server, &path).await.phase, Phase::Processed);
}

#[tokio::test]
async fn an_item_that_is_ready_stays_ready_if_its_task_was_not_settled() {
    let servers = Servers::new().await;
    let folder = tempfile::tempdir().unwrap();
    let (server, path, processing) = waiting(&servers, &encoded(&folder, "a.flac", SOUND)).await;
    let (uploads, item_id) = (&processing.uploads, record(&server, &path).await.item_id);
    for attempt in 1..=super::ATTEMPTS {
        let mut claim = uploads.queue.claim().await;
        if attempt == super::ATTEMPTS {
            processing.process(&key(&path), &mut claim).await.unwrap();
        }
        claim.nack("what settles it does not arrive").await.unwrap();
    }
    assert_eq!(uploads.queue.dead_letters().len(), 1);
    uploads.give_up().await.unwrap();
    assert_eq!(server.library.get(item_id).await.unwrap().state, State::Ready);
    assert_eq!(record(&server, &path).await.phase, Phase::Processed);
    assert!(uploads.queue.dead_letters().is_empty());
}

#[tokio::test]
async fn media_that_need_more_room_than_there_is_fail_with_the_reason_and_take_none() {
    let servers = Servers::new().await;
    // MP3 becomes two formats. The first of its fragments find room.
    let folder = tempfile::tempdir().unwrap();
    let file = encoded(&folder, "a.mp3", "-f lavfi -i sine=440:r=8000:d=300 -c:a libmp3lame -b:a 8k");
    let server = servers.member(|config| config.library.quota_bytes = file.len() as u64 * 3 / 2).await;
    let item_id = upload(&server, "a.mp3", file.clone()).await;
    let item = processed(&server, item_id).await;
    assert_eq!((item.state, item.bytes, item.duration_ms), (State::Failed, 0, 0));
    assert!(item.error.unwrap().contains("library_quota_bytes"));
    let left = async || server.library.manifest(item_id, None).await.unwrap().manifest.unwrap().takes.len();
    until("its media are removed", async || left().await == 0).await;

    let uploads = super::super::Uploads::of(server.context(), &server.library);
    uploads.load().await.unwrap();
    let (key, record) =
        uploads.records.all().into_iter().find(|(_, record)| record.item_id == item_id).unwrap();
    assert_eq!(record.phase, Phase::Processed);
    let keep_ms = u64::try_from(uploads.keep().as_millis()).unwrap();
    uploads.look_after(&key, &record, record.changed_at_ms + keep_ms - 1).await.unwrap();
    assert!(!server.library.known(item_id).unwrap().is_deleted());
    uploads.look_after(&key, &record, record.changed_at_ms + keep_ms).await.unwrap();
    assert!(server.library.newest(item_id).await.is_err(), "it is deleted");
}
