//! The sound of fragments in WebM as MP4, made for each answer; see [`media::Sound`].
//!
//! A few fragments are rewritten at a time: each takes its bytes in memory, up to twice, and some milliseconds of a processor. Those that
//! wait are bounded, of one address too. An answer holds no more than other answers do, so the sound of a fragment has a bound.

use std::{net::IpAddr, time::Duration};

use bytes::Bytes;
use media::Sound;
use objects::Hash;
use tokio::{task::spawn_blocking, time::timeout};

use super::{blob::PIECE_BYTES, refusal::Refusal, service::Library};

/// Most fragments whose sound a node rewrites at the same time.
pub const MAX_REWRITTEN: usize = 4;
/// Most requests for such a fragment, with those that wait for their turn.
pub(super) const MAX_ASKED: usize = 64;
/// How long a request waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

impl Library {
    /// The sound of a fragment, or without one of the init segment, as MP4. Both are named by their hash and their bytes.
    ///
    /// # Errors
    /// `unsupported_format` if there is none or it is too large, `no_capacity`, why a blob cannot be read.
    pub(super) async fn sound(
        &self,
        address: Option<IpAddr>,
        init: (Hash, u64),
        fragment: Option<(Hash, u64)>,
    ) -> Result<Bytes, Refusal> {
        let _place = self.asked_to_rewrite.take(address).ok_or_else(Refusal::too_many)?;
        let turn = timeout(TURN_TIMEOUT, self.rewriting.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or_else(Refusal::too_many)?;
        let init = self.blobs.get(init.0, init.1).await?.whole();
        let fragment = match fragment {
            Some((hash, bytes)) => Some(self.blobs.get(hash, bytes).await?.whole()),
            None => None,
        };
        let made = spawn_blocking(move || {
            let sound = Sound::new(init)?;
            fragment.map_or_else(|| Ok(sound.init().data.clone()), |fragment| sound.fragment(fragment))
        });
        let unreadable = |error: String| {
            Refusal::unsupported(format!("the sound of this fragment cannot be read: {error}"))
        };
        let made = made.await.map_err(|error| unreadable(error.to_string()))?;
        let made = made.map_err(|error: media::Error| unreadable(error.to_string()))?;
        if made.len() > PIECE_BYTES {
            let most = PIECE_BYTES >> 10;
            return Err(unreadable(format!("it has more than {most} KiB; download the item instead")));
        }
        Ok(made)
    }
}
