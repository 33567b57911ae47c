//! Brings what changed into the store, newest state only.
//!
//! The catalogue remembers which streams changed, not how often; so however slow the disk is, no more than one record
//! per stream waits. Writes of one round go together; when one fails, all go back and are tried again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::try_join_all;
use protocol::StreamId;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::Record,
    control::ControlPlane,
    store::{Bucket, Error, Kv},
};

/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Writes to one store.
pub(crate) struct Saver {
    kv: Arc<dyn Kv>,
    failing: AtomicBool,
}

impl Saver {
    /// A saver to `kv`.
    pub(crate) fn new(kv: Arc<dyn Kv>) -> Self {
        Self { kv, failing: AtomicBool::new(false) }
    }

    /// Whether the last batch could not be written.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Saves what changes in `control` until `shutdown`, and once more then.
    pub(crate) async fn run(&self, control: &ControlPlane, shutdown: &CancellationToken) {
        while let Some(()) = shutdown.run_until_cancelled(control.until_unsaved()).await {
            if !self.save(control).await {
                sleep(RETRY).await;
            }
        }
        self.save(control).await;
    }

    async fn save(&self, control: &ControlPlane) -> bool {
        let unsaved = control.take_unsaved();
        let written = try_join_all(unsaved.records.iter().map(|record| self.write(record))).await;
        self.failing.store(written.is_err(), Ordering::Relaxed);
        match &written {
            Ok(_) => control.note_saved(&unsaved),
            Err(error) => {
                let streams = unsaved.records.len();
                tracing::error!(streams, "{streams} streams could not be saved, trying again: {error}");
                control.put_back(unsaved);
            }
        }
        written.is_ok()
    }

    async fn write(&self, (stream_id, record): &(StreamId, Option<Record>)) -> Result<(), Error> {
        let key = stream_id.to_string();
        let Some(record) = record else { return self.kv.delete(Bucket::Streams, &key, None).await };
        let json = serde_json::to_vec(record).expect("texts and numbers are always JSON");
        self.kv.put(Bucket::Streams, &key, json.into(), None).await.map(drop)
    }
}

/// Every stream in the store: id → [`Record`] as JSON. An entry that does not parse is left where it is and reported.
///
/// # Errors
/// The store's.
pub(crate) async fn load(kv: &dyn Kv) -> Result<Vec<(StreamId, Record)>, Error> {
    let entries = kv.entries(Bucket::Streams).await?.into_iter();
    Ok(entries.filter_map(|entry| parse(&entry.key, &entry.value)).collect())
}

fn parse(key: &str, value: &[u8]) -> Option<(StreamId, Record)> {
    let stream_id = key.parse().inspect_err(|error| tracing::error!("store entry {key:?}: {error}")).ok()?;
    let record = serde_json::from_slice(value);
    let record = record.inspect_err(|error| tracing::error!("record of stream {key}: {error}")).ok()?;
    Some((stream_id, record))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bytes::Bytes;
    use protocol::stream::Visibility;

    use super::*;
    use crate::{Config, Persistence, catalogue::Catalogue, clock::Now, registry::Registry, store::Store};

    async fn kv() -> Arc<dyn Kv> {
        Store::open(&Persistence::SqliteInMemory, Path::new("unused")).await.unwrap().kv
    }

    fn record() -> Record {
        Record {
            title: "first".into(),
            visibility: Visibility::Private,
            passphrase_hash: Some("$argon2id$".into()),
            created_at_ms: 1,
            started_at_ms: Some(2),
            ended_at_ms: None,
            placed_on: "a".into(),
        }
    }

    #[tokio::test]
    async fn what_was_created_is_saved() {
        let config = Config::new("unused");
        let mut catalogue = Catalogue::new(config.catalogue());
        let id = catalogue.create(record(), None, Now::read());
        let control = ControlPlane::new(Registry::new(config.registry(), 1), catalogue);
        let saver = Saver::new(kv().await);
        assert!(saver.save(&control).await && !saver.is_failing());
        assert_eq!(load(&*saver.kv).await.unwrap(), [(id, record())]);
    }

    #[tokio::test]
    async fn a_written_record_is_loaded_again_and_a_damaged_one_is_skipped() {
        let id = StreamId::new("first", 1);
        let saver = Saver::new(kv().await);
        let damaged = StreamId::new("second", 1).to_string();
        for (key, value) in [(damaged.as_str(), "{"), ("stray", "{}")] {
            saver.kv.put(Bucket::Streams, key, Bytes::from(value), None).await.unwrap();
        }
        saver.write(&(id, Some(record()))).await.unwrap();
        assert_eq!(load(&*saver.kv).await.unwrap(), [(id, record())]);
        saver.write(&(id, None)).await.unwrap();
        assert!(load(&*saver.kv).await.unwrap().is_empty());
    }
}
