//! Uploads of which nothing comes for long: the room that they hold.

use super::{
    super::{append::Appended, record::IDLE_MS},
    *,
};

/// Makes it an hour since anything came of an upload.
async fn make_idle(server: &Member, path: &str) {
    let records = Replicated::<Record>::shared(Arc::clone(&server.context().store.kv));
    records.look_up(&key(path)).await.unwrap();
    let older =
        |record: &Record| Some(Record { changed_at_ms: record.changed_at_ms - IDLE_MS, ..record.clone() });
    records.change(&key(path), older).await.unwrap();
}

#[tokio::test]
async fn an_upload_of_which_nothing_comes_for_an_hour_holds_no_room_for_what_it_lacks() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.library.quota_bytes = 100).await;
    let (idle, other) = (create(&server, 80).await, [VERSION, ("upload-length", "80")]);
    assert_eq!(patch(&server, &idle, 0, b"0123456789", &[]).await.status(), StatusCode::NO_CONTENT);
    let full = (507, ErrorCode::QuotaExceeded);
    let ask = async || server.call(Method::POST, "/api/uploads", &other, vec![]).await;
    assert_eq!(code(ask().await).await, full);
    make_idle(&server, &idle).await;
    let second = {
        let created = std::cell::RefCell::new(None);
        until("there is room", async || {
            let answer = ask().await;
            let is_created = answer.status() == StatusCode::CREATED;
            *created.borrow_mut() = is_created.then(|| header(&answer, "location").to_owned());
            is_created
        })
        .await;
        created.into_inner().unwrap()
    };
    assert_eq!(code(patch(&server, &idle, 10, b"a", &[]).await).await, full, "the other one has the room");
    let ended = server.call(Method::DELETE, &second, &[VERSION], vec![]).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    assert_eq!(patch(&server, &idle, 10, b"a", &[]).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(code(ask().await).await, full, "it holds the room again");
}

/// Otherwise a request that sends slowly for an hour and then goes on would pass the quota.
#[tokio::test]
async fn a_request_whose_upload_became_idle_needs_room_for_what_it_still_sends() {
    let servers = Servers::new().await;
    let length = 3 * PART_BYTES as usize;
    let quota = length as u64 + 100;
    let server = servers.member(|config| config.library.quota_bytes = quota).await;
    let (slow, part) = (create(&server, length).await, PART_BYTES as usize);
    let file = file(length);
    let mut request = begun(&server, &slow, 0, length, &file[..part + 5], "").await;
    until("a part is there", async || offset(&server, &slow).await == part).await;
    make_idle(&server, &slow).await;
    let size = (2 * part).to_string();
    let other = [VERSION, ("upload-length", size.as_str())];
    until("the room is free", async || {
        server.call(Method::POST, "/api/uploads", &other, vec![]).await.status() == StatusCode::CREATED
    })
    .await;
    request.write_all(&file[part + 5..2 * part]).await.unwrap();
    let mut answer = [0; 12];
    request.read_exact(&mut answer).await.unwrap();
    assert_eq!((&answer, offset(&server, &slow).await), (b"HTTP/1.1 507", part));
}

#[tokio::test]
async fn uploads_that_are_made_or_go_on_in_the_same_moment_do_not_take_the_same_room() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.library.quota_bytes = 100).await;
    let uploads = Arc::new(super::super::Uploads::of(server.context(), &server.library));
    let new = || NewUpload { owner: None, address: None, length: 80, metadata: Metadata::default() };
    let is_full = |error: &Error| matches!(error, Error::Library(crate::library::Error::Full(_)));
    let now = Now::read();
    let hours_ago = |hours: u64| Now { unix: now.unix - Duration::from_millis(hours * IDLE_MS), ..now };
    let (first, second) =
        tokio::join!(uploads.create(new(), hours_ago(2)), uploads.create(new(), hours_ago(2)));
    let (made, refused) = if first.is_ok() { (first, second) } else { (second, first) };
    assert!(refused.is_err_and(|error| is_full(&error)), "there is room for one");
    // The first one is idle by now, so there is room for another, which is idle an hour later.
    let other = uploads.create(new(), hours_ago(1)).await;
    let [a, b] = [made, other].map(|made| Key::of(made.unwrap().0.reveal()));
    let go_on = |key| {
        let body = axum::body::Body::from("a");
        uploads.append(key, Appended { offset: 0, body, checksum: None, address: None, is_creation: false })
    };
    let (first, second) = tokio::join!(go_on(a), go_on(b));
    let refused = if first.is_ok() { second } else { first.and(second) };
    assert!(refused.is_err_and(|error| is_full(&error)), "there is room for one");
    let reserved = uploads
        .records
        .with(|records| records.iter().map(|(_, record)| record.reserved(now.unix_ms())).collect::<Vec<_>>());
    assert_eq!(reserved.iter().sum::<u64>(), 80);
}

#[tokio::test]
async fn uploads_count_what_others_are_about_to_take_and_do_not_wait_for_them() {
    let servers = Servers::new().await;
    let server = servers.member(|config| config.library.quota_bytes = 100).await;
    let uploads = Arc::new(super::super::Uploads::of(server.context(), &server.library));
    let new = |length| NewUpload { owner: None, address: None, length, metadata: Metadata::default() };
    let is_full = |error: Error| matches!(error, Error::Library(crate::library::Error::Full(_)));
    let now = Now::read();
    let key = Key::of("a record that the store takes long to write");
    let claim = uploads.room_for(&key, &new(80), now.unix_ms()).unwrap();
    assert!(uploads.create(new(21), now).await.is_err_and(is_full));
    let hours_ago = Now { unix: now.unix - Duration::from_millis(IDLE_MS), ..now };
    let (token, _) = uploads.create(new(20), hours_ago).await.unwrap();
    let idle = Key::of(token.reveal());
    // It is idle: both requests that go on with it have the room that it needs once.
    let first = uploads.room_if_idle(&idle, now.unix_ms()).unwrap();
    let second = uploads.room_if_idle(&idle, now.unix_ms()).unwrap();
    assert!(first.is_some() && second.is_some());
    drop(first);
    assert!(uploads.create(new(1), now).await.is_err_and(is_full), "the second one goes on");
    drop((second, claim));
    assert!(uploads.create(new(100), now).await.is_ok());
}
