//! `POST /api/clock`: how far a client's clock is from the server's.

use axum::Json as Answer;
use protocol::event::{ClockAnswer, ClockRequest};

use crate::{
    api::{
        error::Error,
        extract::{Raw, parse},
    },
    clock::Now,
};

pub(super) async fn clock(Raw(body): Raw) -> Result<Answer<ClockAnswer>, Error> {
    // Read after the whole request has arrived, so that a slow body does not count as a slow network.
    let t1_ms = unix_ms();
    let ClockRequest { t0_ms } = parse(&body)?;
    Ok(Answer(ClockAnswer { t0_ms, t1_ms, t2_ms: unix_ms() }))
}

fn unix_ms() -> i64 {
    Now::read().unix_ms().try_into().unwrap_or(i64::MAX)
}
