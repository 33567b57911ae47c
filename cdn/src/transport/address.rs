//! The address that a client's limits are counted by.

use std::net::IpAddr;

use axum::http::Extensions;
use serving::Forwarded;

/// That of the client whose request has these extensions, see [`per_address::network`]; none if the server does not know it.
pub(super) fn of(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Forwarded>().and_then(Forwarded::network)
}
