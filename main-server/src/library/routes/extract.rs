//! The extractors of the library's handlers. An item that the caller may not see gets the same answer as one
//! that does not exist.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Path},
    http::{Uri, request::Parts},
};
use protocol::{ErrorCode, ItemId, grant::ItemClaims, stream::Visibility};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{
    super::{Error as LibraryError, Record},
    Api,
};
use crate::{
    api::{
        caller::{Person, bearer, forbidden, unauthorized},
        error::Error,
    },
    audit,
    clock::Now,
};

/// Longest wait for the item of a stream that has just begun, and the interval of checks.
const RECORDING_WAIT: Duration = Duration::from_secs(3);
const RECORDING_LOOK: Duration = Duration::from_millis(100);

/// The item's id in a path with possibly more parts.
#[derive(Deserialize)]
struct ItemIdText {
    item_id: String,
}

/// The item in the path.
pub(super) struct ItemPath(pub(super) ItemId);

impl FromRequestParts<Arc<Api>> for ItemPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let path = Path::<ItemIdText>::from_request_parts(parts, api).await;
        let item_id = path.ok().and_then(|Path(path)| path.item_id.parse().ok());
        let item_id = item_id.ok_or(LibraryError::Unknown)?;
        await_recording(api, item_id).await;
        Ok(Self(item_id))
    }
}

/// Waits for the item of a stream that has just begun, because the broadcaster gets a link to it at once.
async fn await_recording(api: &Api, item_id: ItemId) {
    let end = Instant::now() + RECORDING_WAIT;
    while api.library.known(item_id).is_none() && Instant::now() < end && api.nodes.is_to_be_recorded(item_id)
    {
        sleep(RECORDING_LOOK).await;
    }
}

/// The caller's credentials for reading an item. Any of them may be wrong.
pub(super) struct Shown {
    person: Option<Person>,
    token: Option<String>,
    /// Whether the caller is a node.
    pub(super) is_node: bool,
}

impl FromRequestParts<Arc<Api>> for Shown {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        Ok(Self {
            person: api.credentials.reader(parts),
            token: bearer(&parts.headers).or_else(|| grant_in_query(&parts.uri)).map(str::to_owned),
            is_node: api.credentials.is_node(&parts.headers),
        })
    }
}

/// The grant in the query of a picture or file: pages load them by address, without headers.
fn grant_in_query(uri: &Uri) -> Option<&str> {
    let query = uri.query().filter(|_| uri.path().starts_with("/library/"))?;
    query.split('&').find_map(|pair| pair.strip_prefix("grant="))
}

impl Shown {
    /// Whether the caller is the owner, an operator, or the broadcaster of the recorded stream.
    pub(super) fn may_edit(&self, api: &Api, record: &Record) -> bool {
        api.library.may_edit(record, self.person.as_ref())
            || self.token.as_ref().is_some_and(|token| is_broadcaster(api, record, token))
    }

    /// The claims of the grant with which the caller was admitted to a private item earlier, if it is still
    /// accepted.
    pub(super) async fn earlier(
        &self,
        api: &Api,
        item_id: ItemId,
        record: &Record,
    ) -> Result<Option<ItemClaims>, Error> {
        let Some(token) = &self.token else { return Ok(None) };
        let earlier = api.grants.earlier_item(token, item_id, Now::read());
        let Some(claims) = earlier.filter(|claims| claims.rule == record.rule) else { return Ok(None) };
        let is_revoked = match &claims.invitation_id {
            Some(invitation_id) => api.invitations.is_revoked(item_id.into(), invitation_id).await?,
            None => false,
        };
        Ok((!is_revoked).then_some(claims))
    }
}

/// An item that the caller may see.
pub(super) struct Reader {
    pub(super) item_id: ItemId,
    pub(super) record: Record,
    /// Whether the caller may change it.
    pub(super) may_edit: bool,
    /// The invitation that admitted the caller to a private item earlier.
    pub(super) invitation_id: Option<String>,
}

impl FromRequestParts<Arc<Api>> for Reader {
    type Rejection = Error;

    /// Everyone sees public and unlisted items. Private ones require a grant for the item, or a node. The
    /// owner, operators and the broadcaster of the stream also see deleted ones.
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let ItemPath(item_id) = ItemPath::from_request_parts(parts, api).await?;
        let Ok(shown) = Shown::from_request_parts(parts, api).await;
        let record = api.library.find(item_id).await?.ok_or(LibraryError::Unknown)?;
        let may_edit = shown.may_edit(api, &record);
        let is_open =
            may_edit || !record.is_deleted() && (record.visibility != Visibility::Private || shown.is_node);
        let earlier = match is_open || record.is_deleted() {
            true => None,
            false => Some(shown.earlier(api, item_id, &record).await?.ok_or(LibraryError::Unknown)?),
        };
        if !is_open && earlier.is_none() {
            return Err(LibraryError::Unknown.into());
        }
        let invitation_id = earlier.and_then(|claims| claims.invitation_id);
        Ok(Self { item_id, record, may_edit, invitation_id })
    }
}

/// An item that the caller may change, deleted or not: its owner, an operator, or the broadcaster of the
/// recorded stream.
pub(super) struct Editor {
    pub(super) item_id: ItemId,
    pub(super) record: Record,
    /// The caller, if a person signed in.
    person: Option<Person>,
}

impl FromRequestParts<Arc<Api>> for Editor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        // Checked before anything about the item is revealed.
        let person = api.credentials.person(parts)?;
        let ItemPath(item_id) = ItemPath::from_request_parts(parts, api).await?;
        let record = api.library.find(item_id).await?.ok_or(LibraryError::Unknown)?;
        let token = bearer(&parts.headers);
        let is_admitted = match token {
            Some(token) => is_broadcaster(api, &record, token),
            None => api.library.may_edit(&record, person.as_ref()),
        };
        if is_admitted {
            return Ok(Self { item_id, record, person });
        }
        if record.is_deleted() || record.visibility == Visibility::Private {
            return Err(LibraryError::Unknown.into());
        }
        Err(match (token, person) {
            (Some(_), _) => {
                Error::new(ErrorCode::InvalidGrant, "the token is no publish grant of the item's stream")
            }
            (None, Some(_)) => forbidden("only the owner or an operator may do this"),
            (None, None) => unauthorized("this call needs a session"),
        })
    }
}

impl Editor {
    /// Logs a person's action on the item. Actions of the stream's broadcaster are not in the audit log.
    pub(super) fn log(&self, address: Option<IpAddr>, what: &str) {
        if let Some(person) = &self.person {
            audit::log(&person.name, address, &format!("{what} the item {}", self.item_id));
        }
    }
}

fn is_broadcaster(api: &Api, record: &Record, token: &str) -> bool {
    record.stream_id.is_some_and(|stream_id| api.grants.check_broadcaster(token, stream_id).is_ok())
}
