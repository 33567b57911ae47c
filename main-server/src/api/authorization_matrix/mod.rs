//! The authorization matrix: every operation of `openapi.json` with every credential gets the documented answer. An operation
//! without a row fails, and so does a row without an operation. A new operation is a line in [`rows`].

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod access;
mod credential;
mod fixture;
mod rows;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use self::{
    access::{expected, schemes},
    credential::{CREDENTIALS, ELSEWHERE},
    fixture::Fixture,
    rows::ROWS,
};

const PASSWORD: &str = "correct horse";

fn document() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).unwrap()
}

/// The operation of the document that a row is about.
fn operation<'a>(document: &'a Value, row: &str) -> Option<&'a Value> {
    let (method, path) = row.split_once(' ')?;
    document["paths"].get(path.split('?').next()?)?.get(method)
}

#[test]
fn every_operation_has_a_row_and_names_the_credentials_that_it_admits() {
    let document = document();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let rows: BTreeSet<String> = ROWS.iter().map(|row| row.0.split('?').next().unwrap().to_owned()).collect();
    assert_eq!(described, rows);
    for (row, access, ..) in ROWS
        .iter()
        .filter(|row| !["?all=", "?mine=", "?deleted=", "?of="].iter().any(|variant| row.0.contains(variant)))
    {
        let security = operation(&document, row).unwrap().get("security").and_then(Value::as_array);
        let named: Vec<&serde_json::Map<_, _>> =
            security.into_iter().flatten().map(|scheme| scheme.as_object().unwrap()).collect();
        let is_open = named.is_empty() || named.iter().any(|scheme| scheme.is_empty());
        assert_eq!(is_open, schemes(*access).is_empty(), "{row}");
        if !is_open {
            let named: BTreeSet<&str> =
                named.iter().flat_map(|scheme| scheme.keys().map(String::as_str)).collect();
            assert_eq!(named, schemes(*access).iter().copied().collect(), "{row}");
        }
    }
}

#[tokio::test]
async fn every_operation_answers_every_credential_as_documented() {
    let (mut fixture, document) = (Fixture::new().await, document());
    let mut wrong = Vec::new();
    for (row, access, body, granted) in ROWS {
        let method: Method = row.split(' ').next().unwrap().to_uppercase().parse().unwrap();
        let responses = &operation(&document, row).unwrap()["responses"];
        // A member's token is no more than a wrong one elsewhere.
        let credentials =
            if row.contains("{party_id}") { &CREDENTIALS[..] } else { &CREDENTIALS[..=ELSEWHERE] };
        for credential in credentials.iter().copied() {
            let (status, code) = fixture.ask(row, &body(), credential).await;
            if *row == "post /api/logout"
                && let Some(name) = credential.account()
            {
                fixture.sign_in(name).await;
            }
            let (wanted, wanted_code) = expected(*access, *granted, &method, credential);
            if (status, code.as_str()) != (wanted, wanted_code) {
                wrong.push(format!("{row} with {credential:?}: {status} {code}, not {wanted} {wanted_code}"));
            }
            let documented = &responses[status.to_string()]["description"];
            let is_documented =
                documented.as_str().is_some_and(|text| code.is_empty() || text.contains(&code));
            if !is_documented {
                wrong.push(format!("{row} with {credential:?}: {status} {code} is not documented"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
