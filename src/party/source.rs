//! The media of an item that a party plays: what there is, and the bytes, from any of its nodes.

use protocol::{
    item::{Blob, Fragment, Manifest, ManifestTake, Playable},
    party::{Entry, PlayInParty},
};
use reqwest::Method;
use tokio::time::{Duration, Instant};

use super::{
    client::{CallError, Party, body, json_of, send},
    place::Place,
    show,
};

/// A grant is replaced when it has less than this left.
const RENEW: Duration = Duration::from_secs(30);
/// How old the manifest of an item that grows may be.
const GROWING: Duration = Duration::from_secs(2);
/// Most bytes of a blob.
const MAX_BLOB_BYTES: u64 = 256 * 1024 * 1024;

/// An item, with the right to read it.
pub(super) struct Source {
    pub(super) entry_id: String,
    pub(super) manifest: Manifest,
    playable: Playable,
    good_until: Instant,
}

impl Source {
    /// Asks for the right to play the entry, and what it has.
    ///
    /// # Errors
    /// The party refuses, or no node answers.
    pub(super) async fn open(party: &Party, entry: &Entry) -> Result<Self, CallError> {
        let begun = Instant::now();
        let request = PlayInParty { target: show::target(entry) };
        let playable: Playable = json_of(party.request(Method::POST, "/play").json(&request)).await?;
        let item_id = entry.item_id.map(|item_id| item_id.to_string()).unwrap_or_default();
        let mut outcome = Err(CallError::Failed("the item has no node".to_owned()));
        for node in &playable.nodes {
            let request = party.client.of_node(node, &format!("library/{item_id}/manifest"))?;
            outcome = json_of(request.bearer_auth(&playable.grant)).await;
            if outcome.is_ok() {
                break;
            }
        }
        let manifest: Manifest = outcome?;
        let left = Duration::from_secs(playable.expires_in_s).saturating_sub(RENEW);
        let left = if manifest.is_growing { left.min(GROWING) } else { left };
        Ok(Self { entry_id: entry.entry_id.clone(), manifest, playable, good_until: begun + left })
    }

    /// All fragments, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = (Place, &Fragment)> {
        self.manifest.takes.iter().enumerate().flat_map(move |(take, ManifestTake { fragments, .. })| {
            fragments
                .iter()
                .enumerate()
                .map(move |(fragment, of)| (Place { entry_id: self.entry_id.clone(), take, fragment }, of))
        })
    }

    /// Whether it has to be opened again.
    pub(super) fn is_old(&self) -> bool {
        Instant::now() >= self.good_until
    }

    /// Reads a blob from the first node that has it whole.
    ///
    /// # Errors
    /// None has; the last one says why.
    pub(super) async fn read(&self, party: &Party, blob: &Blob) -> Result<Vec<u8>, CallError> {
        let mut outcome = Err(CallError::Failed("the item has no node".to_owned()));
        for node in &self.playable.nodes {
            outcome = self.read_from(party, node, blob).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn read_from(&self, party: &Party, node: &str, blob: &Blob) -> Result<Vec<u8>, CallError> {
        let path = format!("library/{}/blobs/{}", self.manifest.item_id, blob.hash);
        let request = party.client.of_node(node, &path)?.bearer_auth(&self.playable.grant);
        let most = usize::try_from(blob.bytes.min(MAX_BLOB_BYTES)).unwrap_or(usize::MAX);
        let bytes = body(send(request).await?, most).await?;
        if objects::Hash::of(&bytes).to_string() == blob.hash {
            Ok(bytes)
        } else {
            Err(CallError::Failed(format!("{node} sent another blob than {}", blob.hash)))
        }
    }
}
