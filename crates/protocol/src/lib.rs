//! What two Undead programs must agree on: ids, JSON bodies, Socket.IO events, grants and error codes.
//!
//! Everything here is plain data. No sockets, clocks or tasks: time comes in as a value. The prose for these
//! types is `docs/protocol.md`; a change here changes that page and the fixtures in `crates/protocol/fixtures`
//! in the same commit, because the web client mirrors them.

pub mod account;
pub mod error;
pub mod event;
pub mod export;
pub mod format;
pub mod grant;
pub mod grant_key;
pub mod id;
pub mod invitation;
pub mod item;
pub mod job;
pub mod lenient;
pub mod message;
pub mod millis;
pub mod node;
pub mod party;
pub mod rendition;
pub mod stream;
pub mod stream_key;
pub mod title;
pub mod upkeep;

pub use error::{ErrorBody, ErrorCode, WireError};
pub use format::{Format, Formats};
pub use id::{ItemId, JobId, NodeId, PartyId, StreamId};
pub use lenient::Located;
