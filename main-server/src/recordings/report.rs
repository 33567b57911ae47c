//! Reports of nodes: fragments that are in the object store go into the manifest of the item, in whatever order and however often
//! they are reported.

use protocol::{
    ItemId, NodeId,
    item::{Kind, RecordedFragment, RecordingProgress, ReportRecording},
};

use super::{Progress, Recordings, gaps::Gaps};
use crate::library::{Appended, Error, Format, NewTake, TakeFragment};

impl Recordings {
    /// Takes what a node reports. When this returns, the store has what the answer names. Fragments that cannot be
    /// taken are not named there; the log says why. A report is taken also when the recording is over, and for a deleted item that
    /// can be restored.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such recording, or it is gone for good, [`Error::Full`], [`Error::Store`].
    pub(crate) async fn take(
        &self,
        node_id: &NodeId,
        item_id: ItemId,
        report: ReportRecording,
    ) -> Result<RecordingProgress, Error> {
        if self.library.taking_media(item_id).await?.kind != Kind::Recording {
            return Err(Error::Unknown);
        }
        let mut recorded = None;
        for run in report.fragments.chunk_by(is_of_one_take) {
            match self.append(item_id, run).await {
                Ok(Appended { recorded: now, overlapping, is_long }) => {
                    if is_long {
                        self.stop(item_id, "the recording was too long for one item").await?;
                    }
                    if overlapping > 0 {
                        tracing::debug!(node.id = %node_id, overlapping, "the node reports groups of {item_id} anew");
                    }
                    recorded = Some(now);
                }
                Err(error @ (Error::Invalid(_) | Error::OtherTake(_))) => {
                    tracing::warn!(node.id = %node_id, "fragments of recording {item_id} were refused: {error}");
                }
                Err(error) => return Err(error),
            }
        }
        let recorded = match recorded {
            Some(recorded) => recorded,
            None => self.library.recorded(item_id).await?,
        };
        if report.is_complete {
            self.records.change(&item_id, |record| record.completed_by(node_id)).await?;
        }
        self.note_progress(item_id, &recorded);
        Ok(RecordingProgress { recorded })
    }

    async fn append(&self, item_id: ItemId, run: &[RecordedFragment]) -> Result<Appended, Error> {
        let Some(first) = run.first() else { return Err(Error::Invalid("no fragments".into())) };
        let take = NewTake {
            take: first.first.take,
            format: Format { mime: first.mime.clone(), init: Some(first.init.clone()) },
            alternatives: Vec::new(),
        };
        let fragments: Vec<TakeFragment> = run.iter().map(fragment).collect();
        self.library.append(item_id, &take, &fragments).await
    }

    /// Takes over what the manifest of a recording has, so that the next answer to a heartbeat goes by it.
    pub(super) fn note_progress(&self, item_id: ItemId, recorded: &[protocol::item::GroupRange]) {
        let Some(record) = self.records.get(&item_id) else { return };
        let Some(item) = self.library.known(item_id) else { return };
        let progress = Progress {
            media_version: item.media_version,
            switches: record.switches,
            gaps: Gaps::between(recorded, &record.pauses, record.from_start),
            is_empty: recorded.is_empty(),
        };
        self.known().progress.insert(item_id, progress);
    }
}

fn is_of_one_take(a: &RecordedFragment, b: &RecordedFragment) -> bool {
    (a.first.take, &a.mime, &a.init) == (b.first.take, &b.mime, &b.init)
}

fn fragment(reported: &RecordedFragment) -> TakeFragment {
    TakeFragment {
        first_group: reported.first.group,
        groups: reported.groups,
        blob: reported.blob.clone(),
        format: 0,
        alternatives: Vec::new(),
        start_ms: reported.start_ms,
        duration_ms: reported.duration_ms,
        ends_take: reported.ends_take,
    }
}
