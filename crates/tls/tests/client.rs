//! Outgoing connections accept certificates of the system's authorities and of the CA file, for the right name and time, and
//! say otherwise what is wrong, before anything was sent.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::{net::SocketAddr, path::PathBuf};

use tls::{Error, Identity, Trust, reason};
use tls_harness::{Authority, Certificate, Front};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server of plain HTTP.
async fn plain_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 4096]).await;
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
                let _ = socket.write_all(answer).await;
            });
        }
    });
    address
}

async fn front(certificate: &Certificate) -> Front {
    Front::start(certificate, plain_server().await).await.unwrap()
}

/// Why a request with a secret, and a connection, to `address` by this name fail; both give the same reason.
async fn failure(trust: &Trust, host: &str, address: SocketAddr) -> String {
    let client = trust.http_client().no_proxy().resolve(host, address).build().unwrap();
    let request = client.get(format!("https://{host}:{}/", address.port())).bearer_auth("open sesame");
    let of_request = reason(&request.send().await.unwrap_err()).unwrap();
    let socket = TcpStream::connect(address).await.unwrap();
    let of_connection = reason(&trust.connect(host, socket).await.unwrap_err()).unwrap();
    assert_eq!(of_request, of_connection);
    of_request
}

#[tokio::test]
async fn servers_of_the_ca_file_are_trusted_by_name_and_by_address() {
    let authority = Authority::new().unwrap();
    let front = front(&authority.issue(&["main.test", "127.0.0.1"]).unwrap()).await;
    let trust = Trust::load(Some(&authority.file())).unwrap();
    for host in ["main.test", "127.0.0.1"] {
        let client = trust.http_client().no_proxy().resolve(host, front.address).build().unwrap();
        let url = format!("https://{host}:{}/", front.address.port());
        assert_eq!(client.get(url).send().await.unwrap().text().await.unwrap(), "hi", "{host}");
        let socket = TcpStream::connect(front.address).await.unwrap();
        trust.connect(host, socket).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_may_be_trusted() {
    let authority = Authority::new().unwrap();
    let own = authority.self_signed(&["127.0.0.1"]).unwrap();
    let front = front(&own).await;
    let trust = Trust::load(Some(&own.cert)).unwrap();
    let socket = TcpStream::connect(front.address).await.unwrap();
    assert!(trust.connect("127.0.0.1", socket).await.is_ok());
    assert!(failure(&Trust::default(), "127.0.0.1", front.address).await.contains("does not trust"));
}

#[tokio::test]
async fn a_wrong_certificate_is_named_with_the_reason_and_nothing_is_sent() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let trust = Trust::load(Some(&authority.file())).unwrap();
    let names = ["main.test", "127.0.0.1"];
    for (certificate, host, wanted) in [
        (other.issue(&names), "main.test", "of an authority that this machine does not trust; --ca-file"),
        (authority.issue_expired(&names), "main.test", "has expired"),
        (authority.issue(&names), "other.test", "is not for \"other.test\" but for "),
        (authority.issue(&["main.test"]), "127.0.0.1", "is not for \"127.0.0.1\" but for "),
    ] {
        let front = front(&certificate.unwrap()).await;
        let said = failure(&trust, host, front.address).await;
        assert!(said.contains(wanted), "{said}");
        assert_eq!(front.received(), 0, "{said}");
    }
}

#[tokio::test]
async fn a_server_of_plain_http_is_told_from_one_with_a_wrong_certificate() {
    let said = failure(&Trust::default(), "127.0.0.1", plain_server().await).await;
    assert!(said.contains("does not answer in TLS"), "{said}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let answer =
            b"HTTP/1.1 308 Permanent Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let _ = socket.read(&mut [0; 4096]).await;
        socket.write_all(answer).await.unwrap();
    });
    let client = tls::http_client().no_proxy().build().unwrap();
    assert_eq!(client.get(url).send().await.unwrap().status(), 308);
}

#[test]
fn a_wrong_file_is_refused_with_its_name_and_the_reason() {
    let authority = Authority::new().unwrap();
    let key = authority.issue(&["a.test"]).unwrap().key;
    let file = |name: &str, text: &str| -> PathBuf {
        let path = authority.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    for (path, wanted) in [
        (authority.folder().join("missing"), "missing: No such file"),
        (authority.folder().to_owned(), "Is a directory"),
        (file("empty", ""), "empty: no certificate in PEM form"),
        (key, "key.pem: no certificate in PEM form"),
        (file("text", "no PEM\n"), "text: no certificate in PEM form"),
        (file("cut", "-----BEGIN CERTIFICATE-----\nMIIB\n"), "cut: "),
        (
            file("junk", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "junk: certificate 1: ",
        ),
    ] {
        let said = Trust::load(Some(&path)).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn a_client_certificate_needs_its_own_key() {
    let authority = Authority::new().unwrap();
    let (one, other) = (authority.issue(&["a.test"]).unwrap(), authority.issue(&["b.test"]).unwrap());
    let trust = Trust::default();
    let own = Identity::load(&one.cert, &one.key).unwrap();
    assert!(trust.client_config_with(&own).is_ok());
    let mixed = Identity::load(&one.cert, &other.key).unwrap();
    assert!(matches!(trust.client_config_with(&mixed), Err(Error::Mismatch { .. })));
    assert!(matches!(Identity::load(&one.cert, &one.cert), Err(Error::NoKey(_))));
    assert!(matches!(Identity::load(&one.key, &one.key), Err(Error::NoCertificate(_))));
}
