//! What to do next with the nodes this process started: pure, from the scaling signal and what they are doing.
//!
//! One change at a time: while a node is starting or stopping, the signal does not know of it yet.

use std::time::Instant;

use protocol::node::Scaling;

use super::patience::Patience;
use crate::options::Range;

/// What a node of ours is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It runs and has not registered yet.
    Starting,
    /// It registered then.
    Serving(Instant),
    /// It was asked to stop.
    Stopping,
}

/// A node of ours.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// Its name in the cluster.
    pub(crate) hostname: String,
    /// What it is doing.
    pub(crate) phase: Phase,
}

/// The next change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another node is to be started.
    Start,
    /// The node of this name is to be stopped.
    Stop(String),
}

/// The next change, if there is one to make now.
pub(crate) fn next<'a>(
    own: impl Iterator<Item = &'a Own> + Clone,
    scaling: &Scaling,
    range: Range,
    patience: &Patience,
    now: Instant,
) -> Option<Step> {
    let changing = |own: &Own| !matches!(own.phase, Phase::Serving(_));
    if own.clone().any(changing) {
        return None;
    }
    if scaling.nodes < scaling.wanted {
        let room = own.count() < range.max as usize;
        return (room && patience.is_over(now)).then_some(Step::Start);
    }
    let is_own = |hostname: &&String| own.clone().any(|own| own.hostname == **hostname);
    scaling.may_go.iter().find(is_own).cloned().map(Step::Stop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const RANGE: Range = Range { min: 1, max: 3 };

    fn own(hostname: &str, phase: Phase) -> Own {
        Own { hostname: hostname.into(), phase }
    }

    fn serving(hostname: &str) -> Own {
        own(hostname, Phase::Serving(Instant::now()))
    }

    fn signal(nodes: u32, wanted: u32, may_go: &[&str]) -> Scaling {
        let may_go = may_go.iter().map(|&name| name.to_owned()).collect();
        Scaling { nodes, wanted, reason: "as tested".into(), may_go }
    }

    fn step(own: &[Own], scaling: &Scaling) -> Option<Step> {
        next(own.iter(), scaling, RANGE, &Patience::default(), Instant::now())
    }

    #[test]
    fn as_long_as_too_few_are_live_another_is_started() {
        assert_eq!(step(&[], &signal(0, 1, &[])), Some(Step::Start));
        assert_eq!(step(&[serving("a")], &signal(1, 1, &[])), None);
        assert_eq!(step(&[serving("a")], &signal(1, 2, &[])), Some(Step::Start));
    }

    #[test]
    fn nodes_that_others_started_count() {
        assert_eq!(step(&[], &signal(1, 1, &[])), None);
    }

    #[test]
    fn one_change_is_made_at_a_time() {
        for phase in [Phase::Starting, Phase::Stopping] {
            assert_eq!(step(&[serving("a"), own("b", phase)], &signal(1, 3, &[])), None);
            assert_eq!(step(&[serving("a"), own("b", phase)], &signal(2, 1, &["a"])), None);
        }
    }

    #[test]
    fn the_first_of_ours_that_may_go_is_stopped_and_nobody_elses() {
        let ours = [serving("a"), serving("b")];
        assert_eq!(step(&ours, &signal(3, 1, &["theirs", "b", "a"])), Some(Step::Stop("b".into())));
        assert_eq!(step(&ours, &signal(3, 2, &["theirs"])), None);
    }

    #[test]
    fn nothing_is_started_while_a_failure_is_fresh() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        let wait = patience.failed(Duration::ZERO, 0.0, now);
        let next_at = |at| next([].iter(), &signal(0, 1, &[]), RANGE, &patience, at);
        assert_eq!(next_at(now), None);
        assert_eq!(next_at(now + wait), Some(Step::Start));
    }

    #[test]
    fn never_are_there_more_than_allowed_even_if_some_are_not_seen() {
        let ours = ["a", "b", "c"].map(serving);
        assert_eq!(step(&ours, &signal(1, 3, &[])), None);
    }
}
