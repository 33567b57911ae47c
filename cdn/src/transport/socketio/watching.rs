//! The events of a viewer: streams are watched at once if they are here, or fetched first.

use std::sync::Arc;

use protocol::{
    ErrorCode, WireError,
    event::{Done, StreamRef, WatchRequest, WatchStream, name},
};
use socketioxide::TransportType;
use tokio_util::sync::CancellationToken;

use super::{
    connection::Connection,
    delivery::{CONTINUOUS, IN_TURNS},
    event::{Call, Event},
    renewing::ask_renewal,
    watched::{Watch, Watched},
};
use crate::{
    egress::Delivery,
    hub::SharedStream,
    lock::lock,
    transport::{
        admission::{Client, Destination, Request, Start},
        held_grant::HeldGrant,
    },
};

/// `watch_stream`.
pub(super) struct BeginToWatch;

impl Event for BeginToWatch {
    const NAME: &'static str = name::WATCH_STREAM;
    type Payload = WatchStream;

    async fn handle(connection: Arc<Connection>, call: Call, watch: WatchStream) {
        connection.begin_to_watch(&call, WatchRequest::from(watch));
    }
}

/// `leave_stream`.
pub(super) struct Leave;

impl Event for Leave {
    const NAME: &'static str = name::LEAVE_STREAM;
    type Payload = StreamRef;

    async fn handle(connection: Arc<Connection>, call: Call, StreamRef { stream_id }: StreamRef) {
        lock(&connection.watched).leave(stream_id);
        call.answer(Ok(Done {}));
    }
}

/// `request_keyframe`.
pub(super) struct RequestKeyframe;

impl Event for RequestKeyframe {
    const NAME: &'static str = name::REQUEST_KEYFRAME;
    type Payload = StreamRef;

    async fn handle(connection: Arc<Connection>, call: Call, StreamRef { stream_id }: StreamRef) {
        let now = connection.server.context.clock.now();
        call.answer(lock(&connection.watched).request_keyframe(stream_id, now).map(|()| Done {}));
    }
}

impl Connection {
    /// Watches a stream; fetches it first if it is not here.
    fn begin_to_watch(&self, call: &Call, request: WatchRequest) {
        let WatchRequest { stream_id, grant, after, format: formats } = request;
        let start = after.map_or(Start::Back { ms: 0 }, Start::After);
        let request = Request { stream: stream_id, grant, client: Client::Viewer, start, formats };
        match self.server.context.admission.at_hand(stream_id) {
            Some(stream) => self.begin(call, &request, &stream, None),
            None => self.fetch(call, request),
        }
    }

    /// Has a stream fetched that is not here, and then admits its viewer. Other events are handled meanwhile; another request
    /// for the stream, or leaving it, takes the place of this one.
    fn fetch(&self, call: &Call, request: Request) {
        let unwanted = CancellationToken::new();
        {
            let mut watched = lock(&self.watched);
            if let Err(error) = watched.check_room(request.stream, self.most_watched()) {
                return call.refuse(error);
            }
            watched.insert(request.stream, Watch::Waiting(unwanted.clone()));
        }
        let (me, admission, call) = (self.me.clone(), self.server.context.admission.clone(), call.clone());
        self.server.context.spawn("fetch of a stream", async move {
            let found = unwanted.run_until_cancelled(admission.find(&request)).await;
            match (found, me.upgrade()) {
                (Some(Ok(stream)), Some(connection)) => {
                    connection.begin(&call, &request, &stream, Some(&unwanted));
                }
                (Some(Err(error)), _) => {
                    unwanted.cancel();
                    call.refuse(error);
                }
                (None, _) | (_, None) => call.refuse(replaced()),
            }
        });
    }

    /// Admits a viewer, unless it left meanwhile, and answers with the result.
    fn begin(
        &self,
        call: &Call,
        request: &Request,
        stream: &SharedStream,
        unwanted: Option<&CancellationToken>,
    ) {
        // Held until the answer is on its way: whatever replaces or ends this watch is answered after it.
        let mut watched = lock(&self.watched);
        let admitted = match unwanted {
            Some(unwanted) if unwanted.is_cancelled() => Err(replaced()),
            _ => self.admit(&mut watched, call, request, stream),
        };
        if let Err(error) = admitted {
            unwanted.inspect(|unwanted| unwanted.cancel());
            call.refuse(error);
        }
    }

    /// Admits a viewer and answers it; an error is still to be answered.
    fn admit(
        &self,
        watched: &mut Watched,
        call: &Call,
        request: &Request,
        stream: &SharedStream,
    ) -> Result<(), WireError> {
        watched.check_room(request.stream, self.most_watched())?;
        let (viewer, replacing) = (self.recipient.clone(), watched.session(request.stream));
        let destination = Destination { viewer, address: self.address, delivery: delivery(call), replacing };
        let admitted =
            self.server.context.admission.admit(&self.server.egress, request, stream, destination)?;
        watched.leave(request.stream);
        let grant_expires_s = admitted.grant_expires_s;
        let session = admitted.start(|welcome| call.answer(Ok(welcome.watching)))?;
        self.keep();
        let ask = || ask_renewal(&self.recipient, request.stream);
        let held = HeldGrant::new(&self.server.context, request.stream, grant_expires_s, ask);
        watched.insert(request.stream, Watch::Flowing(session, held));
        Ok(())
    }

    fn most_watched(&self) -> usize {
        self.server.context.limits.streams_per_socket
    }
}

/// How the connection takes media now. One that upgrades while it watches keeps its modest turns.
fn delivery(call: &Call) -> &'static Delivery {
    match call.socket.transport_type() {
        TransportType::Polling => &IN_TURNS,
        TransportType::Websocket => &CONTINUOUS,
    }
}

fn replaced() -> WireError {
    WireError::new(
        ErrorCode::InvalidRequest,
        "the stream was left, or watched again, before this request could start",
    )
}
