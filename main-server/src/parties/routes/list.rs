//! `GET /api/parties` and `GET /api/people`: the parties and people that the caller may find.

use std::{cmp::Reverse, sync::Arc};

use axum::{
    Json as Answer,
    extract::{Query, State, rejection::QueryRejection},
};
use protocol::{
    PartyId,
    party::{Access, PartyPage},
};
use serde::Deserialize;

use super::{
    super::{
        Error, Parties,
        party::{Record, Visitor},
    },
    Api,
};
use crate::api::{
    caller::{Person, SignedIn, Viewer},
    error::Error as ApiError,
};

/// Default page size.
const PAGE: usize = 50;
/// Largest page size.
const MOST: usize = 200;
/// Most characters of a search.
const SEARCH_CHARS: usize = 100;
/// Shortest search for a person's name, in characters.
const FEWEST_CHARS: usize = 2;
/// Most people in an answer.
const MOST_PEOPLE: usize = 10;

/// The query.
#[derive(Deserialize)]
pub(super) struct Search {
    q: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Viewer(person): Viewer,
    search: Result<Query<Search>, QueryRejection>,
) -> Result<Answer<PartyPage>, ApiError> {
    let Query(search) = search.map_err(|error| ApiError::invalid(error.body_text()))?;
    Ok(Answer(api.parties.page(&search, person.as_ref())?))
}

/// Where a page begins: after this party, newest first.
type Place = Reverse<(u64, PartyId)>;

impl Parties {
    fn page(&self, search: &Search, person: Option<&Person>) -> Result<PartyPage, Error> {
        let limit = search.limit.unwrap_or(PAGE);
        if !(1..=MOST).contains(&limit) {
            return Err(Error::Invalid(format!("limit must be from 1 to {MOST}")));
        }
        let words = searched(search.q.as_deref())?;
        let after = search.cursor.as_deref().map(place).transpose()?;
        let visitor = self.visitor(person);
        let is_found = |record: &Record| {
            is_listed(record, visitor) && (words.is_empty() || record.title.to_lowercase().contains(&words))
        };
        let found = self.table.each(|party_id, record| {
            let place = Reverse((record.created_at_ms, party_id));
            (after.is_none_or(|after| place > after) && is_found(record)).then_some(place)
        });
        let mut found: Vec<Place> = found.into_iter().flatten().collect();
        found.sort_unstable();
        let last = found.len().checked_sub(limit + 1).and_then(|_| found.get(limit - 1));
        let next_cursor = last.map(|Reverse((at_ms, party_id))| format!("{at_ms}-{party_id}"));
        // A party may have changed meanwhile.
        let summary = |record: &Record| is_found(record).then(|| record.summary());
        let of = |Reverse((_, party_id)): &Place| self.table.read(*party_id, summary).flatten();
        Ok(PartyPage { parties: found.iter().take(limit).filter_map(of).collect(), next_cursor })
    }
}

fn searched(q: Option<&str>) -> Result<String, Error> {
    let words = q.unwrap_or_default();
    let is_short = words.chars().count() <= SEARCH_CHARS;
    is_short
        .then(|| words.trim().to_lowercase())
        .ok_or_else(|| Error::Invalid(format!("q has more than {SEARCH_CHARS} characters")))
}

fn place(cursor: &str) -> Result<Place, Error> {
    let parts = cursor.split_once('-');
    let place =
        parts.and_then(|(at_ms, party_id)| Some(Reverse((at_ms.parse().ok()?, party_id.parse().ok()?))));
    place.ok_or_else(|| Error::Invalid("cursor is not that of an answer".into()))
}

/// Whether a client finds a party in the list: public ones, and those that its account may see.
fn is_listed(record: &Record, visitor: Visitor<'_>) -> bool {
    match record.access {
        Access::Public => true,
        Access::Unlisted => {
            let is_member = |account| record.members.iter().any(|member| member.is_of(account));
            visitor.is_operator || visitor.account.is_some_and(is_member)
        }
        Access::Private => record.is_shown_to(visitor),
    }
}

/// The query.
#[derive(Deserialize)]
pub(super) struct SearchPeople {
    q: String,
}

pub(super) async fn people(
    State(api): State<Arc<Api>>,
    SignedIn(_): SignedIn,
    search: Result<Query<SearchPeople>, QueryRejection>,
) -> Result<Answer<Vec<String>>, ApiError> {
    let Query(SearchPeople { q }) = search.map_err(|error| ApiError::invalid(error.body_text()))?;
    let beginning = searched(Some(&q))?;
    if beginning.chars().count() < FEWEST_CHARS {
        return Err(ApiError::invalid(format!("q must have at least {FEWEST_CHARS} characters")));
    }
    Ok(Answer(api.parties.accounts.names(&beginning, MOST_PEOPLE)))
}
