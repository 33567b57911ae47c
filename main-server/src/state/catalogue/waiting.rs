//! Streams that were created here and that nothing has arrived for, with the address that asked for each.
//!
//! Their number is bounded. When it is reached, the address with the most of them loses its oldest one: so an address
//! that creates streams without end displaces its own, and a client that then sends media is not refused.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use per_address::Share;
use protocol::StreamId;

/// Names a stream that is being created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug)]
struct Created {
    address: Option<IpAddr>,
    placed_on: String,
    /// Its place in the share of the address, until it exists.
    share: Option<Share>,
    /// None until the store has answered.
    stream_id: Option<StreamId>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Oldest first.
    streams: BTreeMap<Ticket, Created>,
    tickets: HashMap<StreamId, Ticket>,
    per_address: HashMap<Option<IpAddr>, usize>,
    newest: u64,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Hostnames of the nodes that streams which are being created are placed on.
    pub(super) fn in_creation(&self) -> impl Iterator<Item = &str> {
        let in_creation = self.streams.values().filter(|created| created.stream_id.is_none());
        in_creation.map(|created| created.placed_on.as_str())
    }

    pub(super) fn reserve(&mut self, address: Option<IpAddr>, placed_on: &str, share: Share) -> Ticket {
        self.newest += 1;
        let ticket = Ticket(self.newest);
        let created =
            Created { address, placed_on: placed_on.to_owned(), share: Some(share), stream_id: None };
        self.streams.insert(ticket, created);
        *self.per_address.entry(address).or_default() += 1;
        ticket
    }

    /// The stream of `ticket` exists; gives its place in the share of its address.
    pub(super) fn created(&mut self, ticket: Ticket, stream_id: StreamId) -> Option<Share> {
        let created = self.streams.get_mut(&ticket)?;
        created.stream_id = Some(stream_id);
        self.tickets.insert(stream_id, ticket);
        created.share.take()
    }

    /// It was not created. Nothing is left to do after [`Self::created`].
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        if self.streams.get(&ticket).is_some_and(|created| created.stream_id.is_none()) {
            self.take(ticket);
        }
    }

    /// Something has arrived for the stream, or it is over.
    pub(super) fn remove(&mut self, stream_id: StreamId) {
        if let Some(ticket) = self.tickets.remove(&stream_id) {
            self.take(ticket);
        }
    }

    fn take(&mut self, ticket: Ticket) {
        let Some(created) = self.streams.remove(&ticket) else { return };
        if let Some(count) = self.per_address.get_mut(&created.address) {
            *count -= 1;
            if *count == 0 {
                self.per_address.remove(&created.address);
            }
        }
    }

    /// The stream that is ended to make room for one from `address`: the oldest of the address that would have the most. None while
    /// all of those are still being created.
    pub(super) fn gives_way(&self, address: Option<IpAddr>) -> Option<StreamId> {
        let own = self.per_address.get(&address).copied().unwrap_or(0) + 1;
        let most = self.per_address.iter().max_by_key(|(_, count)| **count);
        let fullest = most.filter(|(_, count)| **count > own).map_or(address, |(fullest, _)| *fullest);
        let of_fullest = self.streams.values().filter(|created| created.address == fullest);
        of_fullest.filter_map(|created| created.stream_id).next()
    }
}
