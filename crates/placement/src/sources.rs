//! Which nodes an edge pulls a stream from when it asks: first the source that was [planned](crate::tree) when it was opened. If
//! that one is lost or none was planned, the choice is among nodes that have the stream live, do not get it from the
//! asking node, and have room; first those that do not take the subtree of the asking node too deep, are below the ceiling and near
//! the origin.
//!
//! So the tree stays shallow, and no node feeds more than its part of it: with a fan-out of 16 and at most three hops, one stream
//! reaches 4,368 edges.

use std::time::{Duration, Instant};

use protocol::node::MOST_HOPS;

use crate::{
    carrier::{Carriage, Carrier, Coming},
    decision::{Refusal, Request},
    nodes::Nodes,
    stream::Stream,
    tree::can_feed,
};

/// How long an edge waits for its planned source to have the stream.
const SOURCE_TIMEOUT: Duration = Duration::from_secs(1);

/// Sources for an edge.
pub(crate) struct Plan {
    /// Slots, first choice first; never empty.
    pub(crate) slots: Vec<u32>,
    /// Whether the first was counted when the edge was opened.
    pub(crate) is_counted: bool,
}

/// Decides for the edge `hostname`; nothing is changed. The region of the request counts for nothing.
pub(crate) fn decide(
    nodes: &Nodes,
    stream: &Stream,
    hostname: &str,
    request: Request<'_>,
    now: Instant,
) -> Result<Plan, Refusal> {
    let edge = nodes.slot(hostname).and_then(|slot| stream.carriers.get(slot));
    let planned = match edge.map(|edge| edge.carriage) {
        Some(Carriage::Coming(coming)) => planned(nodes, stream, coming, hostname, request, now)?,
        _ => None,
    };
    let others = candidates(nodes, stream, edge, hostname, request)?.into_iter();
    let others = others.filter(|slot| Some(*slot) != planned);
    let slots: Vec<u32> = planned.into_iter().chain(others).take(request.at_most).collect();
    if slots.is_empty() {
        return Err(Refusal::NoCapacity);
    }
    Ok(Plan { slots, is_counted: planned.is_some() })
}

/// The slot of the source that was planned for an edge, if it will do. Until it has the stream, the edge is refused for a while: it would
/// take a place at the origin, and those are for edges that feed others.
fn planned(
    nodes: &Nodes,
    stream: &Stream,
    coming: Coming,
    hostname: &str,
    request: Request<'_>,
    now: Instant,
) -> Result<Option<u32>, Refusal> {
    let Some(source) = stream.carriers.get(coming.source) else { return Ok(None) };
    let is_late = now.saturating_duration_since(coming.since) >= SOURCE_TIMEOUT;
    if source.is_coming() && !is_late {
        return Err(Refusal::NoCapacity);
    }
    let is_avoided = nodes.node(coming.source).is_avoided(request.avoid);
    let is_fit = source.is_live() && source.depth() < MOST_HOPS && !is_below(source, hostname) && !is_avoided;
    Ok(is_fit.then_some(coming.source))
}

/// All nodes that may feed the asking one, first choice first.
fn candidates(
    nodes: &Nodes,
    stream: &Stream,
    edge: Option<&Carrier>,
    hostname: &str,
    request: Request<'_>,
) -> Result<Vec<u32>, Refusal> {
    let is_above = |slot: u32, carrier: &Carrier| {
        carrier.is_live() && !is_below(carrier, hostname) && *nodes.node(slot).name != *hostname
    };
    // No node above is an outage; a node above without room is not.
    if !stream.carriers.iter().any(|(slot, carrier)| is_above(slot, carrier)) {
        return Err(Refusal::NoNode);
    }
    let (relay, ceiling) = (stream.relay(), nodes.ceiling());
    let levels = edge.map_or(0, |edge| levels_below(stream, edge, hostname));
    let mut fit: Vec<(u32, &Carrier)> = stream
        .carriers
        .shallow()
        .filter(|(slot, carrier)| is_above(*slot, carrier) && can_feed(nodes, *slot, carrier, &relay))
        .collect();
    fit.sort_by_cached_key(|(slot, carrier)| {
        let is_avoided = nodes.node(*slot).is_avoided(request.avoid);
        let is_too_deep = carrier.depth() + levels >= MOST_HOPS;
        let stands_out = nodes.fit_below(*slot, ceiling, relay.egress_bytes_per_s) == 0;
        let depth = if stands_out { 0 } else { carrier.depth() };
        (is_avoided, is_too_deep, stands_out, depth, nodes.rank(*slot))
    });
    Ok(fit.into_iter().map(|(slot, _)| slot).collect())
}

/// How many levels of edges hang below an edge, as far as is known: they come along to its new source.
fn levels_below(stream: &Stream, edge: &Carrier, hostname: &str) -> usize {
    let levels = |(_, carrier): (u32, &Carrier)| {
        let place = carrier.path.iter().position(|name| name == hostname)?;
        Some(carrier.path.len() - place + usize::from(carrier.relays() > 0))
    };
    let known = stream.carriers.shallow().filter_map(levels).max().unwrap_or(0);
    known.max(usize::from(edge.relays() > 0))
}

/// Whether a carrier gets the stream through `hostname`.
fn is_below(carrier: &Carrier, hostname: &str) -> bool {
    carrier.path.iter().any(|name| name == hostname)
}
