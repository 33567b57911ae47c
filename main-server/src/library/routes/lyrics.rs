//! `/api/library/{item_id}/lyrics`: the lyrics of an item, a text usually in the LRC format, which is not
//! parsed here.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header::HeaderValue},
    response::Response,
};
use bytes::Bytes;
use protocol::item::Blob;

use super::{
    Api,
    blob::answer,
    extract::{Editor, Reader},
};
use crate::api::{
    error::Error,
    extract::{Client, Raw},
};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

pub(super) async fn show(
    State(api): State<Arc<Api>>,
    reader: Reader,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&api, reader.record.lyrics.as_ref(), "lyrics", TEXT, (&uri, &headers)).await
}

pub(super) async fn replace(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
    Raw(bytes): Raw,
) -> Result<StatusCode, Error> {
    let text = checked(&bytes)?;
    // A deleted item accepts no lyrics.
    api.library.get(editor.item_id).await?;
    let size = text.len() as u64;
    let hash = api.objects.put(text).await?;
    let blob = Blob { hash: hash.to_string(), bytes: size };
    api.library.change(editor.item_id, |record| record.lyrics = Some(blob.clone())).await?;
    editor.log(address, "changed the lyrics of");
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    editor: Editor,
) -> Result<StatusCode, Error> {
    api.library.change(editor.item_id, |record| record.lyrics = None).await?;
    editor.log(address, "removed the lyrics of");
    Ok(StatusCode::NO_CONTENT)
}

/// The text without a byte order mark.
fn checked(bytes: &Bytes) -> Result<Bytes, Error> {
    let begin = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let bytes = bytes.slice(begin..);
    let text = str::from_utf8(&bytes).map_err(|_| Error::invalid("the body is not a text in UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Error::invalid("the body is an empty text: DELETE removes lyrics"));
    }
    if text.contains(|char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        return Err(Error::invalid("the body has control characters"));
    }
    Ok(bytes)
}
