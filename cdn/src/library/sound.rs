//! The sound of fragments in WebM as MP4, made for each answer; see [`media::Sound`].
//!
//! A few fragments are rewritten at a time: each takes its bytes in memory, up to twice, and some milliseconds of a processor. Those that
//! wait are bounded, of one address too. An answer holds no more than other answers do, so the sound of a fragment has a bound.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use media::Sound;
use objects::Hash;
use per_address::Shares;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::{
    blob::{PIECE_BYTES, Pieces},
    blobs::Blobs,
    refusal::Refusal,
};

/// Most fragments whose sound a node rewrites at the same time.
pub const MAX_REWRITTEN: usize = 4;
/// Most requests for such a fragment, with those that wait for their turn.
const MAX_ASKED: usize = 64;
/// How long a request waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// A blob: its hash and its bytes.
pub(super) type Named = (Hash, u64);

/// See the [module](self).
pub(super) struct Rewriting {
    turns: Arc<Semaphore>,
    asked: Arc<Shares>,
}

impl Rewriting {
    pub(super) fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(MAX_REWRITTEN)), asked: Shares::new(MAX_ASKED, None) }
    }

    /// The sound of a fragment, or without one of the init segment, as MP4.
    ///
    /// # Errors
    /// `unsupported_format` if there is none or it is too large, `no_capacity`, why a blob cannot be read.
    pub(super) async fn sound(
        &self,
        blobs: &Arc<Blobs>,
        address: Option<IpAddr>,
        init: Named,
        fragment: Option<Named>,
    ) -> Result<Bytes, Refusal> {
        let place = self.asked.take(address).ok_or_else(Refusal::too_many)?;
        // Both are read before the turn, so that a slow store does not hold up requests for what is in memory. They are not held while
        // the request waits: they are in memory then, or read again.
        for (hash, bytes) in [Some(init), fragment].into_iter().flatten() {
            blobs.get(hash, bytes).await?;
        }
        let turn = timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or_else(Refusal::too_many)?;
        let init = blobs.get(init.0, init.1).await?;
        let fragment = match fragment {
            Some((hash, bytes)) => Some(blobs.get(hash, bytes).await?),
            None => None,
        };
        let made = spawn_blocking(move || {
            // The work goes on when its request is cancelled, so it counts until it ends.
            let _held = (place, turn);
            rewrite(&init, fragment.as_deref())
        });
        let unreadable = |error: String| {
            Refusal::unsupported(format!("the sound of this fragment cannot be read: {error}"))
        };
        let made = made.await.map_err(|error| unreadable(error.to_string()))?;
        let made = made.map_err(|error| unreadable(error.to_string()))?;
        if made.len() > PIECE_BYTES {
            let most = PIECE_BYTES >> 10;
            return Err(unreadable(format!("it has more than {most} KiB; download the item instead")));
        }
        Ok(made)
    }
}

fn rewrite(init: &Pieces, fragment: Option<&Pieces>) -> Result<Bytes, media::Error> {
    let sound = Sound::new(init.whole())?;
    fragment.map_or_else(|| Ok(sound.init().data.clone()), |fragment| sound.fragment(fragment.whole()))
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Poll};

    use bytes::BytesMut;
    use futures_util::poll;
    use media::{Codec, Frame, Muxer, Rendition, Run, Track, TrackKind};
    use protocol::ErrorCode;
    use tokio::{runtime, task::yield_now};

    use super::{super::blobs::fake::FakeStore, *};

    fn named(blob: &Bytes) -> Named {
        (Hash::of(blob), blob.len() as u64)
    }

    /// A take in WebM of one packet, and another blob.
    struct Setup {
        store: Arc<FakeStore>,
        blobs: Arc<Blobs>,
        rewriting: Rewriting,
        init: Named,
        fragment: Named,
        other: Named,
    }

    impl Setup {
        fn new() -> Self {
            let config = Bytes::from_static(b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0");
            let kind = TrackKind::Audio { sample_rate: 48_000, channels: 2 };
            let tracks = Arc::from([Track { codec: Codec::Opus, kind, config, colour: Bytes::new() }]);
            let muxer = Muxer::new(Rendition::WebM, tracks).unwrap();
            let data = Bytes::from_static(b"\x08packet");
            let frame = Frame { track: 0, pts_us: 0, dts_us: 0, duration_us: 20_000, key: true, data };
            let mut fragment = BytesMut::new();
            muxer.write_chunk(&Run { group: 0, index: 0, frames: vec![frame] }, &mut fragment);
            let all = [muxer.init().data.clone(), fragment.freeze(), Bytes::from_static(b"other")];
            let [init, fragment, other] = [0, 1, 2].map(|at: usize| named(&all[at]));
            let store = FakeStore::of(all);
            let blobs = Blobs::new(store.clone(), None, 1 << 20, Arc::default());
            Self { store, blobs, rewriting: Rewriting::new(), init, fragment, other }
        }

        async fn sound(&self, fragment: Named) -> Result<Bytes, ErrorCode> {
            let made = self.rewriting.sound(&self.blobs, None, self.init, Some(fragment)).await;
            made.map_err(|refusal| refusal.code())
        }

        fn free_turns(&self) -> usize {
            self.rewriting.turns.available_permits()
        }
    }

    #[test]
    fn four_are_rewritten_at_once_and_sixty_four_asked_for_also_if_their_requests_are_cancelled() {
        let runtime =
            runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let setup = Setup::new();
            let refused = async || {
                let outcome = poll!(Box::pin(setup.sound(setup.fragment)));
                matches!(outcome, Poll::Ready(Err(ErrorCode::NoCapacity)))
            };
            // What is rewritten waits for the only thread.
            let (release, released) = mpsc::channel::<()>();
            let thread = spawn_blocking(move || released.recv());
            let mut asked: Vec<_> = (0..MAX_ASKED).map(|_| Box::pin(setup.sound(setup.fragment))).collect();
            for (before, ask) in asked.iter_mut().enumerate() {
                assert_eq!(setup.free_turns(), MAX_REWRITTEN.saturating_sub(before));
                assert!(poll!(ask).is_pending());
                yield_now().await;
            }
            assert!(refused().await);
            drop(asked.drain(..MAX_REWRITTEN));
            assert!(refused().await, "the work of those that left is not done");
            drop(asked);
            assert_eq!(setup.free_turns(), 0);
            release.send(()).unwrap();
            thread.await.unwrap().unwrap();
            drop(setup.rewriting.turns.acquire_many(MAX_REWRITTEN as u32).await.unwrap());
            assert!(setup.sound(setup.fragment).await.is_ok());
        });
    }

    #[tokio::test]
    async fn requests_that_wait_for_the_store_do_not_hold_up_those_for_what_is_in_memory() {
        let setup = Setup::new();
        let made = setup.sound(setup.fragment).await.unwrap();
        let _closed = setup.store.gate.write().await;
        let mut waiting: Vec<_> = (0..MAX_REWRITTEN).map(|_| Box::pin(setup.sound(setup.other))).collect();
        for ask in &mut waiting {
            assert!(poll!(ask).is_pending());
        }
        assert_eq!(setup.sound(setup.fragment).await, Ok(made));
    }
}
