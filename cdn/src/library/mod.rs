//! The library's media: manifests, blobs, several fragments at once, whole files and playlists of items, over plain HTTP.
//!
//! ```text
//! client ── grant for the item ─► manifest (from main servers, cached) ── names ─► blobs (from the object store, cached)
//! ```
//!
//! Every request needs a grant for the item, and a blob is served only if the manifest of that item names it. Nothing of an item is
//! kept here for good. Live media passes here only for viewers that go back ([`window`]). It comes first: what is read and sent at once is
//! bounded (see [`blobs`], [`body`]), and what is sent counts as the node's egress.

mod at_once;
mod blob;
mod blobs;
mod body;
mod byte_lru;
mod content;
mod disk;
mod file;
mod file_name;
mod files;
mod fragments;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hls;
mod main_servers;
mod manifests;
mod media;
mod refusal;
mod request;
mod respond;
mod routes;
mod selection;
mod service;
mod sound;
mod window;
mod window_routes;

pub(crate) use self::{
    at_once::AtOnce,
    disk::DiskCache,
    fragments::FRAGMENTS,
    main_servers::manifest_source,
    routes::{TAKES, routes},
    service::{Library, LibraryContext},
};
pub use self::{fragments::MAX_FRAGMENTS, routes::library_paths, sound::MAX_REWRITTEN};
