//! Writes that have to last before somebody is answered, and what the store is found to have instead.

use std::{future::Future, time::Duration};

use bytes::Bytes;
use protocol::StreamId;
use serde::Serialize;
use store::{Entry, Expect, Namespace, Revision, contention::give_way};
use tokio::time::timeout;

use super::{ControlPlane, Error};
use crate::{
    clock::Now,
    nodes::registry::{NODES, Renewal},
    streams::catalogue::{Record, STREAMS, Save},
};

/// Longest wait for the store: a cluster of NATS servers that lost one may take some seconds to choose another leader.
/// Whether a write happened after all is then not known.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a write that met another's is tried with what that wrote, with pauses between.
pub(crate) const ATTEMPTS: u32 = 16;

/// Waits for the store, but not for ever.
pub(crate) async fn in_time<T>(
    call: impl Future<Output = Result<T, store::Error>>,
) -> Result<T, store::Error> {
    let late = || store::Error::Unavailable(format!("no answer within {} s", PATIENCE.as_secs()));
    timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(late()))
}

pub(crate) fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).expect("ids, texts and numbers are always JSON").into()
}

impl ControlPlane {
    /// Writes a stream's record; that of one that is over stays for a while only.
    pub(crate) async fn write_stream(
        &self,
        stream_id: StreamId,
        record: &Record,
        expect: Expect,
    ) -> Result<Revision, store::Error> {
        let lease = record.is_over().then_some(self.settings.remember_ended);
        let expect = match expect {
            Expect::Revision(Revision::NONE) => Expect::Absent,
            expect => expect,
        };
        self.write(STREAMS, stream_id.to_string(), json(record), lease, expect).await
    }

    /// Writes a node's registration, to be renewed while the node is alive.
    pub(crate) async fn write_node(
        &self,
        hostname: &str,
        registration: &crate::nodes::registry::Registration,
        expect: Expect,
    ) -> Result<Revision, store::Error> {
        let lease = Some(self.settings.forget_node);
        self.write(NODES, hostname.to_owned(), json(registration), lease, expect).await
    }

    /// Writes an entry, and tells the other main servers of it.
    async fn write(
        &self,
        namespace: Namespace,
        key: String,
        value: Bytes,
        lease: Option<Duration>,
        expect: Expect,
    ) -> Result<Revision, store::Error> {
        let written = self.store.kv.compare_and_set(namespace, &key, value.clone(), lease, expect);
        let revision = in_time(written).await?;
        self.outbox.written(namespace, Entry { key, value, revision, lease });
        Ok(revision)
    }

    /// Takes over what the store has under `key` now.
    pub(crate) async fn look_up(&self, namespace: Namespace, key: &str) -> Result<(), store::Error> {
        let known = self.known(namespace, key);
        if namespace == STREAMS && known.is_none() {
            // Before the store: what is in neither is nowhere, for it is in the store before it leaves the journal.
            self.look_up_journaled(key).await?;
        }
        match (in_time(self.store.kv.get(namespace, key)).await?, known) {
            (Some(entry), _) => self.learn(namespace, &entry, Now::read()),
            (None, Some(revision)) => self.forget(namespace, key, revision, Now::read()),
            (None, None) => {}
        }
        Ok(())
    }

    /// Ends a stream for good; one that is over stays so. When this returns, no failure brings it back.
    ///
    /// # Errors
    /// [`Error::Store`]: it goes on.
    pub(crate) async fn end(&self, stream_id: StreamId, now: Now) -> Result<(), Error> {
        for attempt in 1..=ATTEMPTS {
            let ending = self.change(|state| state.catalogue.to_end(stream_id, now));
            let Some((record, revision)) = ending else { return Ok(()) };
            match self.keep(stream_id, record, Expect::Revision(revision), now).await {
                Ok(()) => return Ok(()),
                Err(store::Error::Conflict) => {
                    give_way(attempt).await;
                    self.look_up(STREAMS, &stream_id.to_string()).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(store::Error::Conflict.into())
    }

    /// Brings what changed of a stream into the store, if anything did.
    ///
    /// # Errors
    /// The store's: it is to be tried again. What another server wrote meanwhile was taken over.
    pub(crate) async fn save(&self, stream_id: StreamId) -> Result<(), store::Error> {
        let key = stream_id.to_string();
        match self.change(|state| state.catalogue.to_save(stream_id)) {
            None => Ok(()),
            Some(Save::Forget) => in_time(self.store.kv.delete(STREAMS, &key, None)).await,
            Some(Save::Keep(record, revision)) => {
                match self.write_stream(stream_id, &record, Expect::Revision(revision)).await {
                    Ok(revision) => {
                        self.change(|state| {
                            state.catalogue.learn(stream_id, record, revision, Now::read());
                        });
                        // It may have changed meanwhile, or only wait for this to be forgotten.
                        self.put_back(stream_id);
                        Ok(())
                    }
                    Err(store::Error::Conflict) => {
                        self.look_up(STREAMS, &key).await?;
                        self.put_back(stream_id);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Writes a registration again, so that the store does not forget it. That it is another's by now is no error.
    ///
    /// # Errors
    /// The store's: the next heartbeat but some asks again.
    pub(crate) async fn renew(&self, renewal: Renewal) -> Result<(), store::Error> {
        let Renewal { hostname, registration, revision } = renewal;
        match self.write_node(&hostname, &registration, Expect::Revision(revision)).await {
            Ok(revision) => {
                self.learn_node(&hostname, registration, revision, Now::read());
                Ok(())
            }
            Err(store::Error::Conflict) => self.look_up(NODES, &hostname).await,
            Err(error) => Err(error),
        }
    }

    /// What has to be saved now.
    pub(crate) fn take_unsaved(&self) -> (Vec<StreamId>, Vec<Renewal>) {
        self.change(|state| (state.catalogue.take_unsaved(), state.registry.take_renewals()))
    }

    /// Whether anything is not saved yet.
    #[cfg(test)]
    pub(crate) fn has_unsaved(&self) -> bool {
        self.take_all_again();
        self.change(|state| state.catalogue.has_unsaved())
    }

    /// Has everything taken again that is not saved, whatever was taken before.
    pub(crate) fn take_all_again(&self) {
        self.change(|state| state.catalogue.save_all());
    }

    /// It could not be saved: it is to be taken again.
    pub(crate) fn put_back(&self, stream_id: StreamId) {
        self.change(|state| state.catalogue.put_back(stream_id));
    }
}
