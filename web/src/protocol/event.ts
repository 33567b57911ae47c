// Socket.IO events between a node and its clients. Mirrors crates/protocol/src/event.rs. Binary fields arrive as
// ArrayBuffers in browsers.

import type { WireError } from './error';
import type { NodeAddress, StreamId, StreamState } from './stream';

/** Name of a frame, and of the chunk that begins with it: its place in a stream, ordered as frames are sent. */
export interface ChunkName {
  /** Number of the recorder's run. */
  take: number;
  /** Index of the group in the take, from 0. */
  group: number;
  /** Index of the frame in the group, from 0. */
  index: number;
}

/** Place of a segment in a stream. */
export interface SegmentName {
  take: number;
  /** From 0. */
  seq: number;
}

/** Payload of `register_new_stream`. */
export interface RegisterNewStream {
  stream_id: StreamId;
  grant: string;
  /** The recorder's full type with codecs, as it reports it. */
  mime: string;
  take?: number;
  /** The state that an older node last returned, so that this node continues with the same names. */
  resume?: string;
}

/** Ack of `register_new_stream`. */
export interface StreamRegistered {
  /** The segment that the node expects next. */
  next_segment: number;
  viewers: number;
}

/** Payload of `broadcast_data`. */
export interface BroadcastData {
  stream_id: StreamId;
  take: number;
  seq: number;
  segment: ArrayBuffer;
  /** Server-clock time at which the newest frame of the segment was captured. */
  captured_at_ms?: number;
}

/** Ack of `broadcast_data`. */
export interface SegmentAccepted {
  have: SegmentName;
  /** Opaque: a state from which another node continues with the same chunk names. */
  resume?: string;
}

/** Payload of `end_stream`, `leave_stream`, `stream_dropped` and `renew_grant`. */
export interface StreamRef {
  stream_id: StreamId;
}

/** Payload of `renew`: a fresh grant for what the client already does. */
export interface Renew extends StreamRef {
  grant: string;
}

/** Payload of `clock`. */
export interface ClockRequest {
  t0_ms: number;
}

/** Ack of `clock`. */
export interface ClockAnswer {
  t0_ms: number;
  /** The node's clock when the request arrived, Unix epoch. */
  t1_ms: number;
  /** The node's clock when the answer left, Unix epoch. */
  t2_ms: number;
}

/** Payload of `watch_stream`. */
export interface WatchRequest {
  stream_id: StreamId;
  grant?: string;
  /** Any frame of the last chunk the viewer has: it gets what follows that chunk. */
  after?: ChunkName;
  /** The formats it can play, first choice first, with commas between them; the take's default if left out. */
  format?: string;
}

/** Ack of `watch_stream`. */
export interface Watching {
  /** Null until the current take's init segment is known. */
  mime: string | null;
  take: number;
  /** Server-clock time at which timestamp 0 of the take was captured, if known. */
  origin_time_ms: number | null;
  /** How far back the node's window reaches. */
  window_ms: number;
  /** The newest chunk when watching began; over WebSocket, missing before the first chunk. */
  newest?: ChunkName;
}

/** `streaming_data` at the start of a take. */
export interface InitData {
  stream_id: StreamId;
  kind: 'init';
  take: number;
  mime: string;
  origin_time_ms: number | null;
  data: ArrayBuffer;
}

/** `streaming_data` with one chunk. */
export interface MediaData extends ChunkName {
  stream_id: StreamId;
  kind: 'media';
  /** How many frames it holds; 1 if left out. The next chunk of the group has `index + frames`. */
  frames?: number;
  /** Whether it begins with a keyframe: a place to join. */
  key: boolean;
  /** Its first timestamp, in its take's time. */
  pts_ms: number;
  duration_ms: number;
  /** Server-clock time at which its first frame was captured, if known. */
  captured_at_ms?: number;
  data: ArrayBuffer;
}

/** Payload of `streaming_data`. */
export type StreamingData = InitData | MediaData;

/** Payload of `skipped`: the viewer will not get the chunks between these two. */
export interface Skipped {
  stream_id: StreamId;
  from: ChunkName | null;
  to: ChunkName;
  reason: 'lagged' | 'left_window';
}

/** Payload of `stream_state`. */
export interface StreamStateChanged {
  stream_id: StreamId;
  state: StreamState;
  /** On this node. */
  viewers: number;
}

/** Payload of `stream_moved`: continue at one of these nodes after your last chunk. */
export interface StreamMoved {
  stream_id: StreamId;
  nodes: NodeAddress[];
}

/** Payload and ack of each event from client to node. */
export interface NodeCalls {
  register_new_stream: [RegisterNewStream, StreamRegistered];
  broadcast_data: [BroadcastData, SegmentAccepted];
  end_stream: [StreamRef, object];
  clock: [ClockRequest, ClockAnswer];
  renew: [Renew, object];
  watch_stream: [WatchRequest, Watching];
  leave_stream: [StreamRef, object];
}

/** Payload of each event from node to client. */
export interface NodeEvents {
  streaming_data: StreamingData;
  skipped: Skipped;
  stream_state: StreamStateChanged;
  stream_moved: StreamMoved;
  /** The node stops sending the stream, which continues at other nodes. */
  stream_dropped: StreamRef;
  /** The client's grant is about to expire, or has expired. */
  renew_grant: StreamRef;
}

/** An ack: `{ ok: true, … }` or `{ ok: false, error }`. */
export type Ack<T> = ({ ok: true } & T) | { ok: false; error: WireError };
