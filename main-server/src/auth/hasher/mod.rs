//! Argon2id hashes (RFC 9106) of passphrases and passwords, made and checked off the async threads.
//!
//! A hash costs some 20 MB and tens of milliseconds of a processor on purpose, and any client may ask for one. So one hash
//! is made at a time, and three times as long as it took none is: hashing takes a quarter of one processor at most, and a
//! quarter of what the process gets if that is less. Addresses take turns ([`turns`]).

mod turns;

use std::{net::IpAddr, sync::Arc, thread, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::oneshot, task::spawn_blocking};

use self::turns::Turns;

/// How many times as long as a hash took the next one waits.
const REST: u32 = 3;
/// Longest that it waits.
const MAX_REST: Duration = Duration::from_secs(1);

/// Why a secret was neither hashed nor checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Too many are being checked; says after how long to try again.
    #[error("too many passwords and passphrases are being checked: try again in a moment")]
    Busy(Duration),
    /// The hash could not be made; says why.
    #[error("a password or passphrase could not be hashed: {0}")]
    Hash(String),
}

/// Makes and checks hashes, one at a time. Clones share the turns.
#[derive(Clone, Default)]
pub(crate) struct Hasher {
    turns: Arc<Turns>,
}

impl Hasher {
    /// The hash to keep of `secret`, in PHC string form, for a client at `address`.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn hash(&self, secret: String, address: Option<IpAddr>) -> Result<String, Error> {
        self.in_turn(address, move || hash(&secret)).await?
    }

    /// Whether `secret` is the one that `hash` was made of. A hash that does not parse matches nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub(crate) async fn matches(
        &self,
        secret: String,
        hash: String,
        address: Option<IpAddr>,
    ) -> Result<bool, Error> {
        self.in_turn(address, move || verify(&secret, &hash)).await
    }

    /// Runs `work`, which makes or checks one hash, on a blocking thread; it keeps its turn even if the caller gives up.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn in_turn<T: Send + 'static>(
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

    /// Takes the turn, so that nothing is hashed while it is held.
    #[cfg(test)]
    pub(crate) async fn block(&self) -> impl Drop + use<> {
        self.turns.wait(None).await.expect("the turn is free")
    }
}

/// The hash of `secret`, at once.
///
/// # Errors
/// [`Error::Hash`].
pub(crate) fn hash(secret: &str) -> Result<String, Error> {
    let hash = Argon2::default().hash_password(secret.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Hash(error.to_string()))
}

/// Whether `secret` is the one that `hash` was made of, at once.
pub(super) fn verify(secret: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
}

/// How long no hash is made after one that took `took`.
fn rest(took: Duration) -> Duration {
    (took * REST).min(MAX_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waits_too_long_for_a_turn_is_refused() {
        let hasher = Hasher::default();
        let turn = hasher.block().await;
        assert!(matches!(hasher.hash("a".into(), None).await, Err(Error::Busy(_))));
        drop(turn);
    }

    #[tokio::test]
    async fn a_damaged_hash_matches_nothing() {
        assert!(!Hasher::default().matches(String::new(), "not a hash".into(), None).await.unwrap());
    }

    #[test]
    fn hashing_takes_a_quarter_of_the_time() {
        assert_eq!(rest(Duration::from_millis(30)), Duration::from_millis(90));
        assert_eq!(rest(Duration::from_secs(9)), MAX_REST);
    }
}
