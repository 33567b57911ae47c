//! Messages between main servers, as plain NATS messages: nothing is stored, a reader that is slow misses some.

use std::{sync::Arc, time::Duration};

use async_nats::connection::State;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use tokio::time::timeout;

use super::{Nats, message::unavailable};
use crate::{Bus, Error, Subject, bus};

/// How long handing a message to the connection may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The bus beside the stream.
pub(crate) struct NatsBus(Arc<Nats>);

impl NatsBus {
    /// The bus on the same connection.
    pub(crate) fn new(nats: Arc<Nats>) -> Self {
        Self(nats)
    }
}

fn name(subject: Subject) -> String {
    format!("undead.bus.{}", subject.0)
}

#[async_trait]
impl Bus for NatsBus {
    async fn publish(&self, subject: Subject, message: Bytes) -> Result<(), Error> {
        bus::check(&message)?;
        // The client would keep it for later, when it is of no use to anybody.
        if self.0.client.connection_state() != State::Connected {
            return Err(unavailable(&"not connected"));
        }
        let sent = timeout(PUBLISH_TIMEOUT, self.0.client.publish(name(subject), message)).await;
        sent.map_err(|_| unavailable(&"the connection takes no more"))?.map_err(|error| unavailable(&error))
    }

    async fn subscribe(&self, subject: Subject) -> Result<BoxStream<'static, Bytes>, Error> {
        let subscribed = self.0.client.subscribe(name(subject)).await;
        let messages = subscribed.map_err(|error| unavailable(&error))?;
        Ok(messages.map(|message| message.payload).boxed())
    }

    fn is_alone(&self) -> bool {
        false
    }
}
