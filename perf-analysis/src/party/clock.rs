//! A member's own clock, and its estimate of the server's by exchanges of four timestamps.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use protocol::event::{ClockAnswer, ClockRequest};

use crate::{
    control::http::{Client, request},
    error::{Error, Result},
};

/// Number of exchanges, and of those with the shortest trips that count, as in pages.
const EXCHANGES: usize = 8;
const COUNTED: usize = 3;
/// The members' clocks are up to three hours off.
const OFF_MS: f64 = 3.0 * 60.0 * 60.0 * 1000.0;

/// The clock of a member, which differs from the server's.
#[derive(Clone, Copy)]
pub(super) struct LocalClock {
    started: Instant,
    start_ms: f64,
}

impl LocalClock {
    /// The clock of member `number`.
    pub(super) fn new(number: usize) -> Self {
        let unix_ms =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1000.0);
        let off_ms = ((number * 7919) % 2001) as f64 / 1000.0 * OFF_MS - OFF_MS;
        Self { started: Instant::now(), start_ms: unix_ms + off_ms }
    }

    /// The displayed time at `instant`.
    pub(super) fn at_ms(&self, instant: Instant) -> f64 {
        self.start_ms + instant.duration_since(self.started).as_secs_f64() * 1000.0
    }
}

/// How far the server's clock is ahead of `local`, by exchanges on `client`.
///
/// # Errors
/// Those of [`Client::ask`], [`Error::Protocol`] for an invalid answer.
pub(super) async fn ahead_ms(client: &mut Client, local: &LocalClock) -> Result<f64> {
    let mut exchanges = Vec::with_capacity(EXCHANGES);
    for _ in 0..EXCHANGES {
        let t0_ms = local.at_ms(Instant::now());
        let body = serde_json::to_string(&ClockRequest { t0_ms }).unwrap_or_default();
        let answer = client.ask(&request("POST", "/api/clock", None, &body)).await?;
        let t3_ms = local.at_ms(Instant::now());
        let answer: ClockAnswer = serde_json::from_slice(answer.body)
            .map_err(|error| Error::Protocol(format!("POST /api/clock: {error}")))?;
        exchanges.push(exchange(t0_ms, answer.t1_ms as f64, answer.t2_ms as f64, t3_ms));
    }
    exchanges.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(exchanges.iter().take(COUNTED).map(|(_, ahead_ms)| ahead_ms).sum::<f64>() / COUNTED as f64)
}

/// The round-trip time of an exchange, and how far the server is ahead according to it.
fn exchange(t0_ms: f64, t1_ms: f64, t2_ms: f64, t3_ms: f64) -> (f64, f64) {
    ((t3_ms - t0_ms) - (t2_ms - t1_ms), f64::midpoint(t1_ms - t0_ms, t2_ms - t3_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_trips_tell_the_exact_difference() {
        assert_eq!(exchange(0.0, 1005.0, 1007.0, 12.0), (10.0, 1000.0));
    }
}
