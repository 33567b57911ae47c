//! Socket.IO events between a node and its clients (namespace `/`). Binary fields are attachments. One file per family.

pub mod name;

mod ack;
mod clock;
mod media;
mod publishing;
mod renewal;
mod state;
mod watching;

pub use ack::{Ack, Done};
pub use clock::{ClockAnswer, ClockRequest};
pub use media::{ChunkHead, DataKind, FrameName, SkipReason, Skipped, StreamingData};
pub use publishing::{BroadcastData, RegisterNewStream, SegmentAccepted, SegmentName, StreamRegistered};
pub use renewal::Renew;
pub use state::{StreamMoved, StreamRef, StreamStateChanged};
pub use watching::{RelayPath, WatchRequest, WatchStream, Watching, Welcome};
