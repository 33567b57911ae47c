//! `/api/grant-keys`: what operators see of the keys that sign grants, and how they have one replaced.

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, State},
    routing::get,
};
use protocol::grant_key::GrantKeyInfo;

use super::{AddError, GrantKeys};
use crate::{
    api::{
        caller::{Credentials, Operator},
        error::Error,
        extract::Client,
    },
    audit,
    clock::Now,
};

/// What the handlers share.
pub(super) struct Api {
    /// The keys.
    pub(super) keys: Arc<GrantKeys>,
    /// What operators prove themselves with.
    pub(super) credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of keys.
pub(super) fn router(api: Api) -> Router {
    Router::new().route("/api/grant-keys", get(list).post(rotate)).with_state(Arc::new(api))
}

impl From<AddError> for Error {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Store(error) => error.into(),
            AddError::Random(reason) => {
                tracing::error!("grant keys: {reason}");
                Self::internal()
            }
        }
    }
}

async fn list(State(api): State<Arc<Api>>, _: Operator) -> Answer<Vec<GrantKeyInfo>> {
    Answer(api.keys.list(Now::read()))
}

async fn rotate(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Operator(person): Operator,
) -> Result<Answer<Vec<GrantKeyInfo>>, Error> {
    let keys = api.keys.rotate(Now::read()).await?;
    audit::log(&person.name, address, "replaced the key that signs grants");
    Ok(Answer(keys))
}
