//! Whether the store answers, for those who can do without it and must not wait for it.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use crate::store;

/// How long the store may take before something else is tried.
const FAIL_FAST: Duration = Duration::from_millis(700);
/// How long it is not asked again after that.
const AWAY: Duration = Duration::from_secs(2);

/// Remembers that the store did not answer, so that not everybody waits for it.
#[derive(Debug, Default)]
pub(super) struct Absence(Mutex<Option<Instant>>);

impl Absence {
    /// What the store answers to `call`; none if it does not answer soon or did not a moment ago. Whether a write
    /// happened is then not known.
    pub(super) async fn or_none<T>(
        &self,
        call: impl Future<Output = Result<T, store::Error>>,
    ) -> Option<Result<T, store::Error>> {
        if self.lasts() {
            return None;
        }
        match timeout(FAIL_FAST, call).await {
            Ok(Err(store::Error::Unavailable(_))) | Err(_) => {
                self.note();
                None
            }
            Ok(outcome) => Some(outcome),
        }
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn lasts(&self) -> bool {
        let noted = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.is_some_and(|noted| noted.elapsed() < AWAY)
    }
}
