//! Uploads: clients send files over tus 1.0.0, in as many requests as it takes, to any main server.
//!
//! The bytes go to the object store in parts, as they arrive, and the record of the upload says which parts count. It is changed
//! by compare-and-set: of two requests that append at the same offset one wins, and the other gets a conflict. A request that
//! begins at the right offset takes the upload over from one that is still open, whose connection may be dead.
//!
//! An upload without progress expires. A record that is [gone](record::Phase::Gone) is kept for a while, so that parts which were
//! under way are deleted too.

mod append;
mod checksum;
mod error;
mod feature;
mod metadata;
mod parts;
mod processing;
pub(crate) mod record;
mod room;
mod routes;
#[cfg(test)]
mod tests;
mod upkeep;

use std::{net::IpAddr, sync::Arc, time::Duration};

use per_address::Shares;
use protocol::account::UploadPolicy;
use store::{Queue, Replicated};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use self::{error::Error, feature::feature};
use self::{
    metadata::Metadata,
    parts::Parts,
    processing::ProcessUpload,
    record::{Key, Phase, Record},
    room::Claims,
};
use crate::{
    auth::token::Token,
    clock::Now,
    config::UploadLimits,
    feature::Context,
    library::{Library, new_id},
    state::catalogue::record::Owner,
};

/// Most uploads that are not complete, of the cluster: every main server has their records in memory.
pub const MAX_UPLOADS: usize = 2_000;
/// Requests that append at the same time, of one main server: each has up to one part in memory.
pub const MAX_RECEIVING: usize = 32;

/// Most uploads of one account or address that have ended and whose records are still kept, for ten minutes.
const MOST_ENDED: usize = 200;

/// Any text as the headers `Upload-Metadata` and `Upload-Checksum`.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_headers(metadata: &str, checksum: &str) {
    metadata::fuzz(metadata);
    if let Ok(mut checksum) = checksum::Checksum::parse(checksum) {
        checksum.update(b"bytes");
        checksum.matches();
    }
}

/// See the [module](self).
pub(crate) struct Uploads {
    records: Replicated<Record>,
    parts: Parts,
    access: UploadPolicy,
    limits: UploadLimits,
    receiving: Arc<Shares>,
    claims: Claims,
    library: Arc<Library>,
    /// Uploads that are complete and are to become items.
    queue: Queue<ProcessUpload>,
    /// Requests that append; they end soon after `closing` is cancelled.
    appending: TaskTracker,
    closing: CancellationToken,
}

/// An upload that is to be made.
pub(crate) struct NewUpload {
    /// The account that it belongs to, if any.
    pub(crate) owner: Option<Owner>,
    /// Where it comes from.
    pub(crate) address: Option<IpAddr>,
    /// Bytes of the file.
    pub(crate) length: u64,
    /// What the client says about the file.
    pub(crate) metadata: Metadata,
}

impl Uploads {
    /// None are known yet: load the records and the queue.
    fn of(context: &Context, library: &Arc<Library>) -> Self {
        Self {
            library: Arc::clone(library),
            queue: processing::queue(&context.store.kv),
            records: Replicated::shared(Arc::clone(&context.store.kv)),
            parts: Parts::new(context.objects.clone()),
            access: context.config.upload,
            limits: context.config.uploads,
            receiving: Shares::new(MAX_RECEIVING, None),
            claims: Claims::default(),
            appending: TaskTracker::new(),
            closing: context.closing.clone(),
        }
    }

    /// Takes over what the store has.
    ///
    /// # Errors
    /// The store's.
    async fn load(&self) -> Result<(), store::Error> {
        self.records.load().await?;
        match self.queue.load().await {
            Err(store::queue::Error::Store(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes the record of an upload. Whoever has the token may continue it, if they are also its owner.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::TooLarge`], [`Error::TooMany`], [`Error::Full`], [`Error::Library`], [`Error::Random`],
    /// [`Error::Store`].
    pub(crate) async fn create(&self, new: NewUpload, now: Now) -> Result<(Token, Record), Error> {
        let (token, item_id) = (Token::random()?, new_id()?);
        let key = Key::of(token.reveal());
        let _claim = self.room_for(&key, &new, now.unix_ms())?;
        let record = Record::new(new, item_id, now.unix_ms());
        self.records.create(&key, record.clone()).await?;
        Ok((token, record))
    }

    /// The upload with this token, as the store has it now.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Gone`], [`Error::Store`].
    pub(crate) async fn find(&self, token: &str) -> Result<(Key, Record), Error> {
        let key = Key::of(token);
        self.records.look_up(&key).await?;
        let record = self.records.get(&key).ok_or(Error::Unknown)?;
        match record.phase {
            Phase::Gone => Err(Error::Gone),
            Phase::Receiving | Phase::Complete | Phase::Processed => Ok((key, record)),
        }
    }

    /// Ends an upload that is not complete. Its parts are deleted soon.
    ///
    /// # Errors
    /// [`Error::Complete`], [`Error::Store`].
    pub(crate) async fn remove(&self, key: &Key, now: Now) -> Result<(), Error> {
        let gone = |record: &Record| record.gone(now.unix_ms());
        match self.records.change(key, gone).await?.map(|record| record.phase) {
            None | Some(Phase::Gone) => Ok(()),
            Some(_) => Err(Error::Complete),
        }
    }

    /// How long an upload is kept without progress.
    fn keep(&self) -> Duration {
        self.limits.keep
    }
}
