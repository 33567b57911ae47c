//! People who sign in at a main server.

use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Answer, Member, read};

const PASSWORD: &str = "correct horse";

/// Makes an account and signs in; gives the cookie.
pub(crate) async fn account(server: &Member, name: &str, role: &str) -> String {
    let body = json!({ "name": name, "password": PASSWORD, "role": role }).to_string();
    server.operate(Method::POST, "/api/accounts", body.into()).await.read::<Value>();
    let body = json!({ "name": name, "password": PASSWORD }).to_string();
    let answer = server.call(Method::POST, "/api/login", &[], body.into()).await;
    let cookie = answer.headers()[header::SET_COOKIE].to_str().unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

/// Calls as a page does in which a person signed in.
pub(crate) async fn call_as(
    server: &Member,
    cookie: &str,
    method: Method,
    path: &str,
    body: Value,
) -> Answer {
    let headers = [("cookie", cookie), ("x-undead-csrf", "1")];
    let body = if body.is_null() { vec![] } else { body.to_string().into() };
    read(server.call(method, path, &headers, body).await).await
}
