//! What handlers take out of a request, with our errors where something is wrong with it.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{Extensions, StatusCode, request::Parts},
};
use bytes::Bytes;
use protocol::{ErrorCode, Located};
use serde::de::DeserializeOwned;
use serving::Forwarded;

use super::error::Error;

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
            Error::new(ErrorCode::PayloadTooLarge, "the body has more bytes than this call accepts")
        }
        _ => Error::invalid("the body is incomplete"),
    }
}

/// A JSON body, whatever its content type says.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        client_json(&bytes).map(Self)
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { client_json(&bytes).map(Self) }
    }
}

/// Deepest nesting of arrays and objects in a client's JSON; calls need three levels.
pub const JSON_DEPTH: usize = 64;

/// As [`parse`], for what anybody may send. Unknown fields are skipped without recursion, but a later reader may have none of that.
fn client_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if depth(bytes) > JSON_DEPTH {
        return Err(Error::invalid(format!("the body nests arrays and objects more than {JSON_DEPTH} deep")));
    }
    parse(bytes)
}

/// How many arrays and objects are in each other at most; of anything but JSON, any number.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut is_text, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// An object in JSON. Anything else is refused here, because our types would also be read from an array of their fields.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Error::invalid("the body is not a JSON object"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // Parsed again to name the field: keeping track of the place would cost every heartbeat.
        let error = serde_json::from_slice::<Located<T>>(bytes).err().unwrap_or(error);
        Error::invalid(format!("the body is invalid for this call: {error}"))
    })
}

/// The client as limits per address count it: its address, or its IPv6 /64; `None` if the server does not know it.
pub(crate) struct Client(pub(crate) Option<IpAddr>);

impl Client {
    /// The client of the request with these extensions.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        Self(extensions.get::<Forwarded>().and_then(Forwarded::network))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The invitation that a path names as its second part, known or not.
pub(crate) struct InvitationPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for InvitationPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let texts = Path::<(String, String)>::from_request_parts(parts, state).await;
        let unknown = |_| Error::new(ErrorCode::UnknownInvitation, "there is no such invitation");
        texts.map(|Path((_, invitation_id))| Self(invitation_id)).map_err(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_are_no_depth() {
        for (json, expected) in
            [("", 0), ("5", 0), ("{}", 1), (r#"{"a":[[1],{}]}"#, 3), (r#"["\"[[","[{"]"#, 1)]
        {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
    }
}
