// Text messages of the WebSocket transport: a JSON array of an event's name and its payload. The fields that pages rely
// on are checked here, once. Reading never throws, whatever the input.

import { CallError, type ErrorCode } from './error';
import type {
  ChunkName,
  ClockAnswer,
  ClockRequest,
  Renew,
  Skipped,
  StreamMoved,
  StreamRef,
  StreamStateChanged,
  Watching,
} from './event';

/** Events in text messages from a node, with their payloads. */
export interface WsEvents {
  /** The first message; equals the ack of `watch_stream` over Socket.IO. */
  watching: Watching;
  stream_state: StreamStateChanged;
  skipped: Skipped;
  stream_moved: StreamMoved;
  /** The grant is about to expire, or has expired. */
  renew_grant: StreamRef;
  clock: ClockAnswer;
  /** The last message: why the node closes. */
  error: { code: ErrorCode; message: string };
}

/** One text message. */
export type WsEvent = { [E in keyof WsEvents]: { event: E; payload: WsEvents[E] } }[keyof WsEvents];

/** The message that requests the node's clock. */
export function clockMessage(request: ClockRequest): string {
  return JSON.stringify(['clock', request]);
}

/** The message that sends the node a fresh grant. */
export function renewMessage(request: Renew): string {
  return JSON.stringify(['renew', request]);
}

/** Reads one message: undefined for an event this client does not know, a `bad_answer` for an unreadable one. */
export function readEvent(text: string): WsEvent | CallError | undefined {
  const message = parse(text);
  if (!Array.isArray(message) || typeof message[0] !== 'string') return unreadable('a text that is no event');
  const [event, payload] = message as [string, unknown];
  const looksRight = SHAPES.get(event as keyof WsEvents);
  if (looksRight === undefined) return undefined;
  if (!isObject(payload) || !looksRight(payload)) return unreadable(`a ${event} that says something else`);
  return { event, payload } as unknown as WsEvent;
}

type Fields = Record<string, unknown>;

const STATES: readonly unknown[] = ['created', 'live', 'interrupted', 'ended'];

/** Whether a payload has the fields that pages rely on. */
const SHAPES = new Map<keyof WsEvents, (payload: Fields) => boolean>([
  ['watching', ({ mime, take }) => (mime === null || typeof mime === 'string') && typeof take === 'number'],
  ['stream_state', ({ state, viewers }) => STATES.includes(state) && typeof viewers === 'number'],
  ['skipped', ({ to }) => isChunkName(to)],
  ['stream_moved', ({ nodes }) => Array.isArray(nodes) && nodes.every(isNodeAddress)],
  ['renew_grant', ({ stream_id }) => typeof stream_id === 'string'],
  ['clock', ({ t0_ms, t1_ms, t2_ms }) => [t0_ms, t1_ms, t2_ms].every(Number.isFinite)],
  ['error', ({ code, message }) => typeof code === 'string' && typeof message === 'string'],
]);

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isChunkName(value: unknown): value is ChunkName {
  return isObject(value) && [value.take, value.group, value.index].every(Number.isSafeInteger);
}

function isNodeAddress(value: unknown): boolean {
  return isObject(value) && typeof value.public_url === 'string';
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(what: string): CallError {
  return new CallError('bad_answer', `the node sent ${what}`);
}
