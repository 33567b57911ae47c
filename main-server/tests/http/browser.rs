//! Plays people: accounts, and browsers with the cookie of a session.

use protocol::account::{Me, OwnAccount};
use reqwest::{Method, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::server::{Answer, Server, read};

/// That of every account.
pub(crate) const PASSWORD: &str = "correct horse";

/// A browser with the cookie of a session.
pub(crate) struct Browser<'a> {
    pub(crate) server: &'a Server,
    pub(crate) cookie: String,
}

impl Browser<'_> {
    /// A call as the pages make it.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Response {
        let headers = [("cookie", self.cookie.as_str()), ("x-undead-csrf", "1")];
        self.server.call(method, path, &headers, body.to_string().into()).await
    }

    pub(crate) async fn answer(&self, method: Method, path: &str, body: Value) -> Answer {
        read(self.call(method, path, body).await).await
    }

    pub(crate) async fn me(&self) -> Option<OwnAccount> {
        self.answer(Method::GET, "/api/me", json!({})).await.read::<Me>().account
    }
}

/// The cookie that a response sets, as browsers send it back.
pub(crate) fn cookie(response: &Response) -> String {
    let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

pub(crate) async fn try_to_sign_in(server: &Server, name: &str, password: &str) -> Response {
    let body = json!({ "name": name, "password": password });
    server.call(Method::POST, "/api/login", &[], body.to_string().into()).await
}

pub(crate) async fn sign_in<'a>(server: &'a Server, name: &str) -> Browser<'a> {
    let response = try_to_sign_in(server, name, PASSWORD).await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    Browser { server, cookie: cookie(&response) }
}

/// Adds an account.
pub(crate) async fn add(server: &Server, name: &str, role: &str) -> Answer {
    let body = json!({ "name": name, "password": PASSWORD, "role": role });
    server.operate(Method::POST, "/api/accounts", body.to_string().into()).await
}

/// Adds an account and signs it in.
pub(crate) async fn person<'a>(server: &'a Server, name: &str, role: &str) -> Browser<'a> {
    assert_eq!(add(server, name, role).await.status, StatusCode::CREATED);
    sign_in(server, name).await
}
