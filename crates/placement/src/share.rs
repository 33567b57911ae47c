//! A share says how full a node is: the part of its narrowest limit that is taken, in millionths. Two marks on that scale move with the
//! mean share of all nodes, so that loads stay even at any load:
//!
//! ```text
//!   mean        threshold         ceiling
//!    │◄── 6 % ──►│◄───── 6 % ─────►│
//!    │  viewers  │     relays      │  only what fits nowhere else
//! ```
//!
//! Viewers fill a carrier up to the threshold. With less than 6 %, more edges are opened, and each costs a relay: with 4 %, a fifth more
//! bytes. With more, the most loaded node is further above the mean: with 8 %, at 1.15 times the mean instead of 1.14. Relays fill a node up to
//! the ceiling, because 12 % above the mean is still below the aim of 15 %. Without the second 6 %, an edge keeps room for few relays, and
//! the tree of a crowd outgrows three hops: 1.28 times the mean with 10,000 nodes. Decision 10 has the measurements.

/// Millionths in a whole: a node with this share is full.
pub const WHOLE: u32 = 1_000_000;
/// The threshold is never below one fifth, so small streams stay on one node.
pub(crate) const MIN_THRESHOLD: u32 = WHOLE / 5;
/// The threshold is never above 85 %: the rest absorbs what is assigned between two reports.
const MAX_THRESHOLD: u32 = WHOLE / 100 * 85;
/// How far above the mean the threshold is.
const THRESHOLD_MARGIN: u32 = WHOLE / 100 * 6;
/// How far above the threshold the ceiling is.
const RELAY_MARGIN: u32 = WHOLE / 100 * 6;

/// Up to where viewers fill a carrier while the mean share is `mean`.
pub(crate) fn threshold(mean: u32) -> u32 {
    raised(mean, THRESHOLD_MARGIN).clamp(MIN_THRESHOLD, MAX_THRESHOLD)
}

/// Up to where relays fill a node while the mean share is `mean`.
pub(crate) fn ceiling(mean: u32) -> u32 {
    raised(threshold(mean), RELAY_MARGIN)
}

fn raised(share: u32, by: u32) -> u32 {
    u32::try_from(part_of(share.into(), WHOLE + by)).unwrap_or(u32::MAX)
}

/// The share that `amount` out of `limit` is.
pub(crate) fn share_of(amount: u64, limit: u64) -> u32 {
    let share = u128::from(amount) * u128::from(WHOLE) / u128::from(limit.max(1));
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// The amount that `share` of `limit` is.
pub(crate) fn part_of(limit: u64, share: u32) -> u64 {
    let amount = u128::from(limit) * u128::from(share) / u128::from(WHOLE);
    u64::try_from(amount).unwrap_or(u64::MAX)
}
