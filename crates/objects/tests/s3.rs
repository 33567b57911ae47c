//! Objects in S3: the suite on two servers that others wrote; damage, a store that is away, and settings that are wrong.

mod conformance;

use bytes::Bytes;
use objects::{Bucket, Credentials, Error, Hash, Location, Objects};
use s3_harness::{BUCKET, KEY_ID, Moto, S3s, SECRET};

fn bucket(endpoint: String) -> Bucket {
    Bucket {
        name: BUCKET.to_owned(),
        prefix: String::new(),
        endpoint: Some(endpoint),
        region: None,
        credentials: Some(Credentials { key_id: KEY_ID.to_owned(), secret: SECRET.to_owned() }),
    }
}

fn open(bucket: Bucket) -> Objects {
    Objects::open(&Location::S3(bucket), &tls::Trust::default()).expect("opened")
}

fn with_prefix(prefix: &str, endpoint: String) -> Objects {
    open(Bucket { prefix: prefix.to_owned(), ..bucket(endpoint) })
}

#[tokio::test]
async fn s3s_keeps_objects() {
    let server = S3s::start().await;
    conformance::run(&open(bucket(server.endpoint()))).await;
    conformance::run_with_few(&with_prefix("undead/library", server.endpoint())).await;
}

#[tokio::test]
async fn moto_keeps_objects() {
    let server = Moto::start().await;
    conformance::run(&open(bucket(server.endpoint()))).await;
}

#[tokio::test]
async fn damaged_object_is_found() {
    let server = S3s::start().await;
    let objects = with_prefix("library", server.endpoint());
    let hash = objects.put(Bytes::from_static(b"0123456789")).await.expect("put");
    let name = hash.to_string();
    let file = server.file(&format!("library/blobs/{}/{name}", &name[..2]));
    std::fs::write(file, b"0123456788").expect("written");
    assert_eq!(objects.get(&hash, None).await, Err(Error::Damaged(name)));
}

#[tokio::test]
async fn store_that_was_away_is_used_again() {
    let mut server = S3s::start().await;
    let objects = open(bucket(server.endpoint()));
    let hash = objects.put(Bytes::from_static(b"a fragment")).await.expect("put");
    server.stop().await;
    let is_away = |error: Option<Error>| assert!(matches!(error, Some(Error::Unavailable(_))), "{error:?}");
    let (health, got, put) = tokio::join!(
        objects.health(),
        objects.get(&hash, None),
        objects.put(Bytes::from_static(b"another")),
    );
    is_away(health.err());
    is_away(got.err());
    is_away(put.err());
    server.resume().await;
    assert_eq!(objects.get(&hash, None).await, Ok(Bytes::from_static(b"a fragment")));
    assert_eq!(objects.put(Bytes::from_static(b"another")).await, Ok(Hash::of(b"another")));
}

#[tokio::test]
async fn bucket_that_does_not_exist_is_not_an_empty_one() {
    let (s3s, moto) = tokio::join!(S3s::start(), Moto::start());
    for endpoint in [s3s.endpoint(), moto.endpoint()] {
        let objects = open(Bucket { name: "other".to_owned(), ..bucket(endpoint) });
        let health = objects.health().await;
        assert!(matches!(health, Err(Error::Unavailable(_))), "{health:?}");
    }
    // The other server makes a bucket for what is put, and says of what is read that the object is missing.
    let objects = open(Bucket { name: "other".to_owned(), ..bucket(moto.endpoint()) });
    let got = objects.get(&Hash::of(b""), None).await;
    assert!(matches!(got, Err(Error::Unavailable(_))), "{got:?}");
    let put = objects.put(Bytes::from_static(b"a fragment")).await;
    assert!(matches!(put, Err(Error::Unavailable(_))), "{put:?}");
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_not_told() {
    let server = S3s::start().await;
    let credentials = Credentials { key_id: KEY_ID.to_owned(), secret: "hunter2".to_owned() };
    let objects = open(Bucket { credentials: Some(credentials), ..bucket(server.endpoint()) });
    let error = objects.put(Bytes::from_static(b"a fragment")).await.expect_err("refused");
    assert!(matches!(&error, Error::Unavailable(_)), "{error:?}");
    assert!(!format!("{error} {error:?} {objects:?}").contains("hunter2"), "{error} {objects:?}");
}
