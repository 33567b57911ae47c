//! What the streams' handlers take out of a request.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, request::Parts},
};
use protocol::{ErrorCode, StreamId, grant, stream::Visibility};

use serde::Deserialize;

use super::api::Api;
use crate::{
    api::{
        caller::{Person, bearer, forbidden},
        error::Error,
    },
    audit,
    clock::Now,
    state::catalogue::record::Owner,
};

/// The part of a path that names a stream; there may be others.
#[derive(Deserialize)]
struct StreamIdText {
    stream_id: String,
}

/// The stream that the path names.
pub(crate) struct StreamPath(pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for StreamPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let path = Path::<StreamIdText>::from_request_parts(parts, api).await;
        let stream_id = path.ok().and_then(|Path(path)| path.stream_id.parse().ok());
        let unknown =
            || Error::new(ErrorCode::UnknownStream, "no stream has this id: the link is incomplete");
        stream_id.map(Self).ok_or_else(unknown)
    }
}

/// A stream that is not over, and proof that the caller is its broadcaster: a publish grant, which may have expired.
pub(crate) struct Publisher {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// Its visibility.
    pub(crate) visibility: Visibility,
}

impl FromRequestParts<Arc<Api>> for Publisher {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        api.streams.look_up(stream_id).await?;
        let visibility = api.streams.find(stream_id, Now::read())?.visibility;
        check_broadcaster(api, &parts.headers, stream_id)?;
        Ok(Self { stream_id, visibility })
    }
}

/// A client that may create streams.
pub(crate) struct Broadcaster {
    /// The account that its stream belongs to, if it belongs to one.
    pub(crate) owner: Option<Owner>,
}

impl FromRequestParts<Arc<Api>> for Broadcaster {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let token = bearer(&parts.headers);
        let person = match token {
            Some(_) => None,
            None => api.credentials.person(parts)?,
        };
        Ok(Self { owner: api.broadcasters.admit(token, person.as_ref(), Now::read())? })
    }
}

/// The caller may change and end the stream that the path names, over or not: its publisher, its owner, or an operator.
pub(crate) struct Manager {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// Who it is, if that is a person who signed in.
    pub(crate) person: Option<Person>,
}

impl FromRequestParts<Arc<Api>> for Manager {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        api.streams.look_up(stream_id).await?;
        let owner = api.streams.owner(stream_id)?;
        if bearer(&parts.headers).is_some() {
            check_broadcaster(api, &parts.headers, stream_id)?;
            return Ok(Self { stream_id, person: None });
        }
        let person = api.credentials.person(parts)?.ok_or_else(Error::no_grant)?;
        let refused = || forbidden("only the broadcaster, the owner or an operator may do this");
        api.broadcasters.may_manage(&person, owner.as_ref()).then_some(()).ok_or_else(refused)?;
        Ok(Self { stream_id, person: Some(person) })
    }
}

impl Manager {
    /// Logs what a person did to the stream. What its broadcaster does is not in the audit log.
    pub(crate) fn log(&self, address: Option<IpAddr>, what: &str) {
        if let Some(person) = &self.person {
            audit::log(&person.name, address, &format!("{what} the stream {}", self.stream_id));
        }
    }
}

/// A caller who is told everything about the stream that the path names, or not.
pub(crate) struct Insider(pub(crate) bool);

impl FromRequestParts<Arc<Api>> for Insider {
    type Rejection = Error;

    /// Whether the caller shows a grant of the stream, expired or not, that [proves an admission](crate::auth::proves_admission), or is
    /// its owner, an operator or a node.
    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        api.streams.look_up(stream_id).await?;
        let owner = api.streams.owner(stream_id)?;
        let was_open = api.streams.was_open(stream_id)?;
        let was_admitted = |token| api.grants.earlier(token, stream_id, was_open).is_some();
        let manages = |person| api.broadcasters.may_manage(&person, owner.as_ref());
        let is_insider = api.credentials.is_node(&parts.headers)
            || bearer(&parts.headers).is_some_and(was_admitted)
            || api.credentials.reader(parts).is_some_and(manages);
        Ok(Self(is_insider))
    }
}

fn check_broadcaster(api: &Api, headers: &HeaderMap, stream_id: StreamId) -> Result<(), Error> {
    let grant = bearer(headers).ok_or_else(Error::no_grant)?;
    judged(api, grant, api.grants.check_broadcaster(grant, stream_id))
}

/// What was found of `grant`. A grant of a key that is unknown here is not called invalid while this server is cut off: another
/// main server may have signed it with a new key.
pub(crate) fn judged<T>(api: &Api, grant: &str, found: Result<T, grant::Error>) -> Result<T, Error> {
    if found.is_err() && !api.grants.knows_key_of(grant) {
        api.streams.knows_all()?;
    }
    Ok(found?)
}
