//! Hands in what a recording has in the spool: fragments to the object store, then a report to the main server, one after another.
//!
//! The primary hands in every finished file, a standby what the main server misses. When the stream or the recording is over, each node
//! hands in all that the manifest lacks; a standby lets the primary go first. Where a heartbeat says that the manifest has what is in the
//! spool, the node asks, because only an answer to a report lets it delete. What fails is tried again for as long as it takes, with a pause
//! that grows; the disk keeps it meanwhile. Nothing is handed in before a main server lists the recording: it does so once the item exists. A fragment that the main server does not take holds nothing up: it is tried again once the
//! others are handed in.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use cluster_client::{CallError, retry_after};
use protocol::{
    ErrorCode,
    item::{Blob, RecordedFragment, RecorderRole, RecordingProgress, ReportRecording},
};
use tokio::sync::watch;

use super::{
    group_set::GroupSet,
    recording::{Reading, Recording},
    spool::{SpooledFragment, TakeHead, Wanted},
};
use crate::{assignments::Assignment, clock::Now};

/// Waits after failures grow from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(15);
/// Waits before fragments that were not taken are tried again grow to this.
const LAST_REFUSED_RETRY: Duration = Duration::from_secs(10 * 60);
/// How long a standby lets the primary go first when the stream is over.
const STANDBY_PAUSE: Duration = Duration::from_secs(10);
/// Interval at which it asks meanwhile what the manifest holds.
const ASK_INTERVAL: Duration = Duration::from_secs(1);
/// Age from which a blob is put into the object store again: one that a report names must be younger than what is deleted there.
const BLOB_AGE: Duration = Duration::from_secs(60 * 60);

/// Why something was not handed in.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("object store: {0}")]
    Objects(#[from] objects::Error),
    #[error("main server: {0}")]
    MainServer(#[from] CallError),
    #[error("the node stops")]
    Stopping,
}

/// What comes next.
enum Next {
    /// Nothing until something changes.
    Nothing,
    /// Nothing until something changes, or for so long.
    Later(Duration),
    Fragment(Box<SpooledFragment>),
    /// Asks what the manifest holds.
    Ask,
    Report,
    /// The recording is over, and nothing is left.
    Done,
}

/// What was put into the object store.
struct Stored<T> {
    what: T,
    /// In node time.
    put_ms: u64,
}

impl<T> Stored<T> {
    /// What a report may name; none once it was put too long ago.
    fn young(&self, now: Now) -> Option<&T> {
        (now.since(self.put_ms) < BLOB_AGE).then_some(&self.what)
    }
}

/// Groups that the main server did not take.
#[derive(Default)]
struct Refused {
    groups: GroupSet,
    /// How often they were tried since one was taken.
    rounds: usize,
    /// When they are tried again, in node time.
    retry_ms: u64,
}

impl Refused {
    /// The fragment was not taken.
    fn add(&mut self, fragment: &RecordedFragment, now: Now) {
        if self.groups.is_empty() {
            self.rounds += 1;
        }
        self.groups.insert(fragment.first, fragment.groups);
        let wait = retry_after(self.rounds, FIRST_RETRY, LAST_REFUSED_RETRY);
        self.retry_ms = now.ms.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }

    /// How long the groups are passed over, none if there are none. They are tried again once that is over.
    fn wait(&mut self, now: Now) -> Option<Duration> {
        if self.retry_ms <= now.ms {
            self.groups = GroupSet::default();
        }
        (!self.groups.is_empty()).then(|| Duration::from_millis(self.retry_ms - now.ms))
    }
}

/// See the [module](self).
pub(super) struct HandIn<'a> {
    recording: &'a Recording,
    listed: watch::Receiver<Option<Assignment>>,
    reading: watch::Receiver<Reading>,
    /// Init segments in the object store, by take.
    inits: HashMap<u64, Stored<Blob>>,
    unreported: Option<Stored<RecordedFragment>>,
    refused: Refused,
    /// The last role.
    role: Option<RecorderRole>,
    /// Since when the stream is over, in node time.
    over_ms: Option<u64>,
    /// When it last asked, in node time.
    asked_ms: u64,
    /// The entry of the answer to a heartbeat that is older than the last answer to a report.
    answered: Option<Assignment>,
    /// The main server knows that nothing more comes, or does not know the item.
    is_complete: bool,
    is_unknown: bool,
    is_stopping: bool,
    failures: usize,
}

impl<'a> HandIn<'a> {
    pub(super) fn new(recording: &'a Recording) -> Self {
        Self {
            listed: recording.listed.clone(),
            reading: recording.reading.subscribe(),
            recording,
            inits: HashMap::new(),
            unreported: None,
            refused: Refused::default(),
            role: None,
            over_ms: None,
            asked_ms: 0,
            answered: None,
            is_complete: false,
            is_unknown: false,
            is_stopping: false,
            failures: 0,
        }
    }

    /// Runs until the recording is over and all was handed in. When the node stops, until nothing is left that can be: then false, and
    /// the next process continues.
    pub(super) async fn run(mut self) -> bool {
        loop {
            let result = match self.next() {
                Next::Nothing => {
                    self.changed().await;
                    continue;
                }
                Next::Later(wait) => {
                    drop(tokio::time::timeout(wait, self.changed()).await);
                    continue;
                }
                Next::Fragment(fragment) => self.upload(*fragment).await,
                Next::Ask => self.ask().await,
                Next::Report => self.report().await,
                Next::Done => return !self.is_stopping,
            };
            match result {
                Ok(()) => self.failures = 0,
                Err(error) => self.failed(&error).await,
            }
        }
    }

    fn next(&mut self) -> Next {
        let now = self.recording.context.parts.clock.now();
        let listed =
            self.listed.borrow_and_update().as_ref().map(|one| (one.entry.role, one.is_granted_only));
        let role = listed.map(|(role, _)| role);
        self.role = role.or(self.role);
        let is_over = *self.reading.borrow_and_update() == Reading::Over;
        match is_over {
            true => drop(self.over_ms.get_or_insert(now.ms)),
            false => (self.over_ms, self.is_complete) = (None, false),
        }
        if listed.is_some_and(|(_, is_granted_only)| is_granted_only) {
            return if self.is_stopping { Next::Done } else { Next::Nothing };
        }
        if self.is_unknown {
            return if role.is_none() || self.is_stopping { Next::Done } else { Next::Nothing };
        }
        self.unreported.take_if(|unreported| unreported.young(now).is_none());
        if self.unreported.is_some() {
            return Next::Report;
        }
        if self.is_to_ask() {
            return Next::Ask;
        }
        let is_standby = self.role == Some(RecorderRole::Standby);
        let pause = self.over_ms.map(|over_ms| STANDBY_PAUSE.saturating_sub(now.since(over_ms)));
        let (wanted, pause) = match (is_standby, pause) {
            (false, None) => (Wanted::Finished, None),
            (false, Some(_)) | (true, Some(Duration::ZERO)) => (Wanted::All, None),
            (true, pause) => (Wanted::Missing, pause),
        };
        let refused_for = self.refused.wait(now);
        let spool = &self.recording.context.spool;
        let fragment = spool.first_fragment(self.recording.item_id, wanted, &self.refused.groups);
        match (fragment, pause) {
            (Some(fragment), _) => Next::Fragment(Box::new(fragment)),
            (None, _) if is_over && self.is_stopping => Next::Done,
            (None, Some(pause)) if self.has_more() => {
                match ASK_INTERVAL.saturating_sub(now.since(self.asked_ms)) {
                    Duration::ZERO => Next::Ask,
                    wait => Next::Later(wait.min(pause)),
                }
            }
            (None, _) if is_over && !self.is_complete => Next::Report,
            (None, _) => match refused_for {
                Some(wait) => Next::Later(wait),
                None if is_over && role.is_none() => Next::Done,
                None => Next::Nothing,
            },
        }
    }

    /// Whether a heartbeat said since the last answer to a report that the manifest has more of what is in the spool.
    fn is_to_ask(&self) -> bool {
        let Recording { context, item_id, .. } = self.recording;
        let is_news =
            self.listed.borrow().as_ref().is_some_and(|entry| self.answered.as_ref() != Some(entry));
        is_news && context.spool.has_unconfirmed(*item_id)
    }

    /// Whether anything in the spool is not in the manifest, as far as the node knows.
    fn has_more(&self) -> bool {
        let Recording { context, item_id, .. } = self.recording;
        context.spool.first_fragment(*item_id, Wanted::All, &self.refused.groups).is_some()
    }

    /// Waits until something changes.
    async fn changed(&mut self) {
        tokio::select! {
            () = changed(&mut self.listed) => {}
            () = changed(&mut self.reading) => {}
            () = self.recording.finished.notified() => {}
            () = self.recording.context.parts.shutdown.cancelled(), if !self.is_stopping => self.is_stopping = true,
        }
    }

    /// Puts a fragment and its init segment into the object store.
    async fn upload(&mut self, fragment: SpooledFragment) -> Result<(), Error> {
        let context = &self.recording.context;
        let _turn = context.uploads.acquire().await.map_err(|_| Error::Stopping)?;
        let put_ms = context.parts.clock.now().ms;
        let (read, fragment) =
            context.on_disk(move |spool| (spool.read(&fragment), fragment)).await.ok_or(Error::Stopping)?;
        let media = match read {
            Ok(media) => media,
            Err(error) => {
                let given_up = context.on_disk(move |spool| spool.give_up(&fragment, &error)).await;
                return given_up.ok_or(Error::Stopping);
            }
        };
        let init = self.init(&fragment.take).await?;
        let blob = self.put(media).await?;
        let cut = fragment.cut;
        let what = RecordedFragment {
            blob,
            first: cut.first,
            groups: cut.groups,
            ends_take: cut.ends_take,
            start_ms: cut.start_ms,
            duration_ms: cut.duration_ms,
            captured_at_ms: cut.captured_at_ms,
            mime: fragment.take.mime.clone(),
            init,
        };
        self.unreported = Some(Stored { what, put_ms });
        Ok(())
    }

    async fn init(&mut self, take: &TakeHead) -> Result<Blob, Error> {
        let now = self.recording.context.parts.clock.now();
        if let Some(blob) = self.inits.get(&take.number()).and_then(|init| init.young(now)) {
            return Ok(blob.clone());
        }
        let blob = self.put(take.init.clone()).await?;
        // Takes come in order, so one is enough.
        self.inits = HashMap::from([(take.number(), Stored { what: blob.clone(), put_ms: now.ms })]);
        Ok(blob)
    }

    async fn put(&self, bytes: Bytes) -> Result<Blob, Error> {
        let length = bytes.len() as u64;
        let hash = self.recording.context.parts.objects.put(bytes).await?;
        Ok(Blob { hash: hash.to_string(), bytes: length })
    }

    /// Asks what the manifest holds.
    async fn ask(&mut self) -> Result<(), Error> {
        self.asked_ms = self.recording.context.parts.clock.now().ms;
        self.tell(ReportRecording { fragments: Vec::new(), is_complete: false }).await
    }

    /// Reports the fragment that was uploaded, or that nothing more comes.
    async fn report(&mut self) -> Result<(), Error> {
        let fragment = self.unreported.as_ref().map(|unreported| unreported.what.clone());
        let is_complete = fragment.is_none();
        self.tell(ReportRecording { fragments: fragment.iter().cloned().collect(), is_complete }).await?;
        self.unreported = None;
        self.is_complete = is_complete;
        let (Some(fragment), false) = (fragment, self.is_unknown) else { return Ok(()) };
        let Recording { context, item_id, .. } = self.recording;
        let item_id = *item_id;
        if !context.spool.is_any_recorded(item_id, fragment.first, fragment.groups) {
            tracing::warn!(
                item.id = %item_id,
                "the main server did not take a fragment of item {item_id}, from group {} of take {} on; its log says why",
                fragment.first.group,
                fragment.first.take
            );
            context.parts.metrics.recording_failures.add(1);
            self.refused.add(&fragment, context.parts.clock.now());
            return Ok(());
        }
        self.refused.rounds = 0;
        context.parts.metrics.recording_fragments.add(1);
        Ok(())
    }

    /// Sends a report, and notes in the spool what the manifest holds.
    async fn tell(&mut self, report: ReportRecording) -> Result<(), Error> {
        let Recording { context, item_id, .. } = self.recording;
        let item_id = *item_id;
        let listed = self.listed.borrow().clone();
        let RecordingProgress { recorded } = match context.parts.control.report(item_id, &report).await {
            Err(error) if error.code() == Some(ErrorCode::UnknownItem) => {
                self.unknown();
                return Ok(());
            }
            answer => answer?,
        };
        self.answered = listed;
        context.on_disk(move |spool| spool.confirm(item_id, &recorded)).await.ok_or(Error::Stopping)
    }

    /// The item was deleted: nothing of it is needed.
    fn unknown(&mut self) {
        let item_id = self.recording.item_id;
        tracing::info!(item.id = %item_id, "the main server does not know item {item_id}: its recording is deleted");
        (self.unreported, self.is_unknown) = (None, true);
    }

    /// Waits before the next attempt.
    async fn failed(&mut self, error: &Error) {
        self.recording.context.parts.metrics.recording_failures.add(1);
        let item_id = self.recording.item_id;
        match self.failures {
            0 => {
                tracing::warn!(item.id = %item_id, "the recording of item {item_id} waits on the disk: {error}")
            }
            _ => tracing::debug!(item.id = %item_id, "the recording of item {item_id} still waits: {error}"),
        }
        let wait = retry_after(self.failures, FIRST_RETRY, LAST_RETRY);
        self.failures += 1;
        let shutdown = &self.recording.context.parts.shutdown;
        match self.is_stopping {
            true => tokio::time::sleep(FIRST_RETRY).await,
            // One more attempt when the node stops.
            false => drop(shutdown.run_until_cancelled(tokio::time::sleep(wait)).await),
        }
        self.is_stopping = shutdown.is_cancelled();
    }
}

/// Waits for a change; for ever if none can come.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_does_not_name_what_was_put_long_ago() {
        let age_ms = u64::try_from(BLOB_AGE.as_millis()).unwrap();
        let stored = Stored { what: "blob", put_ms: 5 };
        let at = |ms| Now { ms, unix_ms: 0 };
        assert_eq!(stored.young(at(5 + age_ms - 1)), Some(&"blob"));
        assert_eq!(stored.young(at(5 + age_ms)), None);
    }
}
