//! `GET /api/library`: lists and searches.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Query as Params, State},
    http::request::Parts,
};
use protocol::{
    ErrorCode,
    item::{ItemPage, Kind},
};
use serde::Deserialize;
use serving::Forwarded;

use super::{
    super::{
        index::{Cursor, Query, Scope, Sort},
        text,
    },
    Api, below,
};
use crate::{
    api::{
        caller::{Person, unauthorized},
        error::Error,
    },
    state::catalogue::record::Owner,
};

/// Default page size.
const DEFAULT: usize = 50;
/// Largest page size; larger requests are reduced to it.
const MOST: usize = 100;
/// Most characters of a search.
const TEXT_CHARS: usize = 200;

/// The query parameters; all are optional.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    kind: Option<Kind>,
    tag: String,
    sort: Option<Sort>,
    limit: Option<u32>,
    cursor: Option<String>,
    mine: bool,
    deleted: bool,
}

impl FromRequestParts<Arc<Api>> for Query {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let Params(asked) = Params::<Asked>::from_request_parts(parts, api)
            .await
            .map_err(|error| Error::invalid(error.body_text()))?;
        let Asked { q, kind, tag, sort, limit, cursor, mine, deleted } = asked;
        if q.chars().count() > TEXT_CHARS {
            return Err(Error::invalid(format!("q has more than {TEXT_CHARS} characters")));
        }
        if limit == Some(0) {
            return Err(Error::invalid("limit must be at least 1"));
        }
        let parsed = |text: &String| Cursor::parse(text).ok_or_else(wrong_cursor);
        let cursor = cursor.as_ref().filter(|text| !text.is_empty()).map(parsed).transpose()?;
        // A text that is no valid tag matches no item.
        let in_one_form = |tag: String| {
            text::tags(std::slice::from_ref(&tag)).ok().and_then(|mut tags| tags.pop()).unwrap_or(tag)
        };
        let tag = Some(tag).filter(|tag| !tag.trim().is_empty()).map(in_one_form);
        let scope = if mine || deleted { own(parts, api, deleted)? } else { Scope::Listed };
        let limit = limit.map_or(DEFAULT, |limit| usize::try_from(limit).unwrap_or(MOST).min(MOST));
        Ok(Self { scope, text: q, kind, tag, sort, cursor, limit })
    }
}

/// The items that the caller may change.
fn own(parts: &Parts, api: &Api, deleted: bool) -> Result<Scope, Error> {
    let person = api.credentials.person(parts)?;
    let person = person.ok_or_else(|| unauthorized("mine and deleted need a session"))?;
    let owner = owner_of(&person, api)?;
    Ok(if deleted { Scope::Deleted(owner) } else { Scope::Editable(owner) })
}

/// The owner of the items that the person may change; `None` for an operator, who may change all.
///
/// # Errors
/// `unauthorized` if the account was removed a moment ago.
pub(super) fn owner_of(person: &Person, api: &Api) -> Result<Option<Owner>, Error> {
    if person.is_operator() {
        return Ok(None);
    }
    let gone = || Error::new(ErrorCode::Unauthorized, "the account is gone");
    api.broadcasters.owner(&person.name).map(Some).ok_or_else(gone)
}

fn wrong_cursor() -> Error {
    Error::new(ErrorCode::NotFound, "no page has this cursor in this order: begin with the first page")
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    forwarded: Forwarded,
    query: Query,
) -> Result<Answer<ItemPage>, Error> {
    let (found, rows) = api.library.page(&query).map_err(|_| wrong_cursor())?;
    let shows_owner = query.scope != Scope::Listed;
    let item =
        |(item_id, record): (_, super::Record)| below(record.item(item_id, shows_owner), forwarded.prefix());
    Ok(Answer(ItemPage {
        items: rows.into_iter().map(item).collect(),
        total: found.total as u64,
        next_cursor: found.next.map(|cursor| cursor.text()),
    }))
}
