//! What a connection watches: several streams at a time, some of which may still be on their way to this node.

use std::collections::HashMap;

use protocol::{ErrorCode, StreamId, WireError, event::WatchRequest};
use socketioxide::TransportType;
use tokio_util::sync::CancellationToken;

use super::{CONTINUOUS, IN_TURNS, connection::Connection, event::Call};
use crate::{
    clock::Now,
    egress::{Delivery, Session},
    hub::SharedStream,
    lock::lock,
    transport::admission::{Client, Place, Request, Start},
};

/// The streams a connection watches.
#[derive(Default)]
pub(super) struct Watched(HashMap<StreamId, Watch>);

/// What a connection has to do with a stream it watches.
enum Watch {
    /// The stream is being fetched. Cancelled when the viewer asks again, leaves or is gone.
    Waiting(CancellationToken),
    /// The viewer gets it.
    Flowing(Session),
}

impl Watch {
    /// Whether the node is not done with it.
    fn goes_on(&self) -> bool {
        match self {
            Self::Waiting(unwanted) => !unwanted.is_cancelled(),
            Self::Flowing(session) => !session.is_over(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Self::Waiting(unwanted) = self {
            unwanted.cancel();
        }
    }
}

impl Watched {
    pub(super) fn leave(&mut self, id: StreamId) {
        self.0.remove(&id);
    }

    pub(super) fn leave_all(&mut self) {
        self.0.clear();
    }

    /// Asks for a keyframe of a stream that the connection gets.
    pub(super) fn request_keyframe(&self, id: StreamId, now: Now) -> Result<(), WireError> {
        let session = self.session(id).ok_or_else(|| {
            let message = "this connection does not watch that stream; send watch_stream first";
            WireError::new(ErrorCode::InvalidRequest, message)
        })?;
        session.request_keyframe(now);
        Ok(())
    }

    /// The session on `id`, if there is one.
    fn session(&self, id: StreamId) -> Option<&Session> {
        match self.0.get(&id)? {
            Watch::Waiting(_) => None,
            Watch::Flowing(session) => Some(session),
        }
    }

    /// Whether the connection may watch `id` besides what it watches.
    fn check_room(&mut self, id: StreamId, most: usize) -> Result<(), WireError> {
        self.0.retain(|_, watch| watch.goes_on());
        if self.0.len() >= most && !self.0.contains_key(&id) {
            return Err(WireError::new(ErrorCode::LimitReached, "this connection watches too many streams"));
        }
        Ok(())
    }
}

impl Connection {
    /// Watches a stream; fetches it first if it is not here.
    pub(super) fn begin_to_watch(&self, call: &Call, request: WatchRequest) {
        let WatchRequest { stream_id, grant, after, format: formats } = request;
        let start = after.map_or(Start::Back { ms: 0 }, Start::After);
        let request = Request { stream: stream_id, grant, client: Client::Viewer, start, formats };
        match self.server.services.admission.at_hand(stream_id) {
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
            watched.0.insert(request.stream, Watch::Waiting(unwanted.clone()));
        }
        let (me, admission, call) = (self.me.clone(), self.server.services.admission.clone(), call.clone());
        self.server.services.spawn(async move {
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

    /// Admits a viewer, unless it does not want that any more, and answers what came of it.
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
        let place = Place { viewer, delivery: delivery(call), replacing };
        let admitted = self.server.services.admission.admit(&self.server.egress, request, stream, place)?;
        watched.leave(request.stream);
        let session = admitted.start(|welcome| call.answer(Ok(welcome.watching)))?;
        self.keep();
        watched.0.insert(request.stream, Watch::Flowing(session));
        Ok(())
    }

    fn most_watched(&self) -> usize {
        self.server.services.limits.streams_per_socket
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
    WireError::new(ErrorCode::InvalidRequest, "the stream was left, or watched anew, before this could begin")
}
