//! People: the first operator, signing in and out, roles, and accounts that operators manage.

use protocol::{
    ErrorCode,
    account::{AccountInfo, Me, OwnAccount, Role},
};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::json;

use crate::{
    browser::{Browser, PASSWORD, add, cookie, sign_in, try_to_sign_in},
    server::{Server, read},
};

async fn set_up(server: &Server, token: &str, name: &str) -> Response {
    let body = json!({ "token": token, "name": name, "password": PASSWORD });
    server.call(Method::POST, "/api/setup", &[], body.to_string().into()).await
}

async fn me(server: &Server) -> Me {
    server.get("/api/me").await.read()
}

#[tokio::test]
async fn the_setup_link_makes_the_first_operator_once() {
    let server = Server::start().await;
    assert!(me(&server).await.setup_needed);
    let wrong = read(set_up(&server, "wrong", "eve").await).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::FORBIDDEN, ErrorCode::SetupRefused));
    let made = set_up(&server, &server.setup_token, "Ann").await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let ann = Browser { server: &server, cookie: cookie(&made) };
    assert_eq!(ann.me().await, Some(OwnAccount { name: "ann".into(), role: Role::Operator }));
    assert!(!me(&server).await.setup_needed);
    let again = read(set_up(&server, &server.setup_token, "eve").await).await;
    assert_eq!(again.code(), ErrorCode::SetupRefused);
}

#[tokio::test]
async fn of_two_requests_with_one_setup_link_one_succeeds() {
    let server = Server::start().await;
    let token = &server.setup_token;
    let (a, b) = tokio::join!(set_up(&server, token, "ann"), set_up(&server, token, "bob"));
    let mut statuses = [a.status(), b.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::FORBIDDEN]);
    let accounts = server.operate(Method::GET, "/api/accounts", vec![]).await.read::<Vec<AccountInfo>>();
    assert_eq!(accounts.len(), 1);
}

#[tokio::test]
async fn a_restart_replaces_the_setup_link() {
    let server = Server::start().await;
    let old = server.setup_token.clone();
    let server = server.restart().await;
    assert_eq!(set_up(&server, &old, "eve").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(set_up(&server, &server.setup_token, "ann").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_session_lasts_over_a_crash_and_ends_when_its_holder_signs_out() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await.read::<AccountInfo>();
    let session = sign_in(&server, "ANN").await.cookie;
    let server = Server::on(server.kill().await, |_| {}).await;
    assert_eq!(server.setup_token, "", "there is an operator");
    let ann = Browser { server: &server, cookie: session };
    let other = sign_in(&server, "ann").await;
    assert!(ann.me().await.is_some());
    let left = ann.call(Method::POST, "/api/logout", json!({})).await;
    assert_eq!((left.status(), cookie(&left).as_str()), (StatusCode::NO_CONTENT, "undead_session="));
    assert!(ann.me().await.is_none() && other.me().await.is_some());
    let elsewhere = sign_in(&server, "ann").await;
    let left = other.call(Method::POST, "/api/logout", json!({ "everywhere": true })).await;
    assert_eq!(left.status(), StatusCode::NO_CONTENT);
    assert!(other.me().await.is_none() && elsewhere.me().await.is_none());
}

#[tokio::test]
async fn unknown_names_and_wrong_passwords_are_told_apart_by_nothing() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let mut answers = Vec::new();
    for name in ["ann", "bob", "no name", ""] {
        let response = try_to_sign_in(&server, name, "wrong password").await;
        assert!(!response.headers().contains_key(header::SET_COOKIE));
        answers.push(read(response).await);
    }
    for answer in &answers {
        assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, ErrorCode::WrongPassword));
        assert_eq!(answer.json, answers[0].json);
    }
}

#[tokio::test]
async fn after_some_wrong_passwords_an_account_waits_and_says_for_how_long() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    add(&server, "bob", "operator").await;
    let refused = loop {
        let response = try_to_sign_in(&server, "ann", "wrong password").await;
        if response.status() != StatusCode::UNAUTHORIZED {
            break response;
        }
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let right = try_to_sign_in(&server, "ann", PASSWORD).await;
    assert_eq!(right.status(), StatusCode::TOO_MANY_REQUESTS, "the right password makes no difference");
    sign_in(&server, "bob").await;
}

#[tokio::test]
async fn a_session_alone_changes_nothing() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let ann = sign_in(&server, "ann").await;
    let cookie = ("cookie", ann.cookie.as_str());
    let marked = ("x-undead-csrf", "1");
    let attempt = async |headers: &[(&str, &str)]| {
        read(server.call(Method::DELETE, "/api/accounts/nobody", headers, vec![]).await).await.code()
    };
    assert_eq!(attempt(&[cookie]).await, ErrorCode::Csrf);
    assert_eq!(attempt(&[cookie, marked, ("origin", "http://elsewhere.example")]).await, ErrorCode::Csrf);
    assert_eq!(attempt(&[cookie, marked, ("origin", &server.url)]).await, ErrorCode::UnknownAccount);
    let body = json!({ "name": "ann", "password": PASSWORD }).to_string();
    let foreign = [("origin", "http://elsewhere.example")];
    let sign_in = server.call(Method::POST, "/api/login", &foreign, body.into()).await;
    assert_eq!(read(sign_in).await.code(), ErrorCode::Csrf, "nobody is signed in by another site");
}

#[tokio::test]
async fn a_page_of_another_site_signs_nobody_out() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let ann = sign_in(&server, "ann").await;
    let (cookie, foreign) = (("cookie", ann.cookie.as_str()), ("origin", "http://elsewhere.example"));
    // Browsers send the cookie with requests of this site's pages alone.
    for headers in [&[foreign][..], &[("origin", "null")], &[cookie], &[cookie, foreign]] {
        let response = server.call(Method::POST, "/api/logout", headers, vec![]).await;
        assert!(!response.headers().contains_key(header::SET_COOKIE), "{headers:?}");
        assert_eq!(read(response).await.code(), ErrorCode::Csrf, "{headers:?}");
    }
    let bare = server.call(Method::POST, "/api/logout", &[], vec![]).await;
    assert_eq!(bare.status(), StatusCode::NO_CONTENT);
    assert!(!bare.headers().contains_key(header::SET_COOKIE), "there is no cookie to remove");
    assert!(ann.me().await.is_some());
}

#[tokio::test]
async fn a_bearer_token_decides_whether_or_not_there_is_a_session() {
    let server = Server::with(|config| config.broadcast = protocol::account::Broadcast::Account).await;
    add(&server, "ann", "operator").await;
    let ann = sign_in(&server, "ann").await;
    let headers = [("cookie", ann.cookie.as_str()), ("x-undead-csrf", "1"), ("authorization", "Bearer any")];
    let body = || json!({ "title": "any" }).to_string().into_bytes();
    let create = server.call(Method::POST, "/api/streams", &headers, body()).await;
    assert_eq!(read(create).await.code(), ErrorCode::BroadcastNotAllowed);
    let me = read(server.call(Method::GET, "/api/me", &headers, vec![]).await).await.read::<Me>();
    assert_eq!((me.account, me.may_broadcast), (None, false), "as it is for the call");
    for path in ["/api/accounts", "/api/stream-keys"] {
        let refused = read(server.call(Method::GET, path, &headers, vec![]).await).await;
        assert_eq!(refused.code(), ErrorCode::Unauthorized, "{path}");
    }
}

#[tokio::test]
async fn operators_manage_accounts_and_broadcasters_do_not() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let ann = sign_in(&server, "ann").await;
    let body = json!({ "name": "bob", "password": PASSWORD, "role": "broadcaster" });
    let made = ann.answer(Method::POST, "/api/accounts", body.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert_eq!(ann.answer(Method::POST, "/api/accounts", body.clone()).await.code(), ErrorCode::NameTaken);
    let bob = sign_in(&server, "bob").await;
    for (method, path) in [
        (Method::GET, "/api/accounts"),
        (Method::POST, "/api/accounts"),
        (Method::DELETE, "/api/accounts/ann"),
        (Method::GET, "/api/nodes"),
        (Method::GET, "/api/nodes/placement?for=broadcaster"),
        (Method::GET, "/api/scaling"),
    ] {
        let refused = bob.answer(method, path, body.clone()).await;
        assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, ErrorCode::Forbidden), "{path}");
    }
    for path in ["/api/accounts", "/api/nodes", "/api/scaling"] {
        assert!(ann.answer(Method::GET, path, json!({})).await.status.is_success(), "{path}");
    }
    let promoted = ann.answer(Method::PATCH, "/api/accounts/bob", json!({ "role": "operator" })).await;
    assert_eq!(promoted.read::<AccountInfo>().role, Role::Operator);
    assert!(bob.me().await.is_none(), "a change of the account ends its sessions");
    let bob = sign_in(&server, "bob").await;
    let gone = bob.answer(Method::DELETE, "/api/accounts/ann", json!({})).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert!(ann.me().await.is_none());
    assert_eq!(try_to_sign_in(&server, "ann", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_last_operator_stays_one() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let ann = sign_in(&server, "ann").await;
    let removed = ann.answer(Method::DELETE, "/api/accounts/ann", json!({})).await;
    assert_eq!((removed.status, removed.code()), (StatusCode::CONFLICT, ErrorCode::LastOperator));
    let demoted = ann.answer(Method::PATCH, "/api/accounts/ann", json!({ "role": "broadcaster" })).await;
    assert_eq!(demoted.code(), ErrorCode::LastOperator);
    assert!(ann.me().await.is_some(), "nothing has changed");
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let server = Server::start().await;
    add(&server, "ann", "operator").await;
    let (ann, other) = (sign_in(&server, "ann").await, sign_in(&server, "ann").await);
    let change = |old: &str, new: &str| json!({ "old": old, "new": new });
    let wrong = ann.answer(Method::PUT, "/api/me/password", change("wrong password", "new password")).await;
    assert_eq!((wrong.status, wrong.code()), (StatusCode::FORBIDDEN, ErrorCode::WrongPassword));
    let short = ann.answer(Method::PUT, "/api/me/password", change(PASSWORD, "short")).await;
    assert_eq!(short.code(), ErrorCode::InvalidRequest);
    let changed = ann.call(Method::PUT, "/api/me/password", change(PASSWORD, "new password")).await;
    assert_eq!(changed.status(), StatusCode::NO_CONTENT);
    assert!(ann.me().await.is_none() && other.me().await.is_none());
    assert!(Browser { server: &server, cookie: cookie(&changed) }.me().await.is_some());
    assert_eq!(try_to_sign_in(&server, "ann", PASSWORD).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(try_to_sign_in(&server, "ann", "new password").await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn sessions_of_an_account_are_bounded_and_end_after_their_time() {
    let server = Server::with(|config| config.accounts.sessions = 2).await;
    add(&server, "ann", "operator").await;
    let (first, second) = (sign_in(&server, "ann").await, sign_in(&server, "ann").await);
    let third = sign_in(&server, "ann").await;
    let signed_in = [first.me().await, second.me().await, third.me().await].into_iter().flatten().count();
    assert_eq!((signed_in, third.me().await.is_some()), (2, true));
    for set in [
        (|config| config.accounts.session_max = std::time::Duration::ZERO) as fn(&mut main_server::Config),
        |config| config.accounts.session_idle = std::time::Duration::ZERO,
    ] {
        let server = Server::with(set).await;
        add(&server, "ann", "operator").await;
        assert!(sign_in(&server, "ann").await.me().await.is_none());
    }
}

#[tokio::test]
async fn accounts_are_bounded_and_kept_by_their_rules() {
    let server = Server::with(|config| config.accounts.accounts = 1).await;
    for (name, password) in [("a b", PASSWORD), ("", PASSWORD), ("ann", "short"), ("ann", &"a".repeat(257))] {
        let body = json!({ "name": name, "password": password, "role": "operator" });
        let refused = server.operate(Method::POST, "/api/accounts", body.to_string().into()).await;
        assert_eq!(refused.code(), ErrorCode::InvalidRequest, "{name}");
    }
    assert_eq!(add(&server, "ann", "operator").await.status, StatusCode::CREATED);
    assert_eq!(add(&server, "bob", "operator").await.code(), ErrorCode::LimitReached);
}

#[tokio::test]
async fn the_store_has_no_password_and_no_token() {
    let server = Server::start().await;
    let ann = cookie(&set_up(&server, &server.setup_token, "ann").await);
    let (token, setup) = (ann.split_once('=').unwrap().1.to_owned(), server.setup_token.clone());
    let other = Server::start().await;
    let unused = other.setup_token.clone();
    for folder in [server.stop().await, other.stop().await] {
        for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
            let Ok(bytes) = std::fs::read(entry.path()) else { continue };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            for secret in [PASSWORD, &token, &setup, &unused] {
                assert!(!text.contains(secret), "{:?}", entry.path());
            }
        }
    }
}
