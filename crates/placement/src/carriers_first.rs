//! For viewers: who carries the stream and has headroom, the least loaded; when nobody has, another node becomes an edge.
//!
//! Headroom ends at a threshold a little above the fleet's mean load, never below a calm level and never above a tight one:
//! so small streams stay on one node, big ones spread until all nodes are about equally loaded, and every edge is
//! filled before the next is opened. When nobody is below the threshold, whoever carries the stream and has room takes
//! the viewer, then any other node that has room.

use super::{
    Reason, Role,
    viewers::{Pick, View},
};

/// The first choice within `scope`, if anybody there has room.
pub(super) fn first(view: &View<'_>, scope: Option<&str>) -> Option<Pick> {
    let threshold = view.threshold;
    let fit = || view.carriers().filter_map(|slot| Some((slot, view.welcome(slot, scope)?.share)));
    let headroom = || {
        let mut below = fit().take_while(|(_, share)| *share <= threshold);
        below.find(|(slot, _)| !view.is_kept_for_edges(*slot))
    };
    let other = |within: u32| {
        let mut fit = view.others(scope).filter_map(|slot| Some((slot, view.welcome(slot, scope)?.share)));
        fit.next().filter(|(_, share)| *share <= within)
    };
    let carries = |(slot, share)| {
        let reason =
            if share <= threshold { Reason::Headroom { share, threshold } } else { Reason::Room(share) };
        Pick { slot, role: Role::Carrier, reason }
    };
    let relieves =
        |(slot, share)| Pick { slot, role: Role::Edge, reason: Reason::Relieves { share, threshold } };
    (headroom().map(carries))
        .or_else(|| other(threshold).map(relieves))
        .or_else(|| fit().next().map(carries))
        .or_else(|| other(u32::MAX).map(relieves))
}
