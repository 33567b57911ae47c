//! What handlers take out of a request, with our errors where something is wrong with it.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bytes::Bytes;
use protocol::{ErrorCode, Located, NodeId, StreamId, stream::Visibility};
use serde::de::DeserializeOwned;

use super::{Api, error::Error};

/// The whole body, bounded by the route's limit.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        Bytes::from_request(request, state).await.map(Self).map_err(|error| unread(&error))
    }
}

fn unread(error: &BytesRejection) -> Error {
    // The rejection's variants are not public; its status is.
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Error::new(ErrorCode::PayloadTooLarge, "the body has more bytes than this call takes")
        }
        _ => Error::invalid("the body could not be read to its end"),
    }
}

/// A JSON body, whatever its content type says.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { parse(&bytes).map(Self) }
    }
}

/// An object in JSON. Anything else is refused here, because our types would also be read from an array of their fields.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Error::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // Read anew to name the field: keeping track of the place would cost every heartbeat.
        let error = serde_json::from_slice::<Located<T>>(bytes).err().unwrap_or(error);
        Error::invalid(format!("the body is not what this takes: {error}"))
    })
}

/// The stream that the path names.
pub(crate) struct StreamPath(pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for StreamPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let text = Path::<String>::from_request_parts(parts, api).await;
        let stream_id = text.ok().and_then(|Path(text)| text.parse().ok());
        let unknown =
            || Error::new(ErrorCode::UnknownStream, "no stream has this id: the link is incomplete");
        stream_id.map(Self).ok_or_else(unknown)
    }
}

/// The node that the path names, known or not.
pub(crate) struct NodePath(pub(crate) NodeId);

impl FromRequestParts<Arc<Api>> for NodePath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let text = Path::<String>::from_request_parts(parts, api).await;
        let unknown = |_| Error::new(ErrorCode::UnknownNode, "no node has this id: register again");
        text.map(|Path(text)| Self(NodeId(text))).map_err(unknown)
    }
}

/// The node and the stream that the path names.
pub(crate) struct NodeStreamPath(pub(crate) NodeId, pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for NodeStreamPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let texts = Path::<(String, String)>::from_request_parts(parts, api).await;
        let unknown =
            || Error::new(ErrorCode::UnknownStream, "no stream has this id: the path is incomplete");
        let Path((node_id, stream_id)) = texts.map_err(|_| unknown())?;
        Ok(Self(NodeId(node_id), stream_id.parse().map_err(|_| unknown())?))
    }
}

/// Proof that the caller showed the cluster secret: a node, or an operator.
pub(crate) struct Member;

impl FromRequestParts<Arc<Api>> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let is_member = bearer(&parts.headers).is_some_and(|secret| api.cluster_secret.matches(secret));
        let refused =
            || Error::new(ErrorCode::Unauthorized, "this call needs the cluster secret as a bearer token");
        is_member.then_some(Self).ok_or_else(refused)
    }
}

/// A stream that is not over, and proof that the caller is its broadcaster: a publish grant, which may have expired.
pub(crate) struct Publisher {
    /// Its id.
    pub(crate) stream_id: StreamId,
    /// Who may watch it.
    pub(crate) visibility: Visibility,
}

impl FromRequestParts<Arc<Api>> for Publisher {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        let visibility = api.control.find(stream_id)?.visibility;
        check_broadcaster(api, &parts.headers, stream_id)?;
        Ok(Self { stream_id, visibility })
    }
}

/// Proof that the caller may end the stream that the path names: its publisher, or a member of the cluster.
pub(crate) struct Ender(pub(crate) StreamId);

impl FromRequestParts<Arc<Api>> for Ender {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Error> {
        let StreamPath(stream_id) = StreamPath::from_request_parts(parts, api).await?;
        api.control.info(stream_id)?;
        if Member::from_request_parts(parts, api).await.is_err() {
            check_broadcaster(api, &parts.headers, stream_id)?;
        }
        Ok(Self(stream_id))
    }
}

/// Whether the caller shows a grant of the stream, expired or not, or the cluster secret.
pub(crate) fn is_insider(api: &Api, headers: &HeaderMap, stream_id: StreamId) -> bool {
    let shows = |token| api.cluster_secret.matches(token) || api.grants.was_let_in(token, stream_id);
    bearer(headers).is_some_and(shows)
}

fn check_broadcaster(api: &Api, headers: &HeaderMap, stream_id: StreamId) -> Result<(), Error> {
    let grant = bearer(headers).ok_or_else(Error::no_grant)?;
    Ok(api.grants.check_broadcaster(grant, stream_id)?)
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whom limits per address count: the peer's address, or its IPv6 /64; none if the server does not know.
pub(crate) struct Client(pub(crate) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(peer.map(|ConnectInfo(address)| whole_network(address.ip()))))
    }
}

fn whole_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(value: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        bearer(&headers).map(str::to_owned)
    }

    #[test]
    fn the_scheme_is_bearer_in_any_case() {
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer  abc").as_deref(), Some("abc"));
        for value in ["", "Bearer", "Basic abc", "abc"] {
            assert_eq!(token(value), None, "{value}");
        }
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        let network = |text: &str| whole_network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2:3::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
