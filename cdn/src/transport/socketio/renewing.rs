//! Fresh grants for what a connection publishes and watches: it is asked for them in time, and shows them by `renew`.

use std::sync::Arc;

use protocol::{
    StreamId, WireError,
    event::{Done, Renew, name},
};

use super::{
    codec,
    connection::Connection,
    event::{Call, Event},
    recipient::{self, Recipient},
};
use crate::{lock::lock, renewals::AskRenewal};

/// `renew`.
pub(super) struct ShowGrant;

impl Event for ShowGrant {
    const NAME: &'static str = name::RENEW;
    type Payload = Renew;

    async fn handle(connection: Arc<Connection>, call: Call, request: Renew) {
        call.answer(connection.renew(&request).map(|()| Done {}));
    }
}

impl Connection {
    /// Has the client asked before the grant expires that it publishes a stream with.
    pub(super) fn holds_publish_grant(&self, stream: StreamId, expires_s: u64) {
        let ask = ask_renewal(&self.recipient, stream);
        let mut grants = lock(&self.publish_grants);
        match grants.get(&stream) {
            Some(renewal) => renewal.renewed(expires_s),
            None => {
                let ingest = &self.server.context.ingest;
                grants.retain(|stream, _| ingest.is_broadcaster(self.id, *stream));
                grants.insert(stream, self.server.context.renewals.add(expires_s, ask));
            }
        }
    }

    fn renew(&self, Renew { stream_id, grant }: &Renew) -> Result<(), WireError> {
        let context = &self.server.context;
        if let Some(renewal) = lock(&self.publish_grants).get(stream_id) {
            renewal.check_rate()?;
            renewal.renewed(context.ingest.renew(self.id, *stream_id, grant, context.clock.now())?);
            return Ok(());
        }
        lock(&self.watched).renew(*stream_id, grant)
    }
}

/// Asks a client for a fresh grant of `stream`.
pub(super) fn ask_renewal(client: &Recipient, stream: StreamId) -> AskRenewal {
    let client = client.clone();
    Arc::new(move || {
        if let Err(error) = client.send(recipient::event(&codec::renew_grant(stream), None)) {
            tracing::debug!(%error, "a client has no room for the request to renew its grant");
        }
    })
}
