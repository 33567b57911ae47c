//! What a main server does when the store takes nothing and the journal does, and who brings it to the store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use protocol::{StreamId, stream::StreamState};
use reqwest::StatusCode;
use store::{Entry, Error, Journal, Revision};

use super::{Cluster, Member, until};

/// A journal in memory, whose servers never die.
#[derive(Default)]
pub(super) struct InMemory(Mutex<(u64, BTreeMap<String, Entry>)>);

impl InMemory {
    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().1.is_empty()
    }
}

#[async_trait]
impl Journal for InMemory {
    async fn append(&self, key: &str, value: Bytes, is_new: bool) -> Result<Revision, Error> {
        let (last, entries) = &mut *self.0.lock().unwrap();
        if is_new && entries.contains_key(key) {
            return Err(Error::Conflict);
        }
        *last += 1;
        let revision = Revision(*last);
        entries.insert(key.to_owned(), Entry { key: key.to_owned(), value, revision, lease: None });
        Ok(revision)
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, Error> {
        Ok(self.0.lock().unwrap().1.get(key).cloned())
    }

    async fn oldest(&self, limit: usize) -> Result<Vec<Entry>, Error> {
        Ok(self.0.lock().unwrap().1.values().take(limit).cloned().collect())
    }

    fn is_writable(&self) -> bool {
        true
    }

    async fn remove(&self, key: &str, revision: Revision) -> Result<(), Error> {
        self.0.lock().unwrap().1.retain(|there, entry| there != key || entry.revision > revision);
        Ok(())
    }
}

/// `a` creates a stream and ends another while it cannot write to the store.
async fn create_and_end(a: &Member) -> (StreamId, StreamId) {
    a.node("a").await;
    let ends = a.create("ends").await.stream_id;
    a.connection.fill();
    let begins = a.create("begins").await.stream_id;
    assert_eq!(a.end(ends).await.status, StatusCode::NO_CONTENT);
    assert_eq!(a.state(begins).await, Some(StreamState::Created));
    assert!(a.is_ready().await, "clients may be sent to it");
    (begins, ends)
}

async fn knows(server: &Member, begins: StreamId, ends: StreamId) -> bool {
    server.state(begins).await == Some(StreamState::Created)
        && server.state(ends).await == Some(StreamState::Ended)
}

#[tokio::test]
async fn what_the_store_cannot_take_is_promised_and_known_to_all_and_saved_by_who_wrote_it() {
    let journal = Arc::new(InMemory::default());
    let cluster = Cluster::with(Arc::clone(&journal)).await;
    let (a, b) = cluster.pair().await;
    let (begins, ends) = create_and_end(&a).await;
    until("b is told", async || knows(&b, begins, ends).await).await;
    assert!(!journal.is_empty());

    a.connection.mend();
    until("it is in the store", async || journal.is_empty()).await;
    assert!(!a.parts.view.has_unsaved());
    let late = cluster.member(|_| {}).await;
    assert!(knows(&late, begins, ends).await);
    assert_eq!(a.end(begins).await.status, StatusCode::NO_CONTENT);
    until("all know", async || late.state(begins).await == Some(StreamState::Ended)).await;
}

#[tokio::test]
async fn what_a_server_that_died_left_in_the_journal_is_saved_by_another() {
    let journal = Arc::new(InMemory::default());
    let cluster = Cluster::with(Arc::clone(&journal)).await;
    let a = cluster.member(|_| {}).await;
    let (begins, ends) = create_and_end(&a).await;
    drop(a);
    let b = cluster.member(|_| {}).await;
    assert!(knows(&b, begins, ends).await, "it starts with what is in the journal");
    until("it is in the store", async || journal.is_empty()).await;
    let late = cluster.member(|_| {}).await;
    assert!(knows(&late, begins, ends).await);
}

#[tokio::test]
async fn what_a_server_did_not_hear_of_is_found_in_the_journal() {
    let journal = Arc::new(InMemory::default());
    let cluster = Cluster::with(Arc::clone(&journal)).await;
    let (a, b) = cluster.pair().await;
    b.connection.deafen();
    let (begins, ends) = create_and_end(&a).await;
    drop(a);
    until("b finds it", async || knows(&b, begins, ends).await).await;
    b.connection.mend();
    until("and saves it", async || journal.is_empty()).await;
}
