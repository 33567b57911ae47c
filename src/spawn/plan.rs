//! The next change to the nodes of this process, from the scaling signal. Pure.
//!
//! One change at a time: the signal does not know of a node that is starting or stopping.

use protocol::node::Scaling;

/// The nodes of this process.
#[derive(Clone, Debug)]
pub(super) struct Own<'a> {
    /// Their names.
    pub(super) hostnames: Vec<&'a str>,
    /// Whether one of them is starting or stopping.
    pub(super) is_changing: bool,
    /// Whether another node may start now: no failure is recent.
    pub(super) may_start: bool,
    /// Largest number of nodes.
    pub(super) max: u32,
}

/// The next change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Start another node.
    Start,
    /// Stop the node of this name.
    Stop(String),
}

/// The next change, if there is one to make now.
pub(super) fn next(own: &Own<'_>, scaling: &Scaling) -> Option<Step> {
    if own.is_changing {
        return None;
    }
    if scaling.nodes < scaling.wanted {
        let has_room = own.hostnames.len() < own.max as usize;
        return (has_room && own.may_start).then_some(Step::Start);
    }
    scaling.may_go.iter().find(|name| own.hostnames.contains(&name.as_str())).cloned().map(Step::Stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own<'a>(hostnames: &[&'a str]) -> Own<'a> {
        Own { hostnames: hostnames.to_vec(), is_changing: false, may_start: true, max: 3 }
    }

    fn signal(nodes: u32, wanted: u32, may_go: &[&str]) -> Scaling {
        let may_go = may_go.iter().map(|&name| name.to_owned()).collect();
        Scaling { nodes, wanted, reason: "as tested".into(), may_go }
    }

    #[test]
    fn as_long_as_too_few_are_live_another_is_started() {
        assert_eq!(next(&own(&[]), &signal(0, 1, &[])), Some(Step::Start));
        assert_eq!(next(&own(&["a"]), &signal(1, 1, &[])), None);
        assert_eq!(next(&own(&["a"]), &signal(1, 2, &[])), Some(Step::Start));
    }

    #[test]
    fn nodes_that_others_started_count() {
        assert_eq!(next(&own(&[]), &signal(1, 1, &[])), None);
    }

    #[test]
    fn one_change_is_made_at_a_time() {
        let changing = Own { is_changing: true, ..own(&["a", "b"]) };
        assert_eq!(next(&changing, &signal(1, 3, &[])), None);
        assert_eq!(next(&changing, &signal(2, 1, &["a"])), None);
    }

    #[test]
    fn nothing_is_started_while_a_failure_is_recent_but_nodes_are_stopped() {
        let waiting = Own { may_start: false, ..own(&["a"]) };
        assert_eq!(next(&waiting, &signal(1, 2, &[])), None);
        assert_eq!(next(&waiting, &signal(2, 1, &["a"])), Some(Step::Stop("a".into())));
    }

    #[test]
    fn the_first_own_node_that_may_go_is_stopped_and_no_other() {
        let own = own(&["a", "b"]);
        assert_eq!(next(&own, &signal(3, 1, &["theirs", "b", "a"])), Some(Step::Stop("b".into())));
        assert_eq!(next(&own, &signal(3, 2, &["theirs"])), None);
    }

    #[test]
    fn there_are_never_more_than_allowed_even_if_some_are_not_seen() {
        assert_eq!(next(&own(&["a", "b", "c"]), &signal(1, 3, &[])), None);
    }
}
