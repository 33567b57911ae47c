//! Passphrases of private streams: kept as Argon2id hashes (RFC 9106), made and checked off the async threads.
//!
//! A hash costs some 20 MB and tens of milliseconds on purpose. So only a few run at a time; whoever would wait too
//! long for a turn is turned away, which also bounds how fast anybody can guess.

use std::{num::NonZero, sync::Arc, thread::available_parallelism, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Longest passphrase.
pub(crate) const MAX_BYTES: usize = 256;
/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a passphrase was neither accepted nor refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Too many are being checked.
    #[error("too many passphrases are being checked: try again in a moment")]
    Busy,
    /// The hash could not be made; says why.
    #[error("passphrase could not be hashed: {0}")]
    Hash(String),
}

/// Makes and checks hashes, as many at a time as there are processors.
pub(crate) struct Passphrases {
    turns: Arc<Semaphore>,
}

impl Passphrases {
    /// One turn per processor.
    pub(crate) fn new() -> Self {
        let processors = available_parallelism().map_or(1, NonZero::get);
        Self { turns: Arc::new(Semaphore::new(processors)) }
    }

    /// The hash to keep of `passphrase`, in PHC string form.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn hash(&self, passphrase: String) -> Result<String, Error> {
        self.in_turn(move || {
            let hash = Argon2::default().hash_password(passphrase.as_bytes());
            hash.map(|hash| hash.to_string()).map_err(|error| Error::Hash(error.to_string()))
        })
        .await?
    }

    /// Whether `passphrase` is the one `hash` was made of. A hash that does not parse matches nothing.
    ///
    /// # Errors
    /// [`Error::Busy`].
    pub(crate) async fn matches(&self, passphrase: String, hash: String) -> Result<bool, Error> {
        self.in_turn(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(passphrase.as_bytes(), &hash).is_ok())
        })
        .await
    }

    /// Runs `work` on a blocking thread; it keeps its turn even if the caller gives up.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let run = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        run.await.map_err(|error| Error::Hash(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_matches_its_passphrase_and_no_other() {
        let passphrases = Passphrases::new();
        let hash = passphrases.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$") && !hash.contains("horse"));
        assert!(passphrases.matches("correct horse".into(), hash.clone()).await.unwrap());
        assert!(!passphrases.matches("correct horsE".into(), hash.clone()).await.unwrap());
        assert_ne!(passphrases.hash("correct horse".into()).await.unwrap(), hash, "each has its own salt");
    }

    #[tokio::test]
    async fn a_damaged_hash_matches_nothing() {
        assert!(!Passphrases::new().matches(String::new(), "not a hash".into()).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_for_a_turn_is_turned_away() {
        let passphrases = Passphrases { turns: Arc::new(Semaphore::new(0)) };
        assert!(matches!(passphrases.hash("a".into()).await, Err(Error::Busy)));
    }
}
