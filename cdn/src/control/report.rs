//! What a heartbeat reports: how loaded the node is, what it carries, and, until a main server acknowledges it, what ended.

use std::sync::{Arc, Mutex};

use protocol::{
    StreamId,
    node::{CarriedStream, Heartbeat, Load},
    stream::StreamState,
};

use crate::{
    egress::Audience,
    hub::{Hub, Role, SharedStream},
    load::Meter,
    lock::lock,
    metrics::Metrics,
};

/// Most ended streams that wait to be reported.
const MOST_ENDED: usize = 4096;

/// Where a report is read from.
pub(crate) struct Carried {
    pub(crate) hub: Arc<Mutex<Hub>>,
    pub(crate) audience: Arc<Audience>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) meter: Arc<Meter>,
}

pub(super) struct Report {
    carried: Carried,
    /// Ended streams that no main server acknowledged yet.
    ended: Mutex<Vec<CarriedStream>>,
}

impl Report {
    pub(super) fn new(carried: Carried) -> Self {
        Self { carried, ended: Mutex::default() }
    }

    /// A heartbeat, and how many ended streams it reports, for [`Report::was_told`].
    pub(super) fn heartbeat(&self) -> (Heartbeat, usize) {
        let ended = lock(&self.ended).clone();
        let streams: Vec<SharedStream> = lock(&self.carried.hub).streams().cloned().collect();
        let mut streams: Vec<CarriedStream> = streams.iter().map(Self::carried).collect();
        let load = self.load(&streams);
        streams.extend_from_slice(&ended);
        (Heartbeat { load, streams, ..Heartbeat::default() }, ended.len())
    }

    /// A main server heard of the `count` oldest ended streams.
    pub(super) fn was_told(&self, count: usize) {
        lock(&self.ended).drain(..count);
    }

    /// Notes a stream that is over.
    pub(super) fn ended(&self, stream: StreamId) {
        let mut ended = lock(&self.ended);
        if ended.len() < MOST_ENDED {
            let state = StreamState::Ended;
            let (path, mime) = (Vec::new(), None);
            ended.push(CarriedStream {
                stream_id: stream,
                state,
                viewers: 0,
                mime,
                path,
                relays: 0,
                bytes_per_s: 0,
                visibility: None,
                asked_only: None,
            });
        }
    }

    fn load(&self, streams: &[CarriedStream]) -> Load {
        let Carried { hub, audience, metrics, meter } = &self.carried;
        let reading = meter.reading();
        let live = streams.iter().filter(|stream| stream.state == StreamState::Live).count();
        Load {
            viewers: audience.viewers(),
            ingress_bytes_per_s: reading.ingress_bytes_per_s,
            egress_bytes_per_s: reading.egress_bytes_per_s,
            ring_bytes: lock(hub).budget().bytes(),
            live_streams: u32::try_from(live).unwrap_or(u32::MAX),
            relays: audience.relays(),
            egress_limit_bytes_per_s: reading.egress_limit_bytes_per_s,
            cpu_permille: reading.cpu_permille,
            lagging: audience.lagging(),
            skips: metrics.skips.get(),
        }
    }

    fn carried(stream: &SharedStream) -> CarriedStream {
        let stream = lock(stream);
        let readers = stream.readers().counts();
        let (viewers, relays) = (readers.now(Role::Viewer), readers.now(Role::Relay));
        CarriedStream {
            stream_id: stream.id(),
            state: stream.state(),
            viewers,
            mime: stream.mime(None).map(str::to_owned),
            path: stream.last_path().to_vec(),
            relays,
            bytes_per_s: stream.ring().bytes_per_s(),
            visibility: Some(stream.access().visibility()),
            asked_only: Some(stream.access().asked_only()),
        }
    }
}
