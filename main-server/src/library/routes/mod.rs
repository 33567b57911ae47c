//! `/api/library`: list, read, change, delete and play items; and their manifests for nodes.

mod edit;
mod extract;
mod list;
mod manifest;
mod play;

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{FromRef, State},
    http::StatusCode,
    routing::{get, post},
};
use protocol::item::{Item, Preview};
use serving::{Forwarded, Prefix};

use self::extract::{Editor, Reader};
use super::{Library, Record, record::picture_url};
use crate::{
    api::{caller::Credentials, error::Error, extract::Client},
    auth::Grants,
    broadcasters::Broadcasters,
    clock::Now,
    cluster::partition::Partition,
    metrics::Counter,
    state::ClusterState,
};

/// What the handlers share.
pub(super) struct Api {
    pub(super) library: Arc<Library>,
    /// Knows the nodes.
    pub(super) state: Arc<ClusterState>,
    pub(super) grants: Arc<Grants>,
    /// Know the accounts.
    pub(super) broadcasters: Arc<Broadcasters>,
    pub(super) partition: Arc<Partition>,
    pub(super) credentials: Credentials,
    pub(super) play_grants: Counter,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}

/// The routes of the library.
pub(super) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/library", get(list::list))
        .route("/api/library/{item_id}", get(show).patch(edit::edit).delete(remove))
        .route("/api/library/{item_id}/play", post(play::play))
        .route("/api/library/{item_id}/manifest", get(manifest::show))
        .with_state(api)
}

async fn show(
    State(api): State<Arc<Api>>,
    reader: Reader,
    forwarded: Forwarded,
) -> Result<Answer<Item>, Error> {
    full(&api, &reader.record, &reader.item(), forwarded.prefix()).await.map(Answer)
}

/// An item with everything that is known of it.
async fn full(api: &Api, record: &Record, item: &Item, prefix: &Prefix) -> Result<Item, Error> {
    let item_id = item.item_id;
    let previews = api.library.previews(item_id, record).await?;
    let preview = |picture: super::Picture| Preview {
        at_ms: picture.at_ms,
        url: picture_url(item_id, &format!("previews/{}", picture.at_ms), &picture.blob),
    };
    let item = Item { previews: previews.pictures.into_iter().map(preview).collect(), ..item.clone() };
    Ok(below(item, prefix))
}

/// An item with the addresses of its pictures as a client reaches them.
fn below(mut item: Item, prefix: &Prefix) -> Item {
    item.poster_url = item.poster_url.map(|url| prefix.path(&url));
    for preview in &mut item.previews {
        preview.url = prefix.path(&preview.url);
    }
    item
}

async fn remove(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
) -> Result<StatusCode, Error> {
    api.library.delete(editor.item_id, Now::read()).await?;
    editor.log(address, "deleted");
    Ok(StatusCode::NO_CONTENT)
}
