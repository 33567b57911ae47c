//! `POST /api/library/{item_id}/play`: a grant, and the nodes to use it at.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use placement::rendezvous;
use protocol::{
    ErrorCode, ItemId,
    grant::ItemClaims,
    item::{PlayItem, Playable, State as ItemState},
};
use serving::{Forwarded, Prefix};

use super::{super::Error as LibraryError, Api, extract::Reader};
use crate::{
    api::{error::Error, extract::OptionalJson},
    auth::PLAY,
    clock::Now,
};

/// Most nodes of an answer.
const MOST_NODES: usize = 8;

pub(super) async fn play(
    State(api): State<Arc<Api>>,
    reader: Reader,
    forwarded: Forwarded,
    OptionalJson(PlayItem { .. }): OptionalJson<PlayItem>,
) -> Result<Answer<Playable>, Error> {
    let now = Now::read();
    api.partition.admits_newcomers(now)?;
    match reader.record.state {
        ItemState::Growing | ItemState::Ready => {}
        ItemState::Processing => {
            return Err(LibraryError::NotReady("the item is being read: try again later".into()).into());
        }
        ItemState::Failed => {
            let reason = reader.record.error.as_deref().unwrap_or("it could not be read");
            return Err(LibraryError::NotReady(format!("the item cannot be played: {reason}")).into());
        }
    }
    let nodes = nodes(&api, reader.item_id, forwarded.prefix(), now)?;
    let grant = api.grants.permit_item(ItemClaims::play(reader.item_id, 0, ""), now)?;
    api.play_grants.inc();
    Ok(Answer(Playable { grant, expires_in_s: PLAY.as_secs(), nodes }))
}

/// The nodes that serve an item, in the order to try them.
fn nodes(api: &Api, item_id: ItemId, prefix: &Prefix, now: Now) -> Result<Vec<String>, Error> {
    let candidates = api.state.read_nodes(|registry| registry.library_nodes(now.instant));
    let nodes = rendezvous::order(item_id.to_string().as_bytes(), candidates, MOST_NODES);
    if nodes.is_empty() {
        return Err(Error::new(
            ErrorCode::NoNodeAvailable,
            "no node serves the library now: try again in a moment",
        ));
    }
    Ok(nodes.into_iter().map(|node| prefix.url(node.public_url)).collect())
}
