//! Sessions and accounts are the same at all main servers of a cluster.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use protocol::account::Me;
use reqwest::{Method, StatusCode, header};
use serde_json::json;

use crate::cluster::tests::{Cluster, Member, until};

const PASSWORD: &str = "correct horse";

/// A session of `ann` that began at `server`, as the value of the header `Cookie`.
async fn sign_in(server: &Member) -> String {
    let body = json!({ "name": "ann", "password": PASSWORD }).to_string();
    let response = server.call(Method::POST, "/api/login", &[], body.into()).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    response.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn is_signed_in(server: &Member, cookie: &str) -> bool {
    let response = server.call(Method::GET, "/api/me", &[("cookie", cookie)], vec![]).await;
    response.json::<Me>().await.unwrap().account.is_some()
}

#[tokio::test]
async fn every_main_server_admits_a_session_and_none_once_it_has_ended() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.member(|_| {}).await, cluster.member(|_| {}).await);
    let account = json!({ "name": "ann", "password": PASSWORD, "role": "operator" }).to_string();
    assert_eq!(a.operate(Method::POST, "/api/accounts", account.into()).await.status, StatusCode::CREATED);
    let cookie = sign_in(&a).await;
    until("b admits the session", async || is_signed_in(&b, &cookie).await).await;
    let elsewhere = sign_in(&b).await;
    until("a admits the other session", async || is_signed_in(&a, &elsewhere).await).await;

    let headers = [("cookie", cookie.as_str()), ("x-undead-csrf", "1")];
    let everywhere = json!({ "everywhere": true }).to_string();
    let left = b.call(Method::POST, "/api/logout", &headers, everywhere.into()).await;
    assert_eq!(left.status(), StatusCode::NO_CONTENT);
    for cookie in [&cookie, &elsewhere] {
        assert!(!is_signed_in(&b, cookie).await);
        until("a does not admit it any more", async || !is_signed_in(&a, cookie).await).await;
    }

    let cookie = sign_in(&a).await;
    until("b admits the session", async || is_signed_in(&b, &cookie).await).await;
    let other = json!({ "name": "bob", "password": PASSWORD, "role": "operator" }).to_string();
    a.operate(Method::POST, "/api/accounts", other.into()).await;
    let gone = a.operate(Method::DELETE, "/api/accounts/ann", vec![]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    until("b does not admit it any more", async || !is_signed_in(&b, &cookie).await).await;
}

#[tokio::test]
async fn of_several_main_servers_the_newest_setup_link_counts() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.member(|_| {}).await, cluster.member(|_| {}).await);
    let set_up = async |server: &Member, token: &str| {
        let body = json!({ "token": token, "name": "ann", "password": PASSWORD }).to_string();
        server.call(Method::POST, "/api/setup", &[], body.into()).await.status()
    };
    assert_eq!(set_up(&a, &a.setup_token).await, StatusCode::FORBIDDEN);
    assert_eq!(set_up(&a, &b.setup_token).await, StatusCode::CREATED, "at any of them");
}
