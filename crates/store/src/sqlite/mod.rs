//! The embedded engine: one SQLite file in WAL mode, one writer with group commit, reads beside it.

mod reader;
mod schema;
mod watch;
mod writer;

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{Connection, ErrorCode};
use supervisor::Supervisor;
use tokio::sync::{mpsc, oneshot, watch as signal};

use self::{
    reader::{Range, Reader},
    writer::{Request, Signals, Write},
};
use crate::{Entry, Error, Expect, Health, Kv, LeaseWatch, Namespace, Page, Revision, Watch, kv};

/// Every entry of the file at `path`, as of one moment. The file stays as it is. Blocks.
///
/// # Errors
/// [`Error::Missing`], [`Error::TooOld`], [`Error::TooNew`], and [`Error::Unavailable`] if it cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<(Namespace, Entry)>, Error> {
    reader::snapshot(&schema::open_to_read(path)?)
}

/// Entries in a file, or in memory.
pub(crate) struct Sqlite {
    queue: mpsc::Sender<Request>,
    reader: Reader,
    signals: Signals,
}

impl Sqlite {
    /// Opens the file at `path`, or makes it. Blocks; needs a runtime to run on.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it is no database or cannot be read and written, [`Error::TooNew`].
    pub(crate) fn open(path: &Path, supervisor: &Supervisor) -> Result<Self, Error> {
        let writer = schema::open(path)?;
        let reader = schema::open_again(path)?;
        Ok(Self::over(Arc::new(Mutex::new(writer)), Arc::new(Mutex::new(reader)), supervisor))
    }

    /// A store that is gone with the process.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) fn in_memory(supervisor: &Supervisor) -> Result<Self, Error> {
        let connection = Arc::new(Mutex::new(schema::open_in_memory()?));
        Ok(Self::over(Arc::clone(&connection), connection, supervisor))
    }

    fn over(writer: Arc<Mutex<Connection>>, reader: Arc<Mutex<Connection>>, supervisor: &Supervisor) -> Self {
        let signals = Signals::new();
        let queue = writer::start(writer, signals.clone(), supervisor);
        Self { queue, reader: Reader(reader), signals }
    }

    async fn write(&self, namespace: Namespace, key: &str, write: Write) -> Result<Revision, Error> {
        let (answer, answered) = oneshot::channel();
        let request = Request { namespace, key: key.to_owned(), write, answer };
        let gone = || Error::Unavailable("its writer has stopped".into());
        self.queue.send(request).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Kv for Sqlite {
    async fn get(&self, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error> {
        let key = key.to_owned();
        self.reader.read(move |connection| reader::get(connection, namespace, &key)).await
    }

    async fn entries(&self, namespace: Namespace, prefix: &str) -> Result<Vec<Entry>, Error> {
        let range = Range::of(prefix);
        self.reader.read(move |connection| reader::entries(connection, namespace, &range, None)).await
    }

    async fn page(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        let range = Range::of(prefix);
        let range = after.map_or(range.clone(), |after| range.after(after));
        let most = Some(limit.saturating_add(1));
        let read = self.reader.read(move |connection| reader::entries(connection, namespace, &range, most));
        Ok(Page::of(read.await?, limit))
    }

    async fn snapshot(&self) -> Result<Vec<(Namespace, Entry)>, Error> {
        self.reader.read(reader::snapshot).await
    }

    async fn set(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
        expect: Option<Expect>,
    ) -> Result<Revision, Error> {
        kv::check(key, &value)?;
        self.write(namespace, key, Write::Put { value, lease, expect }).await
    }

    async fn delete(&self, namespace: Namespace, key: &str, expect: Option<Revision>) -> Result<(), Error> {
        self.write(namespace, key, Write::Delete { expect }).await.map(drop)
    }

    async fn watch(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<Revision>,
    ) -> Result<Watch, Error> {
        let watcher = watch::Watcher::new(self.reader.clone(), self.signals.of(namespace), namespace, prefix);
        watcher.start(after).await
    }

    async fn leases(&self) -> Result<LeaseWatch, Error> {
        Ok(watch::leases(self.reader.clone(), self.signals.of_leases()))
    }

    fn health(&self) -> signal::Receiver<Health> {
        self.signals.health()
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let hint = match error.sqlite_error_code() {
            Some(ErrorCode::SystemIoFailure) => {
                " (its disk fails, is full or is read-only: the system's log says more)"
            }
            Some(ErrorCode::DiskFull) => " (no space left on its disk)",
            _ => "",
        };
        Self::Unavailable(format!("{error}{hint}"))
    }
}
