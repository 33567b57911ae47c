//! Media entering the node: which connection may publish, the order of segments, and the way of their frames into the hub.
//! Knows no transport.
//!
//! A segment is parsed in slices of about a millisecond, with other tasks run in between, so [`Ingest::register`] and
//! [`Ingest::segment`] are asynchronous; a transport makes the calls of one connection one after the other, in the order of
//! arrival. The locks of all streams (publishers, hub) are held for moments: never while media is parsed, and never while
//! waiting for a publisher that parses. Locks are taken in the order publishers, source, hub, stream.

mod broadcasting;
mod capture_clock;
mod context;
mod errors;
mod forward;
mod observer;
mod producer;
mod publications;
mod publisher;
mod rate;
mod relayed;
mod segment;
mod source;
mod streams;
mod take;
mod types;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    errors::node_full,
    observer::StreamObserver,
    producer::{Producer, Superseded, WriteError, Written},
    streams::Ingest,
    types::{Accepted, Authority, ConnectionId, Registered, Registration, Segment},
};
