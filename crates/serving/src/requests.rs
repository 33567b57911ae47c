//! How many requests an address may send.

use std::{net::IpAddr, time::Duration};

use axum::extract::Request;
use per_address::{Pace, Rates};
use tokio::time::Instant;

use crate::Forwarded;

/// How many seconds of the rate may come at once: a page and its files, for many people behind one address.
pub const REQUEST_BURST_S: u32 = 10;

/// Counts the requests of each address.
#[derive(Debug)]
pub struct RequestRates(Rates<IpAddr>);

impl RequestRates {
    /// `per_second` requests of each address on average, and [`REQUEST_BURST_S`] times that at once.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self(Rates::new(Pace::per_second(per_second, per_second.saturating_mul(REQUEST_BURST_S))))
    }

    /// Counts a request. One whose address is unknown is not bounded.
    ///
    /// # Errors
    /// After how long the client may send another.
    pub fn count(&self, request: &Request) -> Result<(), Duration> {
        self.count_of(request.extensions().get::<Forwarded>().and_then(Forwarded::network))
    }

    /// As [`Self::count`], for a request of this address.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn count_of(&self, address: Option<IpAddr>) -> Result<(), Duration> {
        address.map_or(Ok(()), |address| self.0.step(address, Instant::now()).map(drop))
    }
}
