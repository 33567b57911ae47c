//! The event by which clients read the node's clock.

use std::sync::Arc;

use protocol::event::{ClockRequest, name};

use super::{
    connection::Connection,
    event::{Call, Event},
};

/// `clock`.
pub(super) struct ReadClock;

impl Event for ReadClock {
    const NAME: &'static str = name::CLOCK;
    type Payload = ClockRequest;

    async fn handle(connection: Arc<Connection>, call: Call, request: ClockRequest) {
        let clock = &connection.server.context.clock;
        call.answer(Ok(clock.answer(request, clock.now())));
    }
}
