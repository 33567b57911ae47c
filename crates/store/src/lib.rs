//! What outlives a process and what several processes share, behind two small contracts: [`Kv`] keeps entries, [`Bus`]
//! passes messages on. Features are written once against them; the [`Engine`] behind them is chosen at the start.
//!
//! The store knows no feature: a module that stores records has a [`Namespace`] of its own.

mod bus;
pub mod contention;
mod engine;
mod kv;
pub mod leases;
mod namespace;
mod nats;
pub mod queue;
mod replicated;
mod sqlite;

use std::{path::Path, sync::Arc};

use supervisor::Supervisor;
use tokio::task::spawn_blocking;

use self::{
    bus::InProcess,
    nats::{Nats, NatsBus},
    sqlite::Sqlite,
};
pub use self::{
    bus::{Bus, MAX_MESSAGE_BYTES, Subject},
    engine::Engine,
    kv::{
        Entry, Error, Event, Expect, Health, Kv, LeaseWatch, Leased, MAX_KEY_BYTES, MAX_VALUE_BYTES, Page,
        Revision, Watch,
    },
    namespace::Namespace,
    nats::{NatsAccess, NatsServer},
    queue::Queue,
    replicated::{Change, Host, Record, Replica, Replicated, Shared},
};

/// The store's file in the data folder.
const FILE: &str = "main-server.sqlite3";

/// A store that is open.
#[derive(Clone)]
pub struct Store {
    /// Keeps entries.
    pub kv: Arc<dyn Kv>,
    /// Passes messages on.
    pub bus: Arc<dyn Bus>,
    /// Knows whether a task of the engine has panicked.
    pub supervisor: Supervisor,
}

impl Store {
    /// Opens the store, making it if it is missing. `data_dir` is there already.
    ///
    /// # Errors
    /// [`Error::Unavailable`] says why it cannot be used, [`Error::TooNew`].
    pub async fn open(engine: &Engine, data_dir: &Path) -> Result<Self, Error> {
        let supervisor = Supervisor::new();
        match engine {
            Engine::Sqlite => {
                let (path, watching) = (data_dir.join(FILE), supervisor.clone());
                let opened = spawn_blocking(move || Sqlite::open(&path, &watching)).await;
                let sqlite = opened.map_err(|panic| Error::Unavailable(panic.to_string()))??;
                Ok(Self::alone(sqlite, supervisor))
            }
            Engine::SqliteInMemory => Ok(Self::alone(Sqlite::in_memory(&supervisor)?, supervisor)),
            Engine::Nats(servers, access) => {
                let nats = Nats::open(servers, access, &supervisor).await?;
                Ok(Self { bus: Arc::new(NatsBus::new(Arc::clone(&nats))), kv: nats, supervisor })
            }
        }
    }

    /// Every entry of a store that is there already. Nothing is made, migrated or written, so it may be read while main
    /// servers of another version use it.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::TooOld`], [`Error::TooNew`], and [`Error::Unavailable`] if it cannot be read.
    pub async fn read(engine: &Engine, data_dir: &Path) -> Result<Vec<(Namespace, Entry)>, Error> {
        match engine {
            Engine::Sqlite => {
                let path = data_dir.join(FILE);
                let read = spawn_blocking(move || sqlite::read(&path)).await;
                read.map_err(|panic| Error::Unavailable(panic.to_string()))?
            }
            Engine::SqliteInMemory => Err(Error::Missing("a memory that ends with its process".into())),
            Engine::Nats(servers, access) => {
                Nats::open_existing(servers, access, &Supervisor::new()).await?.snapshot().await
            }
        }
    }

    fn alone(kv: Sqlite, supervisor: Supervisor) -> Self {
        Self { kv: Arc::new(kv), bus: Arc::new(InProcess::default()), supervisor }
    }
}
