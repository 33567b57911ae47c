//! A pump over a transport whose connections take what the test lets them take.

mod delivery;
mod fake;
mod formats;
mod pumps;

use std::time::Duration;

use protocol::{
    event::FrameName,
    stream::{StreamState, Visibility},
};

use self::fake::{FakeTransport, FakeViewer, Packet};
use super::*;
use crate::hub::{Closed, Hub, HubLimits, Readers, RingLimits, samples};

const TEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Chunks of a group.
const GROUP: u64 = 10;
const MOST_PACKETS: usize = 32;
static DELIVERY: Delivery = Delivery::half(Backlog { packets: MOST_PACKETS, bytes: 1 << 20 });

struct Rig {
    hub: Hub,
    transport: FakeTransport,
    egress: Egress<FakeTransport>,
    stream: SharedStream,
    id: StreamId,
    audience: Arc<Audience>,
    metrics: Arc<Metrics>,
    /// Of the viewers, none of which leaves.
    sessions: Mutex<Vec<Session>>,
    pushed: u64,
}

impl Rig {
    fn new() -> Self {
        let ring = RingLimits { window_ms: 1_000_000, group_bytes: 1 << 20 };
        let mut hub = Hub::new(HubLimits { ring, budget_bytes: 1 << 30, streams: 1 }, |_, _| {});
        let id = StreamId::new("a", 1);
        let stream = open(&mut hub, id);
        let (transport, metrics) = (FakeTransport::new(), Arc::<Metrics>::default());
        let limits = Limits { max_lag: Duration::from_secs(2), ..Limits::default() };
        let audience = Audience::new(&limits);
        let counted = (limits, metrics.clone(), audience.clone());
        let tasks = (TaskTracker::new(), CancellationToken::new());
        let egress = Egress::new(transport.clone(), counted, Clock::start(), tasks);
        let sessions = Mutex::default();
        let rig = Self { hub, transport, egress, audience, stream, id, metrics, sessions, pushed: 0 };
        rig.announce();
        rig
    }

    /// Has the broadcaster told how the stream is doing.
    fn announce(&self) {
        let transport = self.transport.clone();
        let announcer = Announcer::new(&self.stream, Clock::start(), move |state| transport.announce(state));
        self.egress.tasks.spawn(announcer.run());
    }

    fn readers(&self) -> Arc<Readers> {
        lock(&self.stream).readers().clone()
    }

    fn viewers(&self) -> u32 {
        self.readers().counts().now(Role::Viewer)
    }

    /// Closes the stream and opens another one of the same id.
    fn reopen(&mut self) {
        self.hub.remove(self.id);
        self.close(Closed::Dropped);
        self.stream = open(&mut self.hub, self.id);
        self.pushed = 0;
    }

    fn watch(&self, viewer: u32, cursor: Cursor) {
        self.watch_in(viewer, cursor, None);
    }

    fn watch_in(&self, viewer: u32, cursor: Cursor, formats: Option<Formats>) {
        self.admit(Applicant {
            viewer: self.transport.viewer(viewer),
            role: Role::Viewer,
            is_asked: false,
            address: None,
            delivery: &DELIVERY,
            cursor,
            formats,
            replacing: None,
        });
    }

    fn relay(&self, viewer: u32) {
        self.admit(Applicant {
            viewer: self.transport.viewer(viewer),
            role: Role::Relay,
            is_asked: false,
            address: None,
            delivery: &Delivery::ONE,
            cursor: Cursor::newest(),
            formats: None,
            replacing: None,
        });
    }

    fn admit(&self, applicant: Applicant<'_, FakeViewer>) {
        let session = self.egress.admit(&self.stream, applicant).ok().unwrap().start(|| {});
        lock(&self.sessions).push(session.expect("the stream is here"));
    }

    /// A group a second.
    fn push(&mut self, chunks: u64) {
        for _ in 0..chunks {
            let name = name(self.pushed);
            let mut stream = lock(&self.stream);
            let begins = stream.set_state(StreamState::Live);
            stream.ring_mut().push(0, samples::run(name, 1, 100), None, self.pushed * 100).unwrap();
            self.pushed += 1;
            if begins {
                stream.readers().changed();
            }
        }
        self.readers().media(None);
    }

    /// Waits until every pump stopped.
    async fn closed(&self) {
        self.egress.tasks.close();
        self.egress.tasks.wait().await;
    }

    fn close(&self, why: Closed) {
        lock(&self.stream).close(why);
        self.readers().changed();
    }
}

fn open(hub: &mut Hub, id: StreamId) -> SharedStream {
    let stream = hub.open(id, Visibility::Public).unwrap();
    lock(&stream).ring_mut().push_tracks(0, samples::tracks()).unwrap();
    stream
}

fn name(at: u64) -> FrameName {
    FrameName { take: 0, group: at / GROUP, index: (at % GROUP) as u32 }
}
