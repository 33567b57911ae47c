// On a line barely faster than the media, the next media to play comes first: playback never waits, even if a node
// dies. The line is a model: its answers share its capacity evenly, like connections.

import { describe, expect, it } from 'vitest';
import type { BlobName } from '../protocol/item';
import { fakeAccess, FakeStore, manifestOf, settle } from './fake-library';
import { Fetcher } from './fetcher';
import { planOf, type Piece } from './plan';
import { Lookahead } from './player/lookahead';

const BYTES_PER_MS = 32;
const FRAGMENT_MS = 10_000;
const TICK_MS = 100;

interface Answer {
  node: string;
  controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  left: Uint8Array<ArrayBuffer>;
}

/** A line shared by all nodes. */
class Line {
  readonly #store: FakeStore;
  readonly #bytesPerMs: number;
  #answers: Answer[] = [];
  readonly #dead = new Set<string>();

  constructor(store: FakeStore, bytesPerMs: number) {
    this.#store = store;
    this.#bytesPerMs = bytesPerMs;
  }

  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const { host, pathname } = new URL(input as string);
    if (this.#dead.has(host)) return Promise.reject(new TypeError('failed to fetch'));
    const from = Number(/\d+/.exec(new Headers(init?.headers).get('range') ?? '0')?.[0]);
    const left = this.#store.blobs.get(pathname.split('/').at(-1) ?? '')?.slice(from) ?? new Uint8Array();
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => {
        const answer = { node: host, controller, left };
        this.#answers.push(answer);
        init?.signal?.addEventListener('abort', () => this.#break(answer));
      },
    });
    return Promise.resolve(new Response(body, { status: from > 0 ? 206 : 200 }));
  };

  /** Transfers data for `ms`. */
  pass(ms: number): void {
    const share = Math.floor((ms * this.#bytesPerMs) / Math.max(1, this.#answers.length));
    for (const answer of [...this.#answers]) {
      const part = answer.left.subarray(0, share);
      answer.left = answer.left.subarray(part.byteLength);
      if (part.byteLength > 0) answer.controller.enqueue(part);
      if (answer.left.byteLength > 0) continue;
      answer.controller.close();
      this.#answers = this.#answers.filter((other) => other !== answer);
    }
  }

  /** Kills the node with the most answers in progress. */
  killBusiest(): void {
    const node = this.#answers[0]?.node ?? '';
    this.#dead.add(node);
    for (const answer of this.#answers.filter((other) => other.node === node)) this.#break(answer);
  }

  #break(answer: Answer): void {
    if (!this.#answers.includes(answer)) return;
    this.#answers = this.#answers.filter((other) => other !== answer);
    answer.controller.error(new TypeError('network error'));
  }
}

/**
 * How long playback waited, ms: a song of six fragments on a line of `times` its bit rate; a node dies after `deathMs`.
 */
async function waited(times: number, deathMs = Infinity): Promise<number> {
  const store = new FakeStore();
  const line = new Line(store, BYTES_PER_MS * times);
  const take = store.take('song', 'audio/mpeg', 6, { bytes: BYTES_PER_MS * FRAGMENT_MS, hasInit: false });
  const { pieces } = planOf(manifestOf([take]), () => true);
  const lookahead = new Lookahead(new Fetcher(await fakeAccess(), { fetch: line.fetch }));
  const arrived = pieces.map(() => 0);
  const watch = async (piece: Piece & BlobName, place: number): Promise<void> => {
    const hold = lookahead.take(piece);
    for (let at = 0; ;) {
      const part = await hold.read(at);
      if (part === undefined) break;
      arrived[place] = at += part.byteLength;
    }
    lookahead.done(piece);
  };
  const played = async (): Promise<void> => {
    for (const [place, piece] of pieces.entries()) {
      lookahead.want(pieces.slice(place, place + 3));
      await watch(piece, place);
    }
  };
  const playing = played();
  let [positionMs, waitedMs] = [0, 0];
  for (let nowMs = 0; positionMs < 6 * FRAGMENT_MS; nowMs += TICK_MS) {
    line.pass(TICK_MS);
    if (nowMs === deathMs) line.killBusiest();
    await settle();
    const full = arrived.findIndex((bytes, place) => bytes < (pieces[place]?.bytes ?? 0));
    const hereMs = full < 0 ? 6 * FRAGMENT_MS : full * FRAGMENT_MS + (arrived[full] ?? 0) / BYTES_PER_MS;
    if (hereMs >= positionMs + TICK_MS) positionMs += TICK_MS;
    else if (positionMs > 0) waitedMs += TICK_MS;
    expect(nowMs).toBeLessThan(12 * FRAGMENT_MS);
  }
  await playing;
  return waitedMs;
}

describe('a song', () => {
  it.each([1.1, 2, 4])('does not wait on a line of %d times its rate', async (times) => {
    expect(await waited(times)).toBe(0);
  });

  it.each([2_000, 9_000, 14_000])('does not wait if its node dies after %d ms', async (deathMs) => {
    expect(await waited(2, deathMs)).toBe(0);
  });
});
