//! `GET /library/{item_id}/download` and `/library/{item_id}/audio.m3u8`: redirects to a node, with a grant,
//! for players and programs that only follow links.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serving::Forwarded;

use super::{super::check_state, Api, extract::Reader, play};
use crate::{api::error::Error, clock::Now};

pub(super) async fn download(
    State(api): State<Arc<Api>>,
    reader: Reader,
    forwarded: Forwarded,
) -> Result<Response, Error> {
    // The node names the file; it does not know the title.
    let title = utf8_percent_encode(&reader.record.text.title, NON_ALPHANUMERIC).to_string();
    to_node(&api, reader, &forwarded, &format!("download?name={title}&"))
}

pub(super) async fn playlist(
    State(api): State<Arc<Api>>,
    reader: Reader,
    forwarded: Forwarded,
) -> Result<Response, Error> {
    to_node(&api, reader, &forwarded, "audio.m3u8?")
}

/// Redirects to a path below that of the item at a node. The grant ends the query that `path` begins.
fn to_node(api: &Api, reader: Reader, forwarded: &Forwarded, path: &str) -> Result<Response, Error> {
    let now = Now::read();
    api.partition.admits_newcomers(now)?;
    check_state(&reader.record)?;
    let item_id = reader.item_id;
    let nodes = api.nodes.of(item_id, forwarded.prefix(), now)?;
    let grant = play::grant(api, item_id, &reader.record, reader.invitation_id, now)?;
    let node = nodes.first().map(String::as_str).unwrap_or_default();
    let location = format!("{node}/library/{item_id}/{path}grant={grant}");
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}
