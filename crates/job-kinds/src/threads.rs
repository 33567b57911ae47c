//! Threads of a task.

use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::Failed;

/// Starts a thread in a scope. If the system has no threads left, the attempt fails, and another one may succeed.
pub(crate) fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Failed> {
    let started = Builder::new().spawn_scoped(scope, work);
    started.map_err(|error| Failed::again(format!("a thread cannot be started: {error}")))
}
