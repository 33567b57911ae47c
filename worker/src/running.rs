//! The tasks that a worker has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::claim::Claim;

/// The running tasks of one worker.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Vec<Arc<Claim>>>);

impl Running {
    /// Adds a task, which stays until the guard is dropped.
    pub(crate) fn begin(&self, claim: Arc<Claim>) -> Begun<'_> {
        self.lock().push(claim.clone());
        Begun { running: self, claim }
    }

    /// The claims of all running tasks.
    pub(crate) fn all(&self) -> Vec<Arc<Claim>> {
        self.lock().clone()
    }

    /// The keys of all running tasks.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.lock().iter().map(|claim| claim.key().to_owned()).collect()
    }

    /// The number of running tasks.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Claim>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a task in the list until dropped.
pub(crate) struct Begun<'a> {
    running: &'a Running,
    claim: Arc<Claim>,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        // Not by key: a lost task may have come back while its first attempt is still ending.
        self.running.lock().retain(|claim| !Arc::ptr_eq(claim, &self.claim));
    }
}
