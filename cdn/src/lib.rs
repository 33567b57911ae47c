//! The data plane of Undead: one node, which takes streams in and fans them out.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut config = cdn::Config::new("cdn-1", "http://localhost:5001");
//! config.main_servers = vec!["http://localhost:5000".into()];
//! config.cluster_secret = cdn::ClusterSecret::new(std::env::var("UNDEAD_CLUSTER_SECRET")?);
//!
//! let shutdown = tokio_util::sync::CancellationToken::new();
//! let node = cdn::Node::start(config, shutdown.clone())?; // starts background tasks on this runtime
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:5001").await?;
//! let limits = serving::Limits::for_open_files(1024);
//! serving::serve(listener, node.app(), limits, shutdown.clone()).await;
//! node.stopped().await; // connections closed, node deregistered
//! # Ok(())
//! # }
//! ```
//!
//! [`Node::router`] answers `/socket.io/`, `/ws/`, `/library/`, `/healthz`, `/readyz` and `/metrics`. To run a node behind a path, nest it there
//! (`app.nest_service("/cdn/a", node.router())`) and give it that path as its `public_url`.
//!
//! Segments enter through `ingest`, whose producer writes their frames into the [`hub`]; `egress` reads the hub with a cursor for each
//! viewer and hands chunks to a `transport`. `control` speaks with the main server; running streams do not need it.
//!
//! How long a segment takes through the node is one event at target `undead::forward`, level TRACE, with `stream`, `take`,
//! `seq`, `bytes`, `viewers` (that keep up), `behind` (viewers whose connection had no room), and two times from the arrival of its
//! last byte: `forward_us` until its chunks were queued for the connections of all these viewers, and `taken_us` until the last
//! of these connections took them to write. It costs nothing while that level is off.

mod assignments;
mod clock;
mod config;
mod connections;
mod control;
mod egress;
mod failure;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod grants;
mod http;
pub mod hub;
mod ingest;
mod invited;
mod library;
mod load;
mod lock;
mod metrics;
mod node;
mod recorder;
mod relay;
pub mod rendition;
mod renewals;
mod transport;

pub use assignments::MAX_GRANTED_RECORDINGS;
pub use cluster_client::ClusterSecret;
pub use config::{Config, Limits};
pub use grants::MAX_GRANT_BYTES;
pub use library::{MAX_FRAGMENTS, MAX_REWRITTEN, library_paths};
pub use node::{Error, Node};
pub use supervisor::Supervisor;
pub use transport::{MAX_REFUSED_SESSIONS, client_events};
