//! `POST /api/library/gc` and `POST /api/library/verify`: operators have the blobs looked after. The answers are lines of JSON, sent as
//! they come: the last one may take long. Work ends when the caller leaves.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{FromRef, State},
    http::header,
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::stream;
use protocol::upkeep::{Line, Verify};
use tokio::{
    sync::mpsc::{self, Sender},
    task::JoinSet,
};

use super::{error::Error, upkeep::Upkeep};
use crate::{
    api::{
        self,
        caller::{Credentials, Operator},
        extract::OptionalJson,
    },
    clock::Now,
};

/// Lines that wait for a caller that does not read.
const WAITING_LINES: usize = 64;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    upkeep: Arc<Upkeep>,
    credentials: Credentials,
}

impl FromRef<Api> for Credentials {
    fn from_ref(api: &Api) -> Self {
        api.credentials.clone()
    }
}

/// The routes.
pub(super) fn router(upkeep: &Arc<Upkeep>, credentials: &Credentials) -> Router {
    let api = Api { upkeep: Arc::clone(upkeep), credentials: credentials.clone() };
    Router::new()
        .route("/api/library/gc", post(collect))
        .route("/api/library/verify", post(verify))
        .with_state(api)
}

async fn collect(State(Api { upkeep, .. }): State<Api>, _: Operator) -> Response {
    lines(move |_| async move { upkeep.collect(Now::read()).await.map(Line::Collected) })
}

async fn verify(
    State(Api { upkeep, .. }): State<Api>,
    _: Operator,
    OptionalJson(options): OptionalJson<Verify>,
) -> Result<Response, api::error::Error> {
    Ok(lines(move |lines| async move {
        let found = |bad| {
            let lines = lines.clone();
            async move { drop(lines.send(Line::Bad(bad)).await) }
        };
        upkeep.verify(options, found).await.map(Line::Verified)
    }))
}

/// An answer with the lines that `work` sends and the one that it ends with.
fn lines<F: Future<Output = Result<Line, Error>> + Send + 'static>(
    work: impl FnOnce(Sender<Line>) -> F + Send + 'static,
) -> Response {
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    let mut working = JoinSet::new();
    working.spawn(async move {
        let last = work(sender.clone()).await.unwrap_or_else(|error| {
            tracing::warn!("upkeep of the library: {error}");
            Line::Failed(error.to_string())
        });
        drop(sender.send(last).await);
    });
    // With the answer the work is dropped too.
    let lines = stream::unfold((receiver, working), |(mut receiver, working)| async move {
        let line = receiver.recv().await?;
        let text = serde_json::to_string(&line).map(|json| json + "\n");
        Some((text, (receiver, working)))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
