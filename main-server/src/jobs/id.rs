//! Deterministic ids, so that creating something twice creates it once.

use objects::Hash;
use protocol::{ItemId, JobId, item::Stem, job::Kind};

use super::job::{NewJob, Record};

/// The version of each kind. A newer version gives other results, so the same job is done again.
const fn version(kind: Kind) -> u32 {
    match kind {
        Kind::Stems | Kind::Export | Kind::Waveform => 2,
        Kind::Preview => 1,
    }
}

/// The id of a job: the same for the same kind, media and parameters.
pub(super) fn job_id(new: &NewJob) -> JobId {
    let NewJob { kind, params, item_id, manifest, stems_model, .. } = new;
    let named = serde_json::json!([kind, version(*kind), item_id, manifest.hash, params]);
    let text = match stems_model {
        None => named.to_string(),
        Some(model) => serde_json::json!([named, model]).to_string(),
    };
    JobId::from_bytes(digest(&text))
}

/// The id of an item that a job makes. Each generation makes other items, and so does a job that is started
/// after its record expired: it cleans up only its own items, never those of the previous run.
pub(super) fn item_id(job_id: JobId, record: &Record, stem: Stem) -> ItemId {
    let named = serde_json::json!([job_id, record.created_at_ms, record.generation, stem]);
    ItemId::from_bytes(digest(&named.to_string()))
}

/// The first 16 bytes of the BLAKE3 hash.
fn digest(text: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&Hash::of(text.as_bytes()).as_bytes()[..16]);
    bytes
}
