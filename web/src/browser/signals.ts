// Combines several abort signals. `AbortSignal.any` is missing in Safari before 17.4; streams play in Safari from 17.1.

/** Returns a signal that aborts as soon as one of `signals` does, for the same reason. */
export function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const either = new AbortController();
  for (const signal of signals) {
    const abort = (): void => either.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true, signal: either.signal });
  }
  return either.signal;
}
