// The main server's HTTP API, typed: one method per call. Every failure is a CallError with the server's code, or a
// local code if no server answered. The client obeys `Retry-After` for the whole page, and takes the server's time from
// the `Date` header.

import { anyOf } from '../browser/signals';
import { site } from '../browser/site';
import { CallError, wireError } from '../protocol/error';
import type { NodeInfo, Scaling } from '../protocol/node';
import type {
  Assignment,
  AskForNodes,
  CreateStream,
  RenewedGrant,
  SetRecording,
  StreamCreated,
  StreamId,
  StreamInfo,
} from '../protocol/stream';
import { serverEvents, type ServerEvent } from './event-stream';
import { retryAfterMs, retryGate, type RetryGate } from './retry-gate';
import { serverTime, type ServerTime } from './server-time';

/** How long a call may take before it counts as `timeout`. */
const CALL_TIMEOUT_MS = 8_000;
/** An event stream that is silent for this long is broken, because the server sends at least a comment more often. */
const SILENT_MS = 45_000;

/** One call. */
export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON; a Blob is sent unchanged. */
  body?: object | Blob;
  /** A grant or a stream key. Without one, the session is used if there is one. */
  credential?: string;
  /** Distinguishes calls to one address of which the server may refuse some for now and accept others. */
  kind?: string;
  /**
   * The call needs no session. Frames of other sites, which have none, make such calls too, and must send no custom
   * headers.
   */
  anonymous?: boolean;
  /** The type of answer wanted; JSON by default. */
  accept?: string;
  /**
   * `no-store` for long answers: otherwise browsers let the next window with the same request wait until the first
   * answer ends.
   */
  cache?: RequestCache;
  signal?: AbortSignal | undefined;
}

/** Dependencies of a client; a test passes its own. */
export interface ClientSetup {
  fetch: typeof fetch;
  gate: RetryGate;
  time: ServerTime;
}

const PAGE: ClientSetup = { fetch: (input, init) => fetch(input, init), gate: retryGate, time: serverTime };

export class MainServer {
  readonly #setup: ClientSetup;

  constructor(setup: Partial<ClientSetup> = {}) {
    this.#setup = { ...PAGE, ...setup };
  }

  /** Creates a stream, with a stream key if one is needed. The answer holds the publish grant and the nodes to use. */
  createStream(body: CreateStream, signal?: AbortSignal, streamKey?: string): Promise<StreamCreated> {
    return this.call('/api/streams', { method: 'POST', body, signal, ...bearer(streamKey) });
  }

  /** The public streams that are live. */
  streams(signal?: AbortSignal): Promise<StreamInfo[]> {
    return this.call('/api/streams', { signal });
  }

  /** Every stream that has not ended, private ones included; for operators. */
  allStreams(signal?: AbortSignal): Promise<StreamInfo[]> {
    return this.call('/api/streams?all=true', { signal });
  }

  /** One stream. For a private one, a grant is needed to learn more than its state. */
  stream(id: StreamId, grant?: string, signal?: AbortSignal): Promise<StreamInfo> {
    return this.call(path(id), { signal, ...bearer(grant) });
  }

  /** Where to watch a stream, and the grant for it. An earlier grant proves that this viewer was admitted before. */
  watch(id: StreamId, ask: AskForNodes = {}, grant?: string, signal?: AbortSignal): Promise<Assignment> {
    return this.call(`${path(id)}/watch`, { method: 'POST', body: ask, signal, anonymous: true, ...bearer(grant) });
  }

  /** Where to continue publishing after a node was lost. */
  publish(id: StreamId, grant: string, ask: AskForNodes = {}, signal?: AbortSignal): Promise<Assignment> {
    return this.call(`${path(id)}/publish`, { method: 'POST', body: ask, credential: grant, signal });
  }

  /** A fresh grant in exchange for a publish or watch grant. */
  renewGrant(id: StreamId, grant: string, signal?: AbortSignal): Promise<RenewedGrant> {
    return this.call(`${path(id)}/renew`, { method: 'POST', credential: grant, signal });
  }

  /** Ends a stream, with its publish grant or as an operator. */
  async endStream(id: StreamId, grant?: string, signal?: AbortSignal): Promise<void> {
    await this.send(path(id), { method: 'DELETE', signal, ...bearer(grant) });
  }

  /** Replaces a stream's preview picture; at most MAX_THUMBNAIL_BYTES. */
  async putThumbnail(id: StreamId, grant: string, picture: Blob, signal?: AbortSignal): Promise<void> {
    await this.send(`${path(id)}/thumbnail`, { method: 'PUT', body: picture, credential: grant, signal });
  }

  /** Starts or stops recording a stream into the library, with its publish grant or as its owner or an operator. */
  async setRecording(id: StreamId, grant: string | undefined, on: boolean): Promise<void> {
    const body: SetRecording = { on };
    await this.send(`${path(id)}/recording`, { method: 'PUT', body, ...bearer(grant) });
  }

  /** Every node, by hostname; for operators. */
  nodes(signal?: AbortSignal): Promise<NodeInfo[]> {
    return this.call('/api/nodes', { signal });
  }

  /** Removes a node that does not respond from the list; for operators. */
  async removeNode(id: string, signal?: AbortSignal): Promise<void> {
    await this.send(`/api/nodes/${encodeURIComponent(id)}`, { method: 'DELETE', signal });
  }

  /** How many nodes the current load needs; for operators. */
  scaling(signal?: AbortSignal): Promise<Scaling> {
    return this.call('/api/scaling', { signal });
  }

  /**
   * The list of streams and every change of it, or the events of another `url`. Ends when the connection breaks, when
   * it was silent for `silentMs`, or when `signal` aborts.
   *
   * @throws CallError when the server refuses, cannot be reached, or goes silent.
   */
  async *events(
    signal: AbortSignal,
    url = '/api/events',
    credential?: string,
    silentMs = SILENT_MS,
  ): AsyncGenerator<ServerEvent> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), CALL_TIMEOUT_MS);
    const alive = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silentMs);
    };
    const request: Request = {
      signal: anyOf(signal, silence.signal),
      accept: 'text/event-stream',
      cache: 'no-store',
      ...bearer(credential),
    };
    try {
      const { body } = await this.send(url, request, silence.signal);
      alive();
      if (body !== null) yield* serverEvents(body, alive);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof CallError) throw cause;
      throw new CallError('unreachable', `the connection to ${url} broke`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Makes a call whose answer is JSON. */
  async call<T>(url: string, request: Request = {}): Promise<T> {
    const response = await this.send(url, request);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw new CallError('bad_answer', `${url} did not answer with JSON`, { cause });
    }
  }

  /** Makes a call and returns the raw response. */
  async send(url: string, request: Request, timeout = AbortSignal.timeout(CALL_TIMEOUT_MS)): Promise<Response> {
    const { fetch, gate, time } = this.#setup;
    const method = request.method ?? 'GET';
    const call = `${method} ${url} ${request.kind ?? ''}`;
    gate.pass(call);
    const signal = request.signal ? anyOf(request.signal, timeout) : timeout;
    const sentMs = performance.now();
    let response: Response;
    try {
      response = await fetch(site(url), { method, signal, cache: request.cache ?? 'default', ...content(request) });
    } catch (cause) {
      if (timeout.aborted) throw new CallError('timeout', `${url} did not answer in time`, { cause });
      request.signal?.throwIfAborted();
      throw new CallError('unreachable', `${url} could not be reached`, { cause });
    }
    time.observe(response.headers.get('date'), performance.now() - sentMs);
    if (response.ok) return response;
    const why = await refusal(url, response, time.nowMs());
    gate.failed(call, why);
    throw why;
  }
}

/** The request options that send `credential`. */
export function bearer(credential: string | undefined): { credential?: string } {
  return credential === undefined ? {} : { credential };
}

function path(id: StreamId): string {
  return `/api/streams/${encodeURIComponent(id)}`;
}

function content(request: Request): { headers: Record<string, string>; body?: BodyInit } {
  const headers: Record<string, string> = { accept: request.accept ?? 'application/json' };
  if (request.credential !== undefined) headers.authorization = `Bearer ${request.credential}`;
  // Pages of other sites cannot send this header: it tells the server that a call by the session comes from this site.
  else if (request.method !== undefined && request.method !== 'GET' && !request.anonymous)
    headers['x-undead-csrf'] = '1';
  if (request.body === undefined) return { headers };
  if (request.body instanceof Blob) {
    headers['content-type'] = request.body.type;
    return { headers, body: request.body };
  }
  headers['content-type'] = 'application/json';
  return { headers, body: JSON.stringify(request.body) };
}

async function refusal(url: string, response: Response, nowMs: number): Promise<CallError> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = wireError(body);
  const waitMs = retryAfterMs(response.headers.get('retry-after'), nowMs);
  const options = waitMs === undefined ? {} : { retryAfterMs: waitMs };
  return error
    ? new CallError(error.code, error.message, {
        ...options,
        ...(error.reason === undefined ? {} : { reason: error.reason }),
      })
    : new CallError('bad_answer', `${url} answered ${response.status} without saying why`, options);
}
