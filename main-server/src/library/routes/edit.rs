//! `PATCH` and `DELETE /api/library/{item_id}`.

use std::sync::Arc;

use axum::{Json as Answer, extract::State, http::StatusCode};
use protocol::{
    item::{ChangeItem, Item},
    stream::Visibility,
};
use serving::Forwarded;

use super::{
    super::{Record, Text, text},
    Api,
    extract::Editor,
    full,
};
use crate::{
    api::{
        error::Error,
        extract::{Client, Json},
    },
    auth::PASSPHRASE_CHARS,
    clock::Now,
};

/// The normalised texts of a request; omitted ones stay unchanged.
struct Texts {
    title: Option<String>,
    artist: Option<Option<String>>,
    album: Option<Option<String>>,
    tags: Option<Vec<String>>,
}

impl Texts {
    fn of(request: &ChangeItem) -> Result<Self, Error> {
        let ChangeItem { title, artist, album, tags, .. } = request;
        Ok(Self {
            title: title.as_deref().map(|title| text::required("title", title)).transpose()?,
            artist: artist.as_deref().map(|artist| text::optional("artist", artist)).transpose()?,
            album: album.as_deref().map(|album| text::optional("album", album)).transpose()?,
            tags: tags.as_deref().map(text::tags).transpose()?,
        })
    }

    fn apply(&self, text: &mut Text) {
        text.title.clone_from(self.title.as_ref().unwrap_or(&text.title.clone()));
        text.artist.clone_from(self.artist.as_ref().unwrap_or(&text.artist.clone()));
        text.album.clone_from(self.album.as_ref().unwrap_or(&text.album.clone()));
        text.tags.clone_from(self.tags.as_ref().unwrap_or(&text.tags.clone()));
    }
}

pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
    forwarded: Forwarded,
    Json(mut request): Json<ChangeItem>,
) -> Result<Answer<Item>, Error> {
    let texts = Texts::of(&request)?;
    if request.deleted == Some(true) {
        return Err(Error::invalid("deleted can only be false: call DELETE to delete an item"));
    }
    let passphrase = checked_passphrase(&mut request, &editor.record)?;
    let passphrase_hash = match passphrase {
        Some(passphrase) if !passphrase.is_empty() => {
            Some(Some(api.passphrases.hash(passphrase, address).await?))
        }
        Some(_) => Some(None),
        None => None,
    };
    let now = Now::read();
    if request.deleted == Some(false) {
        api.library.restore(editor.item_id, now).await?;
    }
    let change = |record: &mut Record| {
        texts.apply(&mut record.text);
        record.admit_by(request.visibility, passphrase_hash.as_ref());
    };
    let record = api.library.change(editor.item_id, change).await?;
    editor.log(address, "changed");
    full(&api, editor.item_id, &record, true, forwarded.prefix()).await.map(Answer)
}

/// The passphrase of a request, if the item may have one; an empty one removes it.
fn checked_passphrase(request: &mut ChangeItem, record: &Record) -> Result<Option<String>, Error> {
    let passphrase = request.passphrase.take();
    let visibility = request.visibility.unwrap_or(record.visibility);
    match &passphrase {
        Some(text) if visibility != Visibility::Private && !text.is_empty() => {
            Err(Error::invalid("passphrase is for private items: set visibility to private, or leave it out"))
        }
        Some(text) if text.chars().count() > PASSPHRASE_CHARS => {
            Err(Error::invalid(format!("passphrase has more than {PASSPHRASE_CHARS} characters")))
        }
        _ => Ok(passphrase),
    }
}

pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
) -> Result<StatusCode, Error> {
    api.library.delete(editor.item_id, Now::read()).await?;
    editor.log(address, "deleted");
    Ok(StatusCode::NO_CONTENT)
}
