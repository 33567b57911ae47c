//! Calls of nodes and workers to the main servers of their cluster, with the cluster secret. Any main server answers: they share
//! what one of them learns.
//!
//! A caller stays with the main server that answers. One that is away (no connection, no answer in time, an error of its own) is
//! left for the next in the list. Every call has a time limit, and no answer is read beyond a bound.

mod error;
mod main_servers;
mod retry;
mod secret;

pub use error::CallError;
pub use main_servers::{Document, MainServers, Wanted};
pub use retry::retry_after;
pub use secret::ClusterSecret;
