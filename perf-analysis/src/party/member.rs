//! One member: it joins, requests the time, opens its event stream on the same connection, and reads.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Instant};

use protocol::{
    PartyId,
    party::{JoinParty, Membership},
};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use super::{
    clock::{self, LocalClock},
    events::EventStream,
    seen::Seen,
};
use crate::{
    control::http::{Client, request},
    error::{Error, Result},
    histogram::Histogram,
};

/// One party, for its members.
pub(super) struct Party {
    pub(super) id: PartyId,
    pub(super) seen: Seen,
    /// The first failure of a member.
    failure: Rc<RefCell<Option<Error>>>,
}

impl Party {
    pub(super) fn new(id: PartyId, failure: Rc<RefCell<Option<Error>>>) -> Self {
        Self { id, seen: Seen::default(), failure }
    }

    pub(super) fn path(&self, what: &str) -> String {
        format!("/api/parties/{}/{what}", self.id)
    }
}

/// A task that ends with the handle.
pub(super) struct Reading(JoinHandle<()>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Joins `party` as member `number`, and records how long that took.
///
/// # Errors
/// The first failure.
pub(super) async fn join(
    address: SocketAddr,
    party: &Rc<Party>,
    number: usize,
    joins: &RefCell<Histogram>,
) -> Result<Reading> {
    let began = Instant::now();
    let mut client = Client::connect(address).await?;
    let body = JoinParty { name: format!("member {number}"), invitation: None, token: None };
    let joined: Membership = post(&mut client, &party.path("join"), None, &body).await?;
    let reading = listen(client, party, number, &joined.token).await?;
    joins.borrow_mut().add(began.elapsed().as_micros() as u64);
    Ok(reading)
}

/// Opens the event stream of a member on `client`; returns once the member has the whole party.
///
/// # Errors
/// The first failure.
pub(super) async fn listen(
    mut client: Client,
    party: &Rc<Party>,
    number: usize,
    token: &str,
) -> Result<Reading> {
    let clock = LocalClock::new(number);
    let ahead_ms = clock::ahead_ms(&mut client, &clock).await?;
    let socket = client.send_last(&request("GET", &party.path("events"), Some(token), "")).await?;
    let mut events = EventStream::new(socket);
    let member = events.next(|name, data| party.seen.enter(clock, ahead_ms, name, data)).await?;
    let party = Rc::clone(party);
    Ok(Reading(tokio::task::spawn_local(async move {
        loop {
            if let Err(error) = events.next(|name, data| party.seen.hear(member, name, data)).await {
                party.failure.borrow_mut().get_or_insert(error);
                return;
            }
        }
    })))
}

/// Sends `body` and reads the answer.
///
/// # Errors
/// Those of [`Client::ask`], [`Error::Protocol`] if the answer is another one.
pub(super) async fn post<T: DeserializeOwned>(
    client: &mut Client,
    path: &str,
    bearer: Option<&str>,
    body: &impl serde::Serialize,
) -> Result<T> {
    let body = serde_json::to_string(body).unwrap_or_default();
    let answer = client.ask(&request("POST", path, bearer, &body)).await?;
    serde_json::from_slice(answer.body).map_err(|_| {
        let body = String::from_utf8_lossy(answer.body);
        Error::Protocol(format!("POST {path} was answered {}: {body}", answer.status))
    })
}
