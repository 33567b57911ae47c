// How long to wait before a failed call is repeated: longer after each failure, randomly different in each page so that
// clients do not return all at once, and never shorter than the server asked for.

import { CallError } from '../protocol/error';

/** First and longest pause, milliseconds. */
export interface BackOff {
  firstMs: number;
  longestMs: number;
}

/** The pause after `failures` failures in a row. `problem` is the last one. */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number, problem?: unknown): number {
  const ownMs = Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
  const askedMs = problem instanceof CallError ? (problem.retryAfterMs ?? 0) : 0;
  return Math.max(ownMs, askedMs * (1 + Math.random() / 2));
}
