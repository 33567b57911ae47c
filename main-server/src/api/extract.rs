//! What handlers take out of a request, with our errors where something is wrong with it.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, request::Parts},
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
        // Parsed again to name the field: keeping track of the place would cost every heartbeat.
        let error = serde_json::from_slice::<Located<T>>(bytes).err().unwrap_or(error);
        Error::invalid(format!("the body is invalid for this call: {error}"))
    })
}

/// The client as limits per address count it: its address, or its IPv6 /64; `None` if the server does not know it.
pub(crate) struct Client(pub(crate) Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Forwarded::from_request_parts(parts, state).await?.network()))
    }
}
