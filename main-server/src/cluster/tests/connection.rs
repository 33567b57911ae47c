//! One main server's way to a store that it shares with others; it can be cut.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, future, stream::BoxStream};
use supervisor::Supervisor;
use tokio::sync::watch;

use store::{
    Bus, Entry, Error, Expect, Health, Kv, LeaseWatch, Namespace, Page, Revision, Store, Subject, Watch,
};

/// See the [module](self).
pub(super) struct Connection {
    inner: Store,
    health: watch::Sender<Health>,
    deaf: Arc<AtomicBool>,
    blind: Arc<AtomicBool>,
    loses_answers: AtomicBool,
    watchable: watch::Sender<bool>,
}

impl Connection {
    pub(super) fn new(inner: Store) -> Self {
        let health = watch::Sender::new(Health::GOOD);
        let watchable = watch::Sender::new(true);
        Self {
            inner,
            health,
            deaf: Arc::default(),
            blind: Arc::default(),
            loses_answers: AtomicBool::default(),
            watchable,
        }
    }

    /// The store as this server sees it.
    pub(super) fn store(self: &Arc<Self>) -> Store {
        Store { kv: Arc::<Self>::clone(self), bus: Arc::<Self>::clone(self), supervisor: Supervisor::new() }
    }

    /// The servers of the store cannot be reached: no answer, no change, no message comes through.
    pub(super) fn cut(&self) {
        self.health.send_replace(Health { writable: false, connected: false });
    }

    /// The store can be read, but not written: its disk is full.
    pub(super) fn fill(&self) {
        self.health.send_replace(Health { writable: false, connected: true });
    }

    /// No message of another main server comes through.
    pub(super) fn deafen(&self) {
        self.deaf.store(true, SeqCst);
    }

    /// No watch shows a change that another main server makes.
    pub(super) fn blind(&self) {
        self.blind.store(true, SeqCst);
    }

    /// What is written is stored, but no answer says so.
    pub(super) fn lose_answers(&self) {
        self.loses_answers.store(true, SeqCst);
    }

    /// Who serves the watches of the store has died, and nobody takes its place; all else works.
    pub(super) fn end_watches(&self) {
        self.watchable.send_replace(false);
    }

    /// Everything works again, but what was not seen stays so.
    pub(super) fn mend(&self) {
        self.blind.store(false, SeqCst);
        self.deaf.store(false, SeqCst);
        self.loses_answers.store(false, SeqCst);
        self.watchable.send_replace(true);
        self.health.send_replace(Health::GOOD);
    }

    fn reach(&self) -> Result<&dyn Kv, Error> {
        let connected = self.health.borrow().connected;
        connected.then_some(&*self.inner.kv).ok_or_else(|| Error::Unavailable("cut".into()))
    }

    fn write(&self) -> Result<&dyn Kv, Error> {
        let writable = self.health.borrow().writable;
        writable.then_some(&*self.inner.kv).ok_or_else(|| Error::Unavailable("full".into()))
    }
}

#[async_trait]
impl Kv for Connection {
    async fn get(&self, namespace: Namespace, key: &str) -> Result<Option<Entry>, Error> {
        self.reach()?.get(namespace, key).await
    }

    async fn entries(&self, namespace: Namespace, prefix: &str) -> Result<Vec<Entry>, Error> {
        self.reach()?.entries(namespace, prefix).await
    }

    async fn page(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        self.reach()?.page(namespace, prefix, after, limit).await
    }

    async fn snapshot(&self) -> Result<Vec<(Namespace, Entry)>, Error> {
        self.reach()?.snapshot().await
    }

    async fn set(
        &self,
        namespace: Namespace,
        key: &str,
        value: Bytes,
        lease: Option<Duration>,
        expect: Option<Expect>,
    ) -> Result<Revision, Error> {
        let written = self.write()?.set(namespace, key, value, lease, expect).await;
        if self.loses_answers.load(SeqCst) {
            return Err(Error::Unavailable("the answer was lost".into()));
        }
        written
    }

    async fn delete(&self, namespace: Namespace, key: &str, expect: Option<Revision>) -> Result<(), Error> {
        self.write()?.delete(namespace, key, expect).await
    }

    async fn watch(
        &self,
        namespace: Namespace,
        prefix: &str,
        after: Option<Revision>,
    ) -> Result<Watch, Error> {
        let mut watchable = self.watchable.subscribe();
        if !*watchable.borrow() {
            return Err(Error::Unavailable("nobody serves the watch".into()));
        }
        let watch = self.reach()?.watch(namespace, prefix, after).await?;
        let mut health = self.health.subscribe();
        let cut = async move {
            // A connection that is gone is cut too.
            tokio::select! {
                _ = health.wait_for(|health| !health.connected) => {}
                _ = watchable.wait_for(|watchable| !watchable) => {}
            }
        };
        let blind = Arc::clone(&self.blind);
        let seen = watch.filter(move |_| future::ready(!blind.load(SeqCst)));
        Ok(seen.take_until(Box::pin(cut)).boxed())
    }

    async fn leases(&self) -> Result<LeaseWatch, Error> {
        let leased = self.reach()?.leases().await?;
        let mut health = self.health.subscribe();
        let cut = async move { drop(health.wait_for(|health| !health.connected).await) };
        Ok(leased.take_until(Box::pin(cut)).boxed())
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }
}

#[async_trait]
impl Bus for Connection {
    async fn publish(&self, subject: Subject, message: Bytes) -> Result<(), Error> {
        self.reach()?;
        self.inner.bus.publish(subject, message).await
    }

    async fn subscribe(&self, subject: Subject) -> Result<BoxStream<'static, Bytes>, Error> {
        self.reach()?;
        let (health, deaf) = (self.health.subscribe(), Arc::clone(&self.deaf));
        let messages = self.inner.bus.subscribe(subject).await?;
        let comes_through = move |_: &Bytes| future::ready(health.borrow().connected && !deaf.load(SeqCst));
        Ok(messages.filter(comes_through).boxed())
    }

    fn is_alone(&self) -> bool {
        false
    }
}
