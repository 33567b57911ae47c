//! `GET /api/me`: who is signed in, and whether the caller may create streams and upload files.

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, State},
    http::HeaderMap,
    routing::get,
};
use protocol::account::{JobPolicy, Me, OwnAccount, UploadPolicy};

use super::Broadcasters;
use crate::{
    api::caller::{Credentials, Viewer, bearer},
    clock::Now,
    feature::Context,
};

/// What the handler needs.
struct Api {
    broadcasters: Arc<Broadcasters>,
    upload: UploadPolicy,
    jobs: JobPolicy,
    credentials: Credentials,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The route.
pub(super) fn router(context: &Context, broadcasters: Arc<Broadcasters>) -> Router {
    let api = Api {
        broadcasters,
        upload: context.config.upload,
        jobs: context.config.jobs.policy,
        credentials: context.credentials.clone(),
    };
    Router::new().route("/api/me", get(me)).with_state(Arc::new(api))
}

async fn me(State(api): State<Arc<Api>>, Viewer(person): Viewer, headers: HeaderMap) -> Answer<Me> {
    let Broadcasters { broadcast, record, accounts, .. } = &*api.broadcasters;
    Answer(Me {
        may_broadcast: api.broadcasters.admit(bearer(&headers), person.as_ref(), Now::read()).is_ok(),
        upload: api.upload,
        may_upload: api.upload.admits(person.is_some()),
        account: person.map(|person| OwnAccount { name: person.name, role: person.role }),
        broadcast: *broadcast,
        setup_needed: accounts.needs_setup(),
        record: Some(*record),
        jobs: api.jobs,
    })
}
