//! Same region first: where a request names a region, everything is tried among its nodes before anywhere else.
//!
//! A region is a label in the operator's words. A request without one, or for one no node has, is served from anywhere.

use super::node::Node;

/// The parts of the fleet to try, one after the other.
pub(super) fn scopes(region: Option<&str>) -> impl Iterator<Item = Option<&str>> {
    region.map(Some).into_iter().chain([None])
}

/// Whether `node` is within `scope`.
pub(super) fn covers(scope: Option<&str>, node: &Node) -> bool {
    scope.is_none_or(|region| node.region.as_deref() == Some(region))
}
