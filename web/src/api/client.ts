// The main server's HTTP API, typed. One method per call; every failure is a CallError with the server's code, or a
// local one where no server answered.

import { CallError, wireError, type CallErrorOptions } from '../protocol/error';
import type { NodeInfo, Scaling } from '../protocol/node';
import type { Assignment, AskForNodes, CreateStream, StreamCreated, StreamId, StreamInfo } from '../protocol/stream';

/** How long a call may take before it counts as `timeout`. */
const CALL_TIMEOUT_MS = 8_000;

interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Sent as JSON, or as it is when it is a Blob. */
  body?: object | Blob;
  /** A grant, or the cluster secret of an operator. */
  credential?: string;
  signal?: AbortSignal | undefined;
}

/** A client of one main server. */
export class MainServer {
  readonly #fetch: typeof fetch;

  /** `fetcher` is the browser's `fetch` unless a test brings its own. */
  constructor(fetcher: typeof fetch = (input, init) => fetch(input, init)) {
    this.#fetch = fetcher;
  }

  /** Creates a stream; the answer holds the grant to publish to it and the nodes to use. */
  createStream(body: CreateStream, signal?: AbortSignal): Promise<StreamCreated> {
    return this.#json('/api/streams', { method: 'POST', body, signal });
  }

  /** The public streams that are live. */
  streams(signal?: AbortSignal): Promise<StreamInfo[]> {
    return this.#json('/api/streams', { signal });
  }

  /** One stream. */
  stream(id: StreamId, signal?: AbortSignal): Promise<StreamInfo> {
    return this.#json(path(id), { signal });
  }

  /** Where to watch a stream, and the grant for it. */
  watch(id: StreamId, ask: AskForNodes = {}, signal?: AbortSignal): Promise<Assignment> {
    return this.#json(`${path(id)}/watch`, { method: 'POST', body: ask, signal });
  }

  /** Where to go on publishing, after a node was lost. */
  publish(id: StreamId, grant: string, ask: AskForNodes = {}, signal?: AbortSignal): Promise<Assignment> {
    return this.#json(`${path(id)}/publish`, { method: 'POST', body: ask, credential: grant, signal });
  }

  /** Ends a stream. */
  async endStream(id: StreamId, grant: string, signal?: AbortSignal): Promise<void> {
    await this.#send(path(id), { method: 'DELETE', credential: grant, signal });
  }

  /** Replaces a stream's preview picture; at most MAX_THUMBNAIL_BYTES. */
  async putThumbnail(id: StreamId, grant: string, picture: Blob, signal?: AbortSignal): Promise<void> {
    await this.#send(`${path(id)}/thumbnail`, { method: 'PUT', body: picture, credential: grant, signal });
  }

  /** Every node, by hostname; for operators. */
  nodes(secret: string, signal?: AbortSignal): Promise<NodeInfo[]> {
    return this.#json('/api/nodes', { credential: secret, signal });
  }

  /** How many nodes the present load wants; for operators. */
  scaling(secret: string, signal?: AbortSignal): Promise<Scaling> {
    return this.#json('/api/scaling', { credential: secret, signal });
  }

  async #json<T>(url: string, request: Request): Promise<T> {
    const response = await this.#send(url, request);
    try {
      return (await response.json()) as T;
    } catch (cause) {
      throw new CallError('bad_answer', `${url} did not answer with JSON`, { cause });
    }
  }

  async #send(url: string, request: Request): Promise<Response> {
    const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
    const signal = request.signal ? AbortSignal.any([request.signal, timeout]) : timeout;
    let response: Response;
    try {
      response = await this.#fetch(url, { method: request.method ?? 'GET', signal, ...content(request) });
    } catch (cause) {
      if (timeout.aborted) throw new CallError('timeout', `${url} did not answer in time`, { cause });
      request.signal?.throwIfAborted();
      throw new CallError('unreachable', `${url} could not be reached`, { cause });
    }
    if (!response.ok) throw await refusal(url, response);
    return response;
  }
}

function path(id: StreamId): string {
  return `/api/streams/${encodeURIComponent(id)}`;
}

function content(request: Request): { headers: Record<string, string>; body?: BodyInit } {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (request.credential !== undefined) headers.authorization = `Bearer ${request.credential}`;
  if (request.body === undefined) return { headers };
  if (request.body instanceof Blob) {
    headers['content-type'] = request.body.type;
    return { headers, body: request.body };
  }
  headers['content-type'] = 'application/json';
  return { headers, body: JSON.stringify(request.body) };
}

async function refusal(url: string, response: Response): Promise<CallError> {
  const body: unknown = await response.json().catch(() => undefined);
  const error = wireError(body);
  return error
    ? new CallError(error.code, error.message, retryAfter(response))
    : new CallError('bad_answer', `${url} answered ${response.status} without saying why`);
}

function retryAfter(response: Response): CallErrorOptions {
  const seconds = Number(response.headers.get('retry-after') ?? NaN);
  return Number.isFinite(seconds) && seconds > 0 ? { retryAfterMs: seconds * 1_000 } : {};
}
