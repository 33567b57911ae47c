// Plain Socket.IO clients, written only from docs/protocol.md, without any code of the pages.
import { setTimeout } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';

export interface Created {
  stream_id: string;
  publish: { grant: string; nodes: { public_url: string }[] };
}

export interface InitData {
  kind: 'init';
  take: number;
  mime: string;
  data: Buffer;
}

export interface MediaData {
  kind: 'media';
  take: number;
  group: number;
  index: number;
  key: boolean;
  pts_ms: number;
  duration_ms: number;
  captured_at_ms?: number;
  data: Buffer;
}

export type StreamingData = { stream_id: string } & (InitData | MediaData);

export interface Ack {
  ok: boolean;
  error?: { code: string; message: string };
  [field: string]: unknown;
}

const ACK_TIMEOUT_MS = 5_000;
/** Attempts to create a stream. */
const ATTEMPTS = 10;

/** Creates a stream. Nodes of a busy machine are full for a moment: like a page, it then tries again after the time that the answer names. */
export async function createStream(baseUrl: string, title: string, more: object = {}): Promise<Created> {
  for (let attempt = 1; ; attempt++) {
    const answer = await fetch(`${baseUrl}/api/streams`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title, ...more }),
    });
    if (answer.status === 201) return (await answer.json()) as Created;
    const text = await answer.text();
    if (answer.status !== 503 || attempt === ATTEMPTS)
      throw new Error(`creating a stream answered ${answer.status}: ${text}`);
    await setTimeout(Number(answer.headers.get('retry-after') ?? 1) * 1000);
  }
}

export async function connectTo(
  baseUrl: string,
  publicUrl: string,
  transports: ('polling' | 'websocket')[] = ['polling', 'websocket'],
): Promise<Socket> {
  const url = new URL(publicUrl, baseUrl);
  const socket = io(url.origin, {
    path: `${url.pathname}/socket.io/`,
    transports,
    forceNew: true,
    reconnection: false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
}

export async function call(socket: Socket, event: string, payload: unknown): Promise<Ack> {
  return (await socket.timeout(ACK_TIMEOUT_MS).emitWithAck(event, payload)) as Ack;
}

/** A viewer that keeps everything it receives, in order. */
export class Collector {
  readonly received: StreamingData[] = [];
  readonly states: string[] = [];
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('streaming_data', (data: StreamingData) => this.received.push(data));
    socket.on('stream_state', ({ state }: { state: string }) => this.states.push(state));
  }

  get media(): MediaData[] {
    return this.received.filter((data): data is StreamingData & MediaData => data.kind === 'media');
  }

  /** All bytes in order of arrival: a file that any player must accept. */
  file(): Buffer {
    return Buffer.concat(this.received.map(({ data }) => data));
  }
}
