// Items, nodes and a media element for tests: no network, no clock. A fragment's bytes tell which time they cover.

import type { BlobName, Manifest, TakeFormat } from '../protocol/item';
import { ItemAccess } from './access';
import type { Attach, Buffer, Media, Source } from './player/media';

export const ITEM_ID = '0123456789abcdef0123456789abcdef';
const FRAGMENT_MS = 10_000;
const END = '!';

/** A name in the form of a hash. */
export function hashOf(name: string): string {
  return [...new TextEncoder().encode(name)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .padEnd(64, '0');
}

/** All blobs of an item by hash, like an object store. */
export class FakeStore {
  readonly blobs = new Map<string, Uint8Array<ArrayBuffer>>();

  put(name: string, bytes: Uint8Array<ArrayBuffer>): BlobName {
    const hash = hashOf(name);
    this.blobs.set(hash, bytes);
    return { hash, bytes: bytes.byteLength };
  }

  /** A take of `count` fragments of 10 s that begins at `offsetMs`, written in the type `mime`. */
  take(name: string, mime: string, count: number, { offsetMs = 0, bytes = 1000, hasInit = true } = {}): TakeFormat {
    const fragments = Array.from({ length: count }, (_, n) => {
      const startMs = n * FRAGMENT_MS;
      const text = `${startMs},${startMs + FRAGMENT_MS};`;
      const padded = new TextEncoder().encode(text.padEnd(bytes - 1, '.') + END);
      return { ...this.put(`${name}${n}`, padded), start_ms: startMs + offsetMs, duration_ms: FRAGMENT_MS };
    });
    const init = hasInit ? { init: this.put(`${name}-init`, new TextEncoder().encode(`init ${mime}`)) } : {};
    return { mime, ...init, fragments };
  }
}

/** How a fake node responds to a request for a blob. */
export type Fate = { dieAfter: number } | { hangAfter: number } | { refuse: { status: number; code: string } };

/** Nodes that serve one store. */
export class FakeNodes {
  /** Requests so far: node, hash and first byte. */
  readonly asked: { node: string; hash: string; from: number }[] = [];
  /** The responses to the next requests, by node. */
  readonly fates = new Map<string, Fate[]>();
  /** Nodes that cannot be reached. */
  readonly dead = new Set<string>();
  /** Nodes that do not support ranges. */
  readonly simple = new Set<string>();
  sentBytes = 0;
  readonly #store: FakeStore;

  constructor(store: FakeStore) {
    this.#store = store;
  }

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    await Promise.resolve();
    init?.signal?.throwIfAborted();
    const { host, pathname } = new URL(input as string);
    const hash = pathname.split('/').at(-1) ?? '';
    const node = host.split('.')[0] ?? '';
    const range = new Headers(init?.headers).get('range');
    const from = range === null || this.simple.has(node) ? 0 : Number(/\d+/.exec(range)?.[0]);
    this.asked.push({ node, hash, from });
    if (this.dead.has(node)) throw new TypeError('failed to fetch');
    const fate = this.fates.get(node)?.shift();
    if (fate && 'refuse' in fate) {
      const { status, code } = fate.refuse;
      return Response.json({ error: { code, message: code } }, { status });
    }
    const bytes = this.#store.blobs.get(hash);
    if (bytes === undefined) return Response.json({ error: { code: 'unknown_blob', message: hash } }, { status: 404 });
    const headers: Record<string, string> =
      from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    return new Response(this.#body(bytes.slice(from), fate, init?.signal ?? undefined), {
      status: from > 0 ? 206 : 200,
      headers,
    });
  };

  #body(bytes: Uint8Array<ArrayBuffer>, fate: Fate | undefined, signal?: AbortSignal): ReadableStream<Uint8Array> {
    const broken = fate && ('dieAfter' in fate ? fate.dieAfter : 'hangAfter' in fate ? fate.hangAfter : undefined);
    const most = broken ?? bytes.byteLength;
    let at = 0;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          signal?.addEventListener('abort', () => controller.error(signal.reason));
        },
        pull: (controller) => {
          const size = Math.max(300, bytes.byteLength >> 2);
          const part = bytes.slice(at, Math.min(at + size, most));
          at += part.byteLength;
          this.sentBytes += part.byteLength;
          if (part.byteLength > 0) controller.enqueue(part);
          else if (fate && 'dieAfter' in fate) controller.error(new TypeError('network error'));
          else if (fate && 'hangAfter' in fate) return new Promise<void>(() => undefined);
          else controller.close();
          return undefined;
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Access to an item on the nodes `a`, `b` and `c`. */
export async function fakeAccess(nodes: readonly string[] = ['a', 'b', 'c']): Promise<ItemAccess> {
  let n = 0;
  const access = new ItemAccess({
    itemId: ITEM_ID,
    play: () =>
      Promise.resolve({
        grant: `g${++n}`,
        expires_in_s: 21_600,
        nodes: nodes.map((node) => `http://${node}.test`),
      }),
    keptBase: 'http://site.test',
    origin: 'http://site.test',
  });
  await access.open();
  return access;
}

/** A manifest of these takes. */
export function manifestOf(takes: (TakeFormat & { offset_ms?: number })[], isGrowing = false): Manifest {
  return { item_id: ITEM_ID, is_growing: isGrowing, takes };
}

/** A SourceBuffer that reads what {@link FakeStore} writes. */
export class FakeBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  mode: AppendMode = 'segments';
  stretches: { start: number; end: number }[] = [];
  bytes = 0;
  /** Types and init segments in order of arrival. */
  readonly types: string[] = [];
  aborts = 0;
  /** Capacity in bytes. */
  room = Infinity;
  #text = '';
  #nextS: number | undefined;
  /** Whether it places media end to end. */
  readonly #isSequence: boolean;
  readonly #damaged: readonly string[];

  constructor(mime: string, damaged: readonly string[] = []) {
    super();
    this.types.push(mime);
    this.#isSequence = mime.startsWith('audio/mpeg');
    this.#damaged = damaged;
  }

  get buffered(): TimeRanges {
    const sorted = [...this.stretches].sort((a, b) => a.start - b.start);
    const merged: { start: number; end: number }[] = [];
    for (const { start, end } of sorted) {
      const last = merged.at(-1);
      if (last !== undefined && start <= last.end + 0.01) last.end = Math.max(last.end, end);
      else merged.push({ start, end });
    }
    return {
      length: merged.length,
      start: (i) => merged[i]?.start ?? 0,
      end: (i) => merged[i]?.end ?? 0,
    };
  }

  abort(): void {
    this.aborts++;
    this.#text = '';
    this.#nextS = undefined;
  }

  changeType(mime: string): void {
    this.types.push(mime);
  }

  appendBuffer(data: BufferSource): void {
    const bytes = data as Uint8Array<ArrayBuffer>;
    if (this.bytes + bytes.byteLength > this.room) throw new DOMException('full', 'QuotaExceededError');
    this.bytes += bytes.byteLength;
    this.#text += new TextDecoder().decode(bytes);
    if (this.#damaged.some((sign) => this.#text.startsWith(sign))) {
      this.#later('error');
      return;
    }
    if (this.#text.startsWith('init')) {
      this.types.push(this.#text);
      this.#text = '';
    } else if (this.#text.endsWith(END)) this.#add();
    this.#later();
  }

  remove(start: number, end: number): void {
    const before = this.#seconds;
    this.stretches = this.stretches.flatMap((stretch) =>
      [
        { start: stretch.start, end: Math.min(stretch.end, start) },
        { start: Math.max(stretch.start, end), end: stretch.end },
      ].filter((rest) => rest.end > rest.start),
    );
    this.bytes = before === 0 ? 0 : (this.bytes * this.#seconds) / before;
    this.#later();
  }

  get #seconds(): number {
    return this.stretches.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  #add(): void {
    const [start = 0, end = 0] =
      this.#text
        .split(';')[0]
        ?.split(',')
        .map((ms) => Number(ms) / 1000) ?? [];
    this.#text = '';
    const at = this.#isSequence ? (this.#nextS ?? this.timestampOffset) : start + this.timestampOffset;
    this.#nextS = at + end - start;
    this.stretches.push({ start: at, end: this.#nextS });
  }

  #later(...more: string[]): void {
    this.updating = true;
    queueMicrotask(() => {
      this.updating = false;
      for (const type of [...more, 'updateend']) this.dispatchEvent(new Event(type));
    });
  }
}

/** A media element whose time the test moves. */
export class FakeMedia extends EventTarget {
  currentTime = 0;
  paused = true;
  playbackRate = 1;
  readyState = 4;
  seeking = false;
  src = '';
  error: { message: string } | null = null;
  /** Whether the browser refuses to play before a gesture. */
  refusesToPlay = false;
  readonly sources: FakeSource[] = [];
  /** Beginnings of fragments that it cannot decode. */
  readonly damaged: string[] = [];

  play(): Promise<void> {
    if (this.refusesToPlay) return Promise.reject(new DOMException('press first', 'NotAllowedError'));
    this.paused = false;
    this.dispatchEvent(new Event('play'));
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event('pause'));
  }

  load(): void {
    this.error = null;
  }

  removeAttribute(): void {
    this.src = '';
  }

  get source(): FakeSource | undefined {
    return this.sources.at(-1);
  }

  get buffer(): FakeBuffer {
    const buffer = this.source?.buffer;
    if (buffer === undefined) throw new Error('no buffer yet');
    return buffer;
  }

  readonly attach: Attach = (_media, signal) => {
    const source = new FakeSource(this.damaged);
    this.sources.push(source);
    this.paused = true;
    return signal.aborted ? Promise.reject(new Error('aborted')) : Promise.resolve(source as unknown as Source);
  };

  get asMedia(): Media {
    return this;
  }

  /** Plays to `s` in steps, with events like a browser's. */
  async playTo(s: number): Promise<void> {
    while (this.currentTime < s) {
      const { buffered } = this.buffer;
      const range = Array.from({ length: buffered.length }, (_, i) => i).find(
        (i) => buffered.start(i) <= this.currentTime && buffered.end(i) > this.currentTime,
      );
      if (range === undefined) {
        const at = this.currentTime;
        this.dispatchEvent(new Event('waiting'));
        await settle();
        if (this.currentTime === at && this.#stuck++ > 50) throw new Error(`stuck at ${at} s`);
        continue;
      }
      this.#stuck = 0;
      this.currentTime = Math.min(this.currentTime + 0.25, buffered.end(range), s);
      this.dispatchEvent(new Event('timeupdate'));
      await settle();
    }
  }
  #stuck = 0;
}

/** A MediaSource. */
export class FakeSource {
  readyState: ReadyState = 'open';
  duration = NaN;
  buffer: FakeBuffer | undefined;
  ended = 0;
  readonly #damaged: readonly string[];

  constructor(damaged: readonly string[]) {
    this.#damaged = damaged;
  }

  addSourceBuffer(mime: string): Buffer {
    this.buffer = new FakeBuffer(mime, this.#damaged);
    return this.buffer;
  }

  endOfStream(): void {
    this.ended++;
    this.readyState = 'ended';
  }
}

/** Waits until all pending microtasks have run. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}
