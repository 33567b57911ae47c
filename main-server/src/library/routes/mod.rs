//! `/api/library`: lists, reads, changes, deletes and plays items, and their manifests for nodes;
//! `/library/{item_id}/…`: their pictures, and redirects to their files.

mod blob;
mod edit;
mod events;
mod extract;
mod invitations;
mod list;
mod lyrics;
mod manifest;
mod pictures;
mod play;
mod redirect;
mod waveform;

use std::sync::Arc;

use axum::{
    Json as Answer, Router,
    extract::{DefaultBodyLimit, FromRef, State},
    routing::{delete, get, post, put},
};
use objects::Objects;
use protocol::{
    ItemId,
    item::{Item, MAX_LYRICS_BYTES, Preview},
    stream::MAX_THUMBNAIL_BYTES,
};
use serving::{Forwarded, Prefix};
use tokio_util::sync::CancellationToken;

use self::extract::Reader;
use super::{ItemNodes, Library, Links, Record, record::preview_url};
use crate::{
    api::{caller::Credentials, error::Error},
    auth::{Grants, Passphrases},
    broadcasters::Broadcasters,
    cluster::partition::Partition,
    invitations::Invitations,
    metrics::Counter,
};

/// The shared state of the handlers.
pub(super) struct Api {
    pub(super) library: Arc<Library>,
    pub(super) nodes: ItemNodes,
    pub(super) grants: Arc<Grants>,
    /// The object store with the pictures.
    pub(super) objects: Objects,
    pub(super) passphrases: Arc<Passphrases>,
    /// Invitations to private items.
    pub(super) invitations: Arc<Invitations>,
    /// The accounts.
    pub(super) broadcasters: Arc<Broadcasters>,
    pub(super) partition: Arc<Partition>,
    pub(super) credentials: Credentials,
    pub(super) play_grants: Counter,
    /// Cancelled when event streams have to end.
    pub(super) closing: CancellationToken,
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
        .route("/api/library/events", get(events::listen))
        .route("/api/library/{item_id}", get(show).patch(edit::edit).delete(edit::remove))
        .route("/api/library/{item_id}/play", post(play::play))
        .route("/api/library/{item_id}/manifest", get(manifest::show))
        .route("/api/library/{item_id}/invitations", get(invitations::list).post(invitations::create))
        .route("/api/library/{item_id}/invitations/{invitation_id}", delete(invitations::revoke))
        .route(
            "/api/library/{item_id}/previews/{at_ms}",
            put(pictures::add).layer(DefaultBodyLimit::max(MAX_THUMBNAIL_BYTES)),
        )
        .route("/api/library/{item_id}/waveform", get(waveform::show))
        .route(
            "/api/library/{item_id}/lyrics",
            get(lyrics::show)
                .put(lyrics::replace)
                .delete(lyrics::remove)
                .layer(DefaultBodyLimit::max(MAX_LYRICS_BYTES)),
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
    full(&api, reader.item_id, &reader.record, reader.may_edit, forwarded.prefix()).await.map(Answer)
}

/// An item with all details.
async fn full(
    api: &Api,
    item_id: ItemId,
    record: &Record,
    may_edit: bool,
    prefix: &Prefix,
) -> Result<Item, Error> {
    let previews = api.library.previews(item_id, record).await?;
    let preview = |picture: super::manifest::Picture| Preview {
        at_ms: picture.at_ms,
        url: preview_url(item_id, picture.at_ms, &picture.blob),
    };
    let previews = previews.pictures.into_iter().map(preview).collect();
    let Links { source, stem: _, stems } = api.library.shown_links(record, may_edit);
    Ok(below(Item { previews, source, stems, ..record.item(item_id, may_edit) }, prefix))
}

/// An item with its addresses as a client reaches them.
fn below(mut item: Item, prefix: &Prefix) -> Item {
    for url in [&mut item.poster_url, &mut item.waveform_url, &mut item.lyrics_url].into_iter().flatten() {
        *url = prefix.path(url);
    }
    for preview in &mut item.previews {
        preview.url = prefix.path(&preview.url);
    }
    item
}
