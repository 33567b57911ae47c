//! `GET /api/library/events`: changes of the items that the caller may change, as Server-Sent Events, until the login ends.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::IntoResponse};
use bytes::Bytes;
use per_address::Share;
use protocol::{ErrorCode, ItemId};
use serde::Serialize;
use serving::{Forwarded, Prefix};
use tokio::time::{Instant, sleep_until};

use super::{
    super::{news::Hearing, table::removed},
    Api, below,
    list::owner_of,
};
use crate::{
    api::{
        caller::Person,
        error::Error,
        extract::Client,
        login::{Login, Within},
    },
    events::{Event, sse},
};

/// Shortest time between two pieces of one stream.
const PACE: Duration = Duration::from_millis(250);

/// Data of the event `reset`.
#[derive(Serialize)]
struct Reset {}

struct Listener {
    api: Arc<Api>,
    person: Person,
    prefix: Prefix,
    hearing: Hearing,
    /// Whether the first event, `reset`, was sent.
    has_begun: bool,
    /// When the next piece may be sent.
    next_at: Instant,
    _share: Share,
}

pub(super) async fn listen(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    forwarded: Forwarded,
    login: Login,
) -> Result<impl IntoResponse, Error> {
    let owner = owner_of(login.person(), &api)?;
    let full = || Error::new(ErrorCode::LimitReached, "the limit of listeners is reached: try again later");
    let share = api.library.listeners.take(address).ok_or_else(full)?;
    let hearing = api.library.listen(owner.as_ref());
    let (closing, person, prefix) = (api.closing.clone(), login.person().clone(), forwarded.prefix().clone());
    let next_at = Instant::now();
    let events = Listener { api, person, prefix, hearing, has_begun: false, next_at, _share: share };
    Ok(sse::answer(Within { login, events }, closing))
}

impl sse::Listener for Listener {
    async fn next(&mut self) -> Option<Bytes> {
        let mut text = String::new();
        if !self.has_begun {
            self.has_begun = true;
            // A browser that lost the connection is to wait 1 s before it connects again.
            text.push_str("retry: 1000\n");
            Event::new("reset", &Reset {}).write(&mut text);
            return Some(text.into());
        }
        sleep_until(self.next_at).await;
        let unheard = self.hearing.next().await;
        self.next_at = Instant::now() + PACE;
        if unheard.has_missed {
            Event::new("reset", &Reset {}).write(&mut text);
        }
        unheard.items.into_iter().for_each(|item_id| self.event(item_id).write(&mut text));
        Some(text.into())
    }
}

impl Listener {
    /// The event for the current version of an item.
    fn event(&self, item_id: ItemId) -> Event {
        let library = &self.api.library;
        let known = library.known(item_id).filter(|record| !record.is_deleted());
        match known.filter(|record| library.may_edit(record, Some(&self.person))) {
            Some(record) => Event::new("item_changed", &below(record.item(item_id, true), &self.prefix)),
            None => removed(item_id),
        }
    }
}
