//! The tasks that a worker has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::claim::Claim;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Vec<Arc<Claim>>>);

impl Running {
    /// Adds a task, which stays until the guard is dropped.
    pub(crate) fn begin(&self, claim: Arc<Claim>) -> Begun<'_> {
        self.lock().push(claim.clone());
        Begun { running: self, claim }
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Arc<Claim>> {
        self.lock().clone()
    }

    /// Their keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.lock().iter().map(|claim| claim.key().to_owned()).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Claim>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task that the worker has until this is dropped.
pub(crate) struct Begun<'a> {
    running: &'a Running,
    claim: Arc<Claim>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // Not by key: a task that was lost may have come back while its first attempt still ends.
        self.running.lock().retain(|claim| !Arc::ptr_eq(claim, &self.claim));
    }
}
