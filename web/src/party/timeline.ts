// Positions and schedule by the server's clock. A timeline is announced in advance: until its time comes, the previous
// one continues.

import type { PartyTimeline } from '../protocol/party';

/**
 * The position of `timeline` at a time of the server, ms; it does not advance before its own time. Not for live
 * streams.
 */
export function positionAt({ position_ms, at_ms, paused }: PartyTimeline, serverMs: number): number {
  return paused ? position_ms : position_ms + Math.max(0, serverMs - at_ms);
}

/** Whether `next` continues `before` seamlessly, so that nothing needs to be done at its time. */
export function goesOn(before: PartyTimeline, next: PartyTimeline): boolean {
  if (!isSameEntry(before, next)) return false;
  if (before.paused !== next.paused) return false;
  if (before.stream_id !== undefined) return before.position_ms === next.position_ms;
  const atMs = Math.max(before.at_ms, next.at_ms);
  return Math.abs(positionAt(before, atMs) - positionAt(next, atMs)) < 1;
}

/** Whether both play the same entry, in the same round. */
export function isSameEntry(a: PartyTimeline, b: PartyTimeline): boolean {
  return a.entry?.entry_id === b.entry?.entry_id && a.round === b.round;
}

/** Whether both describe the same playback. */
function isSame(a: PartyTimeline, b: PartyTimeline): boolean {
  const saysOf = ({ entry, position_ms, at_ms, paused, round }: PartyTimeline): string =>
    JSON.stringify([entry?.entry_id, position_ms, at_ms, paused, round]);
  return saysOf(a) === saysOf(b);
}

/** The due timelines. */
export interface Due {
  /** The newest timeline whose time has come; undefined before the first. */
  now: PartyTimeline | undefined;
  /** The announced timeline, if its time has not come yet. */
  next: PartyTimeline | undefined;
}

/** The current and the announced timeline. */
export class Schedule {
  #now: PartyTimeline | undefined;
  #newest: PartyTimeline | undefined;

  /** Adds the party's newest timeline; `serverMs` is the server's time. */
  learn(timeline: PartyTimeline, serverMs: number): void {
    if (this.#newest !== undefined && isSame(this.#newest, timeline)) return;
    this.#now = this.due(serverMs).now;
    this.#newest = timeline;
  }

  /** The due timelines at a time of the server. */
  due(serverMs: number): Due {
    const newest = this.#newest;
    if (newest === undefined) return { now: undefined, next: undefined };
    if (newest.at_ms > serverMs) return { now: this.#now, next: newest };
    this.#now = newest;
    return { now: newest, next: undefined };
  }
}
