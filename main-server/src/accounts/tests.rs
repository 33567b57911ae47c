//! Sessions and accounts are the same at all main servers of a cluster, and one operator always stays.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::{path::Path, sync::Arc};

use protocol::{
    ErrorCode,
    account::{Me, Role},
};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use store::{Engine, Kv, Store};

use super::{Account, Accounts, Change, Error, operators::Departures, setup};
use crate::{
    auth::{Hasher, token::Token},
    cluster::tests::{Cluster, Member, until},
    config::AccountLimits,
};

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

#[tokio::test]
async fn a_session_that_a_main_server_has_not_heard_of_ends_there_in_the_store() {
    let cluster = Cluster::new().await;
    let a = cluster.member(|_| {}).await;
    let account = json!({ "name": "ann", "password": PASSWORD, "role": "operator" }).to_string();
    assert_eq!(a.operate(Method::POST, "/api/accounts", account.into()).await.status, StatusCode::CREATED);
    let b = cluster.member(|_| {}).await;
    b.blind();
    for everywhere in [false, true] {
        let (cookie, other) = (sign_in(&a).await, sign_in(&a).await);
        assert!(!is_signed_in(&b, &cookie).await);
        let headers = [("cookie", cookie.as_str()), ("x-undead-csrf", "1")];
        let body = json!({ "everywhere": everywhere }).to_string();
        let left = b.call(Method::POST, "/api/logout", &headers, body.into()).await;
        assert_eq!(left.status(), StatusCode::NO_CONTENT);
        until("a does not admit the session", async || !is_signed_in(&a, &cookie).await).await;
        if everywhere {
            until("a does not admit the other session", async || !is_signed_in(&a, &other).await).await;
        } else {
            assert!(is_signed_in(&a, &other).await);
        }
    }
}

#[tokio::test]
async fn a_main_server_that_is_behind_makes_and_changes_accounts_as_the_store_has_them() {
    let cluster = Cluster::new().await;
    let (a, b) = (cluster.member(|_| {}).await, cluster.member(|_| {}).await);
    let create = async |server: &Member| {
        let account = json!({ "name": "ann", "password": PASSWORD, "role": "broadcaster" }).to_string();
        server.operate(Method::POST, "/api/accounts", account.into()).await.status
    };
    b.blind();
    assert_eq!(create(&a).await, StatusCode::CREATED);
    let role = json!({ "role": "operator" }).to_string();
    let changed = b.operate(Method::PATCH, "/api/accounts/ann", role.into()).await;
    assert_eq!(changed.status, StatusCode::OK);
    let other = json!({ "name": "bob", "password": PASSWORD, "role": "operator" }).to_string();
    a.operate(Method::POST, "/api/accounts", other.into()).await;
    let gone = a.operate(Method::DELETE, "/api/accounts/ann", vec![]).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(create(&b).await, StatusCode::CREATED, "the name is free again");
}

#[tokio::test]
async fn sessions_that_are_not_known_are_looked_up_at_a_pace() {
    let server = Cluster::new().await.member(|_| {}).await;
    let sign_out = async || {
        let headers = [("cookie", "undead_session=unknown"), ("x-undead-csrf", "1")];
        server.call(Method::POST, "/api/logout", &headers, vec![]).await.status()
    };
    assert_eq!(sign_out().await, StatusCode::NO_CONTENT);
    until("the address waits", async || sign_out().await == StatusCode::TOO_MANY_REQUESTS).await;
}

#[tokio::test]
async fn setup_reads_nothing_from_the_store_once_there_is_an_operator() {
    let cluster = Cluster::new().await;
    let server = cluster.member(|_| {}).await;
    let set_up = async || {
        let body = json!({ "token": "wrong", "name": "eve", "password": PASSWORD }).to_string();
        let response = server.call(Method::POST, "/api/setup", &[], body.into()).await;
        let mut answer = response.json::<Value>().await.unwrap();
        serde_json::from_value::<ErrorCode>(answer["error"]["code"].take()).unwrap()
    };
    let account = json!({ "name": "ann", "password": PASSWORD, "role": "operator" }).to_string();
    server.operate(Method::POST, "/api/accounts", account.into()).await;
    server.cut();
    assert_eq!(set_up().await, ErrorCode::SetupRefused);
}

/// What one store has at main servers that do not hear of each other's changes.
struct Deaf {
    kv: Arc<dyn Kv>,
}

impl Deaf {
    /// With these accounts.
    async fn with(accounts: &[(&str, Role)]) -> Self {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let deaf = Self { kv: store.kv };
        let server = deaf.server().await;
        for (name, role) in accounts {
            server.accounts.create(&(*name).to_owned(), account(*role)).await.unwrap();
        }
        deaf
    }

    /// A main server that knows what the store has now.
    async fn server(&self) -> Accounts {
        let server = Accounts::new(&self.kv, Hasher::default(), AccountLimits::default()).unwrap();
        server.load().await.unwrap();
        server
    }

    async fn operators(&self) -> Vec<String> {
        let accounts = self.server().await.list();
        let operators = accounts.into_iter().filter(|account| account.role == Role::Operator);
        operators.map(|account| account.name).collect()
    }
}

fn account(role: Role) -> Account {
    let epoch = super::new_epoch().unwrap();
    Account { role, password_hash: "the first hash".into(), epoch, created_at_ms: 1 }
}

fn role(role: Role) -> Change {
    Change { role: Some(role), ..Change::default() }
}

const TWO: &[(&str, Role)] = &[("ann", Role::Operator), ("bob", Role::Operator)];

#[tokio::test]
async fn the_last_operator_stays_one_where_another_main_server_removed_or_demoted_the_others() {
    for a_removes in [true, false] {
        for b_removes in [true, false] {
            let cluster = Deaf::with(TWO).await;
            let (a, b) = (cluster.server().await, cluster.server().await);
            if a_removes {
                a.remove("ann").await.unwrap();
            } else {
                a.change("ann", role(Role::Broadcaster), None).await.unwrap();
            }
            let refused = if b_removes {
                b.remove("bob").await.err()
            } else {
                b.change("bob", role(Role::Broadcaster), None).await.err()
            };
            assert!(matches!(refused, Some(Error::LastOperator(_))), "{refused:?}");
            assert_eq!(cluster.operators().await, ["bob"]);
        }
    }
}

#[tokio::test]
async fn of_operators_that_leave_at_the_same_moment_one_stays() {
    for _ in 0..8 {
        let cluster = Deaf::with(TWO).await;
        let (a, b) = (cluster.server().await, cluster.server().await);
        let outcomes = tokio::join!(a.remove("ann"), b.change("bob", role(Role::Broadcaster), None));
        assert_ne!(outcomes.0.is_ok(), outcomes.1.is_ok());
        assert_eq!(cluster.operators().await.len(), 1);
    }
}

#[tokio::test]
async fn an_operator_that_another_main_server_is_about_to_remove_does_not_count() {
    let cluster = Deaf::with(TWO).await;
    let (a, b) = (cluster.server().await, cluster.server().await);
    let ann = a.may_leave("ann").await.unwrap();
    assert!(matches!(b.remove("bob").await, Err(Error::LastOperator(_))));
    // The removal never happens, and the account changes.
    b.change("ann", role(Role::Operator), None).await.unwrap();
    b.remove("bob").await.unwrap();
    a.accounts.remove_if(&"ann".to_owned(), |account| account.epoch == ann.epoch).await.unwrap();
    assert_eq!(cluster.operators().await, ["ann"]);
    assert_eq!(Departures::read(&*cluster.kv).await.unwrap().names(), ["bob"]);
}

#[tokio::test]
async fn an_operator_made_elsewhere_lets_another_leave_and_a_promoted_account_counts_as_one() {
    let cluster = Deaf::with(&[("ann", Role::Operator), ("bob", Role::Broadcaster)]).await;
    let (a, b) = (cluster.server().await, cluster.server().await);
    a.change("bob", role(Role::Operator), None).await.unwrap();
    b.remove("ann").await.unwrap();
    let refused = b.remove("bob").await;
    assert!(matches!(refused, Err(Error::LastOperator(_))), "{refused:?}");
}

#[tokio::test]
async fn the_setup_token_goes_once_there_is_an_operator_and_is_worthless_where_that_is_not_known() {
    let cluster = Deaf::with(&[("bob", Role::Broadcaster)]).await;
    let server = cluster.server().await;
    let token = server.new_setup_token().await.unwrap().unwrap();
    let is_there = async |token: &Token| setup::check(&*cluster.kv, token.reveal()).await.unwrap().is_some();
    assert!(is_there(&token).await);
    let stale = cluster.server().await;
    server.change("bob", role(Role::Operator), None).await.unwrap();
    assert!(!is_there(&token).await);
    // Of an older main server, which leaves it there.
    setup::replace(&*cluster.kv, &token).await.unwrap();
    let attempt = super::Attempt { name: "eve".into(), password: PASSWORD.into(), address: None };
    let refused = stale.set_up(token.reveal(), attempt, crate::clock::Now::read()).await;
    assert!(matches!(refused, Err(Error::SetupRefused)));
    assert_eq!(cluster.operators().await, ["bob"]);
    setup::replace(&*cluster.kv, &token).await.unwrap();
    assert!(server.new_setup_token().await.unwrap().is_none());
    assert!(!is_there(&token).await);
}

#[tokio::test]
async fn an_operators_reset_of_a_password_is_not_overwritten_by_a_change_that_began_before() {
    let cluster = Deaf::with(TWO).await;
    let (a, b) = (cluster.server().await, cluster.server().await);
    let reset = |account: &Account| Account { password_hash: "reset".into(), ..account.clone() };
    a.update("ann", reset).await.unwrap();
    let refused = b.replace_password("ann", "the first hash", "an attacker's".into()).await;
    assert!(matches!(refused, Err(Error::WrongOldPassword)));
    let ann = cluster.server().await.accounts.get(&"ann".to_owned()).unwrap();
    assert_eq!(ann.password_hash, "reset");
    let own = b.replace_password("ann", "reset", "own".into()).await.unwrap();
    assert_eq!(own.password_hash, "own");
}
