//! Background tasks whose panics are detected, for every part of Undead that runs some.
//!
//! Tokio keeps a panic of a task until the task is joined, which happens when the program stops. Until then the program would
//! run on without that task: leases would not expire, and nothing would be saved. So there are two kinds of tasks:
//!
//! - Those that the server needs as long as it runs are [watched](Supervisor::watch). If one panics, the server is no longer
//!   ready, and the program ends with the reason: its state cannot be trusted, and others can take over.
//! - Those of one stream or one connection are [contained](contain). If one panics, only that is lost.

use std::{any::Any, fmt, future::Future, panic::AssertUnwindSafe};

use futures_util::{FutureExt, future::select_all};
use tokio::sync::watch;

/// Which task panicked, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What the task does.
    pub task: &'static str,
    /// The message of its panic.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "background task \"{}\" panicked: {}", self.task, self.reason)
    }
}

/// Remembers the first of its tasks that panicked. Clones are the same supervisor.
#[derive(Clone, Debug, Default)]
pub struct Supervisor(watch::Sender<Option<Failure>>);

impl Supervisor {
    /// A supervisor without a failure.
    pub fn new() -> Self {
        Self::default()
    }

    /// `future`, to be awaited or spawned, as the task called `task`: one that the server needs. It ends when the future
    /// does, whose output is dropped; a panic in there ends it too, and is noted.
    pub fn watch<F: Future>(&self, task: &'static str, future: F) -> impl Future<Output = ()> + use<F> {
        let failure = self.0.clone();
        async move {
            if let Err(panic) = AssertUnwindSafe(future).catch_unwind().await {
                let reason = message(&*panic).to_owned();
                failure.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert(Failure { task, reason });
                    is_first
                });
            }
        }
    }

    /// The first failure, if there was one.
    pub fn failure(&self) -> Option<Failure> {
        self.0.borrow().clone()
    }

    /// Waits for a failure.
    pub async fn failed(&self) -> Failure {
        let mut failures = self.0.subscribe();
        loop {
            let failure = failures.borrow_and_update().clone();
            match failure {
                Some(failure) => return failure,
                // Cannot fail: this supervisor is one of the senders.
                None => drop(failures.changed().await),
            }
        }
    }
}

/// Waits for a failure of any of `supervisors`; for ever if there are none.
pub async fn any_failed(supervisors: &[Supervisor]) -> Failure {
    if supervisors.is_empty() {
        return std::future::pending().await;
    }
    select_all(supervisors.iter().map(|supervisor| Box::pin(supervisor.failed()))).await.0
}

/// Runs `future`, the task called `task` of one stream or one connection. False if it panicked, which is logged.
pub async fn contain(task: &'static str, future: impl Future<Output = ()>) -> bool {
    match AssertUnwindSafe(future).catch_unwind().await {
        Ok(()) => true,
        Err(panic) => {
            tracing::error!(task, "task \"{task}\" panicked and has stopped: {}", message(&*panic));
            false
        }
    }
}

/// The message of a panic.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(task: &'static str, reason: &str) -> Failure {
        Failure { task, reason: reason.to_owned() }
    }

    #[tokio::test]
    async fn a_panic_of_a_spawned_task_is_noted_and_told_to_those_who_wait() {
        let supervisor = Supervisor::new();
        let waiting = tokio::spawn({
            let supervisor = supervisor.clone();
            async move { supervisor.failed().await }
        });
        tokio::spawn(supervisor.watch("first", async { panic!("no {}", 1) })).await.unwrap();
        tokio::spawn(supervisor.watch("second", async { panic!("no 2") })).await.unwrap();
        assert_eq!(waiting.await.unwrap(), failure("first", "no 1"));
        assert_eq!(supervisor.failure(), Some(failure("first", "no 1")));
        assert_eq!(supervisor.failed().await, failure("first", "no 1"), "later too");
        let said = "background task \"first\" panicked: no 1";
        assert_eq!(supervisor.failure().unwrap().to_string(), said);
    }

    #[tokio::test]
    async fn a_task_that_ends_or_is_dropped_is_no_failure() {
        let supervisor = Supervisor::new();
        supervisor.watch("ends", async {}).await;
        let dropped = tokio::spawn(supervisor.watch("dropped", std::future::pending::<()>()));
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        assert_eq!(supervisor.failure(), None);
    }

    #[tokio::test]
    async fn of_several_supervisors_the_one_that_fails_is_heard() {
        let supervisors = [Supervisor::new(), Supervisor::new()];
        supervisors[1].watch("b", async { panic!("no") }).await;
        assert_eq!(any_failed(&supervisors).await, failure("b", "no"));
        assert!(any_failed(&[]).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_contained_panic_is_told_to_its_caller_alone() {
        assert!(contain("well", async {}).await);
        assert!(!contain("broken", async { panic!("no") }).await);
    }
}
