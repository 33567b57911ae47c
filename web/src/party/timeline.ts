// What plays where, by the server's clock. A timeline is announced ahead: until its time comes, what was announced before goes on.

import type { PartyTimeline } from '../protocol/party';

/** Where `timeline` is at a time of the server, ms; it does not begin before its own time. Not for live streams. */
export function positionAt({ position_ms, at_ms, paused }: PartyTimeline, serverMs: number): number {
  return paused ? position_ms : position_ms + Math.max(0, serverMs - at_ms);
}

/** Whether `next` goes on with what `before` plays, so that nothing has to be done at its time. */
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

/** Whether both say the same of what is played. */
function isSame(a: PartyTimeline, b: PartyTimeline): boolean {
  const saysOf = ({ entry, position_ms, at_ms, paused, round }: PartyTimeline): string =>
    JSON.stringify([entry?.entry_id, position_ms, at_ms, paused, round]);
  return saysOf(a) === saysOf(b);
}

/** What is to be played. */
export interface Due {
  /** By the newest timeline whose time has come; undefined before the first. */
  now: PartyTimeline | undefined;
  /** The one that is announced, if its time is still to come. */
  next: PartyTimeline | undefined;
}

/** See the head of the file. */
export class Schedule {
  #now: PartyTimeline | undefined;
  #newest: PartyTimeline | undefined;

  /** The party has this timeline, of which the newest counts; `serverMs` is the server's time. */
  learn(timeline: PartyTimeline, serverMs: number): void {
    if (this.#newest !== undefined && isSame(this.#newest, timeline)) return;
    this.#now = this.due(serverMs).now;
    this.#newest = timeline;
  }

  /** What is to be played at a time of the server. */
  due(serverMs: number): Due {
    const newest = this.#newest;
    if (newest === undefined) return { now: undefined, next: undefined };
    if (newest.at_ms > serverMs) return { now: this.#now, next: newest };
    this.#now = newest;
    return { now: newest, next: undefined };
  }
}
