//! Puts the fragments of a file into the object store, and their names into the manifest of its item.

use bytes::Bytes;
use media_file::{Format as FileFormat, Fragment};
use objects::Objects;
use protocol::{ItemId, item::Blob};

use super::Error;
use crate::{
    library::{Format, Library, NewTake, TakeFragment},
    uploads::record::Record,
};

/// Fragments that are named with one write.
const BATCH: usize = 16;
/// How many times the size of a file its media may have in all formats, and what they may have besides.
const MOST_GROWTH: u64 = 8;
const GROWTH_BESIDES: u64 = 4 << 20;

/// See the [module](self).
pub(super) struct Fragments<'a> {
    library: &'a Library,
    objects: &'a Objects,
    item_id: ItemId,
    /// The account that the item belongs to, if any.
    account: Option<String>,
    take: Option<NewTake>,
    /// Stored and not named.
    batch: Vec<TakeFragment>,
    /// How many there are.
    count: u64,
    /// How many bytes they may still have.
    room: u64,
}

impl<'a> Fragments<'a> {
    /// None, for the item of that upload.
    pub(super) fn new(library: &'a Library, objects: &'a Objects, record: &Record) -> Self {
        let room = record.length.saturating_mul(MOST_GROWTH).saturating_add(GROWTH_BESIDES);
        let account = record.owner.as_ref().map(|owner| owner.account.clone());
        Self { library, objects, item_id: record.item_id, account, take: None, batch: vec![], count: 0, room }
    }

    /// Their formats, the main one first.
    pub(super) async fn begin(&mut self, formats: &[FileFormat]) -> Result<(), Error> {
        let mut stored = Vec::new();
        for FileFormat { mime, init } in formats {
            let init = match init {
                Some(init) => Some(self.put(init.clone()).await?),
                None => None,
            };
            stored.push(Format { mime: mime.clone(), init });
        }
        let mut formats = stored.into_iter();
        let format = formats.next().ok_or_else(|| Error::File("it has no sound and no pictures".into()))?;
        self.take = Some(NewTake { take: 0, format, alternatives: formats.collect() });
        Ok(())
    }

    /// Stores one more.
    pub(super) async fn add(&mut self, fragment: Fragment) -> Result<(), Error> {
        let Fragment { start_ms, duration_ms, media } = fragment;
        let mut blobs = Vec::new();
        for bytes in media {
            blobs.push(self.put(bytes).await?);
        }
        let mut blobs = blobs.into_iter();
        let Some(blob) = blobs.next() else { return Ok(()) };
        self.batch.push(TakeFragment {
            first_group: self.count,
            groups: 1,
            blob,
            format: 0,
            alternatives: blobs.collect(),
            start_ms,
            duration_ms,
            ends_take: false,
        });
        self.count += 1;
        if self.batch.len() >= BATCH { self.name().await } else { Ok(()) }
    }

    /// There are no more.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        if self.count == 0 {
            return Err(Error::File("it has no sound and no pictures".into()));
        }
        if let Some(last) = self.batch.last_mut() {
            last.ends_take = true;
        }
        self.name().await
    }

    async fn name(&mut self) -> Result<(), Error> {
        if let Some(take) = self.take.as_ref().filter(|_| !self.batch.is_empty()) {
            // The media may have more bytes than the file had, for which there was room.
            let bytes = self.batch.iter().flat_map(TakeFragment::blobs).map(|blob| blob.bytes).sum();
            self.library.room_for_bytes(None, bytes)?;
            if let Some(account) = &self.account {
                self.library.room_for_bytes(Some(account), bytes)?;
            }
            self.library.append(self.item_id, take, &self.batch).await?;
        }
        self.batch.clear();
        Ok(())
    }

    async fn put(&mut self, bytes: Bytes) -> Result<Blob, Error> {
        let size = bytes.len() as u64;
        let grows = || Error::File("it would need far more room than its size".into());
        self.room = self.room.checked_sub(size).ok_or_else(grows)?;
        let hash = self.objects.put(bytes).await?;
        Ok(Blob { hash: hash.to_string(), bytes: size })
    }
}
