// What is live now, pushed by the main server over Server-Sent Events. The list keeps the server's order, new streams
// come first, and nothing moves when viewers come and go: cards must not slip away under a pointer.

import type { StreamId, StreamInfo } from '../protocol/stream';

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

/** First and longest pause before connecting again after the server refused. */
const RETRY_MS = { first: 1_000, longest: 15_000 };

/** Tells `listener` what is live, at once and on every change, until `signal` aborts. Reconnects by itself. */
export function followCatalogue(listener: (view: CatalogueView) => void, signal: AbortSignal): void {
  let streams: readonly StreamInfo[] | undefined;
  let retryMs = RETRY_MS.first;

  const open = (): void => {
    if (signal.aborted) return;
    const source = new EventSource('/api/events');
    signal.addEventListener('abort', () => source.close(), { once: true });
    for (const type of EVENT_TYPES) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        const data = parse(message.data);
        if (data === undefined) return;
        retryMs = RETRY_MS.first;
        streams = applyEvent(streams ?? [], { type, data } as CatalogueEvent);
        listener({ streams, connected: true });
      });
    }
    source.addEventListener('error', () => {
      listener({ streams, connected: false });
      // The browser tries again by itself unless the server refused.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MS.longest);
    });
  };
  open();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
