// The list of live streams, pushed by the main server over Server-Sent Events. It keeps the server's order, new streams
// come first, and changes of viewers move nothing: cards must not slip away under a pointer.

import { pageSight, type Sight } from '../browser/sight';
import type { StreamId, StreamInfo } from '../protocol/stream';
import { MainServer } from './client';
import { listen } from './listening';

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
  const hear = async (until: AbortSignal, heard: () => void): Promise<void> => {
    for await (const event of server.events(until)) {
      const data = parse(event.data);
      if (data === undefined || !isCatalogueEvent(event.type)) continue;
      heard();
      streams = applyEvent(streams ?? [], { type: event.type, data } as CatalogueEvent);
      listener({ streams, connected: true });
    }
  };
  const broken = (): boolean => {
    listener({ streams, connected: false });
    return true;
  };
  void listen({ hear, broken, sight }, signal);
}

function isCatalogueEvent(type: string): type is CatalogueEvent['type'] {
  return (EVENT_TYPES as readonly string[]).includes(type);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
