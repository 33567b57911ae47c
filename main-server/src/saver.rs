//! Brings what changed into the store, on a blocking thread, newest state only.
//!
//! The catalogue remembers which streams changed, not how often; so however slow the disk is, no more than one record
//! per stream waits. A failed batch goes back and is tried again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::StreamId;
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    catalogue::Record,
    control::ControlPlane,
    store::{Error, Store, Write},
};

/// The bucket of streams: id → [`Record`] as JSON.
const STREAMS: &str = "streams";
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// Writes to one store.
pub(crate) struct Saver {
    store: Arc<dyn Store>,
    failing: AtomicBool,
}

impl Saver {
    /// A saver for `store`.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, failing: AtomicBool::new(false) }
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
        let writes: Vec<Write> = unsaved.records.iter().map(write).collect();
        let store = Arc::clone(&self.store);
        let written = match spawn_blocking(move || store.apply(STREAMS, &writes)).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(panic) => Err(panic.to_string()),
        };
        self.failing.store(written.is_err(), Ordering::Relaxed);
        match &written {
            Ok(()) => control.note_saved(&unsaved),
            Err(error) => {
                let streams = unsaved.records.len();
                tracing::error!(streams, "{streams} streams could not be saved, trying again: {error}");
                control.put_back(unsaved);
            }
        }
        written.is_ok()
    }
}

fn write((stream_id, record): &(StreamId, Option<Record>)) -> Write {
    let json = |record| serde_json::to_vec(record).expect("texts and numbers are always JSON");
    Write { key: stream_id.to_string(), value: record.as_ref().map(json) }
}

/// Every stream in the store. An entry that does not parse is left where it is and reported.
///
/// # Errors
/// The store's.
pub(crate) fn load(store: &dyn Store) -> Result<Vec<(StreamId, Record)>, Error> {
    let entries = store.load(STREAMS)?.into_iter();
    Ok(entries.filter_map(|(key, value)| parse(&key, &value)).collect())
}

fn parse(key: &str, value: &[u8]) -> Option<(StreamId, Record)> {
    let stream_id = key.parse().inspect_err(|error| tracing::error!("store entry {key:?}: {error}")).ok()?;
    let record = serde_json::from_slice(value);
    let record = record.inspect_err(|error| tracing::error!("record of stream {key}: {error}")).ok()?;
    Some((stream_id, record))
}

#[cfg(test)]
mod tests {
    use protocol::stream::Visibility;

    use super::*;
    use crate::{Config, catalogue::Catalogue, clock::Now, registry::Registry, store::Memory};

    /// A disk that is full until it is not.
    #[derive(Default)]
    struct Full {
        disk: Memory,
        has_room: AtomicBool,
    }

    impl Store for Full {
        fn load(&self, bucket: &str) -> Result<Vec<(String, Vec<u8>)>, Error> {
            self.disk.load(bucket)
        }

        fn apply(&self, bucket: &str, writes: &[Write]) -> Result<(), Error> {
            if !self.has_room.load(Ordering::Relaxed) {
                return Err(rusqlite::Error::InvalidQuery.into());
            }
            self.disk.apply(bucket, writes)
        }
    }

    #[tokio::test]
    async fn what_could_not_be_saved_is_saved_as_soon_as_it_can_be() {
        let config = Config::new("unused");
        let mut catalogue = Catalogue::new(config.catalogue());
        let id = catalogue.create(record(), None, Now::read());
        let control = ControlPlane::new(Registry::new(config.registry(), 1), catalogue);
        let store = Arc::new(Full::default());
        let saver = Saver::new(Arc::<Full>::clone(&store));
        assert!(!saver.save(&control).await && saver.is_failing());
        control.until_unsaved().await;
        store.has_room.store(true, Ordering::Relaxed);
        assert!(saver.save(&control).await && !saver.is_failing());
        assert_eq!(load(&*store).unwrap(), [(id, record())]);
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

    #[test]
    fn a_written_record_is_loaded_again_and_a_damaged_one_is_skipped() {
        let id = StreamId::new("first", 1);
        let record = record();
        let damaged = Write { key: StreamId::new("second", 1).to_string(), value: Some(b"{".to_vec()) };
        let stray = Write { key: "stray".into(), value: Some(b"{}".to_vec()) };
        let store = Memory::default();
        store.apply(STREAMS, &[write(&(id, Some(record.clone()))), damaged, stray]).unwrap();
        assert_eq!(load(&store).unwrap(), [(id, record)]);
        store.apply(STREAMS, &[write(&(id, None))]).unwrap();
        assert!(load(&store).unwrap().is_empty());
    }
}
