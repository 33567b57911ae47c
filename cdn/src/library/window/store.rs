//! The groups of all windows as a store of blobs: a group is written anew from its stream's ring for each read.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use objects::{Error, Hash};
use protocol::StreamId;

use super::{
    super::{
        blobs::{BlobStore, Reading},
        refusal::Refusal,
    },
    groups::{media, whole_groups},
    timeline::Timeline,
    written::written,
};
use crate::{
    hub::{Hub, SharedStream},
    lock::lock,
};

/// See the [module](self).
pub(super) struct GroupStore {
    hub: Arc<Mutex<Hub>>,
    timelines: Mutex<HashMap<StreamId, Arc<Mutex<Timeline>>>>,
}

impl GroupStore {
    pub(super) fn new(hub: Arc<Mutex<Hub>>) -> Arc<Self> {
        Arc::new(Self { hub, timelines: Mutex::default() })
    }

    /// A stream that the node carries.
    pub(super) fn stream(&self, id: StreamId) -> Option<SharedStream> {
        lock(&self.hub).get(id)
    }

    /// What is kept of a stream's window. What is kept of streams that are gone is forgotten.
    pub(super) fn timeline(&self, id: StreamId) -> Arc<Mutex<Timeline>> {
        let mut timelines = lock(&self.timelines);
        if !timelines.contains_key(&id) {
            let hub = lock(&self.hub);
            timelines.retain(|id, _| hub.get(*id).is_some());
        }
        timelines.entry(id).or_default().clone()
    }

    /// The media of the group with this name, of whichever stream.
    fn find(&self, hash: &str) -> Option<Bytes> {
        let timelines: Vec<_> =
            lock(&self.timelines).iter().map(|(id, timeline)| (*id, timeline.clone())).collect();
        timelines.into_iter().find_map(|(id, timeline)| {
            let (name, _) = lock(&timeline).find(hash)?;
            let stream = self.stream(id)?;
            let group = whole_groups(&stream).into_iter().find(|group| group.name == name)?;
            media(&stream, &group, written(&stream, name.take)?.format)
        })
    }
}

/// Bytes `range` of `whole`.
fn cut(whole: &Bytes, range: Range<u64>) -> Option<Bytes> {
    let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end).ok()?);
    // A slice of the group would hold all of it.
    whole.get(start..end).map(Bytes::copy_from_slice)
}

/// Reads are to be bounded by the caller: each may write as much as a group has.
impl BlobStore for Arc<GroupStore> {
    fn read(&self, hash: Hash, range: Option<Range<u64>>) -> Reading<'_> {
        let store = self.clone();
        Box::pin(async move {
            let find = move || {
                let whole = store.find(&hash.to_string())?;
                range.map_or(Some(whole.clone()), |range| cut(&whole, range))
            };
            let found = tokio::task::spawn_blocking(find).await;
            found
                .map_err(|error| Error::Unavailable(error.to_string()))?
                .ok_or_else(|| Error::Missing(hash.to_string()))
        })
    }

    /// The group has left the window, which is nothing unusual.
    fn missing(&self, hash: Hash) -> Refusal {
        Refusal::unknown_blob(hash)
    }
}
