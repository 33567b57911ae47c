//! Keeps the table up with what other processes write, and finds out after a break what was deleted meanwhile.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::sleep;

use super::{Host, Record, Replica, Replicated};
use crate::{Error, Event, Revision};

/// Pause before a broken watch is begun again.
const RETRY: Duration = Duration::from_millis(200);

impl<T: Record, H: Host<T>> Replicated<T, H> {
    /// Follows the namespace until it is dropped.
    pub async fn follow(&self) {
        loop {
            if let Err(error) = self.follow_once().await {
                tracing::debug!("watch of {}: {error}", T::NAMESPACE);
            }
            self.host.link(false);
            sleep(RETRY).await;
        }
    }

    /// Follows the namespace until its watch breaks.
    async fn follow_once(&self) -> Result<(), Error> {
        // What is known before the watch begins and is not shown by it is gone.
        let mut unseen = self.host.replica(|replica| replica.stored());
        let mut watch = self.kv.watch(T::NAMESPACE, "", None).await?;
        let (mut newest, mut is_current) = (Revision::NONE, false);
        // In one step with the change: what a call answers in between is then judged by both or neither.
        let note_shown = |replica: &mut Replica<T>, is_current, newest| {
            if is_current {
                replica.note_shown(newest);
            }
        };
        while let Some(event) = watch.next().await {
            let event = event?;
            newest = newest.max(event.revision());
            is_current |= event == Event::Current;
            match event {
                Event::Put(entry) => {
                    if let Ok(key) = entry.key.parse() {
                        unseen.remove(&key);
                    }
                    self.learn(&entry, |replica, key, record, revision| {
                        replica.learn(key, record, revision);
                        note_shown(replica, is_current, newest);
                    });
                }
                Event::Deleted { key, revision } => {
                    if let Ok(key) = key.parse() {
                        self.with(|replica| {
                            replica.forget(&key, revision);
                            note_shown(replica, is_current, newest);
                        });
                    }
                }
                Event::Current => {
                    for (key, revision) in std::mem::take(&mut unseen) {
                        self.with(|replica| replica.forget(&key, revision));
                    }
                    self.host.replica(|replica| note_shown(replica, is_current, newest));
                    self.host.link(true);
                }
            }
        }
        Ok(())
    }
}
