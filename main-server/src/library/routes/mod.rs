//! `/api/library`: list, read, change, delete and play items, and their manifests for nodes; `/library/{item_id}/…`: their pictures,
//! and the way to their files.

mod edit;
mod extract;
mod invitations;
mod list;
mod manifest;
mod pictures;
mod play;
mod redirect;

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{DefaultBodyLimit, FromRef, State},
    routing::{delete, get, post, put},
};
use objects::Objects;
use protocol::{
    item::{Item, Preview},
    stream::MAX_THUMBNAIL_BYTES,
};
use serving::{Forwarded, Prefix};

use self::extract::Reader;
use super::{ItemNodes, Library, Record, record::picture_url};
use crate::{
    api::{caller::Credentials, error::Error},
    auth::{Grants, Passphrases},
    broadcasters::Broadcasters,
    cluster::partition::Partition,
    invitations::Invitations,
    metrics::Counter,
};

/// What the handlers share.
pub(super) struct Api {
    pub(super) library: Arc<Library>,
    pub(super) nodes: ItemNodes,
    pub(super) grants: Arc<Grants>,
    /// Has the pictures.
    pub(super) objects: Objects,
    pub(super) passphrases: Arc<Passphrases>,
    /// Admit clients to private items.
    pub(super) invitations: Arc<Invitations>,
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
        .route("/api/library/{item_id}", get(show).patch(edit::edit).delete(edit::remove))
        .route("/api/library/{item_id}/play", post(play::play))
        .route("/api/library/{item_id}/manifest", get(manifest::show))
        .route("/api/library/{item_id}/invitations", get(invitations::list).post(invitations::create))
        .route("/api/library/{item_id}/invitations/{invitation_id}", delete(invitations::revoke))
        .route(
            "/api/library/{item_id}/previews/{at_ms}",
            put(pictures::add).layer(DefaultBodyLimit::max(MAX_THUMBNAIL_BYTES)),
        )
        .route("/library/{item_id}/poster", get(pictures::poster))
        .route("/library/{item_id}/previews/{at_ms}", get(pictures::preview))
        .route("/library/{item_id}/download", get(redirect::download))
        .route("/library/{item_id}/audio.m3u8", get(redirect::playlist))
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
