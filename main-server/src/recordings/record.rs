//! What the store keeps of a recording under way, in the namespace `recordings`, under its item's id. What is recorded is in the
//! manifest of the item. The functions are pure; changes are written by compare-and-set, so any main server makes them.

use std::collections::BTreeSet;

use protocol::{ItemId, NodeId, StreamId, item::GroupName};
use serde::{Deserialize, Serialize};
use store::Namespace;

use super::shown::Shown;
use crate::state::catalogue::record::Recording;

/// How long the nodes that record have to report the rest once the stream is over, in ms. What arrives later is taken all the same.
const LAST_REPORTS_MS: u64 = 60_000;
/// The same for a recording of which nothing has arrived: the only node that has any of it may come back.
const FIRST_REPORTS_MS: u64 = 3_600_000;
/// Most nodes that are remembered; a recording has two at a time.
const MOST_NODES: usize = 256;
/// Most pauses that are remembered, the newest ones.
const MOST_PAUSES: usize = 256;

/// A recording that is not complete, or may still be continued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What is recorded.
    pub(super) stream_id: StreamId,
    /// The number of the switch of the stream's recording that this is in line with.
    pub(super) switches: u64,
    /// Whether it was on when the stream began: nothing before the first group is to be left out.
    pub(super) from_start: bool,
    /// The group that was next each time when it was switched on again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pauses: Vec<GroupName>,
    /// When it was last switched on, Unix epoch, and the length of what was recorded before.
    pub(super) began_at_ms: u64,
    /// See `began_at_ms`.
    #[serde(default)]
    pub(super) length_before_ms: u64,
    /// The nodes that were told to record since then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) recorders: BTreeSet<NodeId>,
    /// Those among them that said that they have nothing more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) complete: BTreeSet<NodeId>,
    /// When the stream ended or recording was switched off, Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) over_at_ms: Option<u64>,
    /// Whether the item was told to be complete since then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_finished: bool,
    /// What the stream looked like when the item was last brought in line with it.
    pub(super) shown: Shown,
}

impl store::Record for Record {
    type Key = ItemId;
    const NAMESPACE: Namespace = Namespace::new("recordings");
}

impl Record {
    /// A recording that begins at `began_at_ms`.
    pub(super) fn new(stream_id: StreamId, recording: &Recording, shown: Shown, began_at_ms: u64) -> Self {
        Self {
            stream_id,
            switches: recording.switches,
            from_start: !recording.from_now,
            pauses: Vec::new(),
            began_at_ms,
            length_before_ms: 0,
            recorders: BTreeSet::new(),
            complete: BTreeSet::new(),
            over_at_ms: None,
            is_finished: false,
            shown,
        }
    }

    /// It switched on again, after `last`, the group after the last one that is recorded. `None` if it is in line already.
    pub(super) fn switched_on(
        &self,
        recording: &Recording,
        last: Option<GroupName>,
        length_ms: u64,
        now_ms: u64,
    ) -> Option<Self> {
        if !recording.is_on || recording.switches <= self.switches {
            return None;
        }
        let mut pauses = self.pauses.clone();
        pauses.extend(last.filter(|last| pauses.last() != Some(last)));
        let excess = pauses.len().saturating_sub(MOST_PAUSES);
        Some(Self {
            switches: recording.switches,
            // Nothing was recorded before: it begins now.
            from_start: self.from_start && last.is_some(),
            pauses: pauses.split_off(excess),
            began_at_ms: now_ms,
            length_before_ms: length_ms,
            recorders: BTreeSet::new(),
            complete: BTreeSet::new(),
            over_at_ms: None,
            is_finished: false,
            ..self.clone()
        })
    }

    /// It over; `None` if it is already.
    pub(super) fn over(&self, now_ms: u64) -> Option<Self> {
        self.over_at_ms.is_none().then(|| Self { over_at_ms: Some(now_ms), ..self.clone() })
    }

    /// It with nodes that are told to record; `None` if it has them. One that said that it has nothing more, because another main
    /// server left it out for a moment, has more again.
    pub(super) fn recorded_by(&self, nodes: &[NodeId]) -> Option<Self> {
        let mut complete = self.complete.clone();
        if self.over_at_ms.is_none() {
            complete.retain(|node| !nodes.contains(node));
        }
        let recorders = with(&self.recorders, nodes);
        let has_changed = recorders.is_some() || complete.len() != self.complete.len();
        let recorders = recorders.unwrap_or_else(|| self.recorders.clone());
        has_changed.then(|| Self { recorders, complete, ..self.clone() })
    }

    /// It with a node that has nothing more; `None` if it knows.
    pub(super) fn completed_by(&self, node: &NodeId) -> Option<Self> {
        with(&self.complete, std::slice::from_ref(node)).map(|complete| Self { complete, ..self.clone() })
    }

    /// It with its item complete.
    pub(super) fn finished(&self) -> Option<Self> {
        (self.over_at_ms.is_some() && !self.is_finished).then(|| Self { is_finished: true, ..self.clone() })
    }

    /// Whether the item is complete: it is over, and each node that recorded said that it has nothing more, is dead, or had the time to
    /// say so.
    pub(super) fn is_complete(&self, is_empty: bool, is_live: impl Fn(&NodeId) -> bool, now_ms: u64) -> bool {
        let Some(over_at_ms) = self.over_at_ms else { return false };
        let all_dead = !self.recorders.is_empty() && self.complete.is_empty();
        let has_all = match is_empty {
            true => !self.is_awaited(),
            false => !all_dead && !self.awaited().any(is_live),
        };
        let patience_ms = if is_empty { FIRST_REPORTS_MS } else { LAST_REPORTS_MS };
        has_all || now_ms.saturating_sub(over_at_ms) >= patience_ms
    }

    /// Whether a node that was told to record has not said that it has nothing more.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited().next().is_some()
    }

    fn awaited(&self) -> impl Iterator<Item = &NodeId> {
        self.recorders.difference(&self.complete)
    }
}

fn with(known: &BTreeSet<NodeId>, nodes: &[NodeId]) -> Option<BTreeSet<NodeId>> {
    let news = nodes.iter().filter(|node| !known.contains(node)).cloned();
    let news: Vec<_> = news.take(MOST_NODES.saturating_sub(known.len())).collect();
    (!news.is_empty()).then(|| known.iter().cloned().chain(news).collect())
}

#[cfg(test)]
mod tests {
    use protocol::stream::Visibility;

    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId(name.into())
    }

    fn recording(switches: u64, is_on: bool) -> Recording {
        Recording { switches, is_on, item_id: ItemId::from_bytes([1; 16]), from_now: switches > 1 }
    }

    fn record() -> Record {
        let shown = Shown { title: "a".into(), visibility: Visibility::Public, passphrase_hash: None };
        Record::new(StreamId::new("a", 1), &recording(1, true), shown, 100)
    }

    fn group(group: u64) -> Option<GroupName> {
        Some(GroupName { take: 0, group })
    }

    #[test]
    fn it_is_complete_once_every_live_recorder_has_nothing_more() {
        let (a, b) = (node("a"), node("b"));
        let running = record().recorded_by(&[a.clone(), b.clone()]).unwrap();
        let all = |_: &NodeId| true;
        assert!(!running.is_complete(false, all, 1 << 40), "it is not over");
        let over = running.over(1_000).unwrap();
        assert!(!over.is_complete(false, all, 2_000));
        let half = over.completed_by(&a).unwrap();
        assert!(!half.is_complete(false, all, 2_000));
        assert!(half.is_complete(false, |node| *node != b, 2_000), "the other one is dead");
        assert!(half.completed_by(&b).unwrap().is_complete(false, all, 2_000));
        assert!(half.is_complete(false, all, 1_000 + LAST_REPORTS_MS), "it had the time");
    }

    #[test]
    fn a_recording_whose_nodes_are_all_dead_waits_for_them_to_come_back() {
        let over = record().recorded_by(&[node("a")]).unwrap().over(1_000).unwrap();
        let nobody = |_: &NodeId| false;
        assert!(!over.is_complete(false, nobody, 2_000));
        assert!(over.is_complete(false, nobody, 1_000 + LAST_REPORTS_MS));
        assert!(!over.is_complete(true, nobody, 1_000 + LAST_REPORTS_MS), "they have all there is");
        assert!(over.is_complete(true, nobody, 1_000 + FIRST_REPORTS_MS) && over.is_awaited());
        assert!(over.completed_by(&node("a")).unwrap().is_complete(true, nobody, 2_000));
    }

    #[test]
    fn a_node_that_was_left_out_for_a_moment_is_awaited_at_the_end() {
        let node = [node("a")];
        let left_out = record().recorded_by(&node).unwrap().completed_by(&node[0]).unwrap();
        let listed = left_out.recorded_by(&node).unwrap();
        assert_eq!(listed.recorded_by(&node), None);
        let over = listed.over(1_000).unwrap();
        assert!(!over.is_complete(false, |_| true, 2_000));
        let complete = over.completed_by(&node[0]).unwrap();
        assert_eq!(
            complete.recorded_by(&node),
            None,
            "a server that has not heard of the end changes nothing"
        );
        assert!(complete.is_complete(false, |_| true, 2_000));
    }

    #[test]
    fn switched_on_again_it_goes_on_after_what_is_recorded() {
        let off = record().over(1_000).unwrap().finished().unwrap();
        assert_eq!(off.switched_on(&recording(2, false), group(5), 50, 2_000), None);
        let on = off.switched_on(&recording(3, true), group(5), 50, 2_000).unwrap();
        assert_eq!((on.over_at_ms, on.is_finished, on.from_start), (None, false, true));
        assert_eq!((on.began_at_ms, on.length_before_ms), (2_000, 50));
        assert_eq!(on.pauses, [group(5).unwrap()]);
        assert_eq!(on.switched_on(&recording(3, true), group(5), 50, 3_000), None, "it is in line");
        let again = on.switched_on(&recording(5, true), group(5), 50, 3_000).unwrap();
        assert_eq!(again.pauses.len(), 1, "nothing arrived in between");
        let empty = record().switched_on(&recording(3, true), None, 0, 2_000).unwrap();
        assert!(!empty.from_start && empty.pauses.is_empty());
    }

    #[test]
    fn what_it_remembers_is_bounded_and_fits_into_the_store() {
        let mut record = record();
        for number in 0..1_000_u64 {
            let name = node(&format!("{number:016x}"));
            record = record.recorded_by(std::slice::from_ref(&name)).unwrap_or(record);
            record = record.completed_by(&name).unwrap_or(record);
            record.pauses.push(group(number).unwrap());
        }
        let last = record.switched_on(&recording(9, true), group(1_000), 0, 1).unwrap();
        assert_eq!((record.recorders.len(), last.pauses.len()), (MOST_NODES, MOST_PAUSES));
        assert_eq!(last.pauses.last(), group(1_000).as_ref());
        record.pauses = last.pauses;
        assert!(serde_json::to_vec(&record).unwrap().len() < store::MAX_VALUE_BYTES / 8);
    }
}
