//! Passphrases of private streams and items, kept as hashes ([`Hasher`]).
//!
//! - Attempts at one stream or item from one address have a pace ([`Rates`]), which also bounds how fast passphrases can be guessed.
//! - One whose passphrase was right once needs no more hashes ([`known`]).

mod known;

use std::{net::IpAddr, sync::Arc, time::Duration};

use per_address::{Pace, Rates};
use tokio::time::{Instant, sleep};

use self::known::Known;
use super::hasher::{self, Error, Hasher};
use crate::subject::Subject;

/// Most characters of a passphrase.
pub const PASSPHRASE_CHARS: usize = 256;
/// Longest that an attempt waits for the pace of its address.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// An attempt to watch a stream, or to play an item.
pub(crate) struct Attempt {
    /// Which.
    pub(crate) subject: Subject,
    /// Of the viewer.
    pub(crate) address: Option<IpAddr>,
    /// What the viewer says.
    pub(crate) passphrase: String,
    /// The hash that is kept of the right one.
    pub(crate) hash: String,
}

/// Makes and checks the hashes of passphrases.
pub(crate) struct Passphrases {
    attempts: Rates<(Subject, Option<IpAddr>)>,
    hasher: Hasher,
    known: Arc<Known>,
}

impl Passphrases {
    /// None are known yet. An address may make `per_second` attempts at one stream or item, on average and at once.
    ///
    /// # Errors
    /// [`Error::Hash`] if the system gives no random bytes.
    pub(crate) fn new(hasher: Hasher, per_second: u32) -> Result<Self, Error> {
        let known = Known::new().map_err(|error| Error::Hash(error.to_string()))?;
        let pace = Pace { max_wait: MAX_WAIT, ..Pace::per_second(per_second, per_second) };
        Ok(Self { attempts: Rates::new(pace), hasher, known: Arc::new(known) })
    }

    /// The hash to keep of `passphrase`, in PHC string form, for a client at `address`.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn hash(&self, passphrase: String, address: Option<IpAddr>) -> Result<String, Error> {
        let known = Arc::clone(&self.known);
        let hash = move || {
            let hash = hasher::hash(&passphrase)?;
            known.remember(&hash, &passphrase);
            Ok(hash)
        };
        self.hasher.in_turn(address, hash).await?
    }

    /// Waits until an attempt at a stream or item from `address` is due: with a passphrase, or with an invitation.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn turn(&self, subject: Subject, address: Option<IpAddr>) -> Result<(), Error> {
        let wait = self.attempts.step((subject, address), Instant::now()).map_err(Error::Busy)?;
        sleep(wait).await;
        Ok(())
    }

    /// Whether the passphrase is the one the hash was made of. A hash that does not parse matches nothing.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn matches(&self, attempt: Attempt) -> Result<bool, Error> {
        let Attempt { subject, address, passphrase, hash } = attempt;
        self.turn(subject, address).await?;
        if let Some(verdict) = self.known.verdict(&hash, &passphrase) {
            return Ok(verdict);
        }
        let known = Arc::clone(&self.known);
        self.hasher
            .in_turn(address, move || {
                // It may have become known while this attempt waited for its turn.
                known.verdict(&hash, &passphrase).unwrap_or_else(|| {
                    let is_right = hasher::verify(&passphrase, &hash);
                    if is_right {
                        known.remember(&hash, &passphrase);
                    }
                    is_right
                })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use protocol::StreamId;

    use super::*;

    fn attempt(passphrase: &str, hash: &str) -> Attempt {
        Attempt {
            subject: StreamId::new("any", 1).into(),
            address: None,
            passphrase: passphrase.into(),
            hash: hash.into(),
        }
    }

    #[tokio::test]
    async fn a_hash_matches_its_passphrase_and_no_other() {
        let passphrases = Passphrases::new(Hasher::default(), 60).unwrap();
        let hash = passphrases.hash("correct horse".into(), None).await.unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"));
        assert_ne!(
            passphrases.hash("correct horse".into(), None).await.unwrap(),
            hash,
            "each has its own salt"
        );
        let restarted = Passphrases::new(Hasher::default(), 60).unwrap();
        for passphrases in [&restarted, &passphrases] {
            assert!(!passphrases.matches(attempt("correct horsE", &hash)).await.unwrap());
            assert!(passphrases.matches(attempt("correct horse", &hash)).await.unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_cost_no_hash_once_the_passphrase_is_known() {
        let passphrases = Passphrases::new(Hasher::default(), 60).unwrap();
        passphrases.known.remember("kept", "right");
        let turn = passphrases.hasher.block().await;
        for _ in 0..50 {
            assert!(!passphrases.matches(attempt("wrong", "kept")).await.unwrap());
            assert!(passphrases.matches(attempt("right", "kept")).await.unwrap());
        }
        drop(turn);
    }
}
