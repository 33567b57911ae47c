//! One suite for both engines: what the store promises, on a SQLite file, on SQLite in memory, on a NATS server and on a
//! cluster of three.
//!
//! Engines that pass agree with each other. Every check uses keys of its own, so that all of them can use one store.
//!
//! What leases promise depends on the time that passes. Where everything happens in this process, its clock stands still while anything
//! works, so that a slow machine misses no renewal.

mod bus;
mod kv;
mod queue;
mod replicated;

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use nats_harness::Servers;
use store::{Engine, Kv, Namespace, Store};

pub(crate) use self::kv::{increment, number};

/// Longest that anything here may take; what is awaited is always a condition.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Namespaces of the checks.
pub(crate) const STREAMS: Namespace = Namespace::new("streams");
pub(crate) const NODES: Namespace = Namespace::new("nodes");
pub(crate) const SETTINGS: Namespace = Namespace::new("settings");

/// Several handles to one store, as several processes have them.
struct Subject {
    handles: Vec<Store>,
    /// Random sequences to try.
    sequences: u32,
    checks: AtomicU32,
}

impl Subject {
    fn kv(&self) -> &dyn Kv {
        &*self.handles[0].kv
    }

    /// One of the handles, in turn.
    fn handle(&self, number: usize) -> &Store {
        &self.handles[number % self.handles.len()]
    }

    /// A prefix for the keys of one check.
    fn prefix(&self) -> String {
        format!("{}:", self.checks.fetch_add(1, Ordering::Relaxed))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Engine::Sqlite, folder.path()).await.unwrap();
    keeps_the_contract(&Subject { handles: vec![store], sequences: 30, checks: 0.into() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_in_memory_keeps_the_contract() {
    let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
    keeps_the_contract(&Subject { handles: vec![store], sequences: 100, checks: 0.into() }).await;
}

#[tokio::test(start_paused = true)]
async fn sqlite_in_a_file_keeps_leases() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Engine::Sqlite, folder.path()).await.unwrap();
    keeps_leases(&Subject { handles: vec![store], sequences: 0, checks: 0.into() }).await;
}

#[tokio::test(start_paused = true)]
async fn sqlite_in_memory_keeps_leases() {
    let store = Store::open(&Engine::SqliteInMemory, Path::new("unused")).await.unwrap();
    keeps_leases(&Subject { handles: vec![store], sequences: 0, checks: 0.into() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nats_server_keeps_the_contract() {
    let servers = Servers::start(1).unwrap();
    let subject = Subject { handles: nats(&servers, 2).await, sequences: 20, checks: 0.into() };
    keeps_the_contract(&subject).await;
    keeps_leases(&subject).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_three_keeps_the_contract() {
    let servers = Servers::start(3).unwrap();
    let subject = Subject { handles: nats(&servers, 3).await, sequences: 8, checks: 0.into() };
    keeps_the_contract(&subject).await;
    keeps_leases(&subject).await;
}

pub(crate) async fn nats(servers: &Servers, count: usize) -> Vec<Store> {
    let engine = servers.urls().parse().unwrap();
    let open = || Store::open(&engine, Path::new("unused"));
    join_all((0..count).map(|_| open())).await.into_iter().map(Result::unwrap).collect()
}

async fn keeps_the_contract(subject: &Subject) {
    kv::keeps_the_contract(subject).await;
    bus::messages_reach_every_subscriber(subject).await;
    replicated::keeps_the_contract(subject).await;
    queue::keeps_the_contract(subject).await;
}

async fn keeps_leases(subject: &Subject) {
    kv::leases_end_unless_they_are_renewed(subject).await;
    queue::a_task_whose_lease_ends_is_another_workers(subject).await;
}
