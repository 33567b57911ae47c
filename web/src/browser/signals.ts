// One signal out of several. `AbortSignal.any` is missing in Safari before 17.4, which plays streams since 17.1.

/** A signal that aborts as soon as one of `signals` does, for the same reason. */
export function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const either = new AbortController();
  for (const signal of signals) {
    const abort = (): void => either.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true, signal: either.signal });
  }
  return either.signal;
}
