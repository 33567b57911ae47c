// Keeps the types of this folder equal to the messages that Rust reads and writes (crates/protocol/tests/fixtures.rs):
// each message is repeated here, so that the compiler checks its type, and compared with the fixture file.

import { expect, test } from 'vitest';
import messages from '../../../crates/protocol/fixtures/messages.json';
import type { WireError } from './error';
import type {
  MediaData,
  RegisterNewStream,
  SegmentAccepted,
  Skipped,
  StreamMoved,
  StreamRef,
  StreamRegistered,
  StreamStateChanged,
  WatchRequest,
  Watching,
} from './event';
import type { AskForNodes, CreateStream, SetRecording, StreamCreated, StreamInfo } from './stream';

const STREAM = '0123456789abcdef0123456789abcdef';
const ITEM = '00112233445566778899aabbccddeeff';

/** The fields of `streaming_data` that describe a chunk. */
type MediaHead = Omit<MediaData, 'stream_id' | 'data'>;

const typed = {
  create_stream: {
    title: 'Slides',
    visibility: 'private',
    passphrase: 'open sesame',
    record: true,
  } satisfies CreateStream,
  stream_created: {
    stream_id: STREAM,
    title: 'Slides',
    watch_url: '/view/0123456789abcdef0123456789abcdef',
    publish: {
      grant: 'header.claims.signature',
      nodes: [{ public_url: '/cdn/a' }, { public_url: 'https://b.example/cdn' }],
    },
    recording: ITEM,
  } satisfies StreamCreated,
  set_recording: { on: true } satisfies SetRecording,
  ask_for_nodes: { passphrase: 'open sesame', avoid: ['/cdn/a'] } satisfies AskForNodes,
  stream_info: {
    stream_id: STREAM,
    title: 'Slides',
    started_at_ms: 1700000000000,
    viewers: 3,
    state: 'live',
    mime: 'video/webm;codecs="vp9,opus"',
    thumbnail_url: '/api/streams/0123456789abcdef0123456789abcdef/thumbnail?v=2',
    recording: ITEM,
  } satisfies StreamInfo,
  stream_info_before_media: {
    stream_id: STREAM,
    title: 'Slides',
    started_at_ms: 1700000000000,
    viewers: 0,
    state: 'created',
    mime: null,
  } satisfies StreamInfo,
  error_body: {
    error: { code: 'segment_gap', message: 'segment 7 came before segment 5; send that first' },
  } satisfies { error: WireError },
  register_new_stream: {
    stream_id: STREAM,
    grant: 'header.claims.signature',
    mime: 'video/webm;codecs=vp9,opus',
    take: 1,
    resume: 'b3BhcXVl',
  } satisfies RegisterNewStream,
  stream_registered: { next_segment: 42, viewers: 3 } satisfies StreamRegistered,
  segment_accepted: { have: { take: 1, seq: 41 }, resume: 'b3BhcXVl' } satisfies SegmentAccepted,
  watch_request: {
    stream_id: STREAM,
    grant: 'header.claims.signature',
    after: { take: 1, group: 7, index: 2 },
    format: 'mp4,webm',
  } satisfies WatchRequest,
  media: {
    kind: 'media',
    take: 1,
    group: 7,
    index: 2,
    key: false,
    pts_ms: 41000,
    duration_ms: 250,
  } satisfies MediaHead,
  media_of_frames: {
    kind: 'media',
    take: 1,
    group: 7,
    index: 0,
    frames: 13,
    key: true,
    pts_ms: 41000,
    duration_ms: 250,
    captured_at_ms: 1700000041123,
  } satisfies MediaHead,
  watching: { mime: null, take: 1, origin_time_ms: 1700000000000, window_ms: 30000 } satisfies Watching,
  skipped: {
    stream_id: STREAM,
    from: { take: 1, group: 7, index: 2 },
    to: { take: 1, group: 12, index: 0 },
    reason: 'lagged',
  } satisfies Skipped,
  stream_state: { stream_id: STREAM, state: 'interrupted', viewers: 3 } satisfies StreamStateChanged,
  stream_moved: { stream_id: STREAM, nodes: [{ public_url: '/cdn/b' }] } satisfies StreamMoved,
  stream_dropped: { stream_id: STREAM } satisfies StreamRef,
};

test('the types match what Rust reads and writes', () => {
  expect(typed).toEqual(messages);
});
