//! Songs of noise, as blobs in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use objects::Hash;
use protocol::{
    ItemId,
    item::{Blob, Fragment, Manifest, ManifestTake},
};

use super::Plan;
use crate::error::{Context, Result};

/// A node verifies a file that changed within the last two seconds each time it opens it.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// See the [module](self).
pub(super) struct Songs {
    pub(super) folder: PathBuf,
    pub(super) manifests: Vec<Manifest>,
}

impl Songs {
    /// Writes the songs in the layout of an object store.
    pub(super) fn write(folder: &Path, plan: &Plan) -> Result<Self> {
        let folder = fs::canonicalize(folder).context(|| format!("finding {}", folder.display()))?;
        let mut noise = Noise(1);
        let songs = (0..plan.songs).map(|song| {
            let fragments = (0..plan.fragments).map(|at| {
                let bytes = noise.bytes(plan.fragment_bytes);
                let hash = Hash::of(&bytes).to_string();
                let path = folder.join("blobs").join(&hash[..2]);
                fs::create_dir_all(&path).context(|| format!("making {}", path.display()))?;
                fs::write(path.join(&hash), &bytes).context(|| format!("writing {hash}"))?;
                let blob = Blob { hash, bytes: bytes.len() as u64 };
                Ok(Fragment { blob, start_ms: at as u64 * 10_000, duration_ms: 10_000 })
            });
            let mime = "audio/mpeg".to_owned();
            let fragments = fragments.collect::<Result<_>>()?;
            let take = ManifestTake { mime, init: None, fragments, offset_ms: 0, alternatives: Vec::new() };
            let mut item = [0; 16];
            item[..8].copy_from_slice(&(song as u64).to_be_bytes());
            Ok(Manifest { item_id: ItemId::from_bytes(item), is_growing: false, takes: vec![take] })
        });
        let manifests = songs.collect::<Result<_>>()?;
        thread::sleep(SETTLED_AFTER);
        Ok(Self { manifests, folder })
    }
}

/// Pseudo-random numbers (splitmix64).
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(count).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
