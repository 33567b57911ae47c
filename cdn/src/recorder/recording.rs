//! One recording on this node: reads the stream wherever it comes from, and writes it to the spool.
//!
//! While the stream is not carried here, the node pulls it,
//! as it would for a viewer.

use std::{sync::Arc, time::Duration};

use protocol::{ItemId, StreamId, event::FrameName, item::GroupName};
use tokio::sync::{Notify, watch};

use super::{
    context::RecorderContext,
    groups::group_of,
    reader::Reader,
    spool::{Spool, Writer},
};
use crate::{
    assignments::Assignment,
    hub::{Closed, Ring, SharedStream, Subscriber},
    lock::lock,
    relay::Fetched,
};

/// Interval for looking for a stream that is not here.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// How far reading the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// More may come.
    Live,
    /// The stream has ended, or the recording, or the node stops.
    Over,
}

/// See the [module](self).
pub(super) struct Recording {
    pub(super) item_id: ItemId,
    pub(super) stream_id: StreamId,
    pub(super) context: Arc<RecorderContext>,
    /// What is wanted of the node for it, none if it is not listed.
    pub(super) listed: watch::Receiver<Option<Assignment>>,
    pub(super) reading: watch::Sender<Reading>,
    /// A file was finished.
    pub(super) finished: Notify,
    /// All was handed in, and nothing is written any more.
    pub(super) done: Notify,
}

impl Recording {
    pub(super) fn new(
        item_id: ItemId,
        stream_id: StreamId,
        context: Arc<RecorderContext>,
        listed: watch::Receiver<Option<Assignment>>,
    ) -> Self {
        let reading = watch::Sender::new(Reading::Live);
        let [finished, done] = [(); 2].map(|()| Notify::new());
        Self { item_id, stream_id, context, listed, reading, finished, done }
    }

    /// Writes the stream to the spool while the main server lists the recording, until all is handed in or the node stops. A recording that
    /// is over may be listed again before it is handed in: it was switched on again, or this node was left out for a moment.
    pub(super) async fn record(&self) {
        loop {
            // Whatever ends this, nothing more is read.
            self.record_streams().await;
            self.reading.send_replace(Reading::Over);
            let mut listed = self.listed.clone();
            tokio::select! {
                biased;
                () = self.done.notified() => return,
                () = self.context.parts.shutdown.cancelled() => return,
                _ = listed.wait_for(Option::is_some) => {}
            }
            self.reading.send_replace(Reading::Live);
        }
    }

    /// Reads the stream each time that it is here, until the recording is over. None if the disk is out of reach, because the node stops.
    async fn record_streams(&self) -> Option<()> {
        let (item_id, stream_id) = (self.item_id, self.stream_id);
        let most_group_bytes = self.context.parts.group_bytes;
        let open = move |spool: &Arc<Spool>| spool.writer(item_id, stream_id, most_group_bytes);
        let mut writer = self.context.on_disk(open).await?;
        self.listed_again().await;
        // Where the last group on the disk may go on, it has begun.
        let mut has_begun = writer.last().is_some();
        while let Some(stream) = self.find(writer.last()).await {
            self.reading.send_replace(Reading::Live);
            if !std::mem::replace(&mut has_begun, true) && self.begins_now() {
                newest_group(lock(&stream).ring()).into_iter().for_each(|now| writer.begin_at(now));
            }
            let closed;
            (writer, closed) = self.follow(&stream, writer).await?;
            if closed == Some(Closed::Ended) {
                writer = self.end(writer, true).await?;
                self.reading.send_replace(Reading::Over);
            }
        }
        match self.is_stopping() {
            // The next process goes on with what is there.
            true => self.context.on_disk(move |_| writer.sync()).await,
            false => self.end(writer, false).await.map(drop),
        }
    }

    /// Waits until a recording that an earlier process began is listed: its broadcaster may come back in the middle of a group, as long
    /// as the stream is not over.
    async fn listed_again(&self) {
        let mut listed = self.listed.clone();
        tokio::select! {
            _ = listed.wait_for(Option::is_some) => {}
            () = tokio::time::sleep(self.context.parts.grace) => {}
            () = self.context.parts.shutdown.cancelled() => {}
        }
    }

    async fn end(&self, mut writer: Writer, stream_ended: bool) -> Option<Writer> {
        let (writer, has_finished) = self
            .context
            .on_disk(move |_| {
                let has_finished = writer.end(stream_ended);
                (writer, has_finished)
            })
            .await?;
        if has_finished {
            self.finished.notify_one();
        }
        Some(writer)
    }

    /// The stream, as soon as it is here; none if the recording ends or the node stops. It is pulled from `last` on, where the
    /// node has the begin of a group on its disk alone.
    async fn find(&self, last: Option<FrameName>) -> Option<SharedStream> {
        loop {
            // Heard of from here on.
            let opened = self.context.parts.opened.next();
            if self.is_over() {
                return None;
            }
            match self.context.parts.relays.fetch_for_node(self.stream_id, last) {
                Fetched::Here(stream) => return Some(stream),
                Fetched::Over => drop(self.reading.send_replace(Reading::Over)),
                Fetched::NotYet => {}
            }
            tokio::select! {
                () = opened => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                () = self.over() => {}
            }
        }
    }

    /// Reads a stream until it is closed, the recording ends or the node stops. Gives why it was closed, if it was.
    async fn follow(&self, stream: &SharedStream, mut writer: Writer) -> Option<(Writer, Option<Closed>)> {
        let readers = lock(stream).readers().clone();
        let subscriber = Subscriber::new(stream, Arc::default());
        let mut reader = Reader::new(stream, writer.last(), self.context.parts.metrics.clone());
        writer.read_anew(reader.follows());
        let kept = readers.keep(reader.position());
        loop {
            let (closed, is_over) = (lock(stream).closed(), self.is_over());
            let more;
            (writer, more) = self.write(&mut reader, writer).await?;
            kept.wrote(reader.position(), !more);
            if more {
                continue;
            }
            if closed.is_some() || is_over {
                return Some((writer, closed));
            }
            tokio::select! {
                () = subscriber.woken() => {}
                () = self.over() => {}
            }
        }
    }

    /// Writes the next runs. Says whether there were any.
    async fn write(&self, reader: &mut Reader, mut writer: Writer) -> Option<(Writer, bool)> {
        let _turn = self.context.writing.acquire().await.ok()?;
        let runs = reader.read();
        if runs.is_empty() {
            return Some((writer, false));
        }
        let (mut writer, has_finished) = self
            .context
            .on_disk(move |_| {
                let has_finished = writer.write(&runs);
                (writer, has_finished)
            })
            .await?;
        if has_finished {
            self.finished.notify_one();
        }
        self.sync(&mut writer);
        Some((writer, true))
    }

    /// Begins to sync what was closed, unless enough of that is under way: then it is done with the next write.
    fn sync(&self, writer: &mut Writer) {
        let Ok(permit) = self.context.syncing.clone().try_acquire_owned() else { return };
        let (files, spool) = (writer.take_unsynced(), self.context.spool.clone());
        if !files.is_empty() {
            tokio::task::spawn_blocking(move || {
                spool.sync(&files);
                drop(permit);
            });
        }
    }

    fn is_stopping(&self) -> bool {
        self.context.parts.shutdown.is_cancelled()
    }

    /// Whether nothing older than the present newest group is recorded.
    fn begins_now(&self) -> bool {
        let listed = self.listed.borrow();
        listed.as_ref().is_some_and(|listed| listed.entry.from_now && listed.entry.next.is_none())
    }

    /// Whether the main server lists the recording no more, or the node stops.
    fn is_over(&self) -> bool {
        self.is_stopping() || self.listed.borrow().is_none()
    }

    /// Waits until [`Self::is_over`].
    async fn over(&self) {
        let mut listed = self.listed.clone();
        tokio::select! {
            _ = listed.wait_for(Option::is_none) => {}
            () = self.context.parts.shutdown.cancelled() => {}
        }
    }
}

fn newest_group(ring: &Ring) -> Option<GroupName> {
    Some(group_of(ring.head(ring.newest_key()?)?.name))
}
