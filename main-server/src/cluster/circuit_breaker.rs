//! A circuit breaker for the store: callers that can do without it do not wait for one that did not answer a moment ago.

use std::{
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use store::Kv;
use tokio::time::{Instant, timeout};

/// How long the store may take before the circuit opens.
const CALL_TIMEOUT: Duration = Duration::from_millis(700);
/// How long the circuit stays open.
const OPEN: Duration = Duration::from_secs(2);

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct CircuitBreaker(Mutex<Option<Instant>>);

impl CircuitBreaker {
    /// What `kv` answers to `call`; `None` if it does not answer soon, or did not a moment ago. Whether a write happened is
    /// then not known. A store that answers other calls meanwhile is busy: the circuit stays closed.
    pub(crate) async fn call<T>(
        &self,
        kv: &dyn Kv,
        call: impl Future<Output = Result<T, store::Error>>,
    ) -> Option<Result<T, store::Error>> {
        if self.is_open() {
            return None;
        }
        match timeout(CALL_TIMEOUT, call).await {
            Ok(Err(store::Error::Busy)) => None,
            Err(_) if kv.has_answered_within(CALL_TIMEOUT) => None,
            Ok(Err(store::Error::Unavailable(_))) | Err(_) => {
                self.open();
                None
            }
            Ok(outcome) => Some(outcome),
        }
    }

    fn open(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn is_open(&self) -> bool {
        let opened = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.is_some_and(|opened| opened.elapsed() < OPEN)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use store::{Engine, Store};

    use super::*;

    #[tokio::test]
    async fn a_busy_store_is_called_again_at_once_and_an_unavailable_one_is_not() {
        let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
        let (kv, breaker) = (&*store.kv, CircuitBreaker::default());
        let answer = async |outcome: Result<u8, store::Error>| breaker.call(kv, async { outcome }).await;
        assert_eq!(answer(Err(store::Error::Busy)).await, None);
        assert_eq!(answer(Ok(1)).await, Some(Ok(1)));
        assert_eq!(answer(Err(store::Error::Unavailable("gone".into()))).await, None);
        assert_eq!(answer(Ok(1)).await, None);
    }
}
