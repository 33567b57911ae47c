//! Event names, as on the wire.

/// Broadcaster → node: [`super::RegisterNewStream`].
pub const REGISTER_NEW_STREAM: &str = "register_new_stream";
/// Broadcaster → node: [`super::BroadcastData`].
pub const BROADCAST_DATA: &str = "broadcast_data";
/// Broadcaster → node: [`super::StreamRef`].
pub const END_STREAM: &str = "end_stream";
/// Client → node: [`super::ClockRequest`].
pub const CLOCK: &str = "clock";
/// Client → node: [`super::Renew`]. Over a WebSocket the node answers with an event of the same name.
pub const RENEW: &str = "renew";
/// Node → client: [`super::StreamRef`]. The client's grant is about to expire, or has expired.
pub const RENEW_GRANT: &str = "renew_grant";
/// Viewer → node: [`super::WatchStream`] or a bare stream id.
pub const WATCH_STREAM: &str = "watch_stream";
/// Viewer → node: [`super::StreamRef`].
pub const LEAVE_STREAM: &str = "leave_stream";
/// Node → viewer: [`super::StreamingData`].
pub const STREAMING_DATA: &str = "streaming_data";
/// Node → viewer: [`super::Skipped`].
pub const SKIPPED: &str = "skipped";
/// Node → viewer and broadcaster: [`super::StreamStateChanged`].
pub const STREAM_STATE: &str = "stream_state";
/// Node → viewer: [`super::StreamMoved`].
pub const STREAM_MOVED: &str = "stream_moved";
/// Socket.IO only, node → viewer: [`super::StreamRef`]. The node stops sending the stream, which is not over. A WebSocket
/// gets [`ERROR`] with [`crate::ErrorCode::StreamDropped`] instead.
pub const STREAM_DROPPED: &str = "stream_dropped";
/// Viewer and relaying node → node: the next frame should be a keyframe. Over Socket.IO with [`super::StreamRef`], over a
/// WebSocket without fields.
pub const REQUEST_KEYFRAME: &str = "request_keyframe";
/// Node → broadcaster: [`super::StreamRef`]. A reader needs a keyframe.
pub const KEYFRAME_WANTED: &str = "keyframe_wanted";
/// WebSocket only, node → client, the first message: [`super::Welcome`].
pub const WATCHING: &str = "watching";
/// WebSocket only, node → client, before it closes the connection: [`crate::WireError`].
pub const ERROR: &str = "error";
/// WebSocket only, node → relaying node: [`super::RelayPath`].
pub const RELAY_PATH: &str = "relay_path";
