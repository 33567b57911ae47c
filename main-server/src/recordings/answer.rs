//! What a node has to record, for the answer to its heartbeat.

use protocol::{
    NodeId, StreamId,
    item::{RecordStream, RecorderRole},
};

use super::{Recordings, gaps::Gaps, roles::Roles};
use crate::state::{
    catalogue::{Carrier, LiveStream, record::Recording},
    registry::Registry,
};

/// A stream that a node has to record.
struct Duty {
    stream_id: StreamId,
    recording: Recording,
    role: RecorderRole,
}

impl Recordings {
    /// What the node has to record; `None` if that is not known here: the node is to go on as before.
    pub(crate) fn of_node(&self, node_id: &NodeId) -> Option<Vec<RecordStream>> {
        let duties = self.duties(node_id)?;
        let known = self.known();
        let mut recordings = Vec::with_capacity(duties.len());
        for Duty { stream_id, recording, role } in duties {
            let item_id = recording.item_id;
            let gaps = match self.records.with(|records| records.get(&item_id).map(|record| record.switches))
            {
                Some(switches) if switches == recording.switches => {
                    let progress = known.progress.get(&item_id)?;
                    if progress.switches != recording.switches {
                        return None;
                    }
                    progress.gaps.clone()
                }
                // The node goes on. What it lacks is not known here.
                None if known.unreadable.contains(&item_id) => Gaps::default(),
                // One that is not in line with its switch begins in a moment: see `upkeep`.
                _ => continue,
            };
            let Gaps { next, missing, .. } = gaps;
            let from_now = recording.from_now;
            recordings.push(RecordStream { stream_id, item_id, role, next, from_now, missing });
        }
        Some(recordings)
    }

    fn duties(&self, node_id: &NodeId) -> Option<Vec<Duty>> {
        self.state.read_both(|registry, catalogue| {
            let hostname = registry.get(node_id).ok()?.hostname.as_str();
            let known = self.known();
            let is_chosen =
                |stream_id: &StreamId| known.standbys.get(stream_id).is_some_and(|chosen| chosen == hostname);
            let chosen = known.standbys.keys().filter(|stream_id| is_chosen(stream_id));
            let mut streams: Vec<StreamId> =
                catalogue.carried_by(node_id).iter().chain(chosen).copied().collect();
            streams.sort_unstable();
            streams.dedup();
            let duty = |stream_id: StreamId| {
                let stream = catalogue.running(stream_id).ok()?;
                let recording = stream.record().recording.clone().filter(|recording| recording.is_on)?;
                let roles = roles(registry, stream_id, stream);
                let role = if roles.primary.as_deref() == Some(hostname) {
                    RecorderRole::Primary
                } else if roles.standby.as_deref() == Some(hostname)
                    || (roles.standby.is_none() && roles.primary.is_some() && is_chosen(&stream_id))
                {
                    RecorderRole::Standby
                } else {
                    return None;
                };
                Some(Duty { stream_id, recording, role })
            };
            Some(streams.into_iter().filter_map(duty).collect())
        })
    }
}

/// The nodes that record a stream, among those that carry it.
pub(super) fn roles(registry: &Registry, stream_id: StreamId, stream: &LiveStream) -> Roles {
    let named = |(node, carrier)| Some((registry.get(node).ok()?.hostname.as_str(), carrier));
    let carriers: Vec<(&str, &Carrier)> = stream.carriers().filter_map(named).collect();
    Roles::among(stream_id, &stream.record().placed_on, &carriers)
}
