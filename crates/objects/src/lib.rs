//! Blobs named by the BLAKE3 of their bytes, and the parts of unfinished uploads.
//!
//! [`Objects`] is the handle. Its [`Location`] is a folder, a bucket of S3, or the main servers of the cluster, which have one of
//! the other two. Equal content is stored once, and a whole read verifies the name. Every call has a time limit and a bounded
//! number of retries. Nothing here knows which blobs are needed, or who may read them.

mod blob_file;
mod bucket;
mod error;
mod hash;
mod http;
mod key;
mod leftovers;
mod location;
mod main_servers;
mod objects;
mod parts;
mod pieces;
mod room;
mod store;
mod trash;

pub use blob_file::{BlobFile, Folder};
pub use error::Error;
pub use hash::Hash;
pub use location::{Bucket, Credentials, Location, MainServers};
pub use objects::{Info, Listed, Objects};
pub use parts::{Part, PartName};
pub use pieces::PIECE_BYTES;
pub use trash::Discarded;

/// Most bytes of one blob or part.
pub const MAX_BYTES: u64 = 64 << 20;
