//! The control plane of Undead: nodes, live streams, the choice of nodes for clients, and permissions.
//!
//! It serves the HTTP API of `docs/http-api.md` and the web pages. No live media passes through it. A process uses it
//! in four steps:
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! use main_server::{App, Config};
//! use tokio_util::sync::CancellationToken;
//!
//! // 1. Open: data folder, secrets, store. Streams of an earlier run are known again.
//! let app = App::open(Config::new("data")).await?;
//! // 2. Take what the process needs: a router with its state applied, to merge with others, and the cluster secret
//! //    for nodes in the same process.
//! let router: axum::Router = app.router(); // .nest("/cdn/a", node_router)
//! let secret = app.cluster_secret().clone();
//! // 3. Run what happens without a request (leases, deadlines, saving), owned by the caller. When `shutdown` is
//! //    cancelled it saves what is left, ends the event streams and returns.
//! let shutdown = CancellationToken::new();
//! let upkeep = tokio::spawn(app.run(shutdown.clone()));
//! // 4. Serve, with the peers' addresses: without them there are no limits per address.
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:5000").await?;
//! serving::serve(listener, router, serving::Limits::for_open_files(1024), shutdown).await;
//! upkeep.await?;
//! # Ok(())
//! # }
//! ```
//!
//! Inside, each folder that has a function `feature`, which `app` calls, is a feature with its routes and its errors. They
//! share `state`: the catalogue of streams and the registry of nodes (pure, time is an argument), behind one lock and in
//! sync with the [`store`]. `events` has the events of listeners, `cluster` the messages between main servers, `api` what
//! all routes share.

// Tests in here use what those in `tests` do.
#[cfg(test)]
extern crate self as main_server;

mod accounts;
mod api;
mod app;
mod audit;
mod auth;
pub mod backup;
/// Fixed bounds of requests.
pub mod bounds {
    pub use crate::{
        api::{BODY_BYTES, REQUEST_TIMEOUT, extract::JSON_DEPTH},
        auth::PASSPHRASE_CHARS,
        jobs::bounds::{
            JOB_LISTENERS, JOB_PIECES, JOBS_KEPT, JOBS_KEPT_PER_ACCOUNT, JOBS_MEASURING, JOBS_PICTURING,
            WORKER_BYTES,
        },
        library::bounds::ITEM_LISTENERS,
        nodes::routes::HEARTBEAT_BYTES,
        parties::bounds::{
            PARTIES_INVITATIONS, PARTIES_MADE, PARTY_COMMANDS, PARTY_ENTRY_LOOK_UPS, PARTY_INVITATIONS,
            PARTY_JOINS, PARTY_LOOK_UPS, PARTY_MEMBERS_OF_ACCOUNT, PARTY_MESSAGES, PARTY_PEOPLE,
            PARTY_QUESTIONS, PARTY_QUEUE, PARTY_QUEUE_OF_FORMER, PARTY_QUEUE_OF_MEMBER, PARTY_READS,
        },
        recordings::REPORT_BYTES,
        uploads::{
            MAX_RECEIVING, MAX_UPLOADS,
            record::{IDLE_MS, MAX_WRITERS, PART_BYTES},
        },
    };
}
mod blobs;
mod broadcasters;
mod clock;
mod cluster;
mod config;
mod data_folder;
mod disk;
mod events;
mod feature;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod grant_keys;
mod health;
mod invitations;
mod jobs;
mod library;
mod local;
mod metrics;
mod nodes;
#[cfg(test)]
mod notes;
mod pages;
mod parties;
mod private_file;
mod recordings;
mod scaling;
mod state;
mod stream_keys;
mod streams;
mod subject;
mod uploads;

pub use app::{App, StartError};
pub use auth::Secret;
pub use config::{
    AccountLimits, Config, JobLimits, LibraryLimits, Limits, PartyLimits, Thresholds, UploadLimits,
};
pub use data_folder::{DataFolder, Error as DataFolderError};
pub use local::{Local, Socket};
pub use pages::FrameAncestors;
pub use store::{Engine, NatsAccess, NatsServer};
