//! Reads a file on a thread of its own, and hands on what it finds. The thread never has more than one fragment in memory
//! that no request took.

use std::{io, thread};

use media_file::{Error as FileError, Format, Fragment, MediaFile, Tags};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::reader::{Fetch, PartReader, Progress};

/// How much less of a processor the thread gets than others.
const NICENESS: i32 = 10;

/// What is found in a file, in this order: what it is, its fragments, its end.
pub(super) enum Found {
    /// What the file says of itself.
    Opened(Box<Opened>),
    /// A piece of its media.
    Fragment(Fragment),
    /// All was read; says why not if the rest of the file is damaged.
    End(Option<String>),
    /// It cannot be read.
    Failed(Failure),
}

/// What a file says of itself.
pub(super) struct Opened {
    pub(super) tags: Tags,
    pub(super) formats: Vec<Format>,
}

/// Why a file could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The file is to blame; says why, for people.
    File(String),
    /// Something else is, such as the object store: it may work later.
    Other(String),
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                Self::File(format!("it cannot be read in order: {error}"))
            }
            FileError::Io(error) => Self::Other(error.to_string()),
            error => Self::File(error.to_string()),
        }
    }
}

/// A file that is being read. Dropping it ends the thread soon.
pub(super) struct Reading {
    found: mpsc::Receiver<Found>,
    progress: Progress,
    _cancelled: DropGuard,
}

impl Reading {
    /// Begins to read a file of `length` bytes. `fetch` is to fail once `cancelled` is.
    ///
    /// # Errors
    /// The system makes no thread.
    pub(super) fn begin<F: Fetch + 'static>(
        reader: PartReader<F>,
        length: u64,
        name: String,
        cancelled: CancellationToken,
    ) -> io::Result<Self> {
        let (sender, found) = mpsc::channel(1);
        let progress = reader.progress();
        let read = move || {
            yield_to_others();
            if let Err(failure) = read(reader, length, &name, &sender) {
                // Nobody may wait for it any more.
                let _ = sender.blocking_send(Found::Failed(failure));
            }
        };
        thread::Builder::new().name("upload".into()).spawn(read)?;
        Ok(Self { found, progress, _cancelled: cancelled.drop_guard() })
    }

    /// How much of the file was read, in percent.
    pub(super) fn percent(&self) -> u8 {
        self.progress.percent()
    }

    /// The next thing found; `None` if the thread ended without a result, because it panicked.
    pub(super) async fn next(&mut self) -> Option<Found> {
        self.found.recv().await
    }
}

/// Nobody waits for what is found any more.
struct Gone;

fn read<F: Fetch + 'static>(
    reader: PartReader<F>,
    length: u64,
    name: &str,
    sender: &mpsc::Sender<Found>,
) -> Result<(), Failure> {
    let mut file = media_file::open(reader, length, name)?;
    let hand_on = |found| sender.blocking_send(found).map_err(|_| Gone);
    let opened = Opened { tags: file.tags().clone(), formats: file.formats() };
    if hand_on(Found::Opened(Box::new(opened))).is_err() {
        return Ok(());
    }
    while let Some(fragment) = file.next_fragment()? {
        if hand_on(Found::Fragment(fragment)).is_err() {
            return Ok(());
        }
    }
    let _ = hand_on(Found::End(damage(&file)));
    Ok(())
}

fn damage(file: &MediaFile) -> Option<String> {
    let damage = file.damage()?;
    let seconds = damage.after_ms / 1000;
    Some(format!("only its first {seconds} s can be read: {}", damage.reason))
}

/// Live streams come first.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("cannot lower the priority of a thread: {error}");
    }
}
