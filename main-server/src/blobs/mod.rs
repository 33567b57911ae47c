//! The blobs of the library: nodes without an object store of their own read and write them here.

mod error;
mod range;
mod routes;

pub(crate) use routes::feature;
