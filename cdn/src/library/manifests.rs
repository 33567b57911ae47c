//! Manifests of items, as main servers have them: cached, asked for again when they may have changed, and served on while no main
//! server answers.
//!
//! For each item one request is on its way at most; other askers wait for its answer. So what clients ask for costs the
//! main servers one request a second and item. Items and their bytes are bounded: the least recently used are dropped.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use axum::http::HeaderValue;
use bytes::Bytes;
use objects::Hash;
use protocol::ItemId;

use super::{byte_lru::ByteLru, media::ItemMedia, refusal::Refusal};
use crate::{
    clock::{Clock, Now},
    lock::lock,
};

/// Age from which the manifest of an item that is being recorded, and one that lacks a blob which is asked for, is asked for again.
const GROWING_MS: u64 = 1_000;
/// The same for all others: within this time a deleted item is no longer served.
const FINISHED_MS: u64 = 60_000;
/// How long a manifest is served on while no main server answers.
const STALE_MS: u64 = 3_600_000;
/// How long the failure of a request is the answer to others.
const FAILED_MS: u64 = 1_000;
/// Most bytes of all manifests.
const MOST_BYTES: u64 = 64 << 20;
/// What an item costs of which there is no manifest, so that their number is bounded too.
const EMPTY_BYTES: u64 = 4 << 10;

/// The manifest that a main server gave.
pub(crate) enum Fetched {
    /// The one with the entity tag that was sent is still right.
    Unchanged,
    Changed {
        json: Bytes,
        etag: Option<HeaderValue>,
    },
}

/// Why there is no manifest.
pub(crate) enum FetchError {
    /// The main server answered that there is no manifest.
    Refused(Refusal),
    /// No main server answers.
    Away,
}

/// A manifest on its way.
pub(crate) type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Fetched, FetchError>> + Send + 'a>>;

/// Where manifests come from: main servers, or a fake in tests.
pub(crate) trait ManifestSource: Send + Sync {
    /// The manifest of an item, unless its entity tag is `known`.
    fn fetch(&self, item_id: ItemId, known: Option<HeaderValue>) -> Fetching<'_>;
}

/// See the [module](self).
pub(super) struct Manifests {
    source: Arc<dyn ManifestSource>,
    slots: Mutex<ByteLru<ItemId, Arc<Slot>>>,
    clock: Clock,
}

/// What is known of an item.
#[derive(Default)]
struct Slot {
    /// Held while a main server is asked.
    asking: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    media: Option<Arc<ItemMedia>>,
    /// When a main server last said that this is the manifest, in node time.
    checked_ms: u64,
    /// When a request last failed, in node time, and why. None once one succeeded.
    failed: Option<(u64, Refusal)>,
}

impl Manifests {
    pub(super) fn new(source: Arc<dyn ManifestSource>, clock: Clock) -> Self {
        Self { source, slots: Mutex::new(ByteLru::new(MOST_BYTES)), clock }
    }

    /// The media of an item, new enough to be told clients, or to say that `wanted` is not part of it.
    ///
    /// # Errors
    /// What the main server says, `unknown_item` above all; `store_unavailable`.
    pub(super) async fn get(
        &self,
        item_id: ItemId,
        wanted: Option<&Hash>,
    ) -> Result<Arc<ItemMedia>, Refusal> {
        let slot = self.slot(item_id);
        if let Some(answer) = lock(&slot.known).answer(self.now_ms(), wanted) {
            return answer;
        }
        let _asking = slot.asking.lock().await;
        // Another asker may have had the answer meanwhile.
        if let Some(answer) = lock(&slot.known).answer(self.now_ms(), wanted) {
            return answer;
        }
        self.ask(item_id, &slot).await
    }

    /// The media of an item, if no main server has to be asked to say that `wanted` is part of it.
    pub(super) fn known(&self, item_id: ItemId, wanted: &Hash, now: Now) -> Option<Arc<ItemMedia>> {
        let slot = lock(&self.slots).get(&item_id)?.clone();
        lock(&slot.known).answer(now.ms, Some(wanted))?.ok()
    }

    async fn ask(&self, item_id: ItemId, slot: &Arc<Slot>) -> Result<Arc<ItemMedia>, Refusal> {
        let etag = lock(&slot.known).media.as_ref().map(|media| media.etag.clone());
        let fetched = match self.source.fetch(item_id, etag).await {
            Ok(Fetched::Unchanged) => Ok(None),
            Ok(Fetched::Changed { json, etag }) => read(item_id, json, etag).map(Some),
            Err(error) => Err(error),
        };
        if let Ok(Some(media)) = &fetched {
            let cost_bytes = media.cost_bytes() + EMPTY_BYTES;
            // What leaves is freed here.
            drop(lock(&self.slots).insert(item_id, slot.clone(), cost_bytes));
        }
        lock(&slot.known).learn(fetched, self.now_ms())
    }

    fn slot(&self, item_id: ItemId) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        if let Some(slot) = slots.get(&item_id) {
            return slot.clone();
        }
        let slot = Arc::<Slot>::default();
        slots.insert(item_id, slot.clone(), EMPTY_BYTES);
        slot
    }

    fn now_ms(&self) -> u64 {
        self.clock.now().ms
    }
}

fn read(item_id: ItemId, json: Bytes, etag: Option<HeaderValue>) -> Result<Arc<ItemMedia>, FetchError> {
    let media = ItemMedia::read(json, etag);
    let media =
        media.inspect_err(|error| tracing::error!(item.id = %item_id, %error, "a manifest cannot be read"));
    media.map(Arc::new).map_err(|_| FetchError::Away)
}

impl Known {
    /// What to answer without asking a main server; none if one has to be asked.
    fn answer(&self, now_ms: u64, wanted: Option<&Hash>) -> Option<Result<Arc<ItemMedia>, Refusal>> {
        let has_failed = self.failed.as_ref().filter(|(at_ms, _)| now_ms.saturating_sub(*at_ms) < FAILED_MS);
        let Some(media) = &self.media else {
            return has_failed.map(|(_, refusal)| Err(refusal.clone()));
        };
        let age_ms = now_ms.saturating_sub(self.checked_ms);
        let is_enough = match wanted {
            Some(hash) => media.named(hash).is_some(),
            None => !media.manifest.is_growing,
        };
        let fresh_ms = if is_enough { FINISHED_MS } else { GROWING_MS };
        let is_current = age_ms < fresh_ms || (has_failed.is_some() && age_ms < STALE_MS);
        is_current.then(|| Ok(media.clone()))
    }

    fn learn(
        &mut self,
        fetched: Result<Option<Arc<ItemMedia>>, FetchError>,
        now_ms: u64,
    ) -> Result<Arc<ItemMedia>, Refusal> {
        let refusal = match fetched {
            Ok(media) => {
                self.media = media.or(self.media.take());
                (self.checked_ms, self.failed) = (now_ms, None);
                return self.media.clone().ok_or_else(Refusal::records_unavailable);
            }
            Err(FetchError::Refused(refusal)) => {
                self.media = None;
                refusal
            }
            Err(FetchError::Away) => Refusal::records_unavailable(),
        };
        self.failed = Some((now_ms, refusal.clone()));
        let is_stale = now_ms.saturating_sub(self.checked_ms) >= STALE_MS;
        self.media.clone().filter(|_| !is_stale).ok_or(refusal)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        time::Duration,
    };

    use protocol::ErrorCode;
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    /// What the main servers say.
    #[derive(Clone, Copy)]
    enum Mood {
        Finished,
        Growing { fragments: usize },
        Deleted,
        Away,
    }

    struct Fake {
        mood: Mutex<Mood>,
        asked: AtomicUsize,
    }

    fn hash(number: usize) -> Hash {
        Hash::of(&number.to_be_bytes())
    }

    fn manifest(is_growing: bool, fragments: usize) -> Bytes {
        let fragment = |at: usize| json!({ "hash": hash(at), "bytes": 8, "start_ms": at, "duration_ms": 1 });
        let fragments: Vec<_> = (0..fragments).map(fragment).collect();
        let takes = json!([{ "mime": "audio/mpeg", "fragments": fragments }]);
        json!({ "item_id": item(1), "is_growing": is_growing, "takes": takes }).to_string().into()
    }

    fn item(number: u8) -> ItemId {
        ItemId::from_bytes([number; 16])
    }

    impl ManifestSource for Fake {
        fn fetch(&self, item_id: ItemId, known: Option<HeaderValue>) -> Fetching<'_> {
            Box::pin(async move {
                self.asked.fetch_add(1, SeqCst);
                tokio::task::yield_now().await;
                let (json, etag) = match *lock(&self.mood) {
                    Mood::Finished => (manifest(false, 1), "\"finished\"".to_owned()),
                    Mood::Growing { fragments } => (manifest(true, fragments), format!("\"{fragments}\"")),
                    Mood::Deleted => {
                        return Err(FetchError::Refused(Refusal::unknown_item(&item_id.to_string())));
                    }
                    Mood::Away => return Err(FetchError::Away),
                };
                match known {
                    Some(known) if known == etag => Ok(Fetched::Unchanged),
                    _ => Ok(Fetched::Changed { json, etag: etag.parse().ok() }),
                }
            })
        }
    }

    fn manifests(mood: Mood) -> (Arc<Fake>, Manifests) {
        let fake = Arc::new(Fake { mood: Mutex::new(mood), asked: AtomicUsize::new(0) });
        (fake.clone(), Manifests::new(fake, Clock::start()))
    }

    impl Fake {
        fn asked(&self) -> usize {
            self.asked.load(SeqCst)
        }

        fn becomes(&self, mood: Mood) {
            *lock(&self.mood) = mood;
        }
    }

    async fn code(manifests: &Manifests) -> ErrorCode {
        manifests.get(item(1), None).await.unwrap_err().code()
    }

    #[tokio::test(start_paused = true)]
    async fn many_askers_cost_one_request() {
        let (fake, manifests) = manifests(Mood::Finished);
        let asks = (0..100).map(|_| manifests.get(item(1), None));
        let answers = futures_util::future::join_all(asks).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().etag == "\"finished\""));
        assert_eq!(fake.asked(), 1);
        fake.becomes(Mood::Away);
        let asks = (0..100).map(|_| manifests.get(item(2), None));
        let answers = futures_util::future::join_all(asks).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap_err().code() == ErrorCode::StoreUnavailable));
        assert_eq!(fake.asked(), 2, "those who waited share the failure");
    }

    #[tokio::test(start_paused = true)]
    async fn a_finished_item_is_asked_for_again_after_a_minute_and_a_growing_one_after_a_second() {
        let (fake, manifests) = manifests(Mood::Growing { fragments: 1 });
        let fragments =
            async || manifests.get(item(1), None).await.unwrap().manifest.takes[0].fragments.len();
        assert_eq!(fragments().await, 1);
        fake.becomes(Mood::Growing { fragments: 2 });
        assert_eq!(fragments().await, 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(fragments().await, 2);
        fake.becomes(Mood::Finished);
        advance(Duration::from_secs(1)).await;
        assert_eq!((fragments().await, fake.asked()), (1, 3));
        advance(Duration::from_secs(59)).await;
        assert_eq!((fragments().await, fake.asked()), (1, 3));
        advance(Duration::from_secs(1)).await;
        assert_eq!((fragments().await, fake.asked()), (1, 4), "it has not changed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_blob_that_is_not_named_yet_costs_a_request_a_second_at_most() {
        let (fake, manifests) = manifests(Mood::Growing { fragments: 1 });
        let is_named = async |number| {
            manifests.get(item(1), Some(&hash(number))).await.unwrap().named(&hash(number)).is_some()
        };
        assert!(is_named(0).await && !is_named(1).await && !is_named(7).await);
        assert_eq!(fake.asked(), 1);
        fake.becomes(Mood::Growing { fragments: 2 });
        advance(Duration::from_secs(1)).await;
        assert!(is_named(0).await);
        assert_eq!(fake.asked(), 1, "what is named needs nothing newer");
        assert!(is_named(1).await);
        assert_eq!(fake.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deleted_item_is_gone_within_a_minute() {
        let (fake, manifests) = manifests(Mood::Finished);
        manifests.get(item(1), None).await.unwrap();
        fake.becomes(Mood::Deleted);
        assert!(manifests.get(item(1), Some(&hash(0))).await.is_ok());
        advance(Duration::from_secs(60)).await;
        let refused = manifests.get(item(1), Some(&hash(0))).await.unwrap_err();
        assert_eq!(
            (refused.code(), code(&manifests).await),
            (ErrorCode::UnknownItem, ErrorCode::UnknownItem)
        );
        assert_eq!(fake.asked(), 2, "nor is a refusal asked for all the time");
        fake.becomes(Mood::Away);
        advance(Duration::from_secs(1)).await;
        assert_eq!(code(&manifests).await, ErrorCode::StoreUnavailable, "and it is not kept for worse times");
    }

    #[tokio::test(start_paused = true)]
    async fn without_main_servers_manifests_are_served_for_an_hour() {
        let (fake, manifests) = manifests(Mood::Finished);
        manifests.get(item(1), None).await.unwrap();
        fake.becomes(Mood::Away);
        advance(Duration::from_secs(60)).await;
        for _ in 0..10 {
            assert!(manifests.get(item(1), None).await.is_ok());
        }
        assert_eq!(fake.asked(), 2, "and they are asked once a second");
        advance(Duration::from_secs(3530)).await;
        assert!(manifests.get(item(1), None).await.is_ok());
        advance(Duration::from_secs(10)).await;
        assert_eq!(code(&manifests).await, ErrorCode::StoreUnavailable);
        fake.becomes(Mood::Finished);
        advance(Duration::from_secs(1)).await;
        assert!(manifests.get(item(1), None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_manifest_is_no_answer() {
        let media = |json: &'static str| ItemMedia::read(Bytes::from_static(json.as_bytes()), None);
        for json in [
            "",
            "{}",
            r#"{"item_id":"00000000000000000000000000000000","takes":[{"mime":"a","fragments":[{"hash":"x","bytes":1,"start_ms":0,"duration_ms":1}]}]}"#,
            "{\"item_id\":\"00000000000000000000000000000000\",\"takes\":[{\"mime\":\"a\\nb\",\"fragments\":[]}]}",
        ] {
            assert!(media(json).is_err(), "{json}");
        }
    }
}
