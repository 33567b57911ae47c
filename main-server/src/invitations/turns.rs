//! Turns of requests that count a use of the same invitation, so that they do not conflict in the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Mutex as Turn;

use super::record::Key;

/// Most requests that wait for a turn at one invitation.
const MOST_WAITING: usize = 256;

/// The invitations whose uses are being counted. One invitation does not wait for another.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Key, Arc<Turn<()>>>>);

impl Turns {
    /// Runs `count` after the requests that came before to the same invitation.
    ///
    /// # Errors
    /// [`store::Error::Busy`] if too many wait, and those of `count`.
    pub(super) async fn take<T, E: From<store::Error>>(
        &self,
        key: &Key,
        count: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let waiting = self.enter(key).ok_or(store::Error::Busy)?;
        let _turn = waiting.turn.lock().await;
        count.await
    }

    fn enter<'a>(&'a self, key: &'a Key) -> Option<Waiting<'a>> {
        let mut turns = self.turns();
        let turn = turns.entry(key.clone()).or_default();
        // The table has a reference, too.
        let has_room = Arc::strong_count(turn) <= MOST_WAITING;
        has_room.then(|| Waiting { turns: self, key, turn: Arc::clone(turn) })
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<Key, Arc<Turn<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for its turn or has it.
struct Waiting<'a> {
    turns: &'a Turns,
    key: &'a Key,
    turn: Arc<Turn<()>>,
}

impl Drop for Waiting<'_> {
    /// The last one takes the entry out of the table.
    fn drop(&mut self) {
        let mut turns = self.turns.turns();
        // The table's and this one.
        if Arc::strong_count(&self.turn) == 2 {
            turns.remove(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::{FutureExt, future::join_all};
    use protocol::StreamId;

    use super::*;

    fn key(title: &str) -> Key {
        Key { subject: StreamId::new(title, 1).into(), invitation_id: "0a1b".into() }
    }

    #[tokio::test]
    async fn an_invitation_does_not_wait_for_another_and_a_bounded_number_for_the_same() {
        let (turns, (a, b)) = (Turns::default(), (key("a"), key("b")));
        let stalled = pending::<Result<(), store::Error>>;
        {
            let mut first = Box::pin(turns.take(&a, stalled()));
            assert!(first.as_mut().now_or_never().is_none());
            let mut others = Box::pin(join_all((1..MOST_WAITING).map(|_| turns.take(&a, stalled()))));
            assert!(others.as_mut().now_or_never().is_none());
            let refused = turns.take(&a, stalled()).now_or_never();
            assert!(matches!(refused, Some(Err(store::Error::Busy))));
            let other = turns.take(&b, ready(Ok::<_, store::Error>(())));
            assert!(matches!(other.now_or_never(), Some(Ok(()))), "it waits for no other invitation");
        }
        assert!(turns.turns().is_empty());
        assert!(turns.take(&a, ready(Ok::<_, store::Error>(()))).await.is_ok());
    }
}
