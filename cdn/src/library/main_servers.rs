//! Manifests from the main servers.

use std::sync::Arc;

use axum::http::HeaderValue;
use protocol::ItemId;

use super::{
    manifests::{FetchError, Fetched, Fetching, ManifestSource},
    refusal::Refusal,
};
use crate::control::Control;

/// The manifests of the cluster that `control` is part of; a node without main servers knows no items.
pub(crate) fn manifest_source(control: Option<Arc<Control>>) -> Arc<dyn ManifestSource> {
    match control {
        Some(control) => Arc::new(MainServers(control)),
        None => Arc::new(NoMainServers),
    }
}

struct MainServers(Arc<Control>);

struct NoMainServers;

impl ManifestSource for MainServers {
    fn fetch(&self, item_id: ItemId, known: Option<HeaderValue>) -> Fetching<'_> {
        Box::pin(async move {
            let read = self.0.manifest(item_id, known.as_ref()).await;
            match read {
                Ok(None) => Ok(Fetched::Unchanged),
                Ok(Some(document)) => Ok(Fetched::Changed { json: document.bytes, etag: document.etag }),
                Err(error) => Err(match error.refusal() {
                    Some((status, error)) => FetchError::Refused(Refusal::passed_on(status, error)),
                    None => {
                        tracing::warn!(item.id = %item_id, %error, "a manifest cannot be read");
                        FetchError::Away
                    }
                }),
            }
        })
    }
}

impl ManifestSource for NoMainServers {
    fn fetch(&self, item_id: ItemId, _: Option<HeaderValue>) -> Fetching<'_> {
        Box::pin(async move { Err(FetchError::Refused(Refusal::unknown_item(&item_id.to_string()))) })
    }
}
