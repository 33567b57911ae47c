// Going live when there is no capacity: retries for a while with growing pauses, and gives up before the person has
// forgotten about it. Nobody should find themselves on the air an hour later.

import { CallError } from '../protocol/error';

/** Errors that usually pass by themselves. */
const PASSING: readonly string[] = ['no_capacity', 'no_node_available', 'store_unavailable'];

/** How long to retry, and the pauses between tries. */
export const PATIENCE = { forMs: 120_000, firstMs: 1_000, longestMs: 10_000 };

/** Whether the same call is likely to work later. */
export function passes(error: unknown): error is CallError {
  return error instanceof CallError && PASSING.includes(error.code);
}

/**
 * Returns the result of `call` as soon as it succeeds. `waiting` is called with the error before each pause.
 *
 * @throws the error of `call`, if it is permanent or has lasted too long; the reason of `signal` once it aborts.
 */
export async function patiently<T>(
  call: () => Promise<T>,
  waiting: (problem: CallError) => void,
  signal: AbortSignal,
  { forMs, firstMs, longestMs } = PATIENCE,
): Promise<T> {
  const giveUpMs = performance.now() + forMs;
  for (let tries = 0; ; tries++) {
    try {
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!passes(error)) throw error;
      const pauseMs = Math.max(error.retryAfterMs ?? 0, Math.min(longestMs, firstMs * 2 ** tries));
      // Randomised, so that clients that were refused together do not return together.
      const spreadMs = pauseMs * (1 + Math.random() / 2);
      if (performance.now() + spreadMs > giveUpMs) throw error;
      waiting(error);
      await sleep(spreadMs, signal);
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
