//! Appends the body of a request to an upload.
//!
//! It runs in a task of its own, so that a connection that is cut does not end it before what came is stored. A writer has one
//! part in memory and does not read on while that is stored.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use per_address::Share;

use super::{
    Error, Uploads,
    checksum::Checksum,
    record::{Key, MAX_WRITERS, PART_BYTES, Phase, Record},
};
use crate::clock::Now;

/// Bytes that are to be appended.
pub(super) struct Appended {
    pub(super) offset: u64,
    pub(super) body: Body,
    pub(super) checksum: Option<Checksum>,
    /// Where they come from.
    pub(super) address: Option<IpAddr>,
    /// Whether they come with the request that makes the upload. If they are not taken, the upload ends: its client does not have its
    /// address, could neither continue nor end it, and would count as having it.
    pub(super) is_creation: bool,
}

impl Uploads {
    /// Appends a body to the upload, which has to be at that offset. A body that ends early counts as far as it came, unless it
    /// has a checksum. Returns the record as it is then.
    ///
    /// # Errors
    /// [`Error::Conflict`] also if another request takes the upload over meanwhile. Otherwise what was stored before an error stays,
    /// unless there is a checksum.
    pub(super) async fn append(self: &Arc<Self>, key: Key, appended: Appended) -> Result<Record, Error> {
        let (uploads, is_creation) = (Arc::clone(self), appended.is_creation);
        let appending = self.appending.spawn(async move {
            let outcome = match uploads.receiving.take(appended.address) {
                Some(place) => uploads.append_in(&key, appended, place).await,
                None => Err(Error::Busy),
            };
            if outcome.is_err() && is_creation {
                // Otherwise it expires.
                drop(uploads.remove(&key, Now::read()).await);
            }
            outcome
        });
        // The task ends early only if it panics, which is logged.
        appending.await.unwrap_or(Err(Error::Cut))
    }

    async fn append_in(&self, key: &Key, appended: Appended, _place: Share) -> Result<Record, Error> {
        let mut changed = self.records.host().changed();
        let (writer, left) = self.take_over(key, appended.offset).await?;
        let is_checked = appended.checksum.is_some();
        let writing = Writing {
            uploads: self,
            key,
            writer,
            left,
            body: appended.body.into_data_stream(),
            checksum: appended.checksum,
            part: BytesMut::new(),
            stored: appended.offset,
        };
        let taken_over = async {
            while self
                .records
                .with(|records| records.get(key).is_some_and(|record| record.is_left_to(writer)))
            {
                // The sender lives as long as `self`.
                let _ = changed.changed().await;
            }
        };
        let written = tokio::select! {
            biased;
            written = writing.run() => written,
            () = taken_over => Err(Error::Conflict),
        };
        match &written {
            Ok(record) if record.phase == Phase::Complete => {
                if let Err(error) = self.process(key, record).await {
                    tracing::warn!("a complete upload is processed later: {error}");
                }
            }
            Err(_) if is_checked => drop(self.parts.delete_of(key, writer).await),
            _ => {}
        }
        written
    }

    /// Makes a new writer of the upload at that offset. Returns its number, and how many bytes the upload lacks.
    async fn take_over(&self, key: &Key, offset: u64) -> Result<(u32, u64), Error> {
        let now_ms = Now::read().unix_ms();
        let _claim = self.room_if_idle(key, now_ms)?;
        // The number that this server wrote last; 0 for none.
        let mine = AtomicU32::new(0);
        let changed = self.records.change_known(key, |record| {
            let changed = record.taken_over(offset, now_ms);
            mine.store(changed.as_ref().map_or(0, |record| record.writer), Ordering::Relaxed);
            changed
        });
        let record = changed.await?.ok_or(Error::Unknown)?;
        match mine.into_inner() {
            0 if record.writer >= MAX_WRITERS => Err(Error::TooManyWriters),
            0 => Err(Error::Conflict),
            writer => Ok((writer, record.length - offset)),
        }
    }

    /// A request so slow that its upload is idle before the next part is full needs room again, as the next request would.
    async fn hold_room(&self, key: &Key, writer: u32) -> Result<(), Error> {
        let now_ms = Now::read().unix_ms();
        if let Some(_claim) = self.room_if_idle(key, now_ms)? {
            self.records.change_known(key, |record| record.resumed(writer, now_ms)).await?;
        }
        Ok(())
    }
}

/// A request that appends.
struct Writing<'a> {
    uploads: &'a Uploads,
    key: &'a Key,
    writer: u32,
    /// Bytes that the upload lacks and that have not arrived yet.
    left: u64,
    body: BodyDataStream,
    checksum: Option<Checksum>,
    /// What arrived and is not stored.
    part: BytesMut,
    /// Where the part begins.
    stored: u64,
}

impl Writing<'_> {
    async fn run(mut self) -> Result<Record, Error> {
        let received = self.receive().await;
        if received.is_err() && self.checksum.is_some() {
            return received.and(Err(Error::Cut));
        }
        if !self.part.is_empty() {
            self.store().await?;
        }
        if let Some(checksum) = self.checksum.take() {
            if !checksum.matches() {
                return Err(Error::Checksum);
            }
            self.count().await?;
        }
        received?;
        self.uploads.records.get(self.key).ok_or(Error::Gone)
    }

    /// Takes the body, and stores all full parts.
    async fn receive(&mut self) -> Result<(), Error> {
        loop {
            let bytes = tokio::select! {
                bytes = self.body.next() => bytes,
                () = self.uploads.closing.cancelled() => return Err(Error::Stopping),
            };
            let Some(bytes) = bytes else { return Ok(()) };
            let mut bytes = bytes.map_err(|_| Error::Cut)?;
            self.left = self.left.checked_sub(bytes.len() as u64).ok_or(Error::TooLong)?;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&bytes);
            }
            while !bytes.is_empty() {
                let room = PART_BYTES as usize - self.part.len();
                self.part.extend_from_slice(&bytes.split_to(room.min(bytes.len())));
                if self.part.len() as u64 == PART_BYTES {
                    self.store().await?;
                }
            }
        }
    }

    /// Stores the part. It counts at once, unless there is a checksum.
    async fn store(&mut self) -> Result<(), Error> {
        self.uploads.hold_room(self.key, self.writer).await?;
        let part: Bytes = self.part.split().freeze();
        let end = self.stored + part.len() as u64;
        self.uploads.parts.put(self.key, self.writer, self.stored, part).await?;
        self.stored = end;
        if self.checksum.is_none() { self.count().await } else { Ok(()) }
    }

    /// Counts what is stored, unless another request took the upload over.
    async fn count(&mut self) -> Result<(), Error> {
        let (writer, end, now_ms) = (self.writer, self.stored, Now::read().unix_ms());
        if end == 0 {
            return Ok(());
        }
        let changed = self
            .uploads
            .records
            .change_known(self.key, |record| record.appended(writer, end, now_ms))
            .await?;
        let record = changed.ok_or(Error::Gone)?;
        let is_counted = record.writer == writer && record.offset() == end;
        is_counted.then_some(()).ok_or(Error::Conflict)
    }
}
