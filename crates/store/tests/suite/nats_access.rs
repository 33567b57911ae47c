//! A store on NATS servers with TLS, client certificates, users: reached with the right ones, and refused with the reason, which
//! never shows a secret.

use std::{net::TcpListener, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD};
use nats_harness::{Servers, Tls};
use nkeys::KeyPair;
use serde_json::{Value, json};
use store::{Engine, Error, Namespace, NatsAccess, Store};
use tls::{Identity, Trust};
use tls_harness::{Authority, Certificate};

const NODES: Namespace = Namespace::new("nodes");

async fn open(urls: &str, access: NatsAccess) -> Result<Store, Error> {
    let Ok(Engine::Nats(servers, _)) = urls.parse() else { panic!("{urls}") };
    Store::open(&Engine::Nats(servers, access), Path::new("unused")).await
}

fn access(authority: &Authority, own: Option<&Certificate>) -> NatsAccess {
    let trust = Trust::load(Some(&authority.file())).unwrap();
    let own = own.map(|own| Identity::load(&own.cert, &own.key).unwrap());
    NatsAccess::new(trust, own, None).unwrap()
}

async fn reason(urls: &str, access: NatsAccess) -> String {
    open(urls, access).await.err().expect("the servers refuse it").to_string()
}

async fn assert_works(store: &Store) {
    let written = store.kv.put(NODES, "a", "1".into(), None).await.unwrap();
    assert_eq!(store.kv.get(NODES, "a").await.unwrap().unwrap().revision, written);
}

#[tokio::test]
async fn servers_with_tls_are_reached_with_a_client_certificate_and_by_no_other_way() {
    let authority = Authority::new().unwrap();
    let (server, client) =
        (authority.issue(&["127.0.0.1"]).unwrap(), authority.issue(&["main-server"]).unwrap());
    let (ca, Certificate { cert, key }) = (authority.file(), &server);
    let servers = Servers::start_tls(1, Tls { ca: &ca, cert, key }).unwrap();
    let urls = servers.urls();
    let store = open(&urls, access(&authority, Some(&client))).await.unwrap();
    assert_works(&store).await;
    // A server may demand TLS at a plain address.
    let plain = urls.replace("tls://", "nats://");
    assert_works(&open(&plain, access(&authority, Some(&client))).await.unwrap()).await;
    let stranger = Authority::new().unwrap();
    let foreign = stranger.issue(&["main-server"]).unwrap();
    let (without, foreign, unknown) = tokio::join!(
        reason(&urls, access(&authority, None)),
        reason(&urls, access(&authority, Some(&foreign))),
        reason(&urls, access(&stranger, Some(&client))),
    );
    assert!(without.contains("demands a client certificate"), "{without}");
    assert!(foreign.contains("does not accept this client's certificate"), "{foreign}");
    assert!(unknown.contains("of an authority that this machine does not trust"), "{unknown}");
}

#[tokio::test]
async fn servers_with_a_wrong_certificate_or_without_tls_are_refused_with_the_reason() {
    let authority = Authority::new().unwrap();
    let ca = authority.file();
    let start = |certificate: &Certificate| {
        let Certificate { cert, key } = certificate;
        Servers::start_tls(1, Tls { ca: &ca, cert, key }).unwrap()
    };
    let expired = start(&authority.issue_expired(&["127.0.0.1"]).unwrap());
    let elsewhere = start(&authority.issue(&["10.0.0.1"]).unwrap());
    let plain = Servers::start(1).unwrap();
    let own = authority.issue(&["main-server"]).unwrap();
    let (expired_urls, elsewhere_urls) = (expired.urls(), elsewhere.urls());
    let plain_urls = plain.urls().replace("nats://", "tls://");
    let (expired, elsewhere, without_tls) = tokio::join!(
        reason(&expired_urls, access(&authority, Some(&own))),
        reason(&elsewhere_urls, access(&authority, Some(&own))),
        reason(&plain_urls, access(&authority, None)),
    );
    assert!(expired.contains("has expired"), "{expired}");
    assert!(elsewhere.contains("is not for \"127.0.0.1\" but for "), "{elsewhere}");
    assert!(without_tls.contains("does not answer in TLS"), "{without_tls}");
}

#[tokio::test]
async fn the_user_of_an_address_is_let_in_and_a_wrong_password_is_not_shown() {
    let arguments = ["--user", "me", "--pass", "hun@ter2"].map(Into::into).to_vec();
    let servers = Servers::start_with(1, "nats", arguments).unwrap();
    let with = |user: &str| servers.urls().replace("nats://", &format!("nats://{user}@"));
    assert_works(&open(&with("me:hun%40ter2"), NatsAccess::default()).await.unwrap()).await;
    let wrong = with("me:letmein");
    let said = reason(&wrong, NatsAccess::default()).await;
    assert!(said.contains("authorization violation") && !said.contains("letmein"), "{said}");
}

#[tokio::test]
async fn a_password_goes_to_no_server_without_tls_where_tls_is_meant() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let urls = format!("tls://me:hunter2@{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        // A server that says that it has no TLS.
        let info = r#"INFO {"server_id":"a","version":"2.11.0","max_payload":1048576,"tls_required":false}"#;
        socket.write_all(format!("{info}\r\n").as_bytes()).unwrap();
        let mut sent = vec![0; 16 << 10];
        let length = socket.read(&mut sent).unwrap();
        sent.truncate(length);
        sent
    });
    let opening = tokio::spawn(async move { open(&urls, NatsAccess::default()).await.err() });
    let sent = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
    opening.abort();
    assert_eq!(sent[0], 22, "a TLS handshake");
    assert!(!String::from_utf8_lossy(&sent).contains("hunter2"));
}

/// A JWT as NATS has them: of `subject`, issued by `issuer`.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: Value) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "jti": "a test", "iat": 1_700_000_000, "iss": issuer.public_key(), "name": "test",
        "sub": subject.public_key(), "nats": nats,
    });
    let signed = format!("{}.{}", encode(json!({ "typ": "JWT", "alg": "ed25519-nkey" })), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

/// The text of a `.creds` file.
fn credentials(jwt: &str, user: &KeyPair) -> String {
    let seed = user.seed().unwrap();
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[tokio::test]
async fn a_user_with_a_credentials_file_is_let_in_and_one_of_another_account_is_not() {
    let (operator, account, system) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account());
    // Without a limit, but for JetStream: the system account must not have it.
    let of_account = |account, jetstream| {
        let limits = json!({
            "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1,
            "leaf": -1, "mem_storage": jetstream, "disk_storage": jetstream, "streams": jetstream,
            "consumer": jetstream,
        });
        jwt(&operator, account, json!({ "limits": limits, "type": "account", "version": 2 }))
    };
    let config = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{ {}: {}, {}: {} }}\n",
        jwt(&operator, &operator, json!({ "type": "operator", "version": 2 })),
        system.public_key(),
        system.public_key(),
        of_account(&system, 0),
        account.public_key(),
        of_account(&account, -1),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nats.conf");
    std::fs::write(&file, config).unwrap();
    let servers = Servers::start_with(1, "nats", vec!["-c".into(), file.into()]).unwrap();
    let access = |account: &KeyPair| {
        let user = KeyPair::new_user();
        let nats = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2 });
        let text = credentials(&jwt(account, &user, nats), &user);
        NatsAccess::new(Trust::default(), None, Some(text)).unwrap()
    };
    assert_works(&open(&servers.urls(), access(&account)).await.unwrap()).await;
    let said = reason(&servers.urls(), access(&KeyPair::new_account())).await;
    assert!(said.contains("authorization violation") && !said.contains("eyJ"), "{said}");
}
