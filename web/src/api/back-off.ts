// How long to wait before asking again what failed: longer after each failure, differently in each page, so that a crowd
// does not come back at once, and never shorter than the server asked for.

import { CallError } from '../protocol/error';

/** First and longest pause, milliseconds. */
export interface BackOff {
  firstMs: number;
  longestMs: number;
}

/** The pause after so many failures in a row, the last of which was `problem`. */
export function backOffMs({ firstMs, longestMs }: BackOff, failures: number, problem?: unknown): number {
  const ownMs = Math.min(longestMs, firstMs * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
  const askedMs = problem instanceof CallError ? (problem.retryAfterMs ?? 0) : 0;
  return Math.max(ownMs, askedMs * (1 + Math.random() / 2));
}
