// Keeps a connection for events open while the page is visible: reconnects with growing pauses after a failure, and closes the connection
// while the page is hidden for long.

import { anyOf } from '../browser/signals';
import type { Sight } from '../browser/sight';
import { backOffMs, type BackOff } from './back-off';

/** Pauses before reconnecting. */
const RETRY: BackOff = { firstMs: 1_000, longestMs: 30_000 };
/** A page that was hidden for this long closes its connection, because browsers open only six to a server for all tabs. */
const HIDDEN_MS = 60_000;

/** Dependencies and callbacks of {@link listen}. */
export interface ListenSetup {
  /** Connects, and takes events until the connection ends, or `until` aborts. Calls `heard` with each event. */
  hear: (until: AbortSignal, heard: () => void) => Promise<void>;
  /** The connection broke. Returns whether to reconnect. */
  broken: (problem: unknown) => boolean;
  sight: Sight;
}

/** Listens until `signal` aborts. */
export async function listen({ hear, broken, sight }: ListenSetup, signal: AbortSignal): Promise<void> {
  /** A connection without any event counts as a failure too. */
  let failures = 0;
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    const unseen = whenUnseen(sight, HIDDEN_MS);
    let problem: unknown;
    try {
      await hear(anyOf(signal, unseen.signal), () => (failures = 0));
    } catch (error) {
      problem = error;
    } finally {
      unseen.forget();
    }
    if (isOver()) return;
    if (!unseen.signal.aborted) {
      if (!broken(problem)) return;
      await pause(backOffMs(RETRY, ++failures, problem));
    }
    await whenSeen(sight);
  }
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
