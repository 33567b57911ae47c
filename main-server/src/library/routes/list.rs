//! `GET /api/library`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use protocol::item::ItemPage;
use serving::Forwarded;

use super::{Api, below};

/// Most items of a page.
const MOST: usize = 100;

pub(super) async fn list(State(api): State<Arc<Api>>, forwarded: Forwarded) -> Answer<ItemPage> {
    let (items, total) = api.library.newest(MOST);
    let items = items.into_iter().map(|item| below(item, forwarded.prefix())).collect();
    Answer(ItemPage { items, total, next_cursor: None })
}
