// The segments of one take on their way to a node. They are kept until the node has them and a while longer, so that
// another node can catch up if this one dies. Bounded in time and bytes. A node that needs a dropped segment gets a new
// take instead. No socket and no clock: time is passed in.

/** A recorder's blob, or a part of one, with its metadata. */
export interface Segment {
  /** Number within its take, from 0. */
  readonly seq: number;
  readonly bytes: ArrayBuffer;
  /** The best known local capture time of the blob's newest frame. */
  readonly capturedAtMs: number;
  /** Whether it ends with the blob's newest frame. */
  readonly isBlobEnd: boolean;
}

/**
 * The largest segment; larger blobs are cut, which nodes allow anywhere. In a polling request a segment grows by a
 * third, and it must pass proxies that accept 1 MB, which is nginx's default.
 */
export const MAX_SEGMENT_BYTES = 512 * 1024;

/** Limits of an outbox. */
export interface OutboxLimits {
  keepMs: number;
  keepBytes: number;
  /** How far back a new node starts, so that it also has what viewers had not yet received from the old one. */
  resumeBackMs: number;
}

/** Half a minute, as long as a node's window; 24 MB are 38 s at 5 Mbit/s. */
export const OUTBOX_LIMITS: OutboxLimits = { keepMs: 30_000, keepBytes: 24 * 1024 * 1024, resumeBackMs: 4_000 };

interface Kept {
  segment: Segment;
  /** How often the connection broke while it was being sent. */
  breaks: number;
  /** The state after this segment from which another node can continue, if the node returned one. */
  resume?: string;
}

/** The segments of one take. */
export class Outbox {
  readonly take: number;
  /** The recorder's full type. */
  readonly mime: string;
  readonly #limits: OutboxLimits;
  #kept: Kept[] = [];
  #keptBytes = 0;
  #nextSeq = 0;
  #nextToSend = 0;

  constructor(take: number, mime: string, limits: OutboxLimits = OUTBOX_LIMITS) {
    this.take = take;
    this.mime = mime;
    this.#limits = limits;
  }

  /** Adds the recorder's next blob, cut into segments of at most {@link MAX_SEGMENT_BYTES}. */
  push(blob: ArrayBuffer, capturedAtMs: number): void {
    for (let at = 0; at < blob.byteLength; at += MAX_SEGMENT_BYTES) {
      const isBlobEnd = at + MAX_SEGMENT_BYTES >= blob.byteLength;
      const bytes = at === 0 && isBlobEnd ? blob : blob.slice(at, at + MAX_SEGMENT_BYTES);
      this.#kept.push({ segment: { seq: this.#nextSeq, bytes, capturedAtMs, isBlobEnd }, breaks: 0 });
      this.#nextSeq += 1;
    }
    this.#keptBytes += blob.byteLength;
    this.#prune(capturedAtMs);
  }

  /** Returns the next segment to send; undefined when all are sent, or when {@link broken}. */
  next(): Segment | undefined {
    const segment = this.#at(this.#nextToSend)?.segment;
    if (segment) this.#nextToSend += 1;
    return segment;
  }

  /** Records that the node has everything up to `seq`, and with `resume` the state after it. */
  accept(seq: number, resume?: string): void {
    const kept = this.#at(seq);
    if (kept && resume !== undefined) kept.resume = resume;
  }

  /** Records that the connection broke while `seq` was being sent. Returns how often that happened. */
  broke(seq: number): number {
    const kept = this.#at(seq);
    return kept ? ++kept.breaks : 0;
  }

  /** Continues sending at `seq`. False if that segment was dropped or does not exist yet: a new take is needed. */
  sendFrom(seq: number): boolean {
    if (seq < this.#firstSeq || seq > this.#nextSeq) return false;
    this.#nextToSend = seq;
    return true;
  }

  /** Whether unsent segments were dropped: a new take is needed. */
  get broken(): boolean {
    return this.#nextToSend < this.#firstSeq;
  }

  /** Age of the oldest unsent segment; 0 if all are sent. */
  waitingMs(nowMs: number): number {
    const waiting = this.#at(this.#nextToSend);
    return waiting ? Math.max(0, nowMs - waiting.segment.capturedAtMs) : 0;
  }

  /**
   * The state for another node to continue from: the newest that is at least `resumeBackMs` old, else the oldest.
   * Undefined if the take is so young that the node can get all of it, or if no node returned a state.
   */
  resumePoint(nowMs: number): string | undefined {
    const states = this.#kept.filter(({ resume }) => resume !== undefined);
    const old = states.findLast(({ segment }) => nowMs - segment.capturedAtMs >= this.#limits.resumeBackMs);
    if (old) return old.resume;
    return this.#firstSeq === 0 ? undefined : states[0]?.resume;
  }

  get #firstSeq(): number {
    return this.#kept[0]?.segment.seq ?? this.#nextSeq;
  }

  #at(seq: number): Kept | undefined {
    return this.#kept[seq - this.#firstSeq];
  }

  #prune(nowMs: number): void {
    const { keepMs, keepBytes } = this.#limits;
    let drop = 0;
    for (const { segment } of this.#kept) {
      if (this.#keptBytes <= keepBytes && nowMs - segment.capturedAtMs <= keepMs) break;
      this.#keptBytes -= segment.bytes.byteLength;
      drop += 1;
    }
    if (drop > 0) this.#kept = this.#kept.slice(drop);
  }
}
