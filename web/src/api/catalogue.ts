// The list of live streams, pushed by the main server over Server-Sent Events. It keeps the server's order, new streams
// come first, and changes of viewers move nothing: cards must not slip away under a pointer.

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

/** Returns the list after `event`, and leaves `streams` unchanged. */
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

/** What listeners of {@link followCatalogue} receive. */
export interface CatalogueView {
  /** Undefined before the first snapshot. */
  streams: readonly StreamInfo[] | undefined;
  /** Whether the connection works; if not, `streams` is the last known list. */
  connected: boolean;
}

/** Pauses before reconnecting. */
const RETRY: BackOff = { firstMs: 1_000, longestMs: 30_000 };
/**
 * A page that was hidden for this long closes its connection, because browsers open only six to a server for all tabs.
 */
const HIDDEN_MS = 60_000;

/** Dependencies of {@link followCatalogue}; a test passes its own. */
export interface FollowSetup {
  server: Pick<MainServer, 'events'>;
  sight: Sight;
}

/** Calls `listener` with the live streams at once and at every change, until `signal` aborts. Reconnects by itself. */
export function followCatalogue(
  listener: (view: CatalogueView) => void,
  signal: AbortSignal,
  { server, sight }: FollowSetup = { server: new MainServer(), sight: pageSight },
): void {
  let streams: readonly StreamInfo[] | undefined;
  /** A connection without any event counts as a failure too. */
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

/** Waits until the page is visible. */
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

/** A signal that aborts once the page was hidden for `ms` without a break; `forget` stops watching the page. */
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
