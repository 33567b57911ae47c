//! What the streams' handlers share.

use std::sync::Arc;

use axum::extract::FromRef;
use per_address::Shares;
use protocol::item::RecordPolicy;
use tokio_util::sync::CancellationToken;

use crate::{
    api::caller::Credentials,
    auth::{Grants, Passphrases},
    broadcasters::Broadcasters,
    clock::Now,
    events::Feed,
    invitations::Invitations,
    metrics::Counter,
    streams::Streams,
};

/// What the handlers share.
pub(crate) struct Api {
    /// The streams.
    pub(crate) streams: Arc<Streams>,
    /// The list of public streams and the events of its changes.
    pub(crate) feed: Arc<Feed>,
    /// Signs and checks grants.
    pub(crate) grants: Arc<Grants>,
    /// Makes and checks hashes.
    pub(crate) passphrases: Arc<Passphrases>,
    /// What nodes and people prove themselves with.
    pub(crate) credentials: Credentials,
    /// Admit viewers to private streams.
    pub(crate) invitations: Arc<Invitations>,
    /// Who may create and manage streams.
    pub(crate) broadcasters: Arc<Broadcasters>,
    /// One per listener of events that may be.
    pub(crate) listeners: Arc<Shares>,
    /// Which streams are recorded.
    pub(crate) record: RecordPolicy,
    /// When this process began to serve.
    pub(crate) started: Now,
    /// Cancelled when event streams have to end.
    pub(crate) closing: CancellationToken,
    /// Streams created.
    pub(crate) created: Counter,
    /// Watch grants handed out.
    pub(crate) watch_grants: Counter,
}

impl FromRef<Arc<Api>> for Credentials {
    fn from_ref(api: &Arc<Api>) -> Self {
        api.credentials.clone()
    }
}
