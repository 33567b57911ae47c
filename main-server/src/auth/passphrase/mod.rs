//! Passphrases of private streams: kept as Argon2id hashes (RFC 9106), made and checked off the async threads.
//!
//! A hash costs some 20 MB and tens of milliseconds of a processor on purpose, and any client may ask for one. So:
//!
//! - Attempts at one stream from one address have a pace ([`pace`]), which also bounds how fast passphrases can be guessed.
//! - One hash is made at a time, and three times as long as it took none is: hashing takes a quarter of one processor at
//!   most, and a quarter of what the process gets if that is less. Addresses take turns ([`turns`]).
//! - A stream whose passphrase was right once needs no more hashes ([`known`]).

mod known;
mod pace;
mod turns;

use std::{net::IpAddr, sync::Arc, thread, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use protocol::StreamId;
use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use self::{known::Known, pace::Pace, turns::Turns};

/// Most characters of a passphrase.
pub(crate) const MAX_CHARS: usize = 256;
/// How many times as long as a hash took the next one waits.
const REST: u32 = 3;
/// Longest that it waits.
const MAX_REST: Duration = Duration::from_secs(1);

/// Why a passphrase was neither accepted nor refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Too many are being checked; says after how long to try again.
    #[error("too many passphrases are being checked: try again in a moment")]
    Busy(Duration),
    /// The hash could not be made; says why.
    #[error("passphrase could not be hashed: {0}")]
    Hash(String),
}

/// An attempt to watch a stream.
pub(crate) struct Attempt {
    /// Which.
    pub(crate) stream_id: StreamId,
    /// Of the viewer.
    pub(crate) address: Option<IpAddr>,
    /// What the viewer says.
    pub(crate) passphrase: String,
    /// The hash that is kept of the right one.
    pub(crate) hash: String,
}

/// Makes and checks hashes.
pub(crate) struct Passphrases {
    pace: Pace,
    turns: Arc<Turns>,
    known: Arc<Known>,
}

impl Passphrases {
    /// None are known yet.
    ///
    /// # Errors
    /// [`Error::Hash`] if the system gives no random bytes.
    pub(crate) fn new() -> Result<Self, Error> {
        let known = Known::new().map_err(|error| Error::Hash(error.to_string()))?;
        Ok(Self { pace: Pace::default(), turns: Arc::default(), known: Arc::new(known) })
    }

    /// The hash to keep of `passphrase`, in PHC string form, for a client at `address`.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn hash(&self, passphrase: String, address: Option<IpAddr>) -> Result<String, Error> {
        let known = Arc::clone(&self.known);
        self.in_turn(address, move || {
            let hash = Argon2::default().hash_password(passphrase.as_bytes());
            let hash = hash.map_err(|error| Error::Hash(error.to_string()))?.to_string();
            known.remember(&hash, &passphrase);
            Ok(hash)
        })
        .await?
    }

    /// Whether the passphrase is the one the hash was made of. A hash that does not parse matches nothing.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn matches(&self, attempt: Attempt) -> Result<bool, Error> {
        let Attempt { stream_id, address, passphrase, hash } = attempt;
        let wait = self.pace.step((stream_id, address), Instant::now()).map_err(Error::Busy)?;
        sleep(wait).await;
        if let Some(verdict) = self.known.verdict(&hash, &passphrase) {
            return Ok(verdict);
        }
        let known = Arc::clone(&self.known);
        self.in_turn(address, move || {
            // It may have become known while this attempt waited for its turn.
            known.verdict(&hash, &passphrase).unwrap_or_else(|| {
                let is_right = verify(&passphrase, &hash);
                if is_right {
                    known.remember(&hash, &passphrase);
                }
                is_right
            })
        })
        .await
    }

    /// Runs `work` on a blocking thread; it keeps its turn even if the caller gives up.
    async fn in_turn<T: Send + 'static>(
        &self,
        address: Option<IpAddr>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = self.turns.wait(address).await.ok_or(Error::Busy(turns::MAX_WAIT))?;
        let (sender, done) = oneshot::channel();
        spawn_blocking(move || {
            let begun = std::time::Instant::now();
            drop(sender.send(work()));
            thread::sleep(rest(begun.elapsed()));
            drop(turn);
        });
        done.await.map_err(|_| Error::Hash("the thread that made the hash ended".into()))
    }
}

fn verify(passphrase: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(passphrase.as_bytes(), &hash).is_ok())
}

/// How long no hash is made after one that took `took`.
fn rest(took: Duration) -> Duration {
    (took * REST).min(MAX_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(passphrase: &str, hash: &str) -> Attempt {
        Attempt {
            stream_id: StreamId::new("any", 1),
            address: None,
            passphrase: passphrase.into(),
            hash: hash.into(),
        }
    }

    #[tokio::test]
    async fn a_hash_matches_its_passphrase_and_no_other() {
        let passphrases = Passphrases::new().unwrap();
        let hash = passphrases.hash("correct horse".into(), None).await.unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"));
        assert_ne!(
            passphrases.hash("correct horse".into(), None).await.unwrap(),
            hash,
            "each has its own salt"
        );
        let restarted = Passphrases::new().unwrap();
        for passphrases in [&restarted, &passphrases] {
            assert!(!passphrases.matches(attempt("correct horsE", &hash)).await.unwrap());
            assert!(passphrases.matches(attempt("correct horse", &hash)).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_damaged_hash_matches_nothing() {
        let passphrases = Passphrases::new().unwrap();
        assert!(!passphrases.matches(attempt("", "not a hash")).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_cost_no_hash_once_the_passphrase_is_known() {
        let passphrases = Passphrases::new().unwrap();
        passphrases.known.remember("kept", "right");
        let turn = passphrases.turns.wait(None).await;
        for _ in 0..50 {
            assert!(!passphrases.matches(attempt("wrong", "kept")).await.unwrap());
            assert!(passphrases.matches(attempt("right", "kept")).await.unwrap());
        }
        drop(turn);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_turn_is_turned_away() {
        let passphrases = Passphrases::new().unwrap();
        let turn = passphrases.turns.wait(None).await;
        assert!(matches!(passphrases.hash("a".into(), None).await, Err(Error::Busy(_))));
        drop(turn);
    }

    #[test]
    fn hashing_takes_a_quarter_of_the_time() {
        assert_eq!(rest(Duration::from_millis(30)), Duration::from_millis(90));
        assert_eq!(rest(Duration::from_secs(9)), MAX_REST);
    }
}
