//! `GET /api/parties/{party_id}/events`: the whole party, and then what changes, as Server-Sent Events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::stream;
use per_address::Share;
use serving::Forwarded;
use tokio::time::timeout;

use super::{
    super::{Caller, Error, party::Event, presence::Stay, reader::Reader},
    Api,
};
use crate::api::{error::Error as ApiError, extract::Client};

/// How often a silent connection carries a comment: proxies end those that are silent for as little as 10 s.
const KEEP_ALIVE: Duration = Duration::from_secs(8);
const COMMENT: &[u8] = b":\n\n";

struct Listener {
    api: Arc<Api>,
    reader: Reader,
    /// The member is connected as long as this is here.
    _stay: Stay,
    _share: Share,
}

pub(super) async fn listen(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    caller: Caller,
    forwarded: Forwarded,
) -> Result<impl IntoResponse, ApiError> {
    let Caller { party_id, member, is_present, .. } = caller;
    let parties = &api.parties;
    let share = parties.limits.listener(address)?;
    let stay = parties.presence.enter(party_id, member).ok_or(Error::TooManyStreams)?;
    if !is_present {
        parties.apply_later(party_id, Event::Present { members: vec![member] });
    }
    let reader = Reader::new(&parties.table, party_id, member, forwarded.prefix().clone());
    let listener = Listener { reader, _stay: stay, _share: share, api };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Proxies that buffer would hold the news back.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(stream::unfold(listener, Listener::step))))
}

impl Listener {
    async fn step(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        let bytes = self.next().await?;
        Some((Ok(bytes), self))
    }

    /// What to send next; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        let next = timeout(KEEP_ALIVE, self.reader.next());
        let next = self.api.closing.run_until_cancelled(next).await?;
        next.unwrap_or(Some(Bytes::from_static(COMMENT)))
    }
}
