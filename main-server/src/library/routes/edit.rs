//! `PATCH /api/library/{item_id}`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use protocol::item::{ChangeItem, Item};
use serving::Forwarded;

use super::{
    super::{Record, text},
    Api,
    extract::Editor,
    full,
};
use crate::{
    api::{
        error::Error,
        extract::{Client, Json},
    },
    clock::Now,
};

pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
    forwarded: Forwarded,
    Json(request): Json<ChangeItem>,
) -> Result<Answer<Item>, Error> {
    let title = request.title.as_deref().map(|title| text::required("title", title)).transpose()?;
    let artist = request.artist.as_deref().map(|artist| text::optional("artist", artist)).transpose()?;
    let album = request.album.as_deref().map(|album| text::optional("album", album)).transpose()?;
    let tags = request.tags.as_deref().map(text::tags).transpose()?;
    if request.deleted == Some(false) {
        api.library.restore(editor.item_id, Now::read()).await?;
    }
    let change = |record: &mut Record| {
        let text = &mut record.text;
        text.title = title.as_ref().unwrap_or(&text.title).clone();
        text.artist = artist.as_ref().unwrap_or(&text.artist).clone();
        text.album = album.as_ref().unwrap_or(&text.album).clone();
        text.tags = tags.as_ref().unwrap_or(&text.tags).clone();
    };
    let record = api.library.change(editor.item_id, change).await?;
    editor.log(address, "changed");
    full(&api, &record, &record.item(editor.item_id, true), forwarded.prefix()).await.map(Answer)
}
