// Binary messages of the WebSocket transport: a small fixed header and the media bytes. Mirrors
// crates/protocol/src/message.rs; the layout is in docs/protocol.md. Reading never throws, whatever the input.

import { CallError } from './error';
import type { InitData, MediaData } from './event';
import type { StreamId } from './stream';

/** First byte of an init segment, and of a chunk. */
const INIT = 1;
const MEDIA = 2;
/** Flags: the chunk begins with a keyframe; the chunk's capture time, or the take's origin time, is known. */
const KEY = 1;
const TIMED = 2;
/** Bytes before an init segment's type, and before a chunk's data. */
const INIT_HEAD_BYTES = 24;
const MEDIA_HEAD_BYTES = 52;
/** Header length of chunks from earlier nodes, which do not count frames. */
const UNCOUNTED_HEAD_BYTES = 48;
/** Longest type in an init segment. */
const MAX_MIME_BYTES = 256;

/** Reads one message of `streamId`. Unreadable messages give a `bad_answer` with the reason. */
export function readMessage(streamId: StreamId, message: ArrayBuffer): InitData | MediaData | CallError {
  const bytes = message.byteLength;
  if (bytes < INIT_HEAD_BYTES) return unreadable(`${bytes} bytes are too short for a header`);
  const view = new DataView(message);
  const kind = view.getUint8(0);
  if (kind !== INIT && kind !== MEDIA) return unreadable(`it is of the unknown kind ${kind}`);
  const headBytes = view.getUint16(2);
  const least = kind === INIT ? INIT_HEAD_BYTES : UNCOUNTED_HEAD_BYTES;
  if (headBytes < least || bytes < headBytes) return unreadable(`${bytes} bytes are too short for its header`);
  const data = message.slice(headBytes);
  const head = { stream_id: streamId, data };
  return kind === INIT ? initOf(view, headBytes, head) : mediaOf(view, headBytes, head);
}

type Head = Pick<MediaData, 'stream_id' | 'data'>;

function initOf(view: DataView, headBytes: number, head: Head): InitData | CallError {
  const mime = textOf(view.buffer, INIT_HEAD_BYTES, headBytes);
  const take = Number(view.getBigUint64(8));
  const originTimeMs = isTimed(view) ? Number(view.getBigInt64(16)) : null;
  if (mime === undefined) return unreadable('it names no readable type');
  if (!areExact([take, originTimeMs ?? 0])) return unreadable('its numbers are too large');
  return { ...head, kind: 'init', take, mime, origin_time_ms: originTimeMs };
}

function mediaOf(view: DataView, headBytes: number, head: Head): MediaData | CallError {
  const [take = 0, group = 0, pts_ms = 0, duration_ms = 0] = [8, 16, 24, 32].map((at) => Number(view.getBigUint64(at)));
  const capturedAtMs = isTimed(view) ? Number(view.getBigInt64(40)) : undefined;
  const frames = headBytes < MEDIA_HEAD_BYTES ? 1 : view.getUint32(MEDIA_HEAD_BYTES - 4);
  if (!areExact([take, group, pts_ms, duration_ms, capturedAtMs ?? 0])) return unreadable('its numbers are too large');
  return {
    ...head,
    kind: 'media',
    take,
    group,
    index: view.getUint32(4),
    ...(frames > 1 ? { frames } : {}),
    key: (view.getUint8(1) & KEY) !== 0,
    pts_ms,
    duration_ms,
    ...(capturedAtMs === undefined ? {} : { captured_at_ms: capturedAtMs }),
  };
}

function isTimed(view: DataView): boolean {
  return (view.getUint8(1) & TIMED) !== 0;
}

/** Whether all numbers fit exactly into a double. */
function areExact(numbers: readonly number[]): boolean {
  return numbers.every(Number.isSafeInteger);
}

function textOf(buffer: ArrayBufferLike, from: number, to: number): string | undefined {
  if (to - from > MAX_MIME_BYTES) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(buffer, from, to - from));
  } catch {
    return undefined;
  }
}

function unreadable(why: string): CallError {
  return new CallError('bad_answer', `the node sent a message that cannot be read: ${why}`);
}
