//! `/api/stream-keys`: made, listed and revoked by their accounts, and by operators.

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, Path, State},
    http::StatusCode,
    routing::{delete, get},
};
use protocol::{
    ErrorCode,
    stream_key::{CreateStreamKey, StreamKeyCreated, StreamKeyInfo},
    title,
};

use super::StreamKeys;
use crate::{
    api::{
        caller::{Credentials, Person, SignedIn},
        error::Error,
        extract::{Client, Json},
    },
    audit,
    clock::Now,
};

/// What the handlers share.
struct Api {
    keys: Arc<StreamKeys>,
    credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of stream keys.
pub(super) fn router(keys: Arc<StreamKeys>, credentials: Credentials) -> Router {
    Router::new()
        .route("/api/stream-keys", get(list).post(create))
        .route("/api/stream-keys/{key_id}", delete(revoke))
        .with_state(Arc::new(Api { keys, credentials }))
}

/// Whose keys the person may see and revoke; `None` for all.
fn scope(person: &Person) -> Option<&str> {
    (!person.is_operator()).then_some(person.name.as_str())
}

async fn create(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    SignedIn(person): SignedIn,
    Json(CreateStreamKey { name }): Json<CreateStreamKey>,
) -> Result<(StatusCode, Answer<StreamKeyCreated>), Error> {
    let invalid = |error| Error::new(ErrorCode::InvalidRequest, format!("name: {error}"));
    let name = title::clean(&name).map_err(invalid)?;
    let created = api.keys.create(name, &person.name, Now::read()).await?;
    audit::log(&person.name, address, &format!("made the stream key {}", created.key_id));
    Ok((StatusCode::CREATED, Answer(created)))
}

async fn list(State(api): State<Arc<Api>>, SignedIn(person): SignedIn) -> Answer<Vec<StreamKeyInfo>> {
    Answer(api.keys.list(scope(&person)))
}

async fn revoke(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    SignedIn(person): SignedIn,
    Path(key_id): Path<String>,
) -> Result<StatusCode, Error> {
    api.keys.revoke(&key_id, scope(&person)).await?;
    audit::log(&person.name, address, &format!("revoked the stream key {key_id}"));
    Ok(StatusCode::NO_CONTENT)
}
