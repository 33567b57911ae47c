//! Whether the store answers, for those who can do without it and must not wait for it.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout};

use store::Kv;

/// How long the store may take before something else is tried.
const FAIL_FAST: Duration = Duration::from_millis(700);
/// How long it is not asked again after that.
const AWAY: Duration = Duration::from_secs(2);

/// Remembers that the store did not answer, so that not everybody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Absence(Mutex<Option<Instant>>);

impl Absence {
    /// What `kv` answers to `call`; none if it does not answer soon or did not a moment ago. Whether a write happened is
    /// then not known. A store that answers others meanwhile is busy, not away: the next call is tried.
    pub(crate) async fn or_none<T>(
        &self,
        kv: &dyn Kv,
        call: impl Future<Output = Result<T, store::Error>>,
    ) -> Option<Result<T, store::Error>> {
        if self.lasts() {
            return None;
        }
        match timeout(FAIL_FAST, call).await {
            Ok(Err(store::Error::Busy)) => None,
            Err(_) if kv.has_answered_within(FAIL_FAST) => None,
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::{Engine, Store};

    use super::*;

    #[tokio::test]
    async fn a_store_that_is_busy_is_asked_again_at_once_and_one_that_is_away_is_not() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let (kv, absence) = (&*store.kv, Absence::default());
        let answer = async |outcome: Result<u8, store::Error>| absence.or_none(kv, async { outcome }).await;
        assert_eq!(answer(Err(store::Error::Busy)).await, None);
        assert_eq!(answer(Ok(1)).await, Some(Ok(1)));
        assert_eq!(answer(Err(store::Error::Unavailable("gone".into()))).await, None);
        assert_eq!(answer(Ok(1)).await, None);
    }
}
