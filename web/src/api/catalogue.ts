// What is live now, pushed by the main server over Server-Sent Events. The list keeps the server's order, new streams
// come first, and nothing moves when viewers come and go: cards must not slip away under a pointer.

import { pageSight, type Sight } from '../browser/sight';
import { anyOf } from '../browser/signals';
import type { StreamId, StreamInfo } from '../protocol/stream';
import { backOffMs, type BackOff } from './back-off';
import { MainServer } from './client';

/** One event of `GET /api/events`. */
export type CatalogueEvent =
  | { type: 'snapshot'; data: StreamInfo[] }
  | { type: 'stream_started' | 'stream_changed'; data: StreamInfo }
  | { type: 'stream_ended'; data: { stream_id: StreamId } };

const EVENT_TYPES = ['snapshot', 'stream_started', 'stream_changed', 'stream_ended'] as const;

/** The list after `event`; `streams` itself is left as it is. */
export function applyEvent(streams: readonly StreamInfo[], event: CatalogueEvent): readonly StreamInfo[] {
  switch (event.type) {
    case 'snapshot':
      return event.data;
    case 'stream_ended':
      return streams.filter(({ stream_id }) => stream_id !== event.data.stream_id);
    default: {
      const { data } = event;
      const known = streams.some(({ stream_id }) => stream_id === data.stream_id);
      if (!known) return [data, ...streams];
      return streams.map((stream) => (stream.stream_id === data.stream_id ? data : stream));
    }
  }
}

/** What a listener of {@link followCatalogue} is told. */
export interface CatalogueView {
  /** None before the first snapshot. */
  streams: readonly StreamInfo[] | undefined;
  /** Whether the main server is being heard; when not, `streams` is what was known last. */
  connected: boolean;
}

/** Pauses before connecting again. */
const RETRY: BackOff = { firstMs: 1_000, longestMs: 30_000 };
/** A hidden page gives its connection back after this long: browsers open six to one server, for all tabs. */
const HIDDEN_MS = 60_000;

/** What following works with; a test brings its own. */
export interface FollowSetup {
  server: Pick<MainServer, 'events'>;
  sight: Sight;
}

/** Tells `listener` what is live, at once and on every change, until `signal` aborts. Reconnects by itself. */
export function followCatalogue(
  listener: (view: CatalogueView) => void,
  signal: AbortSignal,
  { server, sight }: FollowSetup = { server: new MainServer(), sight: pageSight },
): void {
  let streams: readonly StreamInfo[] | undefined;
  /** A connection that tells nothing counts as a failure as well. */
  let failures = 0;

  const hear = async (until: AbortSignal): Promise<void> => {
    for await (const event of server.events(until)) {
      const data = parse(event.data);
      if (data === undefined || !isCatalogueEvent(event.type)) continue;
      failures = 0;
      streams = applyEvent(streams ?? [], { type: event.type, data } as CatalogueEvent);
      listener({ streams, connected: true });
    }
  };
  const isOver = (): boolean => signal.aborted;
  const follow = async (): Promise<void> => {
    while (!isOver()) {
      const unseen = whenUnseen(sight, HIDDEN_MS);
      let problem: unknown;
      try {
        await hear(anyOf(signal, unseen.signal));
      } catch (error) {
        problem = error;
      } finally {
        unseen.forget();
      }
      if (isOver()) return;
      if (!unseen.signal.aborted) {
        listener({ streams, connected: false });
        await pause(backOffMs(RETRY, ++failures, problem));
      }
      await whenSeen(sight);
    }
  };
  void follow();
}

function isCatalogueEvent(type: string): type is CatalogueEvent['type'] {
  return (EVENT_TYPES as readonly string[]).includes(type);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until the page is seen. */
function whenSeen(sight: Sight): Promise<void> {
  if (sight.visible) return Promise.resolve();
  return new Promise((resolve) => {
    const forget = sight.onChange(() => {
      if (!sight.visible) return;
      forget();
      resolve();
    });
  });
}

/** A signal that aborts once the page was hidden for `ms` at a stretch; `forget` ends the watching. */
function whenUnseen(sight: Sight, ms: number): { signal: AbortSignal; forget(): void } {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => {
    clearTimeout(timer);
    timer = sight.visible ? undefined : setTimeout(() => controller.abort(), ms);
  };
  look();
  const stop = sight.onChange(look);
  return {
    signal: controller.signal,
    forget: () => {
      stop();
      clearTimeout(timer);
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
